"""A profile's figures: time a token and memory against length, on logarithmic axes, one line an arm."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from bench.analysis import arms
from bench.records import profile_rows
from bench.report import labels
from bench.report.figures import canvas, style
from bench.report.figures.canvas import Figure
from bench.report.labels import Said
from bench.report.series import MEBI

WITH_MEMORY = ("forward", "train", "greedy", "beam5")
"""One sentence at a time needs so little that nothing can be read off."""


def drawn(table: pd.DataFrame, folder: Path) -> list[Figure]:
    """All figures that the table has numbers for, written to `folder` as SVG and PNG."""
    measured = table[table["status"] == profile_rows.MEASURED]
    found = []
    with mpl.rc_context({**style.RC, "svg.hashsalt": "profile"}):
        for what, name in profile_rows.WHATS.items():
            own = measured[measured["what"] == what]
            if own.empty:
                continue
            found.append(_time(own, what, name, folder))
            grown = own[own["peak_bytes"] > own["base_bytes"]]  # what fitted into memory held before has no logarithm
            if what in WITH_MEMORY and len(grown):
                found.append(_memory(grown, what, name, folder))
    return found


def _time(own: pd.DataFrame, what: str, name: str, folder: Path) -> Figure:
    invert = profile_rows.UNITS[what] == profile_rows.PER_SECOND
    numbers = own.assign(**{key: 1 / own[key] if invert else own[key] for key in ("q25", "median", "q75")})
    said = labels.said("profile, time", work=name[0].upper() + name[1:])
    figure, axes = _against_length(numbers, said, "median", band=("q25", "q75"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{1e6 * value:,g}"))
    return canvas.finish(figure, axes, folder, f"time-{what}", said, numbers)


def _memory(own: pd.DataFrame, what: str, name: str, folder: Path) -> Figure:
    numbers = own.assign(mebibytes=(own["peak_bytes"] - own["base_bytes"]) / MEBI)
    said = labels.said("profile, memory", work=name[0].upper() + name[1:])
    figure, axes = _against_length(numbers, said, "mebibytes")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return canvas.finish(figure, axes, folder, f"memory-{what}", said, numbers)


def _against_length(
    numbers: pd.DataFrame, said: Said, column: str, band: tuple[str, str] | None = None
) -> tuple[Canvas, Axes]:
    """A column against length, a line an arm; band: the columns that it lies between."""
    figure, axes = canvas.canvas()
    for arm in arms.ordered(numbers["arm"]):
        line = numbers[numbers["arm"] == arm].sort_values("length")
        canvas.line(axes, arm, line["length"], line[column])
        if band is not None:
            canvas.band(axes, arm, line["length"], *(line[edge] for edge in band))
    _logarithmic(axes, numbers)
    axes.set(xlabel=said.x, ylabel=said.y)
    return figure, axes


def _logarithmic(axes: Axes, numbers: pd.DataFrame) -> None:
    """Both axes, with a mark at each length that was measured, and at 1, 2 and 5 on the other."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    lengths = sorted(set(numbers["length"]))
    axes.xaxis.set_major_locator(FixedLocator(lengths))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))

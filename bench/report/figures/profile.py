"""Figures of a profile: time per token and memory against length, on logarithmic axes, one line per arm."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from bench.analysis import arms
from bench.records import profile_rows
from bench.report import labels
from bench.report.figures import canvas, style
from bench.report.figures.canvas import Figure
from bench.report.labels import FigureText
from bench.report.series import MEBI

WITH_MEMORY = ("forward", "train", "greedy", "beam5")
"""Types of work whose memory is shown. Decoding single sentences needs too little to be read off."""


def draw(table: pd.DataFrame, folder: Path) -> list[Figure]:
    """Every figure that the table has numbers for, written to `folder` as SVG and PNG."""
    measured = table[table["status"] == profile_rows.MEASURED]
    figures = []
    with style.settings("profile"):
        for work, name in profile_rows.QUANTITIES.items():
            own = measured[measured["what"] == work]
            if own.empty:
                continue
            figures.append(_time(own, work, name, folder))
            grown = own[own["peak_bytes"] > own["base_bytes"]]  # zero has no logarithm
            if work in WITH_MEMORY and len(grown):
                figures.append(_memory(grown, work, name, folder))
    return figures


def _time(own: pd.DataFrame, work: str, name: str, folder: Path) -> Figure:
    invert = profile_rows.UNITS[work] == profile_rows.PER_SECOND
    numbers = own.assign(**{key: 1 / own[key] if invert else own[key] for key in ("q25", "median", "q75")})
    text = labels.figure_text("profile, time", work=name[0].upper() + name[1:])
    figure, axes = _against_length(numbers, text, "median", band=("q25", "q75"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{1e6 * value:,g}"))
    return canvas.finish(figure, axes, folder, f"time-{work}", text, numbers)


def _memory(own: pd.DataFrame, work: str, name: str, folder: Path) -> Figure:
    numbers = own.assign(mebibytes=(own["peak_bytes"] - own["base_bytes"]) / MEBI)
    text = labels.figure_text("profile, memory", work=name[0].upper() + name[1:])
    figure, axes = _against_length(numbers, text, "mebibytes")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return canvas.finish(figure, axes, folder, f"memory-{work}", text, numbers)


def _against_length(
    numbers: pd.DataFrame, text: FigureText, column: str, band: tuple[str, str] | None = None
) -> tuple[Canvas, Axes]:
    """A column against length, one line per arm. band: columns with the ends of the interval around it."""
    figure, axes = canvas.canvas()
    for arm in arms.ordered(numbers["arm"]):
        line = numbers[numbers["arm"] == arm].sort_values("length")
        canvas.line(axes, arm, line["length"], line[column])
        if band is not None:
            low, high = band
            canvas.band(axes, arm, line["length"], line[low], line[high])
    _set_logarithmic(axes, numbers)
    axes.set(xlabel=text.x, ylabel=text.y)
    return figure, axes


def _set_logarithmic(axes: Axes, numbers: pd.DataFrame) -> None:
    """Make both axes logarithmic, with x ticks at the measured lengths and y ticks at 1, 2 and 5."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator(sorted(set(numbers["length"]))))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))

"""How far back cells reach, two figures per setting and split: where the gradient of an output goes, and the accuracy
that is left when the source beyond a distance comes from another example. The numbers come from a cell's `reach.csv`,
which `bench reach` writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from bench.analysis import arms
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Text
from bench.analysis.naming import file_name
from bench.analysis.settings import Setting
from bench.errors import UserError
from bench.records import reach_rows
from bench.report import labels
from bench.report.figures import canvas, style
from bench.report.figures.canvas import Figure
from bench.report.labels import FigureText, note, part
from bench.report.series import KEYS, over_seeds

SMALLEST_SHARE = 1e-6
"""Lower end of the axis of gradient shares, however small they get. Below it a gradient has vanished."""

MIN_SPAN = 50.0
"""The axis of shares spans at least this factor, so that a small difference does not look large."""

PROBE = ["split", "examples", "partners", "method"]
"""Columns that have to be equal before curves of two cells may be compared."""


def of_setting(evidence: Evidence, setting: Setting, cells: Mapping[str, Path], folder: Path) -> list[Figure]:
    """Both figures for each split (and number of examples) that cells of the setting were probed on, written to
    `folder` as SVG and PNG. cells: folder of each cell. Raises UserError if a `reach.csv` is broken."""
    table = numbers(evidence, setting, cells)
    figures = []
    with style.settings(f"reach {setting.slug}"):
        for (split, examples, partners, _), own in table.groupby(PROBE, sort=False):
            several = len(set(zip(table["examples"], table["partners"]))) > 1
            place = file_name(setting.slug, split, *([f"{examples}_{partners}"] if several else []))
            where = part("split", split=split)
            if several:
                where = Joined([where, part("examples", examples=examples)], "nothing")
            gradient, accuracy = (own[own["what"] == what] for what in (reach_rows.GRADIENT, reach_rows.REPLACEMENT))
            if len(gradient):
                figures.append(_gradient(_by_distance(gradient), folder, place, where))
            if len(accuracy):
                constant = own.loc[own["what"] == reach_rows.CONSTANT, "value"]
                figures.append(_accuracy(_by_distance(accuracy), constant, folder, place, where))
    return figures


def numbers(evidence: Evidence, setting: Setting, cells: Mapping[str, Path]) -> pd.DataFrame:
    """The rows of every `reach.csv` in a setting, with the cell's identity in the first columns. Raises UserError."""
    rows = []
    for cell in evidence.finished(setting)[KEYS].to_dict("records"):
        try:
            reach = reach_rows.read(cells[str(cell["cell"])])
        except ValueError as error:
            raise UserError(str(error)) from error
        if reach is not None:
            rows += [cell | vars(row) | vars(reach.settings) for row in reach.rows]
    columns = list(dict.fromkeys([*KEYS, *reach_rows.COLUMNS]))
    return pd.DataFrame(rows, columns=columns)


def _by_distance(own: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds: one row per arm and distance."""
    keys = ["task", "budget_name", "arm", "split", "what", "k"]
    return over_seeds(own, keys).sort_values(["arm", "k"]).reset_index(drop=True)


def _gradient(table: pd.DataFrame, folder: Path, place: str, where: Text) -> Figure:
    notes = [labels.interval_note("bands", table["seeds"])]
    if (table["mean"] < SMALLEST_SHARE).any():
        notes.append(note("vanished", smallest=SMALLEST_SHARE))
    text = labels.figure_text("reach, gradient", notes, where=where)
    figure, axes = _against_distance(table, text)
    high = max(table["max"].max(), SMALLEST_SHARE)
    low = min(0.7 * max(table["min"].min(), SMALLEST_SHARE), high / MIN_SPAN)
    axes.set_ylim(low, min(1.4 * high, 1.0))
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 200 * low else (1,)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return canvas.finish(figure, axes, folder, f"reach-gradient-{place}", text, table)


def _accuracy(table: pd.DataFrame, constant: pd.Series, folder: Path, place: str, where: Text) -> Figure:
    """constant: accuracies of the best constant answer, drawn as one line at their mean."""
    text = labels.figure_text("reach, accuracy", [labels.interval_note("bands", table["seeds"])], where=where)
    figure, axes = _against_distance(table, text)
    axes.set_ylim(-0.03, 1.03)
    if len(constant):
        axes.axhline(constant.mean(), color=style.INK, lw=0.9, ls=":", label=part("constant"))
    return canvas.finish(figure, axes, folder, f"reach-accuracy-{place}", text, table)


def _against_distance(table: pd.DataFrame, text: FigureText) -> tuple[Canvas, Axes]:
    """Means and bands over seeds against distance, one line per arm, with ticks at powers of two. Distance 0, where it
    occurs, is as far from 1 as 1 from 2."""
    figure, axes = canvas.canvas()
    axes.set(xlabel=text.x, ylabel=text.y)
    axes.set_xscale("symlog", base=2, linthresh=1.0, linscale=0.5)
    for arm in arms.ordered(table["arm"]):
        line = table[table["arm"] == arm]
        canvas.line(axes, arm, line["k"], line["mean"], thin=True)
        canvas.band(axes, arm, line["k"], line["low"], line["high"])
    ticks = [2**power for power in range(int(table["k"].max()).bit_length())]
    axes.xaxis.set_major_locator(FixedLocator([*([0] if (table["k"] == 0).any() else []), *ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    return figure, axes

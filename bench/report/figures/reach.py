"""How far back cells reach, two figures for each setting and split: where the gradient of an output goes, and what
accuracy is left when the source beyond a distance is another example's. From the `reach.csv` of `bench reach`."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from bench.analysis import arms
from bench.analysis.evidence import Evidence, Setting
from bench.analysis.messages import Joined, Text
from bench.analysis.naming import file_name
from bench.errors import UserError
from bench.records import reach_rows
from bench.report import labels
from bench.report.figures import canvas, style
from bench.report.figures.canvas import Figure
from bench.report.labels import Said, note, part
from bench.report.series import KEYS, over_seeds

SMALLEST, SPAN = 1e-6, 50.0
"""Where the axis of shares ends, however small they get: what has vanished has vanished. And how many times its least
value the greatest is at least, so that a small difference does not look large."""


def of_setting(evidence: Evidence, setting: Setting, results: Path, folder: Path) -> list[Figure]:
    """Both figures for every split (and number of examples) that cells of the setting were probed on, written to
    `folder` as SVG and PNG. results: the folder of the cells.

    Raises UserError where a cell's `reach.csv` is broken.
    """
    table = numbers(evidence, setting, results)
    found = []
    with mpl.rc_context({**style.RC, "svg.hashsalt": f"reach {setting.slug}"}):
        for (split, examples, partners, _), own in table.groupby(HOW, sort=False):
            several = len(set(zip(table["examples"], table["partners"]))) > 1
            place = file_name(setting.slug, split, *([f"{examples}_{partners}"] if several else []))
            where = part("split", split=split)
            if several:
                where = Joined([where, part("examples", examples=examples)], "nothing")
            gradient, kept = (own[own["what"] == what] for what in (reach_rows.GRADIENT, reach_rows.REPLACEMENT))
            if len(gradient):
                found.append(_gradient(_over_seeds(gradient), folder, place, where))
            if len(kept):
                constant = own.loc[own["what"] == reach_rows.CONSTANT, "value"]
                found.append(_accuracy(_over_seeds(kept), constant, folder, place, where))
    return found


HOW = ["split", "examples", "partners", "method"]
"""What has to be equal before the curves of two cells may be compared."""


def numbers(evidence: Evidence, setting: Setting, results: Path) -> pd.DataFrame:
    """The rows of all `reach.csv` of a setting, a cell's beginning with what the cell is. Raises UserError."""
    found = []
    for cell in evidence.finished(setting)[KEYS].to_dict("records"):
        try:
            reach = reach_rows.read(results / str(cell["cell"]))
        except ValueError as error:
            raise UserError(str(error)) from error
        if reach is not None:
            found += [cell | vars(row) | vars(reach.settings) for row in reach.rows]
    columns = list(dict.fromkeys([*KEYS, *reach_rows.COLUMNS]))
    return pd.DataFrame(found, columns=columns)


def _over_seeds(own: pd.DataFrame) -> pd.DataFrame:
    """A row an arm and distance."""
    keys = ["task", "budget_name", "arm", "split", "what", "k"]
    return over_seeds(own, keys).sort_values(["arm", "k"]).reset_index(drop=True)


def _gradient(table: pd.DataFrame, folder: Path, place: str, where: Text) -> Figure:
    notes = [labels.intervals("bands", table["seeds"])]
    if (table["mean"] < SMALLEST).any():
        notes.append(note("vanished", smallest=SMALLEST))
    said = labels.said("reach, gradient", notes, where=where)
    figure, axes = _against_distance(table, said)
    high = max(table["max"].max(), SMALLEST)
    low = min(0.7 * max(table["min"].min(), SMALLEST), high / SPAN)
    axes.set_ylim(low, min(1.4 * high, 1.0))
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 200 * low else (1,)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return canvas.finish(figure, axes, folder, f"reach-gradient-{place}", said, table)


def _accuracy(table: pd.DataFrame, constant: pd.Series, folder: Path, place: str, where: Text) -> Figure:
    said = labels.said("reach, accuracy", [labels.intervals("bands", table["seeds"])], where=where)
    figure, axes = _against_distance(table, said)
    axes.set_ylim(-0.03, 1.03)
    if len(constant):
        axes.axhline(constant.mean(), color=style.INK, lw=0.9, ls=":", label=part("constant"))
    return canvas.finish(figure, axes, folder, f"reach-accuracy-{place}", said, table)


def _against_distance(table: pd.DataFrame, said: Said) -> tuple[Canvas, Axes]:
    """Means against distance, a line an arm, with bands over seeds, and marks at powers of two; where there is a
    distance 0, it stands as far from 1 as 1 from 2."""
    figure, axes = canvas.canvas()
    axes.set(xlabel=said.x, ylabel=said.y)
    axes.set_xscale("symlog", base=2, linthresh=1.0, linscale=0.5)
    for arm in arms.ordered(table["arm"]):
        line = table[table["arm"] == arm]
        canvas.line(axes, arm, line["k"], line["mean"], thin=True)
        canvas.band(axes, arm, line["k"], line["low"], line["high"])
    longest = int(table["k"].max())
    marks = [2**power for power in range(longest.bit_length())]
    axes.xaxis.set_major_locator(FixedLocator([*([0] if (table["k"] == 0).any() else []), *marks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    return figure, axes

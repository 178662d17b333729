"""Axes of scores: the range of a unit, guessing, the range seen in training, places on an axis of the task."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FormatStrFormatter, MaxNLocator

from bench.analysis import arms
from bench.analysis.evidence import Evidence
from bench.analysis.settings import Setting
from bench.metrics import LOSS
from bench.report import series
from bench.report.figures import canvas, style
from bench.report.labels import part


def apart(table: pd.DataFrame) -> bool:
    """Whether the ranges of the splits on the axis do not overlap."""
    spans = [(rows["at"].min(), rows["at"].max()) for _, rows in table.groupby("split", sort=False)]
    return all(one[1] < other[0] or other[1] < one[0] for i, one in enumerate(spans) for other in spans[:i])


def draw_chance(axes: Axes, evidence: Evidence, setting: Setting, metric: str) -> None:
    """Draw the score of guessing, where it is known. Not that of a loss, which is far above all others."""
    chance = None if metric == LOSS else series.chance(evidence, setting, metric)
    if chance is not None:
        axes.axhline(chance, color=style.INK, lw=0.9, ls=":", label=part("chance"))


def draw_lines(axes: Axes, rows: pd.DataFrame, low: str, high: str) -> None:
    """Draw a line for each arm and split, the mean over seeds by `at`, with a band between two columns."""
    for arm in arms.ordered(rows["arm"]):
        for _, line in rows[rows["arm"] == arm].groupby("split", sort=False):
            canvas.line(axes, arm, line["at"], line["mean"])
            canvas.band(axes, arm, line["at"], line[low], line[high])


def set_range(axes: Axes, unit: str, metric: str) -> None:
    """Set the y range: shares get their whole range, so that a small difference does not look large; other units
    start at zero. A loss never comes near zero and is drawn over its own range."""
    if metric == LOSS:
        axes.yaxis.set_major_locator(MaxNLocator(5))
    elif unit == "share":
        axes.set_ylim(-0.03, 1.03)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    else:
        canvas.start_at_zero(axes)
        axes.yaxis.set_major_locator(MaxNLocator(5))


def shade_training(axes: Axes, evidence: Evidence, setting: Setting, axis: str) -> bool:
    """Shade the range of a task's axis that was seen in training, if it is recorded. Returns whether it is."""
    bounds = evidence.fact(setting, f"data.train_range.{axis}")
    if not (isinstance(bounds, list | tuple) and len(bounds) == 2):
        return False
    axes.axvspan(*bounds, color=style.SHADE, lw=0, zorder=0)
    return True


def training_key(shaded: bool) -> list[Patch]:
    """The legend entry of the shaded range, if there is one."""
    return [Patch(color=style.SHADE, label=part("trained"))] if shaded else []


def set_places(axes: Axes, places: pd.Series) -> bool:
    """Put ticks at positions on a task's axis. Returns whether positions are lower edges of bins."""
    distinct = sorted(places.unique())
    doubling = len(distinct) > 4 and all(after == 2 * before for before, after in pairwise(distinct))
    binned = doubling or _smallest_step(places) > 2
    if doubling:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(FormatStrFormatter("%d"))
    elif binned and places.nunique() <= 8:
        axes.set_xticks(sorted(places.unique()))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return binned


def _smallest_step(places: pd.Series) -> float:
    """Smallest distance between neighbouring positions on an axis."""
    steps = pd.Series(sorted(places.unique())).diff().dropna()
    return float(steps.min()) if len(steps) else 1.0

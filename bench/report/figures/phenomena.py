"""Phenomena of a translation: how often the word that decides each is right, as a table and against distance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from bench.analysis import arms
from bench.analysis.evidence import Evidence, Setting
from bench.analysis.messages import Message, Text
from bench.analysis.naming import file_name
from bench.records.phenomena import CONTRAST, WORD
from bench.report import labels
from bench.report.figures import canvas, style
from bench.report.figures.canvas import Figure
from bench.report.labels import note
from bench.report.series import over_seeds
from bench.report.tables.base import NONE, Table, columns, spread, table

ACROSS = 3
PANEL_HEIGHT, LEAST_HEIGHT = 1.32, 1.5
"""Panels side by side; the inches of one with what stands above and below it, and of the lowest figure, so that the
words beside its axis fit."""
MAPS_ACROSS = 3

KINDS = (WORD, CONTRAST)


def figures_of(evidence: Evidence, setting: Setting, folder: Path) -> list[Figure]:
    """Two figures for each kind of score on the in-distribution split and on the one with the longest distances,
    written to `folder` as SVG and PNG: a panel a phenomenon with a line an arm, and a panel an arm with a field for each
    phenomenon and distance."""
    found = []
    splits = _shown(_of(evidence, setting), evidence.splits(setting))
    salt = f"phenomena {setting.slug}"
    with mpl.rc_context({**style.RC, "font.size": 8, "lines.markersize": 3.5, "svg.hashsalt": salt}):
        for kind, split in product(KINDS, splits):
            numbers = by_distance(evidence, setting, kind, split)
            if len(numbers):
                found.append(_figure(numbers, kind, split, setting, folder))
                found.append(_map(numbers, kind, split, setting, folder))
    return found


def _of(evidence: Evidence, setting: Setting) -> pd.DataFrame:
    return evidence.phenomena[evidence.phenomena["setting"] == setting]


def _shown(rows: pd.DataFrame, splits: Sequence[str]) -> list[str]:
    reach = rows.groupby("split")["at"].max()
    return list(dict.fromkeys([*splits[:1], *reach.sort_values(kind="stable").index[-1:]]))


def by_distance(evidence: Evidence, setting: Setting, kind: str, split: str) -> pd.DataFrame:
    """A row a phenomenon, arm and distance (1, 2, from 4, from 8, ...; `at` is the lower edge), over seeds."""
    rows = _of(evidence, setting)
    rows = rows[(rows["kind"] == kind) & (rows["split"] == split) & rows["axis"].notna()]
    rows = rows.assign(at=[_bin(int(at)) for at in rows["at"]], right=rows["value"] * rows["n"])
    keys = ["task", "budget_name", "arm", "split", "phenomenon", "kind", "at"]
    cells = rows.groupby([*keys, "cell"], sort=False)[["right", "n"]].sum().reset_index()
    cells["value"] = cells["right"] / cells["n"]
    return over_seeds(cells, keys).sort_values(["phenomenon", "arm", "at"]).reset_index(drop=True)


def _bin(distance: int) -> int:
    """The largest power of two that is not above a distance; distances of 3 stand with 2.

    >>> [_bin(distance) for distance in (1, 2, 3, 4, 7, 8)]
    [1, 2, 2, 4, 4, 8]
    """
    return 1 << (max(1, distance).bit_length() - 1)


def _figure(numbers: pd.DataFrame, kind: str, split: str, setting: Setting, folder: Path) -> Figure:
    names = list(dict.fromkeys(numbers["phenomenon"]))
    down = -(-len(names) // ACROSS)
    figure, axes = canvas.panels(down, ACROSS)
    notes = [note("binned"), note("few"), labels.intervals("bands", numbers["seeds"])]
    said = labels.said(f"phenomena, {kind}", notes, inside=_drawn(names, 24), split=split)
    for place, name in enumerate(names):
        _panel(axes[place], name, numbers[numbers["phenomenon"] == name])
    for empty in axes[len(names) :]:
        empty.set_visible(False)
    for place in range(0, len(names), ACROSS):
        axes[place].set_ylabel(said.y)
    for place in range(max(0, len(names) - ACROSS), len(names)):
        axes[place].set_xlabel(said.x)
    name = file_name("phenomena", kind, setting.slug, split)
    return canvas.finish(figure, axes[0], folder, name, said, numbers, height=max(LEAST_HEIGHT, PANEL_HEIGHT * down))


def _drawn(names: Sequence[str], most: int) -> dict[str, str | Text]:
    """Names of phenomena by how they are drawn."""
    return {labels.shown(labels.phenomenon(name), most): labels.phenomenon(name) for name in names}


def _panel(axes: Axes, name: str, numbers: pd.DataFrame) -> None:
    for arm in arms.ordered(numbers["arm"]):
        line = numbers[numbers["arm"] == arm]
        canvas.line(axes, arm, line["at"], line["mean"], thin=True)
        canvas.band(axes, arm, line["at"], line["low"], line["high"])
    axes.set_title(labels.shown(labels.phenomenon(name), 24), fontsize=8, pad=3)
    axes.set_ylim(-0.04, 1.04)
    axes.set_yticks([0, 0.5, 1])
    axes.set_xscale("log", base=2)
    axes.set_xlim(0.8, max(4, numbers["at"].max()) * 1.25)
    marks = [1 << power for power in range(max(4, int(numbers["at"].max())).bit_length())]
    axes.set_xticks(marks, [str(mark) for mark in marks])


def _map(numbers: pd.DataFrame, kind: str, split: str, setting: Setting, folder: Path) -> Figure:
    import seaborn  # a second of loading, for reports that have such a map

    names = list(dict.fromkeys(numbers["phenomenon"]))
    places, shown = sorted(numbers["at"].unique()), arms.ordered(numbers["arm"])
    said = labels.said(f"map, {kind}", inside=_drawn(names, 20), split=split)
    across = min(MAPS_ACROSS, len(shown))
    down = -(-len(shown) // across)
    tall = max(0.5, 0.2 * len(names))  # not lower than the words beside the scale are long
    left, right, gap, above, below = 1.25, 0.75, 0.12, 0.28, 0.5
    height = down * (tall + above) + below + 0.1
    wide = (canvas.WIDTH - left - right - gap * (across - 1)) / across
    figure = Canvas(figsize=(canvas.WIDTH, height))
    for number, arm in enumerate(shown):
        row, column = divmod(number, across)
        y = height - (row + 1) * (tall + above)
        spot = (left + column * (wide + gap), y, wide, tall)
        axes = figure.add_axes((spot[0] / canvas.WIDTH, spot[1] / height, spot[2] / canvas.WIDTH, spot[3] / height))
        own = numbers[numbers["arm"] == arm].pivot(index="phenomenon", columns="at", values="mean")
        fields = own.reindex(index=names, columns=places).to_numpy(dtype=float)
        last = number + across >= len(shown)
        seaborn.heatmap(
            fields, ax=axes, vmin=0, vmax=1, cmap="cividis_r", cbar=False, rasterized=True,
            xticklabels=[f"{at:g}" if last else "" for at in places],
            yticklabels=[word if column == 0 else "" for word in said.inside],
        )  # fmt: skip
        for i, j in zip(*np.nonzero(np.isfinite(fields)), strict=True):
            colour = style.PALE if fields[i, j] > 0.55 else "black"  # seaborn's own pair is too faint in the middle
            text = f"{fields[i, j]:.2f}".lstrip("0")
            axes.text(j + 0.5, i + 0.5, text, color=colour, size=6, ha="center", va="center_baseline")
        axes.set_title(labels.shown(arm, 24), size=8, pad=3)
        axes.tick_params(axis="x", labelsize=7, rotation=0)
        axes.tick_params(axis="y", labelsize=7, rotation=0)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
    figure.text((left + canvas.WIDTH - right) / 2 / canvas.WIDTH, 0.1 / height, said.x, ha="center", size=8)
    bottom, top = below / height, 1 - above / height
    beside = figure.add_axes((1 - 0.62 / canvas.WIDTH, bottom, 0.02, top - bottom))
    scale = figure.colorbar(axes.collections[0], cax=beside, ticks=[0, 0.5, 1])
    scale.set_label(said.y, size=8)
    scale.ax.tick_params(labelsize=7)
    return canvas.written(figure, folder, file_name("map", kind, setting.slug, split), said, numbers)


def table_of(evidence: Evidence, setting: Setting) -> Table | None:
    """A row a phenomenon, kind of score and split, a column an arm: every distance together."""
    rows = _of(evidence, setting)
    rows = rows[rows["axis"].isna()]
    if rows.empty:
        return None
    names, lines = evidence.arms(setting), []
    for (phenomenon, kind, split), part in rows.groupby(["phenomenon", "kind", "split"], sort=False):
        values = [part[part["arm"] == arm]["value"] for arm in names]
        found = [spread(value, "share") if len(value) else NONE for value in values]
        name, score = labels.phenomenon(phenomenon), Message(f"tables.phenomena.kinds.{kind}")
        lines.append([name, score, split, f"{part['n'].iloc[0]:,.0f}", *found])
    signatures = "; ".join(dict.fromkeys(str(text) for text in rows["signature"]))
    note = Message("tables.phenomena.note", signatures=signatures)
    heads = [*columns("phenomenon", "score", "split", "examples"), *names]
    return table(f"phenomena-{setting.slug}", Message("tables.phenomena.title"), note, heads, lines)

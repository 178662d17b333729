"""Figures of linguistic phenomena in translations: how often the decisive word is right, against distance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from bench.analysis import arms
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Text
from bench.analysis.naming import file_name
from bench.analysis.settings import Setting
from bench.records.phenomena import CONTRAST, WORD
from bench.report import labels, series
from bench.report.figures import canvas, style
from bench.report.figures.canvas import Figure
from bench.report.labels import FigureText, note

KINDS = (WORD, CONTRAST)
"""Kinds of scores, in the order of the figures."""

PANELS_ACROSS, MAPS_ACROSS = 3, 3
"""Panels side by side in a figure with a panel per phenomenon, and in one with a panel per arm."""

PANEL_HEIGHT, MIN_HEIGHT = 1.32, 1.5
"""Inches of a panel with its title and axis, and of the lowest figure, whose y label has to fit."""

MAP_LEFT, MAP_RIGHT, MAP_GAP, MAP_ABOVE, MAP_BELOW = 1.25, 0.75, 0.12, 0.28, 0.5
"""Inches around and between the panels of a map."""


def of_setting(evidence: Evidence, setting: Setting, folder: Path) -> list[Figure]:
    """Two figures for each kind of score and split, written to `folder` as SVG and PNG: lines against distance with a
    panel per phenomenon, and a map with a panel per arm and a field per phenomenon and distance. Splits: the
    in-distribution one and the one with the longest distances."""
    figures = []
    splits = _drawn_splits(series.phenomena(evidence, setting), evidence.splits(setting))
    with style.settings(f"phenomena {setting.slug}", font_size=8, lines_markersize=3.5):
        for kind, split in product(KINDS, splits):
            numbers = series.by_distance(evidence, setting, kind, split)
            if len(numbers):
                figures.append(_lines(numbers, kind, split, setting, folder))
                figures.append(_map(numbers, kind, split, setting, folder))
    return figures


def _drawn_splits(rows: pd.DataFrame, splits: Sequence[str]) -> list[str]:
    """The first split, and the one with the longest distances."""
    reach = rows.groupby("split")["at"].max()
    return list(dict.fromkeys([*splits[:1], *reach.sort_values(kind="stable").index[-1:]]))


def _lines(numbers: pd.DataFrame, kind: str, split: str, setting: Setting, folder: Path) -> Figure:
    names = list(dict.fromkeys(numbers["phenomenon"]))
    rows = -(-len(names) // PANELS_ACROSS)
    figure, axes = canvas.panels(rows, PANELS_ACROSS)
    notes = [note("binned"), note("few"), labels.interval_note("bands", numbers["seeds"])]
    text = labels.figure_text(f"phenomena, {kind}", notes, inside=_names(names, 24), split=split)
    for place, name in enumerate(names):
        _panel(axes[place], name, numbers[numbers["phenomenon"] == name])
    for empty in axes[len(names) :]:
        empty.set_visible(False)
    for place in range(0, len(names), PANELS_ACROSS):
        axes[place].set_ylabel(text.y)
    for place in range(max(0, len(names) - PANELS_ACROSS), len(names)):
        axes[place].set_xlabel(text.x)
    file = file_name("phenomena", kind, setting.slug, split)
    height = max(MIN_HEIGHT, PANEL_HEIGHT * rows)
    return canvas.finish(figure, axes[0], folder, file, text, numbers, height=height)


def _names(names: Sequence[str], max_length: int) -> dict[str, str | Text]:
    """Drawn string -> name of a phenomenon."""
    return {labels.printable(labels.phenomenon(name), max_length): labels.phenomenon(name) for name in names}


def _panel(axes: Axes, name: str, numbers: pd.DataFrame) -> None:
    """One phenomenon: a line per arm."""
    for arm in arms.ordered(numbers["arm"]):
        line = numbers[numbers["arm"] == arm]
        canvas.line(axes, arm, line["at"], line["mean"], thin=True)
        canvas.band(axes, arm, line["at"], line["low"], line["high"])
    axes.set_title(labels.printable(labels.phenomenon(name), 24), fontsize=8, pad=3)
    axes.set_ylim(-0.04, 1.04)
    axes.set_yticks([0, 0.5, 1])
    axes.set_xscale("log", base=2)
    axes.set_xlim(0.8, max(4, numbers["at"].max()) * 1.25)
    ticks = [1 << power for power in range(max(4, int(numbers["at"].max())).bit_length())]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])


def _map(numbers: pd.DataFrame, kind: str, split: str, setting: Setting, folder: Path) -> Figure:
    names, names_of_arms = list(dict.fromkeys(numbers["phenomenon"])), arms.ordered(numbers["arm"])
    text = labels.figure_text(f"map, {kind}", inside=_names(names, 20), split=split)
    across = min(MAPS_ACROSS, len(names_of_arms))
    down = -(-len(names_of_arms) // across)
    panel_height = max(0.5, 0.2 * len(names))  # at least as high as the label of the scale is long
    panel_width = (canvas.WIDTH - MAP_LEFT - MAP_RIGHT - MAP_GAP * (across - 1)) / across
    height = down * (panel_height + MAP_ABOVE) + MAP_BELOW + 0.1
    figure = Canvas(figsize=(canvas.WIDTH, height))
    for number, arm in enumerate(names_of_arms):
        row, column = divmod(number, across)
        x, y = MAP_LEFT + column * (panel_width + MAP_GAP), height - (row + 1) * (panel_height + MAP_ABOVE)
        spot = (x / canvas.WIDTH, y / height, panel_width / canvas.WIDTH, panel_height / height)
        axes = figure.add_axes(spot)
        lowest = number + across >= len(names_of_arms)
        _map_panel(axes, arm, numbers, names, text, x_labels=lowest, y_labels=column == 0)
    middle = (MAP_LEFT + canvas.WIDTH - MAP_RIGHT) / 2 / canvas.WIDTH
    figure.text(middle, 0.1 / height, text.x, ha="center", size=8)
    bottom, top = MAP_BELOW / height, 1 - MAP_ABOVE / height
    beside = figure.add_axes((1 - 0.62 / canvas.WIDTH, bottom, 0.02, top - bottom))
    scale = figure.colorbar(axes.collections[0], cax=beside, ticks=[0, 0.5, 1])
    scale.set_label(text.y, size=8)
    scale.ax.tick_params(labelsize=7)
    return canvas.save(figure, folder, file_name("map", kind, setting.slug, split), text, numbers)


def _map_panel(
    axes: Axes, arm: str, numbers: pd.DataFrame, names: Sequence[str], text: FigureText, x_labels: bool, y_labels: bool
) -> None:
    """One arm: a field for each phenomenon (row) and distance (column), coloured and labelled by the share right."""
    import seaborn  # takes a second to load, and few reports have a map

    distances = sorted(numbers["at"].unique())
    own = numbers[numbers["arm"] == arm].pivot(index="phenomenon", columns="at", values="mean")
    fields = own.reindex(index=names, columns=distances).to_numpy(dtype=float)
    seaborn.heatmap(
        fields, ax=axes, vmin=0, vmax=1, cmap="cividis_r", cbar=False, rasterized=True,
        xticklabels=[f"{at:g}" if x_labels else "" for at in distances],
        yticklabels=[word if y_labels else "" for word in text.inside],
    )  # fmt: skip
    for i, j in zip(*np.nonzero(np.isfinite(fields)), strict=True):
        colour = style.PALE if fields[i, j] > 0.55 else "black"  # seaborn's own pair is too faint in the middle
        share = f"{fields[i, j]:.2f}".lstrip("0")
        axes.text(j + 0.5, i + 0.5, share, color=colour, size=6, ha="center", va="center_baseline")
    axes.set_title(labels.printable(arm, 24), size=8, pad=3)
    axes.tick_params(axis="x", labelsize=7, rotation=0)
    axes.tick_params(axis="y", labelsize=7, rotation=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)

"""The one figure beside a verdict, drawn from the comparisons that it rests on: scores against the distance or the
length, every seed of every arm, or ratios of costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import blended_transform_factory

from bench.analysis.claims.judge import Verdict
from bench.analysis.comparisons import RATIOS, Comparison, Judgement
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Text
from bench.report import judged, labels, series
from bench.report.figures import canvas, scales, style
from bench.report.figures.canvas import Figure
from bench.report.judged import Groups
from bench.report.labels import FigureText, note, part

AXES = {"A": "distance", "C": "length"}
"""Axis of the task that a claim speaks of."""

WITHOUT_FIGURE = ("B",)
"""Claims about the architecture: nothing is compared over seeds."""

OF_COSTS = ("D",)

MAX_ROWS = 16
"""Rows of arms, or of pairs of arms, in a figure."""

ROW, HEADER, CHARACTER = 0.23, 0.27, 0.075
"""Inches: a row, the words above a group of rows, an average character."""

SIZE, MAX_NAME, MAX_HEADER = 9, 30, 70
"""Points of the words; characters of the longest name of a row, and of a group."""

RATIO_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


def draw(evidence: Evidence, verdict: Verdict, folder: Path) -> Figure | None:
    """The figure of a verdict, written to `folder` as SVG and PNG; None if it rests on no comparison with values."""
    compared = [each for each in verdict.comparisons if each.comparison.has_values]
    if verdict.letter in WITHOUT_FIGURE or not compared:
        return None
    ratios = [each for each in compared if each.comparison.unit == RATIOS]
    scores = [each.comparison for each in compared if each.comparison.unit != RATIOS]
    name = f"deciding-{verdict.letter}"
    with style.settings(name):
        if ratios and (verdict.letter in OF_COSTS or not scores):
            return _ratios(evidence, ratios, folder, name)
        axis = AXES.get(verdict.letter)
        by_axis = None if axis is None else _against(evidence, scores, axis, folder, name)
        return by_axis or _seeds(evidence, scores, folder, name)


def _against(
    evidence: Evidence, comparisons: Sequence[Comparison], axis: str, folder: Path, name: str
) -> Figure | None:
    """Scores of the compared arms against an axis of the task, as the first comparison measures them; None if there
    are none. Only cells that pass the sanity gates."""
    key = comparisons[0]
    setting, metric, search = key.setting, key.metric, key.search or ""
    alike = [each for each in comparisons if (each.setting, each.metric, each.search) == (setting, metric, key.search)]
    table = series.by_axis(evidence, setting, axis, metric, search, trusted=True)
    table = table[table["arm"].isin({arm for each in alike for arm in (each.first, each.second)})]
    if not scales.apart(table):
        table = table[table["split"] == key.split]
    if table["at"].nunique() < 2:
        return None
    figure, axes = canvas.canvas()
    shaded = scales.shade_training(axes, evidence, setting, axis)
    scales.draw_lines(axes, table, "min", "max")
    unit = table["unit"].iloc[0]
    scales.set_range(axes, unit, metric)
    scales.draw_chance(axes, evidence, setting, metric)
    notes = [note("shaded")] * shaded + [note("binned")] * scales.set_places(axes, table["at"])
    text = labels.figure_text(
        labels.by_merit("deciding, axis", unit), notes,
        x=labels.axis_label(axis, series.length_unit(evidence, setting)),
        y=labels.metric_with_unit(metric, unit), metric=labels.metric_name(metric), axis=labels.axis_name(axis),
        setting=evidence.name(setting),
    )  # fmt: skip
    axes.set(xlabel=text.x, ylabel=text.y)
    return canvas.finish(figure, axes, folder, name, text, table.reset_index(drop=True), scales.training_key(shaded))


def _seeds(evidence: Evidence, comparisons: Sequence[Comparison], folder: Path, name: str) -> Figure:
    """Every seed of every compared arm; a group of rows for each thing that is measured."""
    groups = judged.by_seed(evidence, comparisons, MAX_ROWS)
    unit = comparisons[0].unit
    metrics = {each.metric for each in comparisons if each.unit == unit}
    metric = labels.metric_name(metrics.pop()) if len(metrics) == 1 else part("score")
    notes = [note("dotted")] * bool(groups.rows["chance"].notna().any()) + _left_out(groups)
    text = labels.figure_text("deciding, seeds", notes, x=labels.quantity_with_unit(metric, unit), metric=metric)
    figure, axes, places = _rows(groups, "arm")
    for (measure, arm), y in places.items():
        own = groups.rows[(groups.rows["measure"] == measure) & (groups.rows["arm"] == arm)]
        mean, chance = own["mean"].iloc[0], own["chance"].iloc[0]
        canvas.markers(axes, arm, own["value"], [y] * len(own))
        canvas.segments(axes, arm, [(mean, y - 0.36, mean, y + 0.36)], width=2)
        axes.plot([chance] * 2, [y - 0.5, y + 0.5], color=style.INK, lw=0.9, ls=":")
    if unit == "share":
        axes.set_xlim(-0.03, 1.03)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    else:
        low, high = groups.rows["value"].min(), groups.rows["value"].max()
        room = 0.15 * (high - low) or 1.0
        axes.set_xlim(low - room, high + room)
        axes.xaxis.set_major_locator(MaxNLocator(5))
    return _finish(figure, axes, folder, name, text, groups)


def _ratios(evidence: Evidence, judgements: Sequence[Judgement], folder: Path, name: str) -> Figure:
    """Ratios with their intervals; a group of rows for each speed or cost."""
    groups = judged.ratios(evidence, judgements, MAX_ROWS)
    text = labels.figure_text("deciding, ratios", _left_out(groups))
    figure, axes, places = _rows(groups, "pair")
    for (measure, pair), y in places.items():
        row = groups.rows[(groups.rows["measure"] == measure) & (groups.rows["pair"] == pair)].iloc[0]
        canvas.segments(axes, row["arm"], [(row["low"], y, row["high"], y)], width=2)
        canvas.markers(axes, row["arm"], [row["ratio"]], [y])
    axes.axvline(1, color=style.INK, lw=0.9, ls=":")
    shown = groups.rows[["ratio", "low", "high"]]
    low, high = min(0.8, 0.9 * shown.min().min()), max(1.25, 1.1 * shown.max().max())
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in RATIO_TICKS if low <= tick <= high]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return _finish(figure, axes, folder, name, text, groups)


def _left_out(groups: Groups) -> list[Text]:
    """Says how many groups of rows the figure has no room for."""
    return [note("left out", count=groups.left_out)] if groups.left_out else []


def _rows(groups: Groups, row: str) -> tuple[Canvas, Axes, dict[tuple[str, str], float]]:
    """A canvas with a row for each value of the column `row` in each group, words above each group and the place of
    each row. The y axis is in rows."""
    places: dict[tuple[str, str], float] = {}
    heads: dict[str, float] = {}
    y = 0.0
    for measure, own in groups.rows.groupby("measure", sort=False):
        heads[str(measure)] = y + 0.5 * HEADER / ROW
        y += HEADER / ROW
        for name in dict.fromkeys(own[row]):
            places[str(measure), str(name)] = y + 0.5
            y += 1
    figure, axes = canvas.canvas()
    axes.set_ylim(y, 0)
    names = labels.short_names([name for _, name in places], MAX_NAME)
    axes.set_yticks(list(places.values()), names, size=SIZE)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    left = 0.2 + CHARACTER * max(map(len, names))
    height = 0.08 + ROW * y + canvas.AXIS_BELOW
    figure.set_size_inches(canvas.WIDTH, height)
    figure.subplots_adjust(
        left=left / canvas.WIDTH,
        right=1 - 0.2 / canvas.WIDTH,
        top=1 - 0.08 / height,
        bottom=canvas.AXIS_BELOW / height,
    )
    beside = blended_transform_factory(figure.dpi_scale_trans, axes.transData)
    for measure, at in heads.items():
        words = labels.printable(measure, MAX_HEADER)
        # A ground of its own, so that no grid line crosses the words.
        ground = {"fc": "#ffffff", "ec": "none", "pad": 1}
        axes.text(0.08, at, words, transform=beside, size=SIZE, va="center_baseline", color=style.INK, bbox=ground)
    return figure, axes, places


def _finish(figure: Canvas, axes: Axes, folder: Path, name: str, text: FigureText, groups: Groups) -> Figure:
    axes.set(xlabel=text.x)
    inside = {labels.printable(measure, MAX_HEADER): words for measure, words in groups.words.items()}
    text = FigureText(text.title, text.caption, text.x, text.y, inside)
    return canvas.save(figure, folder, name, text, groups.rows)

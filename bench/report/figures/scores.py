"""Figures, one panel each, drawn from a table that is also written as CSV. Nothing is repaired here: what a figure
shows is what its table holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullLocator

from bench.analysis import arms
from bench.analysis.evidence import MEMORIES, WORKS, Evidence, Setting, is_present
from bench.analysis.messages import Message
from bench.analysis.naming import file_name
from bench.metrics import LESS_IS_BETTER
from bench.report import labels, series
from bench.report.figures import canvas, style
from bench.report.figures.canvas import Figure
from bench.report.labels import note, part
from bench.report.tables import translation

MATCHED = 0.1
"""Of the largest size: the room beside the smallest and the largest."""
LONGEST = 40
"""Characters of a column's words."""


def of_setting(evidence: Evidence, setting: Setting, folder: Path) -> list[Figure]:
    """All figures that a setting has numbers for, written to `folder` as SVG and PNG."""
    with mpl.rc_context({**style.RC, "svg.hashsalt": setting.slug}):
        found = [_scores(evidence, setting, folder)]
        for axis in evidence.axes(setting):
            found += _by_axis(evidence, setting, axis, folder)
        for measure in translation.by_length(evidence, setting):
            found += _by_axis(evidence, setting, "length", folder, measure)
        found += [_learning(evidence, setting, x, folder) for x in ("seconds", "target_tokens", "flops")]
        found += [_speed(evidence, setting, folder), _memory(evidence, setting, folder)]
    return [figure for figure in found if figure is not None]


def by_parameters(evidence: Evidence, folder: Path) -> list[Figure]:
    """Quality against parameters, one figure for each task, budget and rule of matching over all targets."""
    groups: dict[tuple, list[Setting]] = {}
    for setting in evidence.settings():
        groups.setdefault((setting.task, setting.budget, setting.rule, setting.device), []).append(setting)
    found = []
    with mpl.rc_context({**style.RC, "svg.hashsalt": "parameters"}):
        for settings in groups.values():
            figure = _parameters(evidence, settings, folder)
            found += [figure] if figure is not None else []
    return found


def _scores(evidence: Evidence, setting: Setting, folder: Path) -> Figure | None:
    table = series.every_seed(evidence, setting)
    if table.empty:
        return None
    metric, unit = table["metric"].iloc[0], table["unit"].iloc[0]
    table = series.with_means(table, ["arm", "split"], "value")
    notes, label = [labels.intervals("bars", table["seeds"])], labels.label(metric, unit)
    said = labels.said("seeds", notes, y=label, metric=labels.words(metric))
    figure, axes = canvas.canvas()
    lines = _dots(axes, table, "split", "value")
    axes.set(xlabel=said.x, ylabel=said.y)
    _bounded(axes, unit)
    _chance(axes, evidence, setting, metric)
    return canvas.finish(figure, axes, folder, f"seeds-{setting.slug}", said, table, lines=lines)


def _by_axis(
    evidence: Evidence, setting: Setting, axis: str, folder: Path, measure: tuple[str, str] | None = None
) -> list[Figure]:
    """One figure where the splits lie side by side on the axis, else one for each split. measure: metric and search;
    None: the headline's."""
    metric, search = measure or evidence.headline(setting)[1:]
    table = series.by_axis(evidence, setting, axis, metric, search)
    if table.empty:
        return []
    spans = [(rows["at"].min(), rows["at"].max()) for _, rows in table.groupby("split", sort=False)]
    side_by_side = all(one[1] < other[0] or other[1] < one[0] for i, one in enumerate(spans) for other in spans[:i])
    parts = [("", table)] if side_by_side else [(split, rows) for split, rows in table.groupby("split", sort=False)]
    found = []
    bounds = evidence.fact(setting, f"data.train_range.{axis}")
    shaded = isinstance(bounds, list | tuple) and len(bounds) == 2
    for split, rows in parts:
        unit = rows["unit"].iloc[0]
        figure, axes = canvas.canvas()
        if shaded:
            axes.axvspan(*bounds, color=style.SHADE, lw=0, zorder=0)
        for arm in arms.ordered(rows["arm"]):
            for _, line in rows[rows["arm"] == arm].groupby("split", sort=False):
                canvas.line(axes, arm, line["at"], line["mean"])
                canvas.band(axes, arm, line["at"], line["low"], line["high"])
        _bounded(axes, unit)
        _chance(axes, evidence, setting, metric)
        binned = _gap(rows["at"]) > 2
        if binned and rows["at"].nunique() <= 8:
            axes.set_xticks(sorted(rows["at"].unique()))
        else:
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        notes = [note("shaded")] * shaded + [note("binned")] * binned + [labels.intervals("bands", rows["seeds"])]
        said = labels.said(
            "axis, less is better" if unit in LESS_IS_BETTER else "axis", notes, y=labels.label(metric, unit),
            x=labels.axis(axis, in_words=bool(translation.metrics(evidence, setting))), metric=labels.words(metric),
            axis=labels.axis_name(axis), search=search, where=part("split", split=split) if split else "",
        )  # fmt: skip
        axes.set(xlabel=said.x, ylabel=said.y)
        extra = [Patch(color=style.SHADE, label=part("trained"))] if shaded else []
        name = file_name(axis, *(measure or ()), setting.slug, split)
        drawn = canvas.finish(figure, axes, folder, name, said, rows.reset_index(drop=True), extra)
        found.append(replace(drawn, against=(axis, metric, search)))
    return found


def _learning(evidence: Evidence, setting: Setting, x: str, folder: Path) -> Figure | None:
    table = series.learning(evidence, setting).dropna(subset=[x])
    if table.empty:
        return None
    values = evidence.unit(setting, evidence.headline(setting).metric) == "squared error"
    said = labels.said(f"learning, {x}", unit=part("loss, values" if values else "loss, tokens"))
    figure, axes = canvas.canvas()
    for arm in arms.ordered(table["arm"]):
        cells = table[table["arm"] == arm].groupby("cell")
        canvas.lines(axes, arm, [(line[x].tolist(), line["valid_loss"].tolist()) for _, line in cells])
    axes.set(xlabel=said.x, ylabel=said.y)
    _from_zero(axes)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    if x != "seconds":
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    name = f"learning-{LEARNING[x]}-{setting.slug}"
    return canvas.finish(figure, axes, folder, name, said, table.reset_index(drop=True))


LEARNING = {"seconds": "time", "target_tokens": "data", "flops": "flops"}
"""In the names of files."""


def _parameters(evidence: Evidence, settings: Sequence[Setting], folder: Path) -> Figure | None:
    table = pd.concat([series.against_parameters(evidence, setting) for setting in settings], ignore_index=True)
    table = table.dropna(subset=["parameters", "value"])
    if table.empty:
        return None
    metric, unit, split = (table[name].iloc[0] for name in ("metric", "unit", "split"))
    table = series.with_means(table, ["arm", "target"], "value")
    figure, axes = canvas.canvas()
    for arm in arms.ordered(table["arm"]):
        rows, look = table[table["arm"] == arm], style.look(arm)
        canvas.points(axes, arm, rows["parameters"], rows["value"])
        means = rows.groupby("target")[["parameters", "mean", "low", "high"]].mean()
        axes.plot(means["parameters"], means["mean"], color=look.colour, ls=look.line, lw=1)
        intervals = [(row.parameters, row.low, row.parameters, row.high) for row in means.itertuples()]
        canvas.strokes(axes, arm, intervals, width=1)
    target = settings[0]
    said = labels.said(
        "parameters" if target.rule == "params" else "parameters, other rule",
        [labels.intervals("bars", table["seeds"])], y=labels.label(metric, unit), task=target.task,
        metric=labels.words(metric), split=split, rule=Message(f"matched.{target.rule}.word"),
    )  # fmt: skip
    axes.set(xlabel=said.x, ylabel=said.y)
    low, high = table["parameters"].min(), table["parameters"].max()
    axes.set_xlim(low - MATCHED * high, high + MATCHED * high)  # arms within 5 % of each other stand close together
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    _bounded(axes, unit)
    name = f"parameters-{replace(target, target=-1).slug}"
    return canvas.finish(figure, axes, folder, name, said, table)


def _speed(evidence: Evidence, setting: Setting, folder: Path) -> Figure | None:
    table = series.speeds(evidence, setting)
    if table.empty:
        return None
    figure, axes = canvas.canvas()
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_minor_locator(NullLocator())
    values = table["tokens_per_second"]
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if values.max() < 1e3 * values.min() else (1,)))
    return _costs(figure, axes, setting, "speed", table, "tokens_per_second", folder, WORKS)


def _memory(evidence: Evidence, setting: Setting, folder: Path) -> Figure | None:
    table = series.memory(evidence, setting)
    if table.empty:
        return None
    figure, axes = canvas.canvas()
    axes.set_ylim(bottom=0, top=1.06 * table["mebibytes"].max())
    axes.yaxis.set_major_locator(MaxNLocator(5))
    return _costs(figure, axes, setting, "memory", table, "mebibytes", folder, MEMORIES)


def _costs(
    figure: Canvas, axes: Axes, setting: Setting, what: str, table: pd.DataFrame, value: str, folder: Path,
    groups: Iterable[str],
) -> Figure:  # fmt: skip
    """A figure of speeds or memory on axes that have their scale. groups: of its columns, by the names of their words."""
    table = series.with_means(table, ["arm", "what"], value)
    lines = _dots(axes, table, "what", value)
    inside = {drawn: text for group in groups for drawn, text in labels.lines(part(group), LONGEST).items()}
    said = labels.said(what, [labels.intervals("bars", table["seeds"])], inside=inside)
    axes.set(xlabel=said.x, ylabel=said.y)
    return canvas.finish(figure, axes, folder, f"{what}-{setting.slug}", said, table, lines=lines)


def _dots(axes: Axes, table: pd.DataFrame, group: str, value: str) -> int:
    """A column for each group, in it a narrower column for each arm: one marker a seed, a bar at their mean, an upright
    line over its interval. Returns how many lines the words below the columns have."""
    groups = list(dict.fromkeys(table[group]))
    names = arms.ordered(table["arm"])
    step = 0.8 / max(1, len(names))
    for number, arm in enumerate(names):
        own = table[table["arm"] == arm]
        places = own[group].map(groups.index) + (number - (len(names) - 1) / 2) * step
        each = dict(zip(places, zip(own["mean"], own["low"], own["high"])))
        half = 0.42 * step
        canvas.strokes(axes, arm, [(x - half, mean, x + half, mean) for x, (mean, _, _) in each.items()], width=2)
        canvas.strokes(axes, arm, [(x, low, x, high) for x, (_, low, high) in each.items()], width=1)
        canvas.points(axes, arm, places, own[value])
    words = [labels.wrapped(labels.shown(label, LONGEST)) for label in groups]
    axes.set_xticks(range(len(groups)), words)
    axes.set_xlim(-0.5, len(groups) - 0.5)
    axes.grid(visible=False, axis="x")
    return max(text.count("\n") + 1 for text in words)


def _chance(axes: Axes, evidence: Evidence, setting: Setting, metric: str) -> None:
    chance = evidence.fact(setting, f"data.chance.{metric}")
    if is_present(chance):
        axes.axhline(float(chance), color=style.INK, lw=0.9, ls=":", label=part("chance"))


def _bounded(axes: Axes, unit: str) -> None:
    """Shares fill their whole range, so that a small difference does not look large; points begin at zero."""
    if unit == "share":
        axes.set_ylim(-0.03, 1.03)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    else:
        _from_zero(axes)
        axes.yaxis.set_major_locator(MaxNLocator(5))


def _from_zero(axes: Axes) -> None:
    """Room above is a share of the whole height: where all values are close to each other, theirs would cut markers."""
    axes.set_ylim(bottom=0, top=max(axes.get_ylim()[1], 1.05 * axes.dataLim.y1))


def _gap(places: pd.Series) -> float:
    """The smallest step between neighbours."""
    steps = pd.Series(sorted(places.unique())).diff().dropna()
    return float(steps.min()) if len(steps) else 1.0

"""Figures of scores: by seed, against an axis of the task, and against sizes of models and training texts.

A figure is drawn from a table that is also written as CSV, and shows exactly what the table holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from matplotlib.ticker import EngFormatter, MaxNLocator

from bench.analysis import arms
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Message, search_name
from bench.analysis.naming import file_name
from bench.analysis.settings import Setting
from bench.report import labels, series
from bench.report.figures import canvas, costs, scales, style
from bench.report.figures.canvas import Figure
from bench.report.labels import note, part

SIZE_MARGIN = 0.1
"""Room left and right of the smallest and largest model, as a share of the largest. Matched arms, within 5 % of each
other, then stand close together."""

WINDOW_AXES = ("position", "context")
"""Axes of language models, whose figures have texts of their own."""


def of_setting(evidence: Evidence, setting: Setting, folder: Path) -> list[Figure]:
    """Every figure that a setting has numbers for, written to `folder` as SVG and PNG."""
    with style.settings(setting.slug):
        figures = _by_seed(evidence, setting, folder)
        for axis in evidence.axes(setting):
            figures += _by_axis(evidence, setting, axis, folder)
        for measure in series.length_measures(evidence, setting):
            figures += _by_axis(evidence, setting, "length", folder, measure)
        return figures + costs.of_setting(evidence, setting, folder)


def by_size(evidence: Evidence, folder: Path) -> list[Figure]:
    """Scores against the number of parameters and, where arms were run at several targets, against the bytes of state:
    one figure for each task, budget, matching rule, device and way to compute the score, over all targets."""
    groups: dict[tuple, list[Setting]] = {}
    for setting in evidence.settings():
        measure = evidence.headline(setting)[1:], evidence.signature(setting)
        groups.setdefault((setting.task, setting.budget, setting.rule, setting.device, measure), []).append(setting)
    figures = []
    for settings in groups.values():
        for size in (series.PARAMETERS, *([series.STATE] if len({each.target for each in settings}) > 1 else [])):
            with style.settings(size):
                figures.append(_by_size(evidence, settings, size, folder, replace(settings[0], target=-1)))
    return [figure for figure in figures if figure is not None]


def by_pairs(evidence: Evidence, folder: Path) -> list[Figure]:
    """Scores of translations against the number of training pairs, where cells differ in it: one figure for each task
    and budget, whose passes may differ too."""
    groups: dict[tuple, list[Setting]] = {}
    for setting in evidence.settings():
        measure = evidence.headline(setting)[1:], evidence.signature(setting)
        task, budget = arms.without_option(setting.task, "train_pairs"), arms.base(setting.budget)
        groups.setdefault((task, budget, setting.rule, setting.target, setting.device, measure), []).append(setting)
    figures = []
    for (task, budget, *_), settings in groups.items():
        if len({setting.task for setting in settings}) > 1:
            with style.settings(series.PAIRS):
                one = replace(settings[0], task=task, budget=budget)
                figures.append(_by_size(evidence, settings, series.PAIRS, folder, one))
    return [figure for figure in figures if figure is not None]


def of_long_sentences(evidence: Evidence, setting: Setting, folder: Path) -> list[Figure]:
    """Those figures of `of_setting` that `long_sentences` finds."""
    headline = evidence.headline(setting)[1:]  # whose figures are named without it
    measures = [None if each == headline else each for each in _of_long_sentences(evidence, setting)]
    with style.settings(setting.slug):
        return [figure for measure in measures for figure in _by_axis(evidence, setting, "length", folder, measure)]


def long_sentences(evidence: Evidence, setting: Setting, figures: Iterable[Figure]) -> list[Figure]:
    """Those of a setting's figures that show BLEU against source length, by beam search where it was run. They stand
    beside claim A, which is about distances; its rule uses distances alone."""
    against = [("length", *measure) for measure in _of_long_sentences(evidence, setting)]
    return [figure for figure in figures if figure.against in against]


def _of_long_sentences(evidence: Evidence, setting: Setting) -> list[tuple[str, str]]:
    return [("bleu", search) for search in series.translation_searches(evidence, setting)[-1:]]


def _by_seed(evidence: Evidence, setting: Setting, folder: Path) -> list[Figure]:
    """Headline scores of every seed on every split."""
    table = series.headline_by_seed(evidence, setting)
    if table.empty:
        return []
    metric, unit = table["metric"].iloc[0], table["unit"].iloc[0]
    table = series.with_means(table, ["arm", "split"], "value")
    notes, label = [labels.interval_note("bars", table["seeds"])], labels.metric_with_unit(metric, unit)
    text = labels.figure_text("seeds", notes, y=label, metric=labels.metric_name(metric))
    figure, axes = canvas.canvas()
    tick_lines = canvas.columns(axes, table, "split", "value")
    axes.set(xlabel=text.x, ylabel=text.y)
    scales.set_range(axes, unit, metric)
    scales.draw_chance(axes, evidence, setting, metric)
    name = f"seeds-{setting.slug}"
    return [canvas.finish(figure, axes, folder, name, text, table, tick_lines=tick_lines)]


def _by_axis(
    evidence: Evidence, setting: Setting, axis: str, folder: Path, measure: tuple[str, str] | None = None
) -> list[Figure]:
    """Scores against an axis: one figure if the ranges of the splits do not overlap, otherwise one per split.
    measure: metric and search; None: those of the headline."""
    metric, search = measure or evidence.headline(setting)[1:]
    table = series.by_axis(evidence, setting, axis, metric, search)
    if table.empty:
        return []
    splits = [("", table)] if scales.apart(table) else list(table.groupby("split", sort=False))
    figures = []
    for split, rows in splits:
        unit = rows["unit"].iloc[0]
        figure, axes = canvas.canvas()
        shaded = scales.shade_training(axes, evidence, setting, axis)
        scales.draw_lines(axes, rows, "low", "high")
        scales.set_range(axes, unit, metric)
        scales.draw_chance(axes, evidence, setting, metric)
        binned = scales.set_places(axes, rows["at"]) and axis != "context"  # which has no ranges
        notes = [note("shaded")] * shaded + [note("binned")] * binned + [labels.interval_note("bands", rows["seeds"])]
        if _has_undefined(evidence, setting, axis, metric):
            notes.append(note("undefined", metric=labels.metric_name(metric)))
        text = labels.figure_text(
            f"axis, {axis}" if axis in WINDOW_AXES else labels.by_merit("axis", unit), notes,
            x=labels.axis_label(axis, series.length_unit(evidence, setting)), y=labels.metric_with_unit(metric, unit),
            metric=labels.metric_name(metric), axis=labels.axis_name(axis), search=search_name(search),
            where=part("split", split=split) if split else "",
        )  # fmt: skip
        axes.set(xlabel=text.x, ylabel=text.y)
        extra = scales.training_key(shaded)
        name = file_name(axis, *(measure or ()), setting.slug, split)
        drawn = canvas.finish(figure, axes, folder, name, text, rows.reset_index(drop=True), extra)
        figures.append(replace(drawn, against=(axis, metric, search)))
    return figures


def _has_undefined(evidence: Evidence, setting: Setting, axis: str, metric: str) -> bool:
    """Whether a metric is undefined at a place of an axis."""
    rows = evidence.undefined
    return bool(((rows["setting"] == setting) & (rows["axis"] == axis) & (rows["metric"] == metric)).any())


def _by_size(
    evidence: Evidence, settings: Sequence[Setting], size: str, folder: Path, whole: Setting
) -> Figure | None:
    """size: a column of `series.against_size`; whole: what the settings have in common."""
    table = pd.concat([series.against_size(evidence, setting) for setting in settings], ignore_index=True)
    table = table.dropna(subset=[size, "value"])
    if table.empty:
        return None
    metric, unit, split = (table[name].iloc[0] for name in ("metric", "unit", "split"))
    point = size if size == series.PAIRS else "target"  # what the cells of a point have in common
    table = series.with_means(table, ["arm", point], "value")
    figure, axes = canvas.canvas()
    for arm in arms.ordered(table["arm"]):
        rows, look = table[table["arm"] == arm], style.look(arm)
        canvas.markers(axes, arm, rows[size], rows["value"])
        means = rows.assign(place=rows[size]).groupby(point)[["place", "mean", "low", "high"]].mean()
        means = means.sort_values("place")
        axes.plot(means["place"], means["mean"], color=look.colour, ls=look.line, lw=1)
        intervals = [(row.place, row.low, row.place, row.high) for row in means.itertuples()]
        canvas.segments(axes, arm, intervals, width=1)
    kind = size
    if size == series.PARAMETERS:
        kind = "parameters, other rule" if whole.rule != "params" else labels.by_merit("parameters", unit)
    text = labels.figure_text(
        kind,
        [labels.interval_note("bars", table["seeds"])], y=labels.metric_with_unit(metric, unit), task=whole.task,
        metric=labels.metric_name(metric), split=split, rule=Message(f"matched.{whole.rule}.word"),
    )  # fmt: skip
    axes.set(xlabel=text.x, ylabel=text.y)
    low, high = table[size].min(), table[size].max()
    if size == series.PARAMETERS:
        axes.set_xlim(low - SIZE_MARGIN * high, high + SIZE_MARGIN * high)
        axes.xaxis.set_major_locator(MaxNLocator(5))
    else:
        axes.set_xscale("log")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    scales.set_range(axes, unit, metric)
    return canvas.finish(figure, axes, folder, f"{size}-{whole.slug}", text, table)

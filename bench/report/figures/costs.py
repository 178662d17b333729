"""Figures of what training and decoding cost: learning curves against time, data and FLOPs; speed; memory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullLocator

from bench.analysis import arms
from bench.analysis.evidence import MEMORIES, WORKS, Evidence, ran_beside_others
from bench.analysis.messages import Message, Text
from bench.analysis.settings import Setting
from bench.report import labels, series
from bench.report.figures import canvas
from bench.report.figures.canvas import Figure
from bench.report.labels import part

LEARNING_FILES = {"seconds": "time", "target_tokens": "data", "flops": "flops"}
"""What learning is drawn against, by column of the series, and its word in file names."""


def of_setting(evidence: Evidence, setting: Setting, folder: Path) -> list[Figure]:
    """The cost figures that a setting has numbers for, written to `folder`."""
    figures = [_learning(evidence, setting, x, folder) for x in LEARNING_FILES]
    figures += [_speed(evidence, setting, folder), _memory(evidence, setting, folder)]
    return [figure for figure in figures if figure is not None]


def _learning(evidence: Evidence, setting: Setting, x: str, folder: Path) -> Figure | None:
    table = series.learning(evidence, setting).dropna(subset=[x])
    if table.empty:
        return None
    regression = evidence.unit(setting, evidence.headline(setting).metric) == "squared error"
    notes = _busy(evidence, setting) if x == "seconds" else []
    text = labels.figure_text(f"learning, {x}", notes, unit=part("loss, values" if regression else "loss, tokens"))
    figure, axes = canvas.canvas()
    for arm in arms.ordered(table["arm"]):
        cells = table[table["arm"] == arm].groupby("cell")
        canvas.thin_lines(axes, arm, [(line[x].tolist(), line["valid_loss"].tolist()) for _, line in cells])
    axes.set(xlabel=text.x, ylabel=text.y)
    canvas.start_at_zero(axes)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    if x != "seconds":
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    name = f"learning-{LEARNING_FILES[x]}-{setting.slug}"
    return canvas.finish(figure, axes, folder, name, text, table.reset_index(drop=True))


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
    return _by_group(
        figure, axes, setting, "speed", table, "tokens_per_second", folder, WORKS, _busy(evidence, setting)
    )


def _busy(evidence: Evidence, setting: Setting) -> list[Text]:
    """The caption's sentence for speeds that were measured beside other cells."""
    return [Message("warnings.busy")] if ran_beside_others(evidence.finished(setting)) else []


def _memory(evidence: Evidence, setting: Setting, folder: Path) -> Figure | None:
    table = series.memory(evidence, setting)
    if table.empty:
        return None
    figure, axes = canvas.canvas()
    axes.set_ylim(bottom=0, top=1.06 * table["mebibytes"].max())
    axes.yaxis.set_major_locator(MaxNLocator(5))
    return _by_group(figure, axes, setting, "memory", table, "mebibytes", folder, MEMORIES)


def _by_group(
    figure: Canvas, axes: Axes, setting: Setting, name: str, table: pd.DataFrame, value: str, folder: Path,
    groups: Iterable[str], notes: Iterable[Text] = (),
) -> Figure:  # fmt: skip
    """A figure with a column for each group. axes: with the scale set; groups: by the names of their texts; notes:
    further sentences of the caption."""
    table = series.with_means(table, ["arm", "what"], value)
    tick_lines = canvas.columns(axes, table, "what", value)
    wrapped = (labels.wrapped_lines(part(group), canvas.MAX_LABEL) for group in groups)
    inside = {drawn: text for lines in wrapped for drawn, text in lines.items()}
    text = labels.figure_text(name, [labels.interval_note("bars", table["seeds"]), *notes], inside=inside)
    axes.set(xlabel=text.x, ylabel=text.y)
    return canvas.finish(figure, axes, folder, f"{name}-{setting.slug}", text, table, tick_lines=tick_lines)

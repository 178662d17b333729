"""Figures, one panel each, drawn from a table that is also written as CSV. Nothing is repaired here: what a figure
shows is what its table holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, MaxNLocator

from bench.matching import COUNTED
from bench.metrics import LESS_IS_BETTER
from bench.report import arms, drawing, labels, series, style, translation
from bench.report.drawing import Figure
from bench.report.evidence import Evidence, Setting, given

MATCHED = 0.1
def of_setting(evidence: Evidence, setting: Setting, folder: Path) -> list[Figure]:
    """All figures that a setting has numbers for, written to `folder` as SVG and PNG."""
    with mpl.rc_context({**style.RC, "svg.hashsalt": setting.slug}):
        found = [_scores(evidence, setting, folder)]
        for axis in evidence.axes(setting):
            found += _by_axis(evidence, setting, axis, folder)
        for measure in translation.by_length(evidence, setting):
            found += _by_axis(evidence, setting, "length", folder, measure)
        found += [_learning(evidence, setting, x, folder) for x in ("seconds", "target_tokens")]
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
    figure, axes = drawing.canvas()
    _dots(axes, table, "split", list(dict.fromkeys(table["split"])), "value")
    axes.set_ylabel(labels.label(metric, unit))
    axes.set_xlabel("test split")
    _bounded(axes, unit)
    _chance(axes, evidence, setting, metric)
    return drawing.finish(
        figure, axes, folder, f"seeds-{setting.slug}", f"{labels.words(metric)}: every seed",
        "Each marker is one seed, each bar an arm's mean: a gap counts for more if wide beside the scatter.",
        table,
    )  # fmt: skip


def _by_axis(
    evidence: Evidence, setting: Setting, axis: str, folder: Path, measure: tuple[str, str] | None = None
) -> list[Figure]:
    """One figure where the splits lie side by side on the axis, else one for each split. measure: metric and search;
    None: the headline's."""
    metric, search = measure or series.headline(evidence, setting)
    table = series.by_axis(evidence, setting, axis, metric, search)
    if table.empty:
        return []
    spans = [(rows["at"].min(), rows["at"].max()) for _, rows in table.groupby("split", sort=False)]
    side_by_side = all(one[1] < other[0] or other[1] < one[0] for i, one in enumerate(spans) for other in spans[:i])
    parts = [("", table)] if side_by_side else [(split, rows) for split, rows in table.groupby("split", sort=False)]
    found = []
    bounds = evidence.fact(setting, f"data.train_range.{axis}")
    for split, rows in parts:
        unit = rows["unit"].iloc[0]
        figure, axes = drawing.canvas()
        shaded = isinstance(bounds, list | tuple) and len(bounds) == 2
        if shaded:
            axes.axvspan(*bounds, color=style.SHADE, lw=0, zorder=0)
        for arm in arms.ordered(rows["arm"]):
            for _, line in rows[rows["arm"] == arm].groupby("split", sort=False):
                drawing.line(axes, arm, line["at"], line["mean"])
                drawing.band(axes, arm, line["at"], line["min"], line["max"])
        axes.set_xlabel(labels.axis(axis))
        axes.set_ylabel(labels.label(metric, unit))
        _bounded(axes, unit)
        _chance(axes, evidence, setting, metric)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        where = f", split {split}" if split else ""
        seen = "shaded: seen in training; " if shaded else ""
        extra = [Patch(color=style.SHADE, label="seen in training")] if shaded else []
        name = "-".join(filter(None, [axis, *(measure or ()), setting.slug, split]))
        binned = "points stand at the lower edge of their bin; " if _gap(rows["at"]) > 2 else ""
        stays = "low" if unit in LESS_IS_BETTER else "high"
        caption = (
            f"A line that stays {stays} towards the right holds up as the {axis} grows ({seen}{binned}bands run from the "
            "lowest to the highest seed)."
        )
        title = f"{labels.words(metric)} against {axis}, {search} search{where}"
        drawn = drawing.finish(figure, axes, folder, name, title, caption, rows.reset_index(drop=True), extra)
        found += [drawn] if drawn is not None else []
    return found


def _learning(evidence: Evidence, setting: Setting, x: str, folder: Path) -> Figure | None:
    table = series.learning(evidence, setting)
    if table.empty:
        return None
    figure, axes = drawing.canvas()
    for arm in arms.ordered(table["arm"]):
        for _, line in table[table["arm"] == arm].groupby("cell"):
            drawing.line(axes, arm, line[x], line["valid_loss"], thin=True)
    axes.set_xlabel("training time (seconds)" if x == "seconds" else "target tokens trained on")
    values = evidence.unit(setting, series.headline(evidence, setting)[0]) == "squared error"
    axes.set_ylabel(f"validation loss ({'squared error' if values else 'nats a token'})")
    axes.set_ylim(bottom=0)
    if x != "seconds":
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    against = "time" if x == "seconds" else "data"
    caption = {
        "seconds": "The lowest line at a given time learns fastest on this machine (one line a seed).",
        "target_tokens": "The lowest line at a number of tokens learns most from the same data (one line a seed).",
    }[x]
    name = f"learning-{against}-{setting.slug}"
    return drawing.finish(figure, axes, folder, name, f"Validation loss against {against}", caption, table)


def _parameters(evidence: Evidence, settings: Sequence[Setting], folder: Path) -> Figure | None:
    table = pd.concat([series.against_parameters(evidence, setting) for setting in settings], ignore_index=True)
    table = table.dropna(subset=["parameters", "value"])
    if table.empty:
        return None
    metric, unit, split = (table[name].iloc[0] for name in ("metric", "unit", "split"))
    figure, axes = drawing.canvas()
    for arm in arms.ordered(table["arm"]):
        rows, look = table[table["arm"] == arm], style.look(arm)
        face = look.colour if look.filled else "none"
        axes.scatter(
            rows["parameters"], rows["value"], s=28, marker=look.marker, facecolors=face, edgecolors=look.colour
        )
        means = rows.groupby("target")[["parameters", "value"]].mean()
        axes.plot(means["parameters"], means["value"], color=look.colour, ls=look.line, lw=1)
    axes.set_xlabel("trainable parameters")
    axes.set_ylabel(labels.label(metric, unit))
    low, high = table["parameters"].min(), table["parameters"].max()
    axes.set_xlim(low - MATCHED * high, high + MATCHED * high)  # arms within 5 % of each other stand close together
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    _bounded(axes, unit)
    target = settings[0]
    name = f"parameters-{Setting(target.task, target.budget, -1, target.device, target.rule).slug}"
    caption = (
        "Arms of equal size stand above each other, and the higher is the better (one marker a seed)."
        if target.rule == "params"
        else f"Arms are matched by {COUNTED[target.rule]}: a line joins one arm's sizes (one marker a seed)."
    )
    return drawing.finish(
        figure, axes, folder, name, f"{target.task}: {labels.words(metric)} against parameters, split {split}",
        caption, table,
    )  # fmt: skip


def _speed(evidence: Evidence, setting: Setting, folder: Path) -> Figure | None:
    table = series.speeds(evidence, setting)
    if table.empty:
        return None
    figure, axes = drawing.canvas()
    _dots(axes, table, "what", list(dict.fromkeys(table["what"])), "tokens_per_second")
    axes.set_yscale("log")
    axes.set_ylabel("target tokens a second (log scale)")
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    caption = "Higher is faster; compare within a column: training and decoding are different work (one marker a seed)."
    return drawing.finish(figure, axes, folder, f"speed-{setting.slug}", "Throughput", caption, table)


def _memory(evidence: Evidence, setting: Setting, folder: Path) -> Figure | None:
    table = series.memory(evidence, setting)
    if table.empty:
        return None
    figure, axes = drawing.canvas()
    _dots(axes, table, "what", list(dict.fromkeys(table["what"])), "mebibytes")
    axes.set_ylabel("peak memory (MiB)")
    axes.set_ylim(bottom=0)
    caption = "Lower is cheaper; a process holds its libraries and data as well as the model (one marker a seed)."
    return drawing.finish(figure, axes, folder, f"memory-{setting.slug}", "Peak memory", caption, table)


def _dots(axes: Axes, table: pd.DataFrame, group: str, groups: Sequence[str], value: str) -> None:
    """A column for each group, in it a narrower column for each arm: one marker a seed, a bar at their mean."""
    names = arms.ordered(table["arm"])
    step = 0.8 / max(1, len(names))
    for place, label in enumerate(groups):
        for number, arm in enumerate(names):
            rows, look = table[(table[group] == label) & (table["arm"] == arm)], style.look(arm)
            if rows.empty:
                continue
            x = place + (number - (len(names) - 1) / 2) * step
            face = look.colour if look.filled else "none"
            axes.hlines(rows[value].mean(), x - step * 0.42, x + step * 0.42, color=look.colour, lw=2)
            axes.scatter(
                [x] * len(rows),
                rows[value],
                s=26,
                marker=look.marker,
                facecolors=face,
                edgecolors=look.colour,
                zorder=3,
            )
    axes.set_xticks(range(len(groups)), [labels.wrapped(label) for label in groups])
    axes.set_xlim(-0.5, len(groups) - 0.5)
    axes.grid(visible=False, axis="x")


def _chance(axes: Axes, evidence: Evidence, setting: Setting, metric: str) -> None:
    chance = evidence.fact(setting, f"data.chance.{metric}")
    if given(chance):
        axes.axhline(float(chance), color=style.INK, lw=0.9, ls=(0, (1, 2)), label="chance")


def _bounded(axes: Axes, unit: str) -> None:
    """Shares fill their whole range, so that a small difference does not look large; points begin at zero."""
    if unit == "share":
        axes.set_ylim(-0.03, 1.03)
    else:
        axes.set_ylim(bottom=0)


def _gap(places: pd.Series) -> float:
    """The smallest step between neighbours."""
    steps = pd.Series(sorted(places.unique())).diff().dropna()
    return float(steps.min()) if len(steps) else 1.0

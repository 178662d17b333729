"""The numbers behind the figure of a verdict, as tidy frames: what its comparisons compare."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.analysis import arms
from bench.analysis.comparisons import Comparison, Judgement
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Text
from bench.analysis.speeds import COSTS
from bench.metrics import LESS_IS_BETTER
from bench.report import labels, series


@dataclass(frozen=True)
class Groups:
    """rows: groups of rows under each other, `measure` names the group; words: of each group, by `measure`; left_out:
    number of groups that the figure has no room for."""

    rows: pd.DataFrame
    words: dict[str, str | Text]
    left_out: int


def by_seed(evidence: Evidence, comparisons: Sequence[Comparison], max_rows: int) -> Groups:
    """Scores of single seeds in the unit of the first comparison: one row per thing measured, arm and seed, with the
    arm's `mean` and `chance` (NaN if not recorded). Errors have the sign that they are recorded with."""
    unit = comparisons[0].unit
    sign = -1.0 if unit in LESS_IS_BETTER else 1.0
    measures: dict[tuple, list[Comparison]] = {}
    for each in comparisons:
        if each.unit == unit:
            measures.setdefault(_measure(each), []).append(each)
    names = _names(evidence, [every[0] for every in measures.values()])
    frames = []
    for name, alike in zip(names, measures.values()):
        chance = series.chance(evidence, alike[0].setting, alike[0].metric)
        values = {each.first: each.ours for each in alike} | {each.second: each.theirs for each in alike}
        rows = [
            {"measure": str(name), "arm": arm, "seed": seed, "value": sign * value,
             "mean": sign * sum(values[arm].values()) / len(values[arm]),
             "chance": math.nan if chance is None else chance}
            for arm in arms.ordered(values) for seed, value in values[arm].items()
        ]  # fmt: skip
        frames.append(pd.DataFrame(rows))
    return _fitting(frames, names, max_rows, "arm")


def ratios(evidence: Evidence, judgements: Sequence[Judgement], max_rows: int) -> Groups:
    """Ratios of costs: one row per thing measured and pair of arms, with the 95 % interval over rounds (`low`, `high`;
    NaN for what is counted). `pair` is numerator / denominator, `arm` the arm that gives the colour."""
    measures: dict[tuple, list[Judgement]] = {}
    for each in judgements:
        measures.setdefault(_measure(each.comparison), []).append(each)
    names = _names(evidence, [every[0].comparison for every in measures.values()])
    frames = []
    for name, alike in zip(names, measures.values()):
        rows = []
        for each in alike:
            first, second = each.comparison.first, each.comparison.second
            interval = None if each.difference is None else each.difference.interval
            low, high = (math.nan, math.nan) if interval is None else map(math.exp, interval)
            mean = each.comparison.mean if each.difference is None else each.mean
            rival = second if arms.kind(first) == arms.TRANSFORMER else first
            rows.append({"measure": str(name), "arm": rival, "pair": f"{first} / {second}",
                         "ratio": math.exp(mean), "low": low, "high": high})  # fmt: skip
        frames.append(pd.DataFrame(rows))
    return _fitting(frames, names, max_rows, "pair")


def _measure(comparison: Comparison) -> tuple:
    """What is measured, whatever the arms."""
    return comparison.setting, comparison.metric, comparison.split, comparison.search, str(comparison.part)


def _names(evidence: Evidence, measures: Sequence[Comparison]) -> list[str | Text]:
    """The words for each thing measured: the setting, and everything else in which they differ. A profile is of no
    setting."""
    names: list[str | Text] = []
    settings = set(evidence.settings())
    several = {
        name: len({str(getattr(each, name)) for each in measures}) > 1 for name in ("metric", "split", "search")
    }
    for each in measures:
        parts: list[str | Text] = [evidence.name(each.setting)] if each.setting in settings else []
        if each.split is None:
            parts.append(COSTS[each.metric])
        elif several["metric"]:
            parts.append(labels.metric_name(each.metric))
        parts += [str(getattr(each, name)) for name in ("split", "search") if several[name] and getattr(each, name)]
        parts += [each.part] if each.part else []
        names.append(Joined(parts) if len(parts) > 1 else parts[0])
    return names


def _fitting(frames: Sequence[pd.DataFrame], names: Iterable[str | Text], max_rows: int, row: str) -> Groups:
    """The first groups that fit into `max_rows` rows, at least one. row: the column whose values are rows."""
    kept: list[pd.DataFrame] = []
    words: dict[str, str | Text] = {}
    for frame, name in zip(frames, names):
        if kept and sum(len(set(each[row])) for each in kept) + len(set(frame[row])) > max_rows:
            break
        kept.append(frame)
        words[str(name)] = name
    return Groups(pd.concat(kept, ignore_index=True), words, len(frames) - len(kept))

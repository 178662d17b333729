"""Scores and speeds that two results folders both have: values, differences and their significance.

The unit is the seed. With at least three seeds in common, values are paired by seed (Student's t). Otherwise, with at
least three seeds in each folder, Welch's test compares them unpaired. With fewer seeds nothing is tested. All tests of
a comparison form one family (Holm)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bench.analysis import arms
from bench.analysis.compare.pairs import Side
from bench.analysis.comparisons import FALSE_CALLS, LEAST_SPREAD, MARGIN, MIN_SEEDS
from bench.analysis.evidence import measured_alike
from bench.analysis.settings import Setting
from bench.analysis.signatures import RECORDED, differences
from bench.analysis.speeds import SPEEDS
from bench.analysis.stats import Interval, holm, paired_difference, summary
from bench.analysis.welch import paired, welch
from bench.metrics import comparable

PAIRED, WELCH = "paired by seed", "Welch"
KEYS = ("split", "search", RECORDED, "unit")


@dataclass(frozen=True)
class Value:
    """Mean and bootstrap interval over the seeds of one folder. doubtful: number of cells that fail a sanity gate."""

    mean: float
    interval: Interval | None
    seeds: int
    doubtful: int = 0


@dataclass(frozen=True)
class Score:
    """A score in both folders.

    difference: second minus first, over common seeds if there are any; interval: of the difference, None for one seed.
    test: PAIRED, WELCH, or None without a test; then p, adjusted (by Holm) and significant are None.
    """

    setting: str
    arm: str
    split: str
    search: str
    metric: str
    unit: str
    first: Value
    second: Value
    difference: float
    interval: Interval | None
    test: str | None
    p: float | None
    adjusted: float | None = None
    significant: bool | None = None

    @property
    def same(self) -> bool:
        return self.difference == 0 and self.first == self.second


@dataclass(frozen=True)
class Speed:
    """ratio: second over first, geometric mean over common seeds; interval: of the ratio."""

    setting: str
    arm: str
    what: str
    ratio: float
    interval: Interval | None
    seeds: int


def scores(first: Side, second: Side, matched: Mapping[Setting, Setting]) -> tuple[list[Score], list[str]]:
    """Every score on a whole split that both folders have, and those that are not compared because they were computed
    in different ways, or are undefined."""
    every, left_out = [], []
    for ours, theirs in matched.items():
        one, other, name = _grouped(first, ours), _grouped(second, theirs), first.evidence.name(ours)
        for key in (key for key in one if key in other):
            alike, unlike = _by_signature(one[key], other[key])
            every += [_score(name, (*key[:3], key[3] + label, key[4]), *rows) for label, rows in alike.items()]
            left_out += [f"{name}, {', '.join(key[:4])}: {unlike}"] if unlike else []
        left_out += _undefined(name, first.undefined(ours), second.undefined(theirs))
    adjusted = iter(holm([score.p for score in every if score.p is not None]))
    return [score if score.p is None else _with_adjusted_p(score, next(adjusted)) for score in every], left_out


def _by_signature(one: pd.DataFrame, other: pd.DataFrame) -> tuple[dict[str, tuple[pd.DataFrame, pd.DataFrame]], str]:
    """Rows of one metric in both folders with equal signatures, by what to add to the name of the metric, and the
    signatures that only one folder has, in words ("" if none). A missing signature is like the only other one; beside
    several it is none of them, and said."""
    kinds = [rows["signature"].map(comparable) for rows in (one, other)]
    sets = [set(kind) - {""} for kind in kinds]
    labels = differences(sorted(sets[0] | sets[1]))
    if len(labels) <= 1:
        return {"": (one, other)}, ""
    common = sorted(sets[0] & sets[1])
    alike = {f" ({labels[kind]})": (one[kinds[0] == kind], other[kinds[1] == kind]) for kind in common}
    sides = [", ".join(labels[kind] for kind in sorted(own)) for own in sets]
    words = [f"{sides[0]} in A, {sides[1]} in B"] if sets[0] != sets[1] else []
    unsigned = sum(int((kind == "").sum()) for kind in kinds)
    words += [f"{unsigned} scores without a signature"] if unsigned else []
    return alike, "; ".join(words)


def _undefined(name: str, first: pd.DataFrame, second: pd.DataFrame) -> list[str]:
    """The undefined scores of whole splits in either folder, in words."""
    where: dict[str, list[str]] = {}
    for letter, rows in (("A", first), ("B", second)):
        for row in rows.drop_duplicates(["split", "metric", "reason"]).to_dict("records"):
            where.setdefault(f"{name}, {row['split']}, {row['metric']}: undefined, {row['reason']}", []).append(letter)
    return [f"{what} ({' and '.join(letters)})" for what, letters in where.items()]


def _with_adjusted_p(score: Score, p: float) -> Score:
    return replace(score, adjusted=p, significant=p <= FALSE_CALLS)


def only(own: Side, other: Side, matched: Mapping[Setting, Setting]) -> list[str]:
    """Scores that only `own` has, of arms that both have finished. matched: settings of own -> other."""
    entries = []
    for ours, theirs in matched.items():
        one, rest, finished = _grouped(own, ours), _grouped(other, theirs), set(other.finished(theirs)["arm"])
        entries += [
            f"{own.evidence.name(ours)}, {', '.join(key[:4])}" for key in one if key not in rest and key[0] in finished
        ]
    return entries


def speeds(first: Side, second: Side, matched: Mapping[Setting, Setting]) -> tuple[list[Speed], list[str]]:
    """Ratios of speeds, and the arms whose speeds are not compared because the machines differ."""
    ratios: list[Speed] = []
    unlike: list[str] = []
    for ours, theirs in matched.items():
        one, other, name = first.finished(ours), second.finished(theirs), first.evidence.name(ours)
        common = [arm for arm in arms.ordered(one["arm"]) if arm in set(other["arm"])]
        for arm in common:
            if not measured_alike(*(cells[cells["arm"] == arm] for cells in (one, other))):
                unlike.append(f"{name}, {arm}")
                continue
            for key, what in SPEEDS.items():
                both = [side.evidence.by_seed(cells, arm, key) for side, cells in ((first, one), (second, other))]
                logs = [{seed: math.log(value) for seed, value in medians.items() if value > 0} for medians in both]
                gap = paired_difference(logs[1], logs[0])
                if gap is not None:
                    ends = None if gap.outer is None else (math.exp(gap.outer[0]), math.exp(gap.outer[1]))
                    ratios.append(Speed(name, arm, what, math.exp(gap.mean), ends, gap.n))
    return ratios, unlike


def _grouped(side: Side, setting: Setting) -> dict[tuple[str, ...], pd.DataFrame]:
    """Rows by arm, split, search, metric and unit, arms in the fixed order."""
    rows = side.scores(setting)
    return {
        (arm, *map(str, key)): part
        for arm in arms.ordered(rows["arm"])
        for key, part in rows[rows["arm"] == arm].groupby(list(KEYS), sort=False, dropna=False)
    }


def _score(setting: str, key: tuple[str, ...], one: pd.DataFrame, other: pd.DataFrame) -> Score:
    first, second = (_by_seed(rows) for rows in (one, other))
    test: str | None = None
    p: float | None = None
    interval: Interval | None
    gap = paired_difference(second, first)
    if gap is not None:
        difference, interval = gap.mean, gap.outer
    else:
        difference, interval = _mean(second) - _mean(first), None
    if gap is not None and gap.n >= MIN_SEEDS:
        # Scores have steps: one example more right in every seed is no difference without noise.
        tested = paired(second, first, least=LEAST_SPREAD * MARGIN.get(key[-1], 0.0))
        assert tested is not None
        test, p = PAIRED, tested.p
    elif min(len(first), len(second)) >= MIN_SEEDS:
        test = WELCH
        p, interval = _welch(list(second.values()), list(first.values()))
        difference = _mean(second) - _mean(first)
    arm, split, search, metric, unit = key
    return Score(
        setting,
        arm,
        split,
        search,
        metric,
        unit,
        _value(first, one),
        _value(second, other),
        difference,
        interval,
        test,
        p,
    )


def _by_seed(rows: pd.DataFrame) -> dict[int, float]:
    """seed -> value; the mean if a seed has several cells. A cell without a seed has seed -1."""
    seeds = pd.to_numeric(rows["seed"], errors="coerce").fillna(-1).astype(int)
    return {int(seed): float(value) for seed, value in rows["value"].groupby(seeds).mean().items()}


def _value(values: Mapping[int, float], rows: pd.DataFrame) -> Value:
    description = summary(list(values.values()))
    assert description is not None
    return Value(description.mean, description.interval, description.n, int((rows["doubt"] != "").sum()))


def _mean(values: Mapping[int, float]) -> float:
    return sum(values.values()) / len(values)


def _welch(first: list[float], second: list[float]) -> tuple[float, Interval]:
    if np.ptp(first) == np.ptp(second) == 0:
        gap = first[0] - second[0]
        return (1.0 if gap == 0 else 0.0), (gap, gap)
    difference = welch(first, second)
    assert difference is not None and difference.p is not None and difference.interval is not None
    return difference.p, difference.interval

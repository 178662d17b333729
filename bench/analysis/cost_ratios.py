"""Ratios of costs from a profile in rounds: a paired t test on the logarithms, the round as the unit.

A ratio is true of the machine it was measured on and of no other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats as distributions

from bench.analysis.stats import student_mean
from bench.records.cost_rounds import RoundRow


@dataclass(frozen=True)
class CostRatio:
    """Seconds a target token of the first arm over those of the second. ratio: geometric mean over `rounds` rounds;
    low, high: 95 % interval (Student's t on the logarithms); p: of a ratio of one, two-sided."""

    what: str
    length: int
    first: str
    second: str
    ratio: float
    low: float
    high: float
    p: float
    rounds: int


def cost_ratios(rows: Iterable[RoundRow], first: str, level: float = 0.95) -> list[CostRatio]:
    """The ratios of one arm to each other arm, for every quantity and length that both have in two rounds or more."""
    times: dict[tuple[str, int], dict[str, dict[int, float]]] = {}
    for row in rows:
        by_arm = times.setdefault((row.what, row.length), {})
        by_arm.setdefault(row.arm, {})[row.round] = row.seconds_per_token
    ratios = []
    for (what, length), by_arm in times.items():
        ours = by_arm.get(first, {})
        for second, theirs in by_arm.items():
            common = sorted(ours.keys() & theirs.keys())
            if second != first and len(common) > 1:
                logs = [math.log(ours[number] / theirs[number]) for number in common]
                ratios.append(CostRatio(what, length, first, second, *_paired_t(logs, level), len(common)))
    return ratios


def _paired_t(logs: Sequence[float], level: float) -> tuple[float, float, float, float]:
    """Geometric mean, ends of its interval, and p, of two or more logarithms."""
    values = np.array(logs)
    mean, error, df = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values)), len(values) - 1
    interval = student_mean(values, level)
    assert interval is not None, "two or more values have an interval"
    p = float(2 * distributions.t.sf(abs(mean) / error, df)) if error else float(mean == 0)
    return math.exp(mean), math.exp(interval[0]), math.exp(interval[1]), p

"""Ratios of costs from a profile in rounds: a paired t test on the logarithms, the round as the unit.

A ratio is true of the machine it was measured on and of no other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from bench.analysis.welch import paired
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
                first_logs, second_logs = (
                    {number: math.log(times[number]) for number in common} for times in (ours, theirs)
                )
                test = paired(first_logs, second_logs, level)
                assert test is not None and test.interval is not None and test.p is not None, "two rounds or more"
                low, high = map(math.exp, test.interval)
                ratio = CostRatio(what, length, first, second, math.exp(test.mean), low, high, test.p, len(common))
                ratios.append(ratio)
    return ratios

"""Growth of a cost with length, and the length at which two costs cross. Pure functions of length -> cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Costs = Mapping[int, float]
"""Length -> cost. A cost of zero or below has no logarithm and is ignored."""


@dataclass(frozen=True)
class Slope:
    """value: exponent of the power of length that the cost grows with, fitted to n lengths from low to high."""

    value: float
    low: int
    high: int
    n: int


def slope(costs: Costs) -> Slope | None:
    """The log-log slope by least squares over the upper half of the lengths, the middle one included.

    There, costs that do not depend on length weigh least. None with fewer than two such lengths.

    >>> round(slope({1: 7.0, 2: 7.0, 4: 3 * 4.0**2, 8: 3 * 8.0**2}).value, 6)
    2.0
    """
    positive = sorted((length, cost) for length, cost in costs.items() if cost > 0)
    upper = positive[len(positive) // 2 :]
    if len(upper) < 2:
        return None
    lengths, values = np.log(np.array(upper, dtype=float)).T
    value = np.polyfit(lengths, values, 1)[0]
    return Slope(float(value), upper[0][0], upper[-1][0], len(upper))


ALWAYS, NEVER, FROM, BELOW = "always", "never", "from", "below"


@dataclass(frozen=True)
class Crossover:
    """The lengths at which one cost is above another, within the common lengths from low to high.

    kind: ALWAYS or NEVER within them; FROM `length` on, up to the longest; BELOW `length`, but not at the longest.
    length: interpolated, None for ALWAYS and NEVER. changes: how often the order of the two costs changes; more than
    once means that they are close or that there is no simple answer.
    """

    kind: str
    length: float | None
    low: int
    high: int
    changes: int

    def __str__(self) -> str:
        within = f"{self.low:,} to {self.high:,}"
        text = {
            ALWAYS: f"always within {within}",
            NEVER: f"never within {within}",
            FROM: f"from about {self.length or 0:,.0f} on",
            BELOW: f"below about {self.length or 0:,.0f} only",
        }[self.kind]
        return text + (f" (the order changes {self.changes} times)" if self.changes > 1 else "")


def crossover(ours: Costs, theirs: Costs) -> Crossover | None:
    """The lengths at which `ours` is above `theirs`; None without a common length.

    Between two lengths both costs are interpolated as powers of the length. If the order changes several times, the
    last change counts. Equal is not above.
    """
    common = sorted(length for length in ours.keys() & theirs.keys() if ours[length] > 0 and theirs[length] > 0)
    if not common:
        return None
    gaps = [math.log(ours[length] / theirs[length]) for length in common]
    above = [gap > 0 for gap in gaps]
    changes = [place for place in range(1, len(common)) if above[place] != above[place - 1]]
    low, high = common[0], common[-1]
    if not changes:
        return Crossover(ALWAYS if above[0] else NEVER, None, low, high, 0)
    length = _zero(common[changes[-1] - 1 : changes[-1] + 1], gaps[changes[-1] - 1 : changes[-1] + 1])
    return Crossover(FROM if above[-1] else BELOW, length, low, high, len(changes))


def _zero(lengths: Sequence[int], gaps: Sequence[float]) -> float:
    """The zero of the line through two points (log length, gap). The gaps differ in sign, or one is zero."""
    (before, after), (first, second) = map(math.log, lengths), gaps
    return math.exp(before + (after - before) * first / (first - second))

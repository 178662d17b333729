"""When a score solves a task, on a scale from chance to perfect."""

from __future__ import annotations

from collections.abc import Iterable

from bench.metrics import LESS_IS_BETTER

SOLVED = 0.9
"""A score at or above this counts as solved: 90 % right, or a tenth of the error of guessing."""

APART = 0.3
"""Seeds of one arm on both sides of SOLVED, and this far apart, either solve the task or do not."""

FULL_MARKS = {"share": 1.0, "points": 100.0}
"""The perfect score by unit, of scores whose chance does not matter."""


def scale(value: float, chance: float, unit: str) -> float:
    """(value - chance) / (perfect - chance): 0 is guessing, 1 is perfect, below 0 is worse than guessing (Deletang et
    al. 2023). Where a guess is perfect, as of a single fact, every value is 0.

    >>> scale(0.75, 0.5, "share"), scale(0.0625, 0.25, "squared error"), scale(1.0, 1.0, "share")
    (0.5, 0.75, 0.0)
    """
    perfect = 0.0 if unit in LESS_IS_BETTER else FULL_MARKS.get(unit, 1.0)
    if perfect == chance:
        return 0.0
    return (value - chance) / (perfect - chance)


def is_solved(value: float, chance: float, unit: str) -> bool:
    """Whether a score solves the task. Chance matters for errors only, whose size means nothing by itself."""
    if unit in LESS_IS_BETTER:
        return scale(value, chance, unit) >= SOLVED
    return value >= SOLVED * FULL_MARKS.get(unit, 1.0)


def solve_or_not(scores: Iterable[float], unit: str = "share") -> bool:
    """Whether some seeds of an arm solve a task and others do not, so that their noise is not normal. unit: one of
    FULL_MARKS; in other units never.

    >>> solve_or_not([1.0, 0.99, 0.5]), solve_or_not([0.91, 0.88, 0.93]), solve_or_not([])
    (True, False, False)
    >>> solve_or_not([97.0, 45.0, 98.0], "points")
    True
    """
    values = [score / FULL_MARKS[unit] for score in scores] if unit in FULL_MARKS else []
    return bool(values) and min(values) < SOLVED <= max(values) and max(values) - min(values) >= APART

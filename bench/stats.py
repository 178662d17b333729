"""Small statistics over seeds: pure functions, an explicit seed, and the unit of resampling in every docstring.

With few seeds a percentile bootstrap is too narrow: with three values its 95 % interval is about their minimum to their
maximum, which misses the true mean once in four times, not once in twenty. Student's interval has the right coverage
there where differences are near normal, so `Difference` carries both, and a difference is called only where both agree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats as distributions

Interval = tuple[float, float]

RESAMPLES = 10_000
SEED = 20_170_612


def bootstrap_mean(
    values: Sequence[float], level: float = 0.95, resamples: int = RESAMPLES, seed: int = SEED
) -> Interval | None:
    """Percentile bootstrap interval of the mean (Efron and Tibshirani 1993, ch. 13). Unit of resampling: one value,
    which is one seed in reports, and one example in `bench.reach`. values (N,). None for fewer than two values: one seed
    says nothing about the spread over seeds. Raises ValueError for a value that is not finite."""
    sample = _finite(values)
    if len(sample) < 2:
        return None
    rows = np.random.default_rng(seed).integers(len(sample), size=(resamples, len(sample)))
    low, high = np.quantile(sample[rows].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def student_mean(values: Sequence[float], level: float = 0.95) -> Interval | None:
    """Student's t interval of the mean; nothing is resampled, the unit is one value (one seed). values (N,). None for
    fewer than two values. Raises ValueError for a value that is not finite."""
    sample = _finite(values)
    if len(sample) < 2:
        return None
    half = float(distributions.t.ppf((1 + level) / 2, len(sample) - 1) * sample.std(ddof=1) / math.sqrt(len(sample)))
    return float(sample.mean()) - half, float(sample.mean()) + half


@dataclass(frozen=True)
class Summary:
    """What is printed of one arm's values. solved: share of values at or above a threshold, None where none is set."""

    n: int
    mean: float
    median: float
    min: float
    max: float
    interval: Interval | None
    solved: float | None = None


def summary(values: Sequence[float], solved_at: float | None = None, seed: int = SEED) -> Summary | None:
    """Mean, median, minimum, maximum, bootstrap interval and solved share. Unit of resampling: one value (one seed).
    values (N,); None for no values. Raises ValueError for a value that is not finite."""
    sample = _finite(values)
    if not len(sample):
        return None
    return Summary(
        n=len(sample),
        mean=float(sample.mean()),
        median=float(np.median(sample)),
        min=float(sample.min()),
        max=float(sample.max()),
        interval=bootstrap_mean(sample, seed=seed),
        solved=None if solved_at is None else float((sample >= solved_at).mean()),
    )


@dataclass(frozen=True)
class Difference:
    """First arm minus second arm over the seeds that both have.

    interval: bootstrap; student: Student's t; both None for one seed. effect: mean difference over the standard
    deviation of the differences (Cohen's d_z), None where that deviation is zero or there is one seed.
    """

    n: int
    mean: float
    interval: Interval | None
    student: Interval | None
    effect: float | None

    @property
    def outer(self) -> Interval | None:
        """The smallest interval that holds both; None for one seed."""
        if self.interval is None or self.student is None:
            return None
        return min(self.interval[0], self.student[0]), max(self.interval[1], self.student[1])


def paired_difference(
    first: Mapping[int, float], second: Mapping[int, float], level: float = 0.95, seed: int = SEED
) -> Difference | None:
    """Mean of first - second over common seeds. Unit of resampling: one seed, with both arms' values for it together.

    first, second: seed -> value. None where no seed is common. Raises ValueError for a value that is not finite.
    """
    common = sorted(set(first) & set(second))
    if not common:
        return None
    gaps = _finite([first[key] - second[key] for key in common])
    spread = float(gaps.std(ddof=1)) if len(gaps) > 1 else 0.0
    # Equal differences leave rounding noise in the deviation; dividing by it would print an effect of 1e15.
    negligible = spread <= 1e-12 * max(1.0, float(np.abs(gaps).max()))
    return Difference(
        n=len(gaps),
        mean=float(gaps.mean()),
        interval=bootstrap_mean(gaps, level, seed=seed),
        student=student_mean(gaps, level),
        effect=None if negligible else float(gaps.mean()) / spread,
    )


def _finite(values: Sequence[float]) -> np.ndarray:
    sample = np.asarray(values, dtype=float)
    if not np.isfinite(sample).all():
        raise ValueError(f"statistics need finite values, got {sample[~np.isfinite(sample)][0]}")
    return sample

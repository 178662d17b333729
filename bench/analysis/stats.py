"""Statistics over seeds: intervals of one arm, paired differences, Holm's correction. Pure functions with explicit
seeds.

Every docstring and result names its unit of resampling. A percentile bootstrap is too narrow for few seeds: the 95 %
interval of three values runs about from their minimum to their maximum and misses the true mean once in four times,
not once in twenty. The bootstrap therefore describes one arm. Two arms are compared by Welch's t test
(`bench.analysis.welch`), whose coverage is right at few seeds if the noise over seeds is nearly normal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats as distributions

Interval = tuple[float, float]

RESAMPLES = 10_000
SEED = 20_170_612

SEED_UNIT, ROUND_UNIT = "seed", "round"
"""What a result rests on: seeds, which are resampled here, or the rounds of a profile, which are paired."""

ONE_SEED = "one seed: no interval over seeds"
"""The reason of a result without interval and p."""


def bootstrap_mean(
    values: Sequence[float] | np.ndarray, level: float = 0.95, resamples: int = RESAMPLES, seed: int = SEED
) -> Interval | None:
    """Percentile bootstrap interval of the mean (Efron and Tibshirani 1993, ch. 13).

    Unit of resampling: one value, which is one seed in reports and one example in `bench.diagnostics.reach`. values
    (N,). None for fewer than two values, since one seed has no spread. Raises ValueError for a value that is not
    finite."""
    sample = finite(values)
    if len(sample) < 2:
        return None
    rows = np.random.default_rng(seed).integers(len(sample), size=(resamples, len(sample)))
    low, high = np.quantile(sample[rows].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def student_mean(values: Sequence[float] | np.ndarray, level: float = 0.95) -> Interval | None:
    """Student's t interval of the mean. Nothing is resampled; the unit is one value (one seed).

    values (N,). None for fewer than two values. Raises ValueError for a value that is not finite.
    """
    sample = finite(values)
    if len(sample) < 2:
        return None
    half = float(distributions.t.ppf((1 + level) / 2, len(sample) - 1) * sample.std(ddof=1) / math.sqrt(len(sample)))
    return float(sample.mean()) - half, float(sample.mean()) + half


@dataclass(frozen=True)
class Summary:
    """Description of one arm's values. reason: why there is no interval, else ""; unit: of resampling."""

    n: int
    mean: float
    min: float
    max: float
    interval: Interval | None
    reason: str = ""
    unit: str = SEED_UNIT


def summary(values: Sequence[float] | np.ndarray, seed: int = SEED) -> Summary | None:
    """Mean, minimum, maximum and bootstrap interval. Unit of resampling: one value (one seed).

    values (N,); None for no values. Raises ValueError for a value that is not finite.
    """
    sample = finite(values)
    if not len(sample):
        return None
    return Summary(
        n=len(sample),
        mean=float(sample.mean()),
        min=float(sample.min()),
        max=float(sample.max()),
        interval=bootstrap_mean(sample, seed=seed),
        reason=ONE_SEED if len(sample) == 1 else "",
    )


@dataclass(frozen=True)
class PairedDifference:
    """First minus second over the seeds that both have.

    interval: bootstrap; student: Student's t; both None for one seed. reason: why they are None, else "".
    """

    n: int
    mean: float
    interval: Interval | None
    student: Interval | None
    reason: str = ""
    unit: str = SEED_UNIT

    @property
    def outer(self) -> Interval | None:
        """The smallest interval that contains both; None for one seed."""
        if self.interval is None or self.student is None:
            return None
        return min(self.interval[0], self.student[0]), max(self.interval[1], self.student[1])


def paired_difference(
    first: Mapping[int, float], second: Mapping[int, float], level: float = 0.95, seed: int = SEED
) -> PairedDifference | None:
    """Mean of first - second over common seeds. Unit of resampling: one seed, with both values of it together.

    For values that share more than the number of the seed, such as two measurements of one trained model. first,
    second: seed -> value. None without a common seed. Raises ValueError for a value that is not finite.
    """
    common = sorted(set(first) & set(second))
    if not common:
        return None
    gaps = finite([first[key] - second[key] for key in common])
    return PairedDifference(
        n=len(gaps),
        mean=float(gaps.mean()),
        interval=bootstrap_mean(gaps, level, seed=seed),
        student=student_mean(gaps, level),
        reason=ONE_SEED if len(gaps) == 1 else "",
    )


def holm(values: Sequence[float]) -> list[float]:
    """Adjusted p of a family of tests, in the same order (Holm 1979).

    If every test with an adjusted p of at most 0.05 is called significant, the probability of any false call in the
    family is at most 0.05, however the tests depend on each other.
    """
    order = sorted(range(len(values)), key=lambda place: values[place])
    adjusted, highest = [1.0] * len(values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = highest
    return adjusted


def finite(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """The values as (N,) floats. Raises ValueError for one that is not finite."""
    sample = np.asarray(values, dtype=float)
    if not np.isfinite(sample).all():
        raise ValueError(f"statistics need finite values, got {sample[~np.isfinite(sample)][0]}")
    return sample

"""Small statistics: pure functions, an explicit seed, and the unit of resampling in every result and docstring.

With few seeds a percentile bootstrap is too narrow: with three values its 95 % interval is about their minimum to their
maximum, which misses the true mean once in four times, not once in twenty. And no permutation of three values against
three gives a p below 0.1. So differences between arms are tested by Welch's t (`welch`), whose coverage is right at few
seeds where their noise is near normal; the bootstrap describes one arm, and permutations serve where seeds are many.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from scipy import optimize, special
from scipy import stats as distributions

Interval = tuple[float, float]

RESAMPLES = 10_000
SEED = 20_170_612

OF_SEEDS, NESTED = "seed", "seed, and within it segment"
"""Units of resampling."""

ONE_SEED = "one seed: no interval over seeds"
"""The reason a result gives for having no interval and no p."""


def bootstrap_mean(
    values: Sequence[float], level: float = 0.95, resamples: int = RESAMPLES, seed: int = SEED
) -> Interval | None:
    """Percentile bootstrap interval of the mean (Efron and Tibshirani 1993, ch. 13). Unit of resampling: one value,
    which is one seed in reports, and one example in `bench.diagnostics.reach`. values (N,). None for fewer than two values: one seed
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
    """What is printed of one arm's values. solved: share of values at or above a threshold, None where none is set;
    reason: why there is no interval, "" where there is one; unit: of resampling."""

    n: int
    mean: float
    median: float
    min: float
    max: float
    interval: Interval | None
    solved: float | None = None
    reason: str = ""
    unit: str = OF_SEEDS


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
        reason=ONE_SEED if len(sample) == 1 else "",
    )


@dataclass(frozen=True)
class Nested:
    """A mean over seeds of scores of single segments. n: seeds; interval None, with a reason, for one seed."""

    mean: float
    n: int
    interval: Interval | None
    reason: str = ""
    unit: str = NESTED


def nested_mean(
    scores: Mapping[int, Sequence[float]], level: float = 0.95, resamples: int = 2_000, seed: int = SEED
) -> Nested | None:
    """Hierarchical bootstrap of the mean (Davison and Hinkley 1997, section 3.8; Saravanan et al. 2020). Unit of
    resampling: the seed, and within each seed drawn its segments, so that the interval holds the chance of training
    and of the test set.

    scores: seed -> score of each segment, at least one. None for no seeds. Raises ValueError for a value that is not
    finite.
    """
    samples = [_finite(values) for values in scores.values()]
    if not samples:
        return None
    mean = float(np.mean([sample.mean() for sample in samples]))
    if len(samples) == 1:
        return Nested(mean, 1, None, ONE_SEED)
    generator = np.random.default_rng(seed)
    drawn = generator.integers(len(samples), size=(resamples, len(samples)))
    means = [
        np.mean(
            [(sample := samples[place])[generator.integers(len(sample), size=len(sample))].mean() for place in row]
        )
        for row in drawn
    ]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Nested(mean, len(samples), (float(low), float(high)))


@dataclass(frozen=True)
class Difference:
    """First arm minus second arm over the seeds that both have.

    interval: bootstrap; student: Student's t; both None for one seed. effect: mean difference over the standard
    deviation of the differences (Cohen's d_z), None where that deviation is zero or there is one seed. p: two-sided, by
    flips of signs, None for one seed. reason: why these are None, "" where they are not.
    """

    n: int
    mean: float
    interval: Interval | None
    student: Interval | None
    effect: float | None
    p: float | None
    reason: str = ""
    unit: str = OF_SEEDS

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

    For values that a seed has in common beyond its number, such as two measurements of one trained model. first,
    second: seed -> value. None where no seed is common. Raises ValueError for a value that is not finite.
    """
    common = sorted(set(first) & set(second))
    if not common:
        return None
    gaps = _finite([first[key] - second[key] for key in common])
    spread = float(gaps.std(ddof=1)) if len(gaps) > 1 else 0.0
    return Difference(
        n=len(gaps),
        mean=float(gaps.mean()),
        interval=bootstrap_mean(gaps, level, seed=seed),
        student=student_mean(gaps, level),
        effect=None if _negligible(spread, gaps) else float(gaps.mean()) / spread,
        p=sign_flip(gaps, seed=seed),
        reason=ONE_SEED if len(gaps) == 1 else "",
    )


@dataclass(frozen=True)
class Unpaired:
    """First arm minus second arm, each over its own seeds. n: seeds of both; mean: of the difference.

    error: of the mean, with degrees of freedom df; interval and two-sided p: Welch's t. effect: Hedges' g, None where
    neither arm varies. All are None, with a reason, where an arm has one seed.
    """

    n: tuple[int, int]
    mean: float
    interval: Interval | None = None
    effect: float | None = None
    p: float | None = None
    error: float | None = None
    df: float | None = None
    reason: str = ""
    unit: str = OF_SEEDS

    def within(self, margin: float) -> float | None:
        """p of the hypothesis that the true difference is at least the margin, one way or the other: the larger of two
        one-sided tests (Schuirmann 1987). None where an arm has one seed."""
        if self.error is None or self.df is None:
            return None
        return float(special.stdtr(self.df, (abs(self.mean) - margin) / self.error))


@dataclass(frozen=True)
class Spread:
    """What is known of a variance over seeds before an arm is looked at: it is worth df degrees of freedom; of all arms
    together there are `pooled`. least: a standard deviation below it is taken for it, since a few values that agree to
    the last digit do not show that there is no noise."""

    variance: float = 0.0
    df: float = 0.0
    pooled: float = math.inf
    least: float = 1e-12

    def moderated(self, sample: np.ndarray) -> tuple[float, float]:
        """The variance of at least two values, drawn towards the others', and its degrees of freedom. The others weigh at
        most as much as the values themselves, for how alike the arms are is itself only estimated."""
        own, df = _variance(sample, self.least), len(sample) - 1
        weight = min(self.df, df)
        return (weight * self.variance + df * own) / (weight + df), weight + df


def common_spread(samples: Iterable[Sequence[float]], least: float = 1e-12) -> Spread:
    """How alike the variances of samples are, by the moments of their logarithms (Smyth 2004, section 6.2): many degrees
    of freedom where they differ no more than chance makes them, hardly any where they differ much.

    samples: values over seeds, one sample an arm; those of one value say nothing. With fewer than two nothing is known.
    """
    held = [_finite(sample) for sample in samples]
    held = [sample for sample in held if len(sample) > 1]
    if len(held) < 2:
        return Spread(least=least)
    half = np.array([(len(sample) - 1) / 2 for sample in held])
    logs = np.log([_variance(sample, least) for sample in held]) - special.digamma(half) + np.log(half)
    excess = float(logs.var(ddof=1) - special.polygamma(1, half).mean())
    pooled = float(2 * half.sum())
    if excess <= 0:
        return Spread(float(np.exp(logs.mean())), math.inf, pooled, least)
    other = optimize.brentq(lambda x: float(special.polygamma(1, x)) - excess, 1e-6, 1e9)
    variance = float(np.exp(logs.mean() + special.digamma(other) - math.log(other)))
    return Spread(variance, 2 * other, pooled, least)


def welch(
    first: Sequence[float], second: Sequence[float], level: float = 0.95, spread: Spread = Spread()
) -> Unpaired | None:
    """Welch's t test of first - second (Welch 1947), each variance moderated by what is known of others (Smyth 2004); with
    the default it is Welch's own. Nothing is resampled; the unit is one value (one seed).

    first (N,), second (M,): independent values; a positive correlation between them only makes p too large. None where
    an arm has no value. Raises ValueError for a value that is not finite.
    """
    ours, theirs = _finite(first), _finite(second)
    if not len(ours) or not len(theirs):
        return None
    mean = float(ours.mean() - theirs.mean())
    n = len(ours), len(theirs)
    if min(n) == 1:
        return Unpaired(n, mean, reason=ONE_SEED)
    known = [spread.moderated(sample) for sample in (ours, theirs)]
    shares = [variance / size for (variance, _), size in zip(known, n)]
    error = math.sqrt(sum(shares))
    df = min(sum(shares) ** 2 / sum(share**2 / own for share, (_, own) in zip(shares, known)), spread.pooled)
    half = float(special.stdtrit(df, (1 + level) / 2)) * error
    p = float(2 * special.stdtr(df, -abs(mean) / error))
    return Unpaired(n, mean, (mean - half, mean + half), hedges_g(ours, theirs), p, error, df)


def hedges_g(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Difference of means over the pooled standard deviation, with the exact correction for small samples (Hedges 1981).
    None with fewer than two values an arm, or where neither varies."""
    ours, theirs = _finite(first), _finite(second)
    df = len(ours) + len(theirs) - 2
    if min(len(ours), len(theirs)) < 2:
        return None
    spread = math.sqrt((ours.var(ddof=1) * (len(ours) - 1) + theirs.var(ddof=1) * (len(theirs) - 1)) / df)
    if _negligible(spread, np.concatenate([ours, theirs])):
        return None
    correction = math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)
    return float(ours.mean() - theirs.mean()) / spread * correction


def sign_flip(gaps: Sequence[float], resamples: int = RESAMPLES, seed: int = SEED) -> float | None:
    """Two-sided p that paired differences are symmetric around zero (Fisher 1935). Unit: one difference (one seed); its
    sign is flipped: in all ways where these are at most `resamples`, which is exact, else in random ones.

    gaps (N,). None for fewer than two. With N differences p is at least 2 / 2^N. Raises ValueError for a value that is
    not finite.
    """
    sample = _finite(gaps)
    if len(sample) < 2:
        return None
    if 2 ** len(sample) <= resamples:
        signs = np.array(list(product((1.0, -1.0), repeat=len(sample))))
        return _as_far(signs @ sample)
    signs = np.random.default_rng(seed).choice((1.0, -1.0), size=(resamples, len(sample)))
    return _as_far(np.concatenate([[sample.sum()], signs @ sample]))


def permutation(
    first: Sequence[float], second: Sequence[float], resamples: int = RESAMPLES, seed: int = SEED
) -> float | None:
    """Two-sided p that two samples have one distribution, by their difference of means. Unit: one value (one seed); it
    changes sides: in all ways where these are at most `resamples`, which is exact, else in random ones.

    first (N,), second (M,). None with fewer than two values an arm. Raises ValueError for a value that is not finite.
    """
    ours, theirs = _finite(first), _finite(second)
    if min(len(ours), len(theirs)) < 2:
        return None
    every, size = np.concatenate([ours, theirs]), len(ours)
    if math.comb(len(every), size) <= resamples:
        sides = np.array(list(combinations(range(len(every)), size)))
    else:
        shuffled = np.random.default_rng(seed).permuted(np.tile(np.arange(len(every)), (resamples, 1)), axis=1)
        sides = np.concatenate([[np.arange(size)], shuffled[:, :size]])
    sums = every[sides].sum(axis=1)
    return _as_far(sums / size - (every.sum() - sums) / len(theirs))


def holm(values: Sequence[float]) -> list[float]:
    """Adjusted p of a family (Holm 1979): calling those at or below 0.05 leaves a chance of at most 0.05 of any false
    call in the family, whatever the dependence between its tests. values: p of each, in any order."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    adjusted, highest = [1.0] * len(values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = highest
    return adjusted


def _as_far(differences: np.ndarray) -> float:
    """Share of differences at least as far from zero as the first, the one observed. Equal ones count in spite of
    rounding."""
    far = np.abs(differences)
    return float((far >= far[0] * (1 - 1e-9)).mean())


def _variance(sample: np.ndarray, least: float) -> float:
    return max(float(sample.var(ddof=1)), least**2)


def _negligible(spread: float, values: np.ndarray) -> bool:
    """Equal values leave rounding noise in a deviation; dividing by it would print an effect of 1e15."""
    return spread <= 1e-12 * max(1.0, float(np.abs(values).max()))


def _finite(values: Sequence[float]) -> np.ndarray:
    sample = np.asarray(values, dtype=float)
    if not np.isfinite(sample).all():
        raise ValueError(f"statistics need finite values, got {sample[~np.isfinite(sample)][0]}")
    return sample

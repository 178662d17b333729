"""Difference of two arms over seeds: Welch's t test with moderated variances, and Hedges' g.

A variance of three values is a poor estimate. The variances of all arms measured in the same way are therefore used
together: each arm's variance is drawn towards a common prior (Smyth 2004). The unit is one value, which is one seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from bench.analysis.stats import ONE_SEED, ROUND_UNIT, SEED_UNIT, Interval, finite

NOISE = 1e-12
"""Rounding leaves so much between equal values, as a share of the values above 1."""

MOST_WEIGHT = 0.25
"""Degrees of freedom of the prior, at most, as a share of the sample's."""


@dataclass(frozen=True)
class WelchDifference:
    """First arm minus second arm, each over its own seeds. n: seeds of both; mean: of the difference.

    error: standard error of the mean, with df degrees of freedom; interval and two-sided p: Welch's t. effect: Hedges'
    g, None if neither arm varies. All are None, with a reason, if an arm has one seed.
    """

    n: tuple[int, int]
    mean: float
    interval: Interval | None = None
    effect: float | None = None
    p: float | None = None
    error: float | None = None
    df: float | None = None
    reason: str = ""
    unit: str = SEED_UNIT

    def equivalence_p(self, margin: float) -> float | None:
        """p of the hypothesis that the true difference is at least the margin in either direction: the larger p of two
        one-sided tests (Schuirmann 1987). None if an arm has one seed."""
        if self.error is None or self.df is None:
            return None
        return float(special.stdtr(self.df, (abs(self.mean) - margin) / self.error))


@dataclass(frozen=True)
class VariancePrior:
    """Prior of an arm's variance over seeds, worth df degrees of freedom (Smyth 2004: s_0^2 and d_0).

    pooled: degrees of freedom of all arms together, the most that a test may have. least: the smallest standard
    deviation that counts, because a few equal values do not show that there is no noise.
    """

    variance: float = 0.0
    df: float = 0.0
    pooled: float = math.inf
    least: float = 1e-12

    def moderated(self, sample: np.ndarray) -> tuple[float, float]:
        """Variance of a sample of at least two values, drawn towards the prior, and its degrees of freedom.

        The prior weighs at most a quarter of the sample, because it is itself only an estimate: with as much weight as
        the sample, arms of unequal spread gave nearly twice as many false calls, and hardly more true ones
        (tests/unit/false_verdicts.py).
        """
        own, df = _variance(sample, self.least), len(sample) - 1
        weight = min(self.df, MOST_WEIGHT * df)
        return (weight * self.variance + df * own) / (weight + df), weight + df


def variance_prior(samples: Iterable[Sequence[float]], least: float = 1e-12) -> VariancePrior:
    """The prior that fits the variances of samples, by the moments of their logarithms (Smyth 2004, section 6.2).

    It has many degrees of freedom if the variances differ no more than by chance, and few if they differ much.
    samples: values over seeds, one sample for each arm. Samples of one value do not count; fewer than two samples give
    a prior without weight."""
    arrays = [sample for sample in map(finite, samples) if len(sample) > 1]
    if len(arrays) < 2:
        return VariancePrior(least=least)
    half = np.array([(len(sample) - 1) / 2 for sample in arrays])
    logs = np.log([_variance(sample, least) for sample in arrays]) - special.digamma(half) + np.log(half)
    excess = float(logs.var(ddof=1) - special.polygamma(1, half).mean())
    pooled = float(2 * half.sum())
    if excess <= 0:
        return VariancePrior(float(np.exp(logs.mean())), math.inf, pooled, least)
    prior_half = optimize.brentq(lambda x: float(special.polygamma(1, x)) - excess, 1e-6, 1e9)
    variance = float(np.exp(logs.mean() + special.digamma(prior_half) - math.log(prior_half)))
    return VariancePrior(variance, 2 * prior_half, pooled, least)


def welch(
    first: Sequence[float], second: Sequence[float], level: float = 0.95, prior: VariancePrior = VariancePrior()
) -> WelchDifference | None:
    """Welch's t test of first - second (Welch 1947) with variances moderated by a prior (Smyth 2004).

    The default prior has no weight and gives Welch's own test. Nothing is resampled; the unit is one value (one seed).
    first (N,), second (M,): independent values; a positive correlation between them only makes p too large. None if an
    arm has no value. Raises ValueError for a value that is not finite.
    """
    ours, theirs = finite(first), finite(second)
    if not len(ours) or not len(theirs):
        return None
    mean = float(ours.mean() - theirs.mean())
    n = len(ours), len(theirs)
    if min(n) == 1:
        return WelchDifference(n, mean, reason=ONE_SEED)
    moderated = [prior.moderated(sample) for sample in (ours, theirs)]
    shares = [variance / size for (variance, _), size in zip(moderated, n)]
    error = math.sqrt(sum(shares))
    df = min(sum(shares) ** 2 / sum(share**2 / own for share, (_, own) in zip(shares, moderated)), prior.pooled)
    half = float(special.stdtrit(df, (1 + level) / 2)) * error
    p = float(2 * special.stdtr(df, -abs(mean) / error))
    return WelchDifference(n, mean, (mean - half, mean + half), hedges_g(ours, theirs), p, error, df)


def paired(
    first: Mapping[int, float], second: Mapping[int, float], level: float = 0.95, least: float = 0.0
) -> WelchDifference | None:
    """Student's t test of first - second, paired by key: the unit is one key, which is one round of a profile.

    least: the standard deviation of differences that are all equal, as those of scores with few steps may be. None
    without a common key. Without `least`, equal differences have an interval of length 0 and p 0, or 1 at a mean of 0.
    """
    common = sorted(first.keys() & second.keys())
    if not common:
        return None
    values = finite([first[key] - second[key] for key in common])
    mean, n = float(values.mean()), len(values)
    if n == 1:
        return WelchDifference((1, 1), mean, reason=ONE_SEED, unit=ROUND_UNIT)
    df = n - 1
    deviation = float(values.std(ddof=1))
    if np.ptp(values) <= NOISE * max(1.0, float(np.abs(values).max())):
        if least == 0.0 or abs(mean) <= NOISE:
            p = 1.0 if abs(mean) <= NOISE else 0.0
            return WelchDifference((n, n), mean, (mean, mean), None, p, 1e-15, df, unit=ROUND_UNIT)
        deviation = least
    error = deviation / math.sqrt(n)
    half = float(special.stdtrit(df, (1 + level) / 2)) * error
    p = float(2 * special.stdtr(df, -abs(mean) / error))
    return WelchDifference((n, n), mean, (mean - half, mean + half), None, p, error, df, unit=ROUND_UNIT)


def hedges_g(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> float | None:
    """Difference of means over the pooled standard deviation, with the exact small-sample correction (Hedges 1981).

    None if an arm has fewer than two values or neither arm varies.
    """
    ours, theirs = finite(first), finite(second)
    df = len(ours) + len(theirs) - 2
    if min(len(ours), len(theirs)) < 2:
        return None
    spread = math.sqrt((ours.var(ddof=1) * (len(ours) - 1) + theirs.var(ddof=1) * (len(theirs) - 1)) / df)
    # Equal values leave rounding noise in the deviation; dividing by it would print an effect of 1e15.
    if spread <= NOISE * max(1.0, float(np.abs(np.concatenate([ours, theirs])).max())):
        return None
    correction = math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)
    return float(ours.mean() - theirs.mean()) / spread * correction


def _variance(sample: np.ndarray, least: float) -> float:
    return max(float(sample.var(ddof=1)), least**2)

"""Statistics against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as distributions

from bench.analysis import stats
from bench.analysis.welch import VariancePrior, hedges_g, variance_prior, welch


def test_one_value_has_no_interval():
    assert stats.bootstrap_mean([0.4]) is None
    assert stats.student_mean([0.4]) is None
    summary = stats.summary([0.4])
    assert (summary.n, summary.mean, summary.interval) == (1, 0.4, None)
    gap = stats.paired_difference({1: 0.5}, {1: 0.4})
    assert (gap.n, gap.interval, gap.student, gap.outer) == (1, None, None, None)
    assert gap.mean == pytest.approx(0.1)


def test_bootstrap_of_many_values_is_the_normal_interval():
    sample = np.random.default_rng(0).normal(3.0, 2.0, size=400)
    half = 1.959964 * sample.std() / math.sqrt(400)
    low, high = stats.bootstrap_mean(sample)
    assert low == pytest.approx(sample.mean() - half, abs=0.02)
    assert high == pytest.approx(sample.mean() + half, abs=0.02)


def test_bootstrap_of_two_values_is_their_range():
    assert stats.bootstrap_mean([1.0, 2.0]) == (1.0, 2.0)  # both equal with probability 1/4 each


def test_bootstrap_matches_exact_binomial_quantiles():
    sample = [0.0] * 10 + [1.0] * 10
    exact = distributions.binom.ppf([0.025, 0.975], 20, 0.5) / 20
    assert stats.bootstrap_mean(sample) == pytest.approx(tuple(exact))


def test_bootstrap_depends_on_its_seed_alone():
    sample = [0.1, 0.5, 0.7, 0.2, 0.9, 0.33, 0.71]
    np.random.seed(1)
    first = stats.bootstrap_mean(sample, seed=0)
    np.random.seed(2)
    assert stats.bootstrap_mean(sample, seed=0) == first
    assert stats.bootstrap_mean(sample, seed=1) != first


@pytest.mark.parametrize("level", [0.9, 0.95, 0.999])
def test_student_is_scipys(level):
    sample = [1.0, 2.5, 2.0, 4.0]
    expected = distributions.t.interval(level, 3, loc=np.mean(sample), scale=distributions.sem(sample))
    assert stats.student_mean(sample, level) == pytest.approx(expected)


def test_summary():
    summary = stats.summary([0.0, 1.0, 1.0, 0.2])
    assert (summary.n, summary.mean, summary.min, summary.max) == (4, 0.55, 0.0, 1.0)
    assert stats.summary([]) is None


def test_paired_difference_takes_common_seeds_only():
    gap = stats.paired_difference({0: 1.0, 1: 2.0, 2: 4.0, 9: 100.0}, {0: 0.5, 1: 1.0, 2: 2.5, 7: -50.0})
    gaps = [0.5, 1.0, 1.5]
    assert (gap.n, gap.mean) == (3, pytest.approx(1.0))
    assert gap.student == pytest.approx(stats.student_mean(gaps))
    assert gap.outer == pytest.approx(gap.student)  # with three seeds Student's interval is the wider one
    assert stats.paired_difference({1: 1.0}, {2: 1.0}) is None


def test_pairing_removes_what_seeds_share():
    """The same noise in both arms: the paired interval is narrow where the arms' own are wide."""
    noise = np.random.default_rng(3).normal(0, 5, size=8)
    first = {seed: 10 + value for seed, value in enumerate(noise)}
    second = {seed: 9 + value for seed, value in enumerate(noise)}
    gap = stats.paired_difference(first, second)
    assert gap.outer == pytest.approx((1.0, 1.0))
    low, high = stats.summary(list(first.values())).interval
    assert high - low > 2


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite"):
        stats.bootstrap_mean([1.0, float("nan")])


def test_outer_interval_covers_the_truth_at_few_seeds():
    """The reason for two intervals: with three seeds the bootstrap alone misses far more than one in twenty."""
    generator = np.random.default_rng(5)
    samples = generator.normal(size=(400, 3))
    covered = {"bootstrap": 0, "outer": 0}
    for sample in samples:
        gap = stats.paired_difference(dict(enumerate(sample)), dict.fromkeys(range(3), 0.0))
        covered["bootstrap"] += gap.interval[0] <= 0 <= gap.interval[1]
        covered["outer"] += gap.outer[0] <= 0 <= gap.outer[1]
    assert covered["bootstrap"] / 400 < 0.85
    assert covered["outer"] / 400 > 0.92


def test_results_name_their_unit_and_why_they_are_empty():
    paired, unpaired = stats.paired_difference({1: 0.5}, {1: 0.4}), welch([0.5], [0.4, 0.3])
    for result in (stats.summary([0.4]), paired, unpaired):
        assert (
            result.reason == "one seed: no interval over seeds" and result.interval is None and "seed" in result.unit
        )
    assert unpaired.p is None and unpaired.effect is None and unpaired.equivalence_p(1.0) is None
    for result in (stats.summary([0.4, 0.5]), welch([1.0, 2.0], [0.0, 1.0])):
        assert result.reason == "" and result.interval is not None
    assert welch([], [1.0]) is None


@pytest.mark.parametrize("level", [0.9, 0.99])
def test_welch_is_scipys(level):
    first, second = [0.61, 0.72, 0.55], [0.41, 0.43, 0.40, 0.47, 0.44]
    difference, expected = welch(first, second, level), distributions.ttest_ind(first, second, equal_var=False)
    assert (difference.p, difference.df) == pytest.approx((expected.pvalue, expected.df))
    assert difference.interval == pytest.approx(tuple(expected.confidence_interval(level)))
    assert difference.n == (3, 5) and difference.mean == pytest.approx(np.mean(first) - np.mean(second))


def test_within_is_two_one_sided_tests():
    first, second = np.array([0.61, 0.62, 0.60]), np.array([0.60, 0.59, 0.61, 0.60])
    sides = [
        distributions.ttest_ind(first + shift, second, equal_var=False, alternative=side).pvalue
        for shift, side in ((0.05, "greater"), (-0.05, "less"))
    ]
    assert welch(first, second).equivalence_p(0.05) == pytest.approx(max(sides))
    assert welch(first, second + 0.2).equivalence_p(0.05) > 0.9


def test_values_without_spread_are_not_taken_at_their_word():
    prior = VariancePrior(least=0.01)
    difference = welch([0.5] * 3, [0.45] * 3, prior=prior)
    assert difference.error == pytest.approx(0.01 * math.sqrt(2 / 3)) and difference.effect is None
    assert difference.p == pytest.approx(2 * distributions.t.sf(0.05 / difference.error, 4))


def test_variance_prior_measures_the_spread_of_variances():
    """Variances drawn as Smyth's model draws them: 0.04 times 8 over a chi square of 8."""
    generator = np.random.default_rng(7)
    drawn = 0.04 * 8 / generator.chisquare(8, size=4000)
    prior = variance_prior(generator.normal(scale=np.sqrt(drawn)[:, None], size=(4000, 4)))
    assert prior.variance == pytest.approx(0.04, rel=0.05) and prior.df == pytest.approx(8, rel=0.15)
    assert prior.pooled == 12_000
    alike = variance_prior(generator.normal(scale=0.2, size=(4000, 4)))
    assert alike.df > 20 and alike.variance == pytest.approx(0.04, rel=0.1)
    apart = variance_prior(generator.normal(scale=10.0 ** generator.uniform(-3, 0, size=(4000, 1)), size=(4000, 4)))
    assert apart.df < 1
    assert variance_prior([[1.0, 2.0]]).df == 0 and variance_prior([[1.0], [2.0], []]).df == 0


def test_a_moderated_variance_lies_between_its_own_and_the_others():
    prior = VariancePrior(variance=4.0, df=100.0, pooled=60.0)
    variance, df = prior.moderated(np.array([1.0, 2.0, 3.0]))
    assert (variance, df) == (pytest.approx((0.5 * 4 + 2) / 2.5), 2.5), "others weigh at most a quarter of the values"
    assert VariancePrior(variance=4.0, df=0.25).moderated(np.array([1.0, 2.0, 3.0])) == (pytest.approx(4 / 3), 2.25)
    difference = welch([1.0, 2.0, 3.0], [5.0, 6.0, 7.0], prior=VariancePrior(4.0, 100.0, 4.5))
    assert difference.df == 4.5, "no more degrees of freedom than all arms together have"


def test_hedges_g():
    first, second = [1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 2.0]
    pooled = math.sqrt((3 * np.var(first, ddof=1) + 2 * np.var(second, ddof=1)) / 5)
    approximate = 1 - 3 / (4 * 5 - 1)  # Hedges' own approximation of the correction
    assert hedges_g(first, second) == pytest.approx(1.5 / pooled * approximate, rel=0.005)
    assert hedges_g([1.0, 1.0], [2.0, 2.0]) is None and hedges_g([1.0], [2.0, 3.0]) is None


def test_holm():
    assert stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert stats.holm([0.5, 0.9]) == [1.0, 1.0] and stats.holm([]) == [] and stats.holm([0.02]) == [0.02]

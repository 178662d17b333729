"""Statistics against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as distributions

from bench import stats


def test_one_value_has_no_interval():
    assert stats.bootstrap_mean([0.4]) is None
    assert stats.student_mean([0.4]) is None
    found = stats.summary([0.4])
    assert (found.n, found.mean, found.interval) == (1, 0.4, None)
    gap = stats.paired_difference({1: 0.5}, {1: 0.4})
    assert (gap.n, gap.interval, gap.student, gap.outer, gap.effect) == (1, None, None, None, None)
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
    found = stats.summary([0.0, 1.0, 1.0, 0.2], solved_at=0.9)
    assert (found.mean, found.median, found.min, found.max, found.solved) == (0.55, 0.6, 0.0, 1.0, 0.5)
    assert stats.summary([]) is None


def test_paired_difference_takes_common_seeds_only():
    gap = stats.paired_difference({0: 1.0, 1: 2.0, 2: 4.0, 9: 100.0}, {0: 0.5, 1: 1.0, 2: 2.5, 7: -50.0})
    gaps = [0.5, 1.0, 1.5]
    assert (gap.n, gap.mean) == (3, pytest.approx(1.0))
    assert gap.effect == pytest.approx(1.0 / np.std(gaps, ddof=1))
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


def test_equal_differences_have_no_effect_size():
    gap = stats.paired_difference({1: 0.3, 2: 0.5, 3: 0.9}, {1: 0.2, 2: 0.4, 3: 0.8})
    assert gap.effect is None and gap.mean == pytest.approx(0.1)


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

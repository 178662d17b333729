"""Verdicts on random result sets: where no arm differs none is said to, and what is planted is found."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from scipy.stats import binom

from bench.analysis.claims import judge
from bench.analysis.comparisons import ABOVE, BELOW, Judgement
from bench.records.store import Records
from tests.unit import null_sets

SETS = 200


def compared(records: Records, letter: str) -> list[Judgement]:
    return next(verdict.comparisons for verdict in judge.verdicts(records) if verdict.letter == letter)


@pytest.mark.slow
def test_no_difference_is_claimed_where_there_is_none():
    """Of 200 sets at most one in twenty may hold a false verdict. Any false call at all may happen in one of twenty,
    and so, of 200 sets, in no more than chance makes of that."""
    verdicts = calls = 0
    for draw in range(SETS):
        of_set = [each for each in judge.verdicts(null_sets.made(draw)) if each.letter != "B"]
        false = [any(judged.call in (ABOVE, BELOW) for judged in each.comparisons) for each in of_set]
        calls += any(false)
        verdicts += any(wrong and each.verdict in ("supported", "refuted") for wrong, each in zip(false, of_set))
        assert all(judged.p_holm is not None for each in of_set for judged in each.comparisons)
    assert verdicts <= SETS * 0.05
    assert calls <= binom.ppf(0.975, SETS, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seeds", "size", "spread"), [(3, 0.20, (0.01, 0.02)), (5, 0.05, (0.01, 0.0101))], ids=["3 seeds", "5 seeds"]
)
def test_a_planted_difference_is_found(seeds, size, spread):
    """Twenty points at three seeds with a spread of one to two; five points at five seeds with a spread of one."""
    planted: Mapping = {("reverse", "lstm_dot"): size}
    calls = []
    for draw in range(0, 20, 2):
        judged = compared(null_sets.made(draw, seeds, planted, spread), "G")
        by_pair = {(each.comparison.setting.task, each.comparison.first): each.call for each in judged}
        calls.append(by_pair.pop(("reverse", "lstm_dot")))
        assert not {ABOVE, BELOW} & set(by_pair.values())
    assert calls.count(ABOVE) >= 9


def test_planted_everywhere_it_is_the_verdict():
    attention = {(task, arm): 0.2 for task in null_sets.SPLITS for arm in ("lstm_dot", "gru_dot")}
    by_letter = {each.letter: each for each in judge.verdicts(null_sets.made(4, 3, attention, (0.01, 0.02)))}
    assert (
        by_letter["G"].verdict == "supported"
        and by_letter["C"].verdict == "refuted"
        and by_letter["H"].verdict == "refuted"
    )
    judged = by_letter["G"].comparisons[0]
    difference = judged.difference
    assert (judged.comparison.first, judged.comparison.second, judged.call) == ("lstm_dot", "lstm_none", ABOVE)
    assert difference.p <= judged.p_holm <= 0.05 and difference.interval[0] < difference.mean < difference.interval[1]
    assert (difference.n, difference.unit) == ((3, 3), "seed") and difference.effect > 1
    assert "by Holm" in by_letter["G"].evidence[0] and "Hedges' g" in by_letter["G"].evidence[0]
    assert f"{judged.family} comparisons of this report" in by_letter["C"].evidence[0]


def test_one_seed_decides_nothing():
    attention = {(task, arm): 0.2 for task in null_sets.SPLITS for arm in ("lstm_dot", "gru_dot")}
    verdicts = judge.verdicts(null_sets.made(4, 1, attention))
    assert {each.verdict for each in verdicts if each.letter != "B"} == {"inconclusive"}
    judged = [one for each in verdicts for one in each.comparisons]
    assert judged and all(one.p_holm is one.difference.p is one.difference.interval is None for one in judged)
    assert {one.difference.reason for one in judged} == {"one seed: no interval over seeds"}


def test_every_comparison_counts_once_in_the_family():
    """Two claims that make one comparison, from either side, make it once; and each says how many there are."""
    verdicts = judge.verdicts(null_sets.made(4, 3))
    every = [judged for each in verdicts for judged in each.comparisons]
    keys = {judged.comparison.key for judged in every}
    assert {judged.family for judged in every} == {len(keys)} and len(keys) < len(every)
    adjusted = {key: {judged.p_holm for judged in every if judged.comparison.key == key} for key in keys}
    assert all(len(values) == 1 for values in adjusted.values())

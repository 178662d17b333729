"""Simulated suites: the shortcut judges as the judge does, few words rest on false calls, and planted effects are
found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import binom

from bench.analysis.claims import judge, primary
from bench.analysis.comparisons import ABOVE, BELOW, LEVEL, OPEN
from tests.unit import false_verdicts, null_suites
from tests.unit.null_suites import AT_MARGIN, KINDS, LETTERS, NORMAL, SOLVE, TRUTHS, UNEQUAL

TENTH = false_verdicts.SUITES // 10
COMMITTED = Path(__file__).parents[2] / "results" / "reference" / "false_verdicts.md"


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_shortcut_judges_as_the_judge_of_reports(kind: str) -> None:
    """The same words, calls and p from whole records as from exchanged scores."""
    short = null_suites.answers_of(3, TRUTHS[kind], kind)
    whole = {each.letter: each for each in judge.verdicts(null_suites.records_of(3, TRUTHS[kind], kind))}
    for letter in LETTERS:
        assert judge.word_of(short[letter]) == whole[letter].verdict
        ours = [answer.judgement for answer in short[letter] if answer.judgement is not None]
        assert len(ours) == len(short[letter]) > 0, "no comparison is missing"
        for one, other in zip(ours, whole[letter].comparisons, strict=True):
            assert (one.call, one.family) == (other.call, other.family)
            assert one.mean == pytest.approx(other.mean, abs=1e-9, nan_ok=True)
            assert (one.p_holm is None) == (other.p_holm is None)
            assert one.p_holm is None or one.p_holm == pytest.approx(other.p_holm, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "screen"), [(NORMAL, False), (UNEQUAL, False), (SOLVE, True), (AT_MARGIN, False)])
def test_few_words_rest_on_a_false_call(kind: str, screen: bool) -> None:
    """A tenth of the committed table: no more than chance makes of one in twenty."""
    count = false_verdicts.false_verdicts(kind, TENTH, screen)
    assert count.words <= false_verdicts.most_false(TENTH)


@pytest.mark.slow
@pytest.mark.parametrize("effect", false_verdicts.EFFECTS)
def test_planted_effects_are_found(effect: str) -> None:
    power = false_verdicts.power(false_verdicts.EFFECTS[effect], false_verdicts.SPREADS[0], TENTH)
    least = binom.ppf(0.01, TENTH, 0.9) / TENTH  # fewer than chance makes of nine in ten
    assert min(power.values()) >= least, power


def test_the_truth_knows_a_false_call() -> None:
    """Counting is tested by hand: calls of every kind against differences of every kind."""
    own = null_suites.answers_of(0)
    key = next(answer for answer in own["H"] if answer.entry.role == primary.KEY)
    nothing, below = null_suites.NULL, null_suites.Truth({("grammar", "lstm_dot"): 0.02})
    for truth, false in ((nothing, {ABOVE, BELOW}), (below, {ABOVE, LEVEL}), (TRUTHS[AT_MARGIN], {BELOW, LEVEL})):
        calls = {
            call: replace(key, judgement=replace(key.judgement, call=call)) for call in (ABOVE, BELOW, LEVEL, OPEN)
        }
        assert {call for call, answer in calls.items() if truth.is_false(answer)} == false


def test_a_word_rests_on_its_key_and_on_what_qualifies_it() -> None:
    own = null_suites.answers_of(1, *_planted())["G"]
    (key,) = (answer for answer in own if answer.entry.role == primary.KEY)
    assert key.supports and false_verdicts.rests_on(own)[0] is key
    contrary = replace(own[1], judgement=replace(own[1].judgement, call=BELOW))
    assert false_verdicts.rests_on([key, contrary, own[2]]) == [key, contrary]
    assert false_verdicts.rests_on([replace(key, judgement=replace(key.judgement, call=OPEN)), contrary]) == []


def _planted() -> tuple:
    return false_verdicts.EFFECTS["half of the pilots'"], NORMAL, false_verdicts.SPREADS[0]


def test_the_committed_table_keeps_the_bound() -> None:
    """What the rules promise: at most 5 % of the suites but for chance, 90 % of effects at the least spread."""
    lines = COMMITTED.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    false = {row[0]: int(row[2].split()[0]) for row in rows if row[0].split(",")[0] in KINDS}
    assert set(false) == {*KINDS, f"{SOLVE}, screened"}
    promised = {kind: count for kind, count in false.items() if kind != SOLVE}
    assert max(promised.values()) <= false_verdicts.most_false(false_verdicts.SUITES) == 35, promised
    smallest = [row[4:] for row in rows if row[0] in false_verdicts.EFFECTS and row[1] == "0.5"]
    assert len(smallest) == 2 and all(int(cell) >= 90 for row in smallest for cell in row), smallest
    assert f"rules version {judge.RULES_VERSION}" in " ".join(lines)

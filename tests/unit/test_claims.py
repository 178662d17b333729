"""Verdicts on made-up records whose truth is planted: found where it is, not claimed where it is not."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest

from bench.analysis import arms, evidence, exploratory
from bench.analysis.claims import architecture, judge, missing, primary, questions
from bench.analysis.claims.answers import Answer, answers
from bench.analysis.comparisons import ABOVE, BELOW, LEVEL, OPEN
from bench.report.tables import exploratory as exploratory_table
from tests.unit import made_records
from tests.unit.made_records import Made, cell, fading

LETTERS = "ABCDEFGH"
T = "transformer positions=rotary"


def text(verdict: judge.Verdict) -> str:
    return " ".join(verdict.evidence)


def words(made: Made) -> dict[str, str]:
    return {each.letter: each.verdict for each in judge.verdicts(made.records())}


def standard(first: str, ours: object, second: str, theirs: object, **options) -> Made:
    """Two arms of another budget than `quick`."""
    return Made("standard").arm(first, ours, **options).arm(second, theirs, **options)


def test_every_claim_has_a_verdict_even_without_any_result():
    made = Made()
    made.cells.append(cell("recall", "transformer", 1, {"status": "skipped", "parameters.feed_forward": None}))
    verdicts = judge.verdicts(made.records())
    assert [each.letter for each in verdicts] == list(LETTERS)
    assert {each.verdict for each in verdicts} == {"not tested"}
    assert all("bench suite quick" in each.sentence and each.sentence == each.needed for each in verdicts)


@pytest.mark.slow
def test_the_pilots_of_quick_decide_every_claim():
    """All eight, as planted; another level of one arm changes the word of its claim."""
    expected = ("qualified", "refuted", "refuted", *["supported"] * 5)
    assert words(made_records.suite()) == dict(zip(LETTERS, expected, strict=True))
    spoken = str(made_records.suite().verdict("A").sentence)
    assert re.search(
        r"But an LSTM with dot attention gets [\d.]+ % of the tokens right, level with the Transformer", spoken
    )
    assert spoken.count("On reverse") == 1, spoken
    levels = made_records.PILOTS | {
        ("reverse", "lstm_dot encoder=uni"): 0.80,
        ("recall", "lstm_dot encoder=uni"): 0.80,
    }
    levels |= {("parity", "lstm_none encoder=uni"): 0.50, ("grammar", "lstm_dot"): 99.0}
    levels |= {("grammar", "transformer n_layers=1 n_heads=1"): 96.0}
    other = words(made_records.suite(levels))
    assert (other["A"], other["C"], other["F"], other["H"]) == ("supported", "supported", "refuted", "refuted")


def test_g_of_quick_is_qualified_by_another_task():
    """Attention matters on one task and not on another: a qualified worth saying."""
    made = Made().arm("lstm_dot encoder=uni", 0.95).arm("lstm_none encoder=uni", 0.46)
    assert made.verdict("G").verdict == "supported"
    for arm in ("lstm_dot encoder=uni", "lstm_none encoder=uni"):
        made.arm(arm, 0.97, task="reverse", noise=0.002)
    outcome = made.verdict("G")
    assert outcome.verdict == "qualified"
    assert "However: On reverse" in outcome.sentence and "without attention" in outcome.sentence


def test_verdicts_are_a_pure_function():
    records = standard("transformer", 0.97, "lstm_none", fading).records()
    before = records.cells.copy()
    assert judge.verdicts(records) == judge.verdicts(records)
    pd.testing.assert_frame_equal(records.cells, before)


def answer(role: str, call: str | None, expects: str = primary.ABOVE) -> Answer:
    """A real answer with another role, expectation and call; None: missing."""
    recorded = evidence.Evidence(standard("lstm_dot", 0.9, "lstm_none", 0.5).records())
    own = answers(recorded, {"G": questions.of_claim(recorded, "G")})["G"][0]
    own = replace(own, question=replace(own.question, entry=replace(own.entry, role=role, expects=expects)))
    return replace(own, judgement=None if call is None else replace(own.judgement, call=call))


@pytest.mark.parametrize(
    ("roles", "word"),
    [
        ([("key", ABOVE)], "supported"), ([("key", BELOW)], "refuted"), ([("key", LEVEL)], "refuted"),
        ([("key", OPEN)], "inconclusive"), ([("key", OPEN), ("qualifies", BELOW)], "inconclusive"),
        ([("key", ABOVE), ("qualifies", ABOVE)], "supported"), ([("key", ABOVE), ("qualifies", LEVEL)], "qualified"),
        ([("key", LEVEL), ("qualifies", BELOW)], "refuted"), ([("key", LEVEL), ("qualifies", ABOVE)], "qualified"),
        ([("key", ABOVE), ("qualifies", OPEN)], "supported"), ([("key", BELOW), ("qualifies", OPEN)], "refuted"),
        ([("key", ABOVE), ("qualifies", None)], "supported"), ([("key", ABOVE), ("beside", BELOW)], "supported"),
        ([("key", ABOVE), ("exploratory", BELOW)], "supported"), ([("exploratory", ABOVE)], "not tested"),
        ([("key", ABOVE), ("key", BELOW)], "qualified"), ([("key", ABOVE), ("key", OPEN)], "inconclusive"),
        ([("key", ABOVE), ("key", None)], "supported"), ([("qualifies", ABOVE)], "not tested"), ([], "not tested"),
    ],
)  # fmt: skip
def test_one_key_decides_and_only_a_contrary_decision_qualifies(roles, word):
    assert judge.word_of([answer(*each) for each in roles]) == word


@pytest.mark.parametrize(("decided", "word"), [(ABOVE, "supported"), (BELOW, "refuted"), (OPEN, "inconclusive")])
def test_a_key_with_too_few_seeds_has_no_say_beside_a_tested_one(decided, word):
    few = answer("key", OPEN)
    seeds = sorted(few.question.comparison.ours)[:2]
    ours, theirs = (
        {seed: own[seed] for seed in seeds} for own in (few.question.comparison.ours, few.question.comparison.theirs)
    )
    few = replace(
        few, question=replace(few.question, comparison=replace(few.question.comparison, ours=ours, theirs=theirs))
    )
    tested = answer("key", decided)
    assert judge.word_of([few, tested]) == judge.word_of([tested, few]) == word
    assert judge._spoken_of([few, tested], decided != OPEN) is tested, "the sentence is of the one that decides"
    assert judge.word_of([few]) == judge.word_of([few, few]) == "inconclusive"


def test_where_the_reference_was_run_its_list_alone_decides():
    """Attention helps on the recall of another budget, and does not in the translations of the reference."""
    recall = Made("standard").arm("lstm_dot", 0.95).arm("lstm_none", 0.3)
    assert recall.verdict("G").verdict == "supported"
    reference = Made("faq")
    for arm in ("lstm_additive", "lstm_none"):
        reference.arm(arm, 30.0, task="multi30k", noise=0.01, searches=("greedy", "beam5"))
    alone = reference.verdict("G")
    assert alone.verdict == "refuted" and alone.roles == ["key"]
    for first, second in ((recall, reference), (reference, recall)):
        both = Made()
        both.cells, both.scores = first.cells + second.cells, first.scores + second.scores
        verdict = both.verdict("G")
        assert verdict.verdict == "refuted" and verdict.roles == ["key"]
        assert "multi30k" in str(verdict.evidence[0]) and any("recall" in str(text) for text in verdict.evidence[1:])


def test_a_claim_without_the_key_of_the_reference_is_left_to_the_other_lists():
    """The reference has one of its comparisons beside the key, and it says the opposite."""
    recall = Made("standard").arm("lstm_dot", 0.95).arm("lstm_none", 0.3)
    beside = Made("faq")
    for arm in ("lstm_dot encoder=uni", "lstm_none encoder=uni"):
        beside.arm(arm, 0.5, noise=0.001)
    assert beside.verdict("G").verdict == "not tested"
    assert "`bench suite faq --out results/runs/faq`" in beside.verdict("G").needed
    for first, second in ((recall, beside), (beside, recall)):
        both = Made()
        both.cells, both.scores = first.cells + second.cells, first.scores + second.scores
        verdict = both.verdict("G")
        assert verdict.verdict == "supported" and verdict.roles[0] == "key"
        assert "faq" not in str(verdict.evidence[0]) and any("faq" in str(text) for text in verdict.evidence[1:])


def test_a_part_of_the_training_pairs_changes_no_word():
    """With all pairs the Transformer is ahead; with few of them the recurrent arms are."""
    all_pairs, few = Made("faq"), Made("faq")
    for arm in ("transformer positions=rotary n_heads=4", "lstm_additive", "gru_additive"):
        is_transformer = arm.startswith("transformer")
        searches = ("greedy", "beam5")
        all_pairs.arm(arm, 38.0 if is_transformer else 35.0, task="multi30k", noise=0.01, searches=searches)
        few.arm(arm, 5.0 if is_transformer else 9.0, task="multi30k", noise=0.01, searches=searches)
    for row in few.cells:
        row["config"]["task"]["train_pairs"] = 1000
        row["cell"] += "-few"
    for row in few.scores:
        row["cell"] += "-few"
    both = Made()
    both.cells, both.scores = all_pairs.cells + few.cells, all_pairs.scores + few.scores
    assert both.verdict("H").verdict == "supported" and both.verdict("H").roles == ["key", "qualifies"]
    texts = [str(text) for text in both.verdict("C").evidence]
    assert sum("train_pairs=1000" in text for text in texts) == 2, texts
    assert few.verdict("H").verdict == "not tested"


@pytest.mark.parametrize(
    ("expects", "call", "supports"),
    [
        ("above", ABOVE, True), ("above", BELOW, False), ("above", LEVEL, False), ("above", OPEN, None),
        ("not above", ABOVE, False), ("not above", BELOW, True), ("not above", LEVEL, True), ("not above", OPEN, None),
    ],
)  # fmt: skip
def test_what_a_claim_expects(expects, call, supports):
    assert answer("key", call, expects).supports is supports


def test_what_stands_beside_is_in_the_evidence_and_not_in_the_sentence():
    """Recurrence wins on parity and not on longer sentences: the second is beside, and qualifies nothing."""
    made = Made().arm("lstm_none encoder=uni", 0.98, task="parity").arm("transformer", 0.5, task="parity")
    made.arm("lstm_dot", 60.0, task="grammar", noise=0.3).arm(
        "transformer n_layers=2", 70.0, task="grammar", noise=0.3
    )
    verdict = made.verdict("C")
    assert verdict.verdict == "refuted" and "grammar" in text(verdict)
    assert "However" not in verdict.sentence and "grammar" not in verdict.sentence


def test_the_scope_names_the_seeds_of_the_arms_compared():
    made = Made("standard").arm("lstm_none", 1.0, task="parity", seeds=(11, 12, 13))
    made.arm("transformer", 0.5, task="parity", seeds=(11, 12, 13)).arm("gru_dot", 0.5, task="parity", seeds=(14,))
    scope = str(made.verdict("C").scope)
    assert "11, 12, 13." in scope and "14" not in scope, "nobody asks about gru_dot"


def test_an_exploratory_comparison_is_in_the_evidence_and_changes_nothing_else():
    """One stack on a word problem stands under claim C where it was run, and is not missed where it was not."""
    made = Made("standard").arm("lstm_none", 0.98, task="parity").arm("transformer", 0.5, task="parity")
    before = made.verdict("C")
    made.arm("lstm_stack", 0.2, task="word_problem").arm("transformer_stack n_layers=4", 0.9, task="word_problem")
    after = made.verdict("C")
    assert "word_problem" in text(after) and "Exploratory" in text(after) and "Exploratory" not in text(before)
    primary, beside = after.evidence_parts
    assert beside and all(sentence.startswith("Exploratory") for sentence in beside)
    assert primary and not any(sentence.startswith("Exploratory") for sentence in primary)
    assert (after.verdict, after.sentence, after.roles) == (before.verdict, before.sentence, before.roles)
    assert [each.p_holm for each in after.comparisons] == [each.p_holm for each in before.comparisons]


@pytest.mark.parametrize(("theirs", "word"), [(0.5, "supported"), (0.97, "refuted"), (0.995, "refuted")])
def test_a_planted_difference_is_called_as_it_is(theirs, word):
    assert standard("lstm_dot", 0.97, "lstm_none", theirs).verdict("G").verdict == word


def test_noise_stays_open():
    made = standard("lstm_dot", 0.6, "lstm_none", 0.55, noise=0.15)
    verdict = made.verdict("G")
    assert verdict.verdict == "inconclusive" and verdict.needed is not None


def test_a_distance_and_growth():
    """At the longest quarter; a gap that is the same everywhere does not grow, which qualifies."""
    grows = standard("transformer", 0.97, "lstm_none", fading).verdict("A")
    assert grows.verdict == "supported" and "over 26-32 tokens" in grows.sentence
    flat = standard("transformer", 0.97, "lstm_none", 0.5).verdict("A")
    assert flat.verdict == "qualified" and "from 2-8 to 26-32 tokens" in flat.sentence


def test_distances_outside_training_do_not_count():
    made = standard("transformer", 0.97, "lstm_none", fading, change={"data.train_range.distance": [2, 16]})
    assert "over 14-16 tokens" in made.verdict("A").sentence
    made = standard("transformer", 0.97, "lstm_none", fading, change={"data.train_range.distance": None})
    assert "over 26-32 tokens" in made.verdict("A").sentence


@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_one_or_two_seeds_decide_nothing_but_are_shown(seeds):
    made = standard("transformer", 0.97, "lstm_none", fading, seeds=seeds).arm("lstm_dot", 0.97, seeds=seeds)
    for letter in "AG":
        verdict = made.verdict(letter)
        assert verdict.verdict == "inconclusive", letter
        assert ("one seed: no interval over seeds" in text(verdict)) == (len(seeds) == 1)
        assert "+0." in text(verdict) and verdict.comparisons[0].p_holm is None


def test_seed_zero_is_a_seed():
    made = standard("lstm_dot", 0.97, "lstm_none", 0.5, seeds=(0, 1, 2))
    verdict = made.verdict("G")
    assert "n = 3 seeds" in text(verdict) and "Seeds 0, 1, 2." in verdict.scope
    made.arm("lstm_dot", 0.97, seeds=(7,), change={"sanity.loss_fell": False})
    assert "Seeds 0, 1, 2." in made.verdict("G").scope, "a cell that was left out is no part of the scope"


def test_open_where_some_seeds_solve_the_task():
    """However clear the means: the share of solved seeds is in the sentence, and the test is not relied on."""
    made = Made("standard").arm("lstm_none", 0.2)
    for seed, level in enumerate((0.99, 0.99, 0.99, 0.55), start=1):
        made.arm("lstm_dot", level, seeds=(seed,))
    verdict = made.verdict("G")
    assert verdict.verdict == "inconclusive" and verdict.comparisons[0].p_holm <= 0.05
    assert "seeds that solve it, at 90 % or more: 3/4 and 0/4" in verdict.sentence
    assert all("so the test is not relied on" in said for said in (text(verdict), verdict.needed))
    solved = standard("lstm_dot", 0.97, "lstm_none", 0.2).verdict("G")
    assert solved.verdict == "supported" and "seeds that solve it" not in solved.sentence


def test_solve_or_not_is_seen_in_bleu_too():
    made = Made().arm("lstm_dot", 40.0, task="grammar", noise=0.3)
    for seed, level in enumerate((99.0, 99.0, 99.0, 55.0), start=1):
        made.arm("transformer n_layers=2", level, task="grammar", seeds=(seed,), noise=0.3)
    verdict = made.verdict("H")
    assert verdict.verdict == "inconclusive" and "3/4 and 0/4" in verdict.sentence


@pytest.mark.parametrize(
    ("letter", "task", "arms_", "level"),
    [("A", "reverse", ("transformer positions=rotary", "lstm_none encoder=uni"), 1 / 16),
     ("H", "multi30k", ("transformer", "lstm_dot"), 0.4)],
)  # fmt: skip
def test_two_arms_that_guess_decide_nothing_by_any_metric(letter, task, arms_, level):
    """Copied tokens have the chance of tokens; less than a point of BLEU is nothing."""
    made = Made("quick" if task == "reverse" else "standard")
    for number, arm in enumerate(arms_):
        made.arm(arm, level - 0.1 * number if task == "multi30k" else level, task=task, noise=0.0001)
    verdict = made.verdict(letter)
    assert verdict.verdict == "inconclusive" and "Neither arm is above chance" in text(verdict)


def test_trials_without_scores_do_not_hide_a_comparison():
    made = standard("lstm_dot", 0.9, "lstm_none", 0.5)
    before = made.verdict("G")
    for rate in (0.001, 0.002):
        made.cells.append(made_records.cell("recall", f"lstm_dot lr={rate}", 101, {}, "standard"))
    assert (before.verdict, made.verdict("G").verdict) == ("supported", "supported")


def test_gated_cells_leave_a_claim_of_distances_open_and_not_untested():
    gated = {"sanity.loss_fell": False}
    made = Made("quick").arm("transformer positions=rotary", 0.9, task="reverse", change=gated)
    made.arm("lstm_none encoder=uni", fading, task="reverse", change=gated)
    verdict = made.verdict("A")
    assert verdict.verdict == "inconclusive" and "passes the sanity gates" in text(verdict)


def test_what_may_be_said_of_a_depends_on_what_qualifies_it():
    """Only where an arm with attention keeps up may attention be named as the cause."""
    made = Made("quick").arm("transformer positions=rotary", 0.97, task="reverse")
    made.arm("lstm_none encoder=uni", fading, task="reverse")
    without = made.verdict("A")
    kept = made.arm("lstm_dot encoder=uni", 0.97, task="reverse").verdict("A")
    assert (without.verdict, kept.verdict) == ("supported", "qualified")
    assert "which did not fall behind" in kept.corrected
    other = Made("quick").arm("transformer positions=rotary", 0.97, task="reverse")
    other.arm("lstm_none encoder=uni", fading, task="reverse").arm("gru_none encoder=uni", 0.97, task="reverse")
    assert other.verdict("A").verdict == "qualified" and "in some of these comparisons" in other.verdict("A").corrected


def test_more_seeds_are_suggested_where_few_more_would_do():
    """An open difference far above the noise: there is no talk of noise, though the approximation asks for fewer seeds
    than there are."""
    own = answer("key", OPEN)
    recorded = evidence.Evidence(standard("lstm_dot", 0.9, "lstm_none", 0.5).records())
    assert missing.seeds_for(own.judgement) < len(own.question.comparison.ours) == 4
    assert "takes about 5 seeds of each arm" in missing.needed(recorded, own)


def test_no_command_where_no_single_suite_ran_the_cells():
    made = standard("lstm_dot", 0.62, "lstm_none", 0.6)
    for seed, level in enumerate((0.5, 0.7, 0.6, 0.65), start=1):
        made.arm("lstm_dot", level, task="multi30k", seeds=(seed,), change={"suite": f"suite{seed}"})
        made.arm("lstm_none", level - 0.01, task="multi30k", seeds=(seed,), change={"suite": f"suite{seed}"})
    needed = [str(verdict.needed) for verdict in judge.verdicts(made.records()) if verdict.needed]
    assert not [each for each in needed if "--only multi30k" in each]


def test_both_at_chance_say_nothing():
    """Also where they differ by a test: .05 above chance is chance."""
    verdict = standard("lstm_dot", 0.105, "lstm_none", 0.065, noise=0.0005).verdict("G")
    assert verdict.verdict == "inconclusive" and "Neither arm is above chance" in text(verdict)
    assert standard("lstm_dot", 0.165, "lstm_none", 0.065, noise=0.0005).verdict("G").verdict == "supported"


@pytest.mark.slow
def test_rounds_that_no_two_arms_share_are_named():
    made = made_records.suite()
    made.rounds = [replace(row, round=row.round + 100) if row.arm == "transformer" else row for row in made.rounds]
    verdict = made.verdict("D")
    assert verdict.verdict == "not tested" and "no round of the profile in common" in verdict.sentence


@pytest.mark.slow
def test_costs_are_paired_by_round_and_a_family_of_their_own():
    made = made_records.suite()
    by_letter = {each.letter: each for each in judge.verdicts(made.records())}
    costs = [each for verdict in by_letter.values() for each in verdict.comparisons if each.comparison.paired]
    scores = [each for verdict in by_letter.values() for each in verdict.comparisons if not each.comparison.paired]
    measured = {each.comparison.key for each in costs if each.difference is not None}
    assert {each.family for each in costs if each.difference is not None} == {len(measured)} == {4}
    entries = [each for own in primary.list_of_budget("quick").claims.values() for each in own]
    asked = {replace(each, role="key", expects="above") for each in entries if each.measure != primary.COST}
    assert {each.family for each in scores} == {len({each.comparison.key for each in scores})} == {len(asked)}
    (key,) = (each for each, role in zip(by_letter["D"].comparisons, by_letter["D"].roles) if role == "key")
    low, high = key.difference.interval
    assert low < 0.1823 < high and high - low < 0.05, "log 1.2 in an interval that the machine's drift does not widen"
    assert key.call == ABOVE and by_letter["D"].verdict == "supported"
    counted = [each for each in costs if each.difference is None]
    assert len(counted) == 2 and all(each.p_holm is None and each.call == ABOVE for each in counted)


@pytest.mark.parametrize(
    ("costs", "state", "word"),
    [(1.2, 3.0, "supported"), (1.0, 1.0, "refuted"), (0.8, 0.5, "refuted"), (1.2, 1.0, "qualified")],
)
def test_d_by_the_ratio_to_an_lstm_with_attention(costs, state, word):
    bytes_of = {"transformer": state, "lstm_dot": 1.0}
    made = Made().arm("transformer", 0.5, task="parity").profile({"transformer": costs, "lstm_dot": 1.0},
                                                                  state_bytes=bytes_of, noise=0.002)  # fmt: skip
    assert made.verdict("D").verdict == word


def test_a_profile_of_several_lengths_is_read_at_its_longest():
    made = Made().arm("transformer", 0.5, task="parity")
    made.profile({"transformer": 0.5, "lstm_dot": 1.0}, lengths=(16, 64))
    made.profile({"transformer": 2.0, "lstm_dot": 1.0}, lengths=(128,))
    assert made.verdict("D").verdict == "supported" and "At length 128, " in made.verdict("D").sentence


@pytest.mark.parametrize(("count", "word"), [(6, "inconclusive"), (7, "supported")])
def test_fewer_than_seven_rounds_decide_nothing(count, word):
    made = Made().arm("transformer", 0.5, task="parity").profile({"transformer": 2.0, "lstm_dot": 1.0}, count=count)
    verdict = made.verdict("D")
    assert verdict.verdict == word and ("6 rounds, fewer than 7" in text(verdict)) == (count == 6)


def test_only_common_rounds_count():
    made = Made().arm("transformer", 0.5, task="parity").profile({"transformer": 2.0, "lstm_dot": 1.0}, count=8)
    made.rounds = [row for row in made.rounds if (row.arm, row.round) != ("lstm_dot", 3)]
    assert "geometric mean of 7 rounds" in made.verdict("D").sentence


@pytest.mark.parametrize(
    ("made", "letter", "why"),
    [
        (lambda: Made().arm("lstm_none encoder=uni", 0.9), "C", "no cell of parity at budget quick has finished"),
        (lambda: Made().arm("lstm_none encoder=uni", 0.9, task="parity"), "C",
         "no cell of transformer at budget quick has finished"),
        (lambda: Made().arm("lstm_none encoder=uni", 0.9, task="parity"), "D", "no profile in rounds"),
        (lambda: Made().arm("transformer", 0.9, task="parity").profile({"transformer": 2.0}), "D",
         "the profile has no lstm_dot at length 256"),
        (lambda: Made().arm("lstm_dot", 0.9).arm("lstm_none", 0.5), "G", "no cell of lstm_dot encoder=uni"),
        (lambda: Made("standard").arm("transformer n_heads=8", 0.9), "F", ""),
    ],
)  # fmt: skip
def test_what_was_not_run_is_not_tested_and_named(made, letter, why):
    verdict = made().verdict(letter)
    assert verdict.verdict == "not tested" and why in verdict.sentence
    assert "`bench suite quick --out results/runs/quick`" in verdict.needed


def test_several_variants_of_one_arm_are_said():
    made = Made("standard").arm("lstm_none", 0.5)
    for rate in ("0.001", "0.002"):
        made.arm(f"lstm_dot dropout={rate}", 0.9)
    verdict = made.verdict("G")
    assert verdict.verdict == "not tested", "a wildcard does not choose among variants"
    made = Made().arm("lstm_none encoder=uni", 0.5)
    for rate in ("0.001", "0.002"):
        made.arm(f"lstm_dot encoder=uni dropout={rate}", 0.9)
    verdict = made.verdict("G")
    assert verdict.verdict == "not tested" and "several variants match lstm_dot encoder=uni" in verdict.sentence


@pytest.mark.parametrize(
    "broken",
    [
        {"sanity.loss_finite": False}, {"sanity.loss_fell": False}, {"sanity.eos_share": 0.4},
        {"sanity.empty_share": 0.9}, {"sanity.loss_fell": None},
    ],
)  # fmt: skip
def test_cells_that_fail_a_gate_stay_out(broken):
    made = Made("standard").arm("lstm_dot", 0.97).arm("lstm_none", 0.5, change=broken)
    verdict = made.verdict("G")
    assert verdict.verdict == "inconclusive" and "passes the sanity gates" in verdict.sentence
    made.arm("lstm_none", 0.5, seeds=(7, 8, 9))
    verdict = made.verdict("G")
    assert verdict.verdict == "supported" and "Left out by the sanity gates: 4 finished cells" in text(verdict)


def test_b_is_refuted_by_counting():
    verdict = Made().arm("transformer", 0.9, seeds=(1,)).verdict("B")
    assert verdict.verdict == "refuted" and "30,000 parameters" in text(verdict) and "30 % of 100,000" in text(verdict)
    none = Made().arm("lstm_dot", 0.9, seeds=(1,)).verdict("B")
    assert none.verdict == "not tested" and "bench suite quick" in none.needed


def inspected(state: dict, *layers: dict, without: dict | None = None) -> dict:
    """The `architecture` of a record, for `change`."""
    return {"architecture": {"hidden_layers": list(layers), "without_feed_forward": without, "state": state}}


STATE = {"tokens": 6, "prediction_changed": True}
GROWS = STATE | {"first": 100, "last": 600, "grows": True, "kept": 1.0, "changed": 0.5}
FIXED = STATE | {"first": 70, "last": 70, "grows": False, "kept": 0.0, "changed": 0.98}
INNER = {"path": "decoder.0.feed_forward", "kind": "feed_forward", "units": 128, "parameters": 20_000}
CELL = {"path": "decoder.0", "kind": "recurrent", "units": 70, "parameters": 60_000}


def test_b_shows_both_arms_where_models_were_looked_into():
    change = inspected(GROWS, INNER, INNER | {"units": 64}, without={"parameters": 60_000, "runs": True})
    made = Made().arm("transformer", 0.9, seeds=(1,), change=change)
    made.arm("gru_none", 0.5, seeds=(1,), change=inspected(FIXED, CELL))
    verdict = made.arm("lstm_none", 0.5, seeds=(1,)).verdict("B")
    assert verdict.verdict == "refuted" and len(verdict.evidence) == 2
    assert "2 feed-forward hidden layers of 64 or 128 units" in verdict.sentence
    of_transformer, of_gru = verdict.evidence
    assert "transformer has 2 feed-forward hidden layers of 64 or 128 units (40,000 parameters, 40 % of all)" in (
        of_transformer
    )
    assert "Without its feed-forward layers it has 60,000 parameters and still makes predictions" in of_transformer
    assert "600 numbers after 6 tokens (100 after one), and more with every token" in of_transformer
    assert "gru_none has 1 recurrent hidden layer of 70 units (60,000 parameters, 60 % of all)" in of_gru
    assert "70 numbers, the same after 6 tokens as after one; the next token leaves 0 % of them unchanged" in of_gru


def test_b_calls_the_bridge_of_a_recurrent_model_dense_and_its_removal_no_finding():
    bridge = INNER | {"path": "bridge.0"}
    one = inspected(FIXED, CELL, bridge, without={"parameters": 80_000, "runs": False})
    (of_one,) = (
        Made()
        .arm("gru_none", 0.5, seeds=(1,), change=one)
        .arm("transformer", 0.9, seeds=(1,), change=inspected(GROWS, INNER))
        .verdict("B")
        .evidence[1:]
    )
    assert "1 dense hidden layer of 128 units" in of_one and "eed-forward" not in of_one


def test_b_puts_models_of_one_arm_together():
    small = inspected(GROWS | {"last": 300}, INNER, without={"parameters": 60_000, "runs": True})
    large = inspected(GROWS, INNER, INNER, without={"parameters": 60_000, "runs": True})
    made = Made().arm("transformer", 0.9, seeds=(1,), change=small)
    made.arm("transformer [n_layers=2]", 0.9, seeds=(1,), change=large)
    evidence = made.arm("gru_none", 0.5, seeds=(1,), change=inspected(FIXED, CELL)).verdict("B").evidence
    assert len(evidence) == 2
    assert "transformer, 2 models: 1 to 2 feed-forward hidden layers (20 to 40 % of all parameters)." in evidence[0]
    assert "Without their feed-forward layers, 2 of 2 still make predictions." in evidence[0]
    assert "300 to 600 numbers after 6 tokens, and more with every token" in evidence[0]


def test_b_copes_with_models_without_steps():
    whole = {"architecture": {"hidden_layers": [INNER], "without_feed_forward": None, "state": None}}
    made = Made().arm("transformer_stack causal=False", 0.9, seeds=(1,), change=whole)
    assert "no numbers" in made.verdict("B").evidence[0]
    evidence = (
        made.arm("transformer_stack causal=False n_layers=5", 0.9, seeds=(1,), change=whole).verdict("B").evidence
    )
    assert "2 models" in evidence[0] and "no numbers" in evidence[0]


def test_b_is_not_decided_by_a_transformer_without_hidden_layers():
    change = inspected(GROWS) | {"parameters.feed_forward": 0}
    verdict = Made().arm("transformer", 0.9, seeds=(1,), change=change).verdict("B")
    assert verdict.verdict == "inconclusive" and "transformer has no hidden layer" in text(verdict)


def test_b_looks_at_every_transformer_of_a_setting():
    bare = inspected(GROWS) | {"parameters.feed_forward": 0}
    made = Made().arm("transformer", 0.9, seeds=(1,), change=bare)
    verdict = made.arm("transformer n_heads=1", 0.9, seeds=(1,), change=inspected(GROWS, INNER)).verdict("B")
    assert verdict.verdict == "refuted" and "1 feed-forward hidden layer of 128 units" in verdict.sentence


@pytest.mark.parametrize(
    ("budget", "name"), [("quick", "quick"), ("standard", "other"), ("quick [epochs=2]", "quick")]
)
def test_the_budget_chooses_the_list(budget, name):
    assert primary.list_of_budget(arms.base(budget)).name == name
    made = Made(arms.base(budget)).arm("lstm_dot", 0.9).arm("lstm_none", 0.5)
    assert made.verdict("G").verdict == ("supported" if name == "other" else "not tested")


def test_a_star_serves_every_task_and_translation_those_of_bleu():
    made = Made("standard")
    for task, level in (("recall", 0.9), ("selective_copy", 0.9), ("multi30k", 40.0)):
        made.arm("lstm_dot", level, task=task).arm("lstm_none", level / 2, task=task)
        made.arm("transformer", level, task=task)
    by_letter = {each.letter: each for each in judge.verdicts(made.records())}
    tasks = {letter: {each.comparison.setting.task for each in by_letter[letter].comparisons} for letter in "GH"}
    assert tasks == {"G": {"recall", "selective_copy", "multi30k"}, "H": {"multi30k"}}


def test_contrary_keys_of_two_settings_qualify():
    made = standard("lstm_dot", 0.9, "lstm_none", 0.5)
    made.arm("lstm_dot", 0.5, task="selective_copy").arm("lstm_none", 0.9, task="selective_copy")
    verdict = made.verdict("G")
    assert verdict.verdict == "qualified" and "However: On selective_copy" in verdict.sentence


def test_an_open_claim_speaks_of_its_open_key():
    """Also where another key is decided: what is needed is about the open one."""
    made = standard("lstm_dot", 0.9, "lstm_none", 0.5)
    for seed, level in enumerate((0.3, 0.7, 0.6, 0.5), start=1):
        made.arm("lstm_dot", level, task="selective_copy", seeds=(seed,), noise=0)
        made.arm("lstm_none", level - 0.02 * seed, task="selective_copy", seeds=(seed,), noise=0)
    verdict = made.verdict("G")
    assert verdict.verdict == "inconclusive" and "On selective_copy" in verdict.sentence
    assert "Not decided (seeds: 4)" in verdict.needed


@pytest.mark.slow
def test_exploratory_arms_change_no_adjusted_p():
    """Holm counts primary comparisons alone. Arms that no entry names are compared beside them."""
    made = made_records.suite()
    before = judge.verdicts(made.records())
    for number, arm in enumerate(("rnn_dot", "rnn_none", "mingru"), start=1):
        made.arm(arm, 0.1 * number, task="selective_copy", seeds=(11, 12, 13))
        made.arm(arm, 0.2 * number, task="parity", seeds=(11, 12, 13), change={"environment.device": "gpu"})
    made.arm("transformer", 0.9, task="selective_copy", seeds=(11, 12, 13))
    recorded = evidence.Evidence(made.records())
    after = judge.verdicts_from(recorded)
    for one, other in zip(before, after, strict=True):
        assert one.verdict == other.verdict
        assert [each.p_holm for each in one.comparisons] == [each.p_holm for each in other.comparisons]
        assert [each.family for each in one.comparisons] == [each.family for each in other.comparisons]
    verdicts = [each for verdict in after for each in verdict.comparisons]
    beside = exploratory.judgements(recorded, verdicts)
    assert {"rnn_dot", "rnn_none"} <= {each.comparison.second for each in beside}
    assert not {each.comparison.key for each in beside} & {each.comparison.key for each in verdicts}
    assert all(each.p_holm is None or each.p_holm == each.difference.p for each in beside), "uncorrected"


def test_the_exploratory_table():
    made = standard("transformer", 0.97, "lstm_dot", 0.60).arm("lstm_none", 0.3)
    made.arm("rnn_dot", 0.2, seeds=(1,))
    recorded = evidence.Evidence(made.records())
    table = exploratory_table.table_of(recorded, judge.verdicts_from(recorded))
    assert "xploratory" in table.title and "探索" in table.title.render("zh")
    assert "no verdict" in table.note and table.note.render("zh") != table.note
    rows = [[one.text for one in row] for row in table.rows]
    pairs = {(row[4], row[5]): row for row in rows}
    assert ("transformer", "lstm_dot") in pairs and ("lstm_dot", "lstm_none") not in pairs, "that one is primary"
    setting, split, metric, search, first, second, difference, p, seeds = pairs["transformer", "lstm_dot"]
    assert (split, metric, search, seeds) == ("test", "Exact match", "greedy search", "4 and 4")
    own = next(each for each in exploratory.judgements(recorded, []) if each.comparison.second == "lstm_dot")
    low, high = own.difference.interval
    assert difference == f"{own.mean:+.3f} [{low:+.3f}, {high:+.3f}]" and p == "below 0.0001"
    assert pairs["transformer", "rnn_dot"][7:] == ["-", "4 and 1"], "one seed has no p"


def test_settings_never_meet():
    """Other budgets, parameter targets, devices and task options are other settings, not more seeds."""
    made = standard("lstm_dot", 0.9, "lstm_none", 0.5, seeds=(1, 2))
    other = {"match.target": 50_000}
    made.arm("lstm_dot", 0.9, seeds=(3,), change=other).arm("lstm_none", 0.5, seeds=(3,), change=other)
    recorded = evidence.Evidence(made.records())
    assert len(recorded.settings()) == 2
    assert made.verdict("G").verdict == "inconclusive"


@pytest.mark.parametrize("rule", ["nonembedding", "flops", "width"])
def test_rules_of_matching_never_meet(rule):
    """Also where the targets are equal by number."""
    made = Made("standard").arm("lstm_dot", 0.9).arm("lstm_none", 0.5, seeds=(5, 6, 7), change={"match.rule": rule})
    params, other = sorted(evidence.Evidence(made.records()).settings(), key=lambda setting: setting.rule != "params")
    assert (params.rule, other.rule) == ("params", rule) and params.target == other.target
    assert str(params) != str(other) and params.slug != other.slug
    assert made.verdict("G").verdict == "not tested"


def test_the_rule_of_a_cell_that_did_not_start_is_in_its_configuration():
    flops = {"match": {"rule": "flops", "target": None}, "budget": {"parameters": 7}}
    matched = {"match": {"rule": "params", "target": 9}, "budget": {"parameters": 7}}
    neither = {"budget": {"parameters": 7}}
    made = Made()
    for seed, config in enumerate((flops, matched, neither)):
        missing = {"match.rule": None, "match.target": None, "status": "skipped"}
        made.cells.append(cell("recall", "lstm_dot", seed, missing | {"config": config}))
    rules = [(setting.rule, setting.target) for setting in evidence.Evidence(made.records()).cells["setting"]]
    assert rules == [("flops", -1), ("params", 9), ("params", 7)]


def test_variants_of_an_arm_are_arms_of_their_own():
    made = Made().arm("transformer n_heads=1", 0.5).arm("transformer n_heads=4", 0.5)
    recorded = evidence.Evidence(made.records())
    assert recorded.arms(recorded.settings()[0]) == ["transformer [n_heads=1]", "transformer [n_heads=4]"]
    assert {arms.kind(arm) for arm in recorded.cells["arm"]} == {arms.TRANSFORMER}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("transformer", arms.TRANSFORMER), ("lstm_dot", arms.ATTENTIVE), ("rnn_additive", arms.ATTENTIVE),
        ("gru_none", arms.PLAIN), ("residual_lstm", arms.RECURRENT), ("residual_gru_none", arms.PLAIN),
        ("convolution", arms.OTHER), ("lstm_sparkling", arms.RECURRENT),
    ],
)  # fmt: skip
def test_kinds_of_arms(name, kind):
    assert arms.kind(name) == kind
    assert arms.describe(name)


def test_models_without_hidden_layers_are_counted_among_the_inspected():
    layer = {"kind": "feed_forward", "units": 8, "parameters": 30}
    has, lacks = ({"hidden_layers": [layer]}, 100.0), ({"hidden_layers": []}, 50.0)
    assert "in all 2 models inspected, with 30 to 30 %" in str(architecture.shares([has, has]))
    assert "in 2 of 3 models inspected, with 30 to 30 %" in str(architecture.shares([has, lacks, has]))
    assert architecture.shares([has, lacks]) is None

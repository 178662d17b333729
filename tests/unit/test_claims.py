"""Verdicts on made-up records whose truth is planted: found where it is, not claimed where it is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from bench.analysis import arms, evidence
from bench.analysis.claims import judge
from bench.records.store import KEYS, SCORE_COLUMNS, Records

DISTANCES = tuple(range(2, 33, 2))
SEEDS = (1, 2, 3, 4)
Level = Callable[[int], float]


def cell(task: str, arm: str, seed: int, change: Mapping[str, object]) -> dict:
    """A row of `Records.cells` that passes every gate."""
    row = {
        "cell": f"{task}-{arm}-{seed}", "task": task, "model": arm, "budget_name": "quick", "seed": seed,
        "status": "done", "reason": None, "config": {"task": {"name": task}, "model": {"name": arm}},
        "environment.device": "cpu", "environment.cpu": "one", "environment.threads": 1,
        "environment.concurrent_cells": 1, "parameters.total": 100_000, "match.target": 100_000,
        "match.rule": "params",
        "parameters.feed_forward": 30_000 if arm == "transformer" else 0,
        "flops.forward_per_target_token": 1e6, "throughput.train.median": 1000.0, "throughput.decode.median": 100.0,
        "throughput.decode_one.median": 10.0, "memory.peak_rss_bytes": 1e9,
        "sanity.loss_finite": True, "sanity.loss_fell": True, "sanity.eos_share": 1.0, "sanity.empty_share": 0.0,
        "sanity.length_ratio": 1.0, "data.chance.exact_match": 1 / 16, "data.train_range.distance": [2, 32],
    }  # fmt: skip
    return row | dict(change)


class Made:
    """Records put together arm by arm."""

    def __init__(self) -> None:
        self.cells: list[dict] = []
        self.scores: list[dict] = []

    def arm(
        self, arm: str, level: Level | float, *, task: str = "recall", seeds: tuple[int, ...] = SEEDS,
        noise: float = 0.004, change: Mapping[str, object] | None = None, searches: tuple[str, ...] = ("greedy",),
    ) -> Made:  # fmt: skip
        """level: score at a distance, or on the whole split of a task without one."""
        for seed in seeds:
            row = cell(task, arm, seed, change or {})
            self.cells.append(row)
            shift = float(np.random.default_rng([seed, *arm.encode()]).normal()) * noise
            metric, unit, split = ("bleu", "points", "test_2016_flickr") if task == "multi30k" else (
                "exact_match", "share", "test")  # fmt: skip
            places = {} if not callable(level) else {at: level(at) + shift for at in DISTANCES}
            whole = float(np.mean(list(places.values()))) if places else level + shift
            for search in searches:
                for axis, at, value in [(None, None, whole), *(("distance", at, v) for at, v in places.items())]:
                    score = (split, search, metric, value, unit, 50, axis, at, "signature")
                    keys = {key: row[key] for key in KEYS}
                    self.scores.append(keys | dict(zip(SCORE_COLUMNS, score, strict=True)))
        return self

    def records(self) -> Records:
        return Records(
            pd.DataFrame(self.cells), pd.DataFrame(self.scores, columns=[*KEYS, *SCORE_COLUMNS]),
            pd.DataFrame(columns=[*KEYS, "step", "target_tokens", "seconds", "train_loss", "valid_loss"]),
        )  # fmt: skip

    def verdict(self, letter: str) -> judge.Verdict:
        return next(verdict for verdict in judge.verdicts(self.records()) if verdict.letter == letter)


def steady(at: int) -> float:
    return 0.97


def fading(at: int) -> float:
    return max(0.06, 0.98 - at / 28)


def guessing(at: int) -> float:
    return 0.06


def text(verdict: judge.Verdict) -> str:
    return " ".join(verdict.evidence)


def test_every_claim_has_a_verdict_even_without_any_result():
    made = Made()
    made.cells.append(cell("recall", "transformer", 1, {"status": "skipped", "parameters.feed_forward": None}))
    verdicts = judge.verdicts(made.records())
    assert [each.letter for each in verdicts] == list("ABCDEFGH")
    assert {each.verdict for each in verdicts} == {"not tested"}
    assert all("Not tested by this suite" in text(each) for each in verdicts)


def test_verdicts_are_a_pure_function():
    records = Made().arm("transformer", steady).arm("lstm_none", fading).records()
    before = records.cells.copy()
    assert judge.verdicts(records) == judge.verdicts(records)
    pd.testing.assert_frame_equal(records.cells, before)


@pytest.mark.parametrize(
    ("attentive", "expected"), [(fading, "supported"), (steady, "qualified"), (None, "qualified")]
)
def test_a_needs_attention_and_transformer_to_differ(attentive, expected):
    made = Made().arm("transformer", steady).arm("lstm_none", fading).arm("gru_none", fading)
    if attentive is not None:
        made.arm("lstm_dot", attentive)
    verdict = made.verdict("A")
    assert verdict.verdict == expected
    assert "+0.9" in text(verdict) and "n = 4 seeds" in text(verdict) and "Hedges' g" in text(verdict)
    assert ("not from the Transformer as such" in text(verdict)) == (attentive is steady)
    instead = {
        fading: "with and without attention, lost theirs", steady: "both in a", None: "is not decided here",
    }  # fmt: skip
    assert instead[attentive] in verdict.corrected


def test_a_one_strong_attention_arm_qualifies_even_where_another_falls():
    made = Made().arm("transformer", steady).arm("lstm_none", fading).arm("gru_dot", fading).arm("lstm_dot", steady)
    assert made.verdict("A").verdict == "qualified"


def test_a_attention_arm_that_is_only_undecided_is_not_called_alike():
    made = Made().arm("transformer", steady).arm("lstm_none", fading)
    for seed, score in zip(SEEDS, (0.5, 0.99, 0.6, 1.0), strict=True):
        made.arm("lstm_dot", lambda at, score=score: score, seeds=(seed,))
    verdict = made.verdict("A")
    assert verdict.verdict == "qualified"
    assert "lstm_dot was not shown to fall behind" in text(verdict) and "is not decided here" in verdict.corrected


def test_a_no_difference_is_not_claimed():
    verdict = Made().arm("transformer", steady, noise=0.001).arm("lstm_none", steady, noise=0.001).verdict("A")
    assert verdict.verdict == "refuted"  # both intervals lie inside the margin: recurrent models reach as far here


def test_a_noise_stays_open():
    made = Made().arm("transformer", lambda at: 0.6, noise=0.15).arm("lstm_none", lambda at: 0.55, noise=0.15)
    assert made.verdict("A").verdict == "inconclusive"


def test_a_gap_that_does_not_grow_is_not_about_distance():
    verdict = (
        Made().arm("transformer", steady).arm("lstm_none", lambda at: 0.5).arm("lstm_dot", lambda at: 0.5).verdict("A")
    )
    assert verdict.verdict == "qualified" and "not shown to grow" in text(verdict)
    assert "both in a Transformer" not in verdict.corrected and "not shown to grow" in verdict.corrected


def test_a_transformer_at_chance_is_limited_by_the_budget():
    verdict = Made().arm("transformer", guessing).arm("lstm_none", steady).verdict("A")
    assert verdict.verdict == "refuted"
    assert "budget-limited" in text(verdict) and "does not show that the architecture cannot" in text(verdict)


def test_a_all_at_chance_says_nothing():
    assert Made().arm("transformer", guessing).arm("lstm_none", guessing).verdict("A").verdict == "inconclusive"


@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_one_or_two_seeds_decide_nothing_but_are_shown(seeds):
    made = Made().arm("transformer", steady, seeds=seeds).arm("lstm_none", fading, seeds=seeds)
    made.arm("lstm_dot", steady, seeds=seeds)
    for letter in "AG":
        verdict = made.verdict(letter)
        assert verdict.verdict == "inconclusive", letter
        assert ("one seed: no interval over seeds" in text(verdict)) == (len(seeds) == 1)
        assert "+0." in text(verdict)


def test_seed_zero_is_a_seed():
    made = Made().arm("transformer", steady, seeds=(0, 1, 2)).arm("lstm_none", fading, seeds=(0, 1, 2))
    verdict = made.verdict("A")
    assert "n = 3 seeds" in text(verdict) and "Seeds 0, 1, 2." in verdict.scope
    made.arm("transformer", steady, seeds=(7,), change={"sanity.loss_fell": False})
    assert "Seeds 0, 1, 2." in made.verdict("A").scope  # a cell that was left out is no part of the scope


def test_absent_arms_are_not_tested():
    assert Made().arm("transformer", steady).arm("lstm_dot", steady).verdict("A").verdict == "not tested"
    assert Made().arm("lstm_dot", steady).arm("lstm_none", fading).verdict("A").verdict == "not tested"
    assert Made().arm("transformer", steady).verdict("G").verdict == "not tested"
    assert Made().arm("transformer", steady).verdict("H").verdict == "not tested"


@pytest.mark.parametrize(
    "broken",
    [
        {"sanity.loss_finite": False}, {"sanity.loss_fell": False}, {"sanity.eos_share": 0.4},
        {"sanity.empty_share": 0.9}, {"sanity.loss_fell": None},
    ],
)  # fmt: skip
def test_cells_that_fail_a_gate_stay_out(broken):
    made = Made().arm("transformer", steady).arm("lstm_none", fading, change=broken)
    verdict = made.verdict("A")
    assert verdict.verdict == "inconclusive"
    assert "Left out by the sanity gates: 4 finished cells" in text(verdict)


@pytest.mark.parametrize("letter", "ACDG")
def test_arms_that_all_fail_a_gate_were_run_and_decide_nothing(letter):
    broken = {"sanity.eos_share": 0.1}
    made = (
        Made()
        .arm("transformer", steady, change=broken)
        .arm("lstm_none", fading)
        .arm("lstm_dot", steady, change=broken)
    )
    made.arm("gru_none", fading, change=broken)
    assert made.verdict(letter).verdict == "inconclusive"


def test_length_ratio_is_a_gate_for_translation_only():
    short = {"sanity.length_ratio": 0.5}
    made = Made().arm("transformer", 36.0, task="multi30k", noise=0.1)
    assert made.arm("lstm_dot", 30.0, task="multi30k", noise=0.1, change=short).verdict("H").verdict == "inconclusive"
    made = Made().arm("lstm_dot", 0.9, task="reverse").arm("lstm_none", 0.5, task="reverse", change=short)
    assert made.verdict("G").verdict == "supported"


def test_b_is_refuted_by_counting():
    verdict = Made().arm("transformer", steady, seeds=(1,)).verdict("B")
    assert verdict.verdict == "refuted" and "30,000 parameters" in text(verdict) and "30 % of 100,000" in text(verdict)


def inspected(state: dict, *layers: dict, without: dict | None = None) -> dict:
    """The `architecture` of a record, for `change`."""
    return {"architecture": {"hidden_layers": list(layers), "without_feed_forward": without, "state": state}}


GROWS = {
    "tokens": 6,
    "first": 100,
    "last": 600,
    "grows": True,
    "kept": 1.0,
    "changed": 0.5,
    "prediction_changed": True,
}
FIXED = {
    "tokens": 6,
    "first": 70,
    "last": 70,
    "grows": False,
    "kept": 0.0,
    "changed": 0.98,
    "prediction_changed": True,
}
INNER = {"path": "decoder.0.feed_forward", "kind": "feed_forward", "units": 128, "parameters": 20_000}
CELL = {"path": "decoder.0", "kind": "recurrent", "units": 70, "parameters": 60_000}


def test_b_shows_both_arms_where_models_were_looked_into():
    made = Made().arm("transformer", steady, seeds=(1,), change=inspected(
        GROWS, INNER, INNER | {"units": 64}, without={"parameters": 60_000, "runs": True}))  # fmt: skip
    made.arm("gru_none", fading, seeds=(1,), change=inspected(FIXED, CELL))
    verdict = made.arm("lstm_none", fading, seeds=(1,)).verdict("B")
    assert verdict.verdict == "refuted" and len(verdict.evidence) == 2
    of_transformer, of_gru = verdict.evidence
    assert "transformer has 2 feed-forward hidden layers of 64 or 128 units (40,000 parameters, 40 % of all)" in (
        of_transformer
    )
    assert "Without its feed-forward layers it has 60,000 parameters and still makes predictions" in of_transformer
    assert "600 numbers after 6 tokens (100 after one), and more with every token" in of_transformer
    assert "the next token leaves 100 % of them unchanged, and another first token changes 50 %" in of_transformer
    assert "gru_none has 1 recurrent hidden layer of 70 units (60,000 parameters, 60 % of all)" in of_gru
    assert "70 numbers, the same after 6 tokens as after one; the next token leaves 0 % of them unchanged" in of_gru


def test_b_is_not_decided_by_a_transformer_without_hidden_layers():
    change = inspected(GROWS) | {"parameters.feed_forward": 0}
    verdict = Made().arm("transformer", steady, seeds=(1,), change=change).verdict("B")
    assert verdict.verdict == "inconclusive" and "transformer has no hidden layer" in text(verdict)


def test_c_lists_what_recurrent_arms_win():
    made = Made().arm("transformer", 0.5, task="reverse").arm("lstm_dot", 0.9, task="reverse")
    verdict = made.arm("gru_none", 0.5, task="reverse").verdict("C")
    assert verdict.verdict == "refuted"
    wins = [sentence for sentence in verdict.evidence if "recurrent better:" in sentence]
    assert len(wins) == 1 and "reverse, test, exact_match" in wins[0] and "lstm_dot +0.39" in wins[0]
    assert "gru_none" not in wins[0]


def test_c_counts_speed():
    made = Made().arm("transformer", 0.9).arm("gru_none", 0.5, change={"throughput.decode.median": 200.0})
    verdict = made.verdict("C")
    assert verdict.verdict == "refuted" and "decoding speed in batches, recurrent better: gru_none 2.00" in text(
        verdict
    )


def test_c_level_everywhere_or_worse_supports_silence():
    assert Made().arm("transformer", 0.9).arm("gru_none", 0.5).verdict("C").verdict == "supported"


def test_c_corrects_for_the_number_of_comparisons():
    """A gap that is called among few comparisons is not called among many."""
    gap = dict(zip(SEEDS, (0.05, 0.10, 0.14, 0.09)))
    made = Made()
    for seed in SEEDS:
        made.arm("transformer", 0.5, seeds=(seed,), noise=0).arm("lstm_dot", 0.5 + gap[seed], seeds=(seed,), noise=0)
    few = made.verdict("C")
    assert few.verdict == "refuted" and "recurrent better: lstm_dot +0.095" in text(few)
    for task in "abcdefgh":
        made.arm("transformer", 0.5, task=task, noise=0.04).arm("lstm_dot", 0.5, task=task, noise=0.04)
    many = made.verdict("C")
    assert many.verdict == "inconclusive" and "not decided: lstm_dot +0.095" in text(many)
    own, other = (
        next(judged for judged in verdict.comparisons if judged.comparison.setting.task == "recall")
        for verdict in (few, many)
    )
    assert own.family < other.family and own.p_holm < 0.05 < other.p_holm


def test_d_reads_cost_in_every_respect():
    def against(change: dict) -> judge.Verdict:
        return Made().arm("transformer", 0.9).arm("lstm_dot", 0.9, change=change).verdict("D")

    cheap = {
        "flops.forward_per_target_token": 5e5,
        **{f"throughput.{k}.median": 5000.0 for k in ("train", "decode", "decode_one")},
    }
    dear = {
        "flops.forward_per_target_token": 2e6,
        **{f"throughput.{k}.median": 1.0 for k in ("train", "decode", "decode_one")},
    }
    verdict = against(cheap)
    assert verdict.verdict == "qualified" and "matched by design" in text(verdict) and "lstm_dot 2.00" in text(verdict)
    assert against(dear).verdict == "refuted"
    assert against({**cheap, "throughput.train.median": 1.0}).verdict == "qualified"


def test_d_parameters_are_a_cost_where_they_are_not_matched():
    change = {"parameters.total": 20_000, "flops.forward_per_target_token": 5e5}
    change |= {f"throughput.{key}.median": 5000.0 for key in ("train", "decode", "decode_one")}
    verdict = Made().arm("transformer", 0.9).arm("lstm_dot", 0.9, change=change).verdict("D")
    assert verdict.verdict == "supported" and "lstm_dot 5.00 (counted)" in text(verdict)


def test_d_does_not_test_what_is_matched():
    """With FLOPs made equal their ratio has no vote, and a target that happens to look like parameters is none."""
    dear = {f"throughput.{k}.median": 5000.0 for k in ("train", "decode", "decode_one")} | {"parameters.total": 50_000}
    level = {"flops.forward_per_target_token": 1e6}
    flops = {"match.rule": "flops", "match.target": 1e5, **level}
    made = Made().arm("transformer", 0.9, change=flops).arm("lstm_dot", 0.9, change=flops | dear)
    verdict = made.verdict("D")
    assert verdict.verdict == "supported" and "FLOPs are matched by design" in text(verdict)
    assert "lstm_dot 2.00 (counted)" in text(verdict) and "FLOPs of a forward pass" not in text(verdict)
    same = Made().arm("transformer", 0.9, change=flops).arm("lstm_dot", 0.9, change=flops)
    assert "lstm_dot 1.00 (counted)" in text(same.verdict("D"))
    made = Made().arm("transformer", 0.9, change=level).arm("lstm_dot", 0.9, change=level | dear)
    assert made.verdict("D").verdict == "qualified"


def test_d_and_c_leave_out_speeds_of_unlike_machines():
    fast = {f"throughput.{key}.median": 9e5 for key in ("train", "decode", "decode_one")}
    made = Made().arm("transformer", 0.9).arm("lstm_dot", 0.9, change={"environment.cpu": "another", **fast})
    assert "left out" in text(made.verdict("D")) and "training time" not in text(made.verdict("D"))
    assert made.verdict("C").verdict != "refuted"


def test_g_mixed_results_are_qualified():
    made = Made().arm("lstm_dot", 0.9).arm("lstm_none", 0.5).arm("gru_dot", 0.9).arm("gru_none", 0.9)
    verdict = made.verdict("G")
    assert verdict.verdict == "qualified" and len(verdict.evidence) == 2
    assert Made().arm("lstm_dot", 0.9).arm("lstm_none", 0.5).verdict("G").verdict == "supported"
    assert Made().arm("lstm_dot", 0.5).arm("lstm_none", 0.9).verdict("G").verdict == "refuted"
    assert Made().arm("lstm_dot", 0.9).arm("gru_none", 0.5).verdict("G").verdict == "not tested"


@pytest.mark.parametrize(
    ("rival", "noise", "expected"), [(30.0, 0.1, "supported"), (40.0, 0.1, "refuted"), (35.9, 2.0, "inconclusive")]
)
def test_h_against_every_recurrent_arm(rival, noise, expected):
    made = Made().arm("transformer", 36.0, task="multi30k", noise=noise, searches=("greedy", "beam5"))
    made.arm("lstm_dot", rival, task="multi30k", noise=noise, searches=("greedy", "beam5"))
    verdict = made.verdict("H")
    assert verdict.verdict == expected
    assert "greedy search" in text(verdict) and "beam5 search" in text(verdict)


def test_h_better_than_some_is_qualified_and_names_the_best():
    made = Made().arm("transformer", 36.0, task="multi30k", noise=0.1)
    made.arm("gru_none", 20.0, task="multi30k", noise=0.1).arm("lstm_dot", 36.0, task="multi30k", noise=0.1)
    verdict = made.verdict("H")
    assert verdict.verdict == "qualified"
    assert "minus lstm_dot, the best recurrent arm by its mean," in verdict.evidence[0]


def test_settings_never_meet():
    """Other budgets, parameter targets, devices and task options are other settings, not more seeds."""
    made = Made().arm("lstm_dot", 0.9, seeds=(1, 2)).arm("lstm_none", 0.5, seeds=(1, 2))
    other = {"cell": "other", "match.target": 50_000}
    made.arm("lstm_dot", 0.9, seeds=(3,), change=other).arm(
        "lstm_none", 0.5, seeds=(3,), change=other | {"cell": "o2"}
    )
    recorded = evidence.Evidence(made.records())
    assert len(recorded.settings()) == 2
    assert made.verdict("G").verdict == "inconclusive"


@pytest.mark.parametrize("rule", ["nonembedding", "flops", "width"])
def test_rules_of_matching_never_meet(rule):
    """Also where the targets are equal by number."""
    made = Made().arm("lstm_dot", 0.9, seeds=(1, 2)).arm("lstm_none", 0.5, seeds=(3,), change={"match.rule": rule})
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
    made = Made()
    for heads in (1, 4):
        config = {"task": {"name": "recall"}, "model": {"name": "transformer", "n_heads": heads}}
        for seed in SEEDS:
            made.arm("transformer", 0.5, seeds=(seed,), change={"config": config, "cell": f"{heads}-{seed}"})
    recorded = evidence.Evidence(made.records())
    assert recorded.arms(recorded.settings()[0]) == ["transformer [n_heads=1]", "transformer [n_heads=4]"]
    assert {arms.kind(arm) for arm in recorded.cells["arm"]} == {arms.TRANSFORMER}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["supported", "supported"], "supported"), (["refuted"], "refuted"), ([], "not tested"),
        (["supported", "refuted"], "qualified"), (["supported", "inconclusive"], "qualified"),
        (["refuted", "inconclusive"], "inconclusive"), (["not tested", "supported"], "supported"),
        (["not tested"], "not tested"), (["qualified", "inconclusive"], "qualified"),
    ],
)  # fmt: skip
def test_combining_verdicts(words, expected):
    from bench.analysis.claims.cases import combined

    assert combined(words) == expected


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

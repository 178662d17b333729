"""Sanity gates: what keeps a cell out of verdicts, what is only said beside it."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pytest

from bench.analysis import gates
from bench.analysis.claims import judge
from bench.analysis.evidence import Evidence
from bench.records.store import KEYS, Records
from bench.report.tables import sanity
from tests.unit.made_records import Made


class Curved(Made):
    """Cells with validation losses."""

    def __init__(self, budget: str = "quick") -> None:
        super().__init__(budget)
        self.losses: dict[str, list[float]] = {}

    def records(self) -> Records:
        made = super().records()
        rows = [
            {key: row[key] for key in KEYS} | {"step": step, "valid_loss": loss}
            for row in self.cells
            for step, loss in enumerate(self.losses.get(row["model"], []))
        ]
        return Records(made.cells, made.scores, pd.DataFrame(rows, columns=[*KEYS, "step", "valid_loss"]))


def reading(made: Made, name: str, cell: str) -> gates.GateResult:
    return next(each for each in Evidence(made.records()).gate_results[cell] if each.gate.name == name)


@pytest.mark.parametrize(
    ("name", "column", "good", "bad", "excludes"),
    [
        ("loss finite", "sanity.loss_finite", True, False, True),
        ("loss falling", "sanity.loss_fell", True, False, True),
        ("outputs not empty", "sanity.empty_share", 0.49, 0.5, True),
        ("length ratio", "sanity.length_ratio", 0.8, 0.79, True),
        ("length ratio", "sanity.length_ratio", 1.2, 1.21, True),
        ("no repetition", "sanity.repeated_share", 0.1, 0.2, False),
        ("outputs differ", "sanity.same_share", 0.05, 0.06, False),
        ("few unknown tokens", "sanity.unknown_share", 0.1, 0.11, False),
    ],
)
def test_recorded_gates(name, column, good, bad, excludes):
    for value, outcome in ((good, gates.PASSED), (bad, gates.FAILED)):
        made = Made().arm("lstm_dot", 30.0, task="multi30k", seeds=(1,), change={column: value})
        result = reading(made, name, "multi30k-lstm_dot-1")
        assert (result.outcome, result.value) == (outcome, pytest.approx(float(value)))
        row = Evidence(made.records()).cells.iloc[0]
        assert bool(row["doubt"]) == (outcome == gates.FAILED and excludes)
        assert bool(row["label"]) == (outcome == gates.FAILED and not excludes)


def test_outputs_end():
    for value, outcome in ((0.5, gates.PASSED), (0.49, gates.FAILED)):
        made = Made().arm("lstm_dot", 0.9, seeds=(1,), change={"sanity.eos_share": value})
        assert reading(made, "outputs end", "recall-lstm_dot-1").outcome == outcome
        assert bool(Evidence(made.records()).cells["doubt"].iloc[0]) == (outcome == gates.FAILED)


@pytest.mark.parametrize(
    ("task", "change", "outcome"),
    [
        ("bitext", {"sanity.cut_share": 0.05, "data.report": {}}, gates.PASSED),
        ("bitext", {"sanity.cut_share": 0.06, "data.report": {}}, gates.FAILED),
        ("multi30k", {"sanity.eos_share": 0.96}, gates.PASSED),  # a record of before
        ("multi30k", {"sanity.eos_share": 0.94}, gates.FAILED),
        ("multi30k", {"sanity.eos_share": 0.94, "sanity.cut_share": 0.01, "data.report": {}}, gates.PASSED),
        ("multi30k", {"sanity.cut_share": 0.5}, gates.NOT_APPLICABLE),  # of the grammar: its limit holds every answer
        ("recall", {"sanity.eos_share": 0.94}, gates.NOT_APPLICABLE),
    ],
)
def test_a_few_outputs_of_text_that_are_cut_keep_a_cell_out_of_verdicts(task, change, outcome):
    made = Made().arm("lstm_dot", 30.0 if task != "recall" else 0.9, task=task, seeds=(1,), change=change)
    assert reading(made, "outputs not cut", f"{task}-lstm_dot-1").outcome == outcome
    doubt = Evidence(made.records()).cells["doubt"].iloc[0]
    assert ("cut at the output limit" in doubt) == (outcome == gates.FAILED)


@pytest.mark.parametrize(
    ("last", "stopped", "outcome", "value"),
    [
        (0.2, "fell", gates.PASSED, 0.05), (3.6, "steps", gates.FAILED, 0.9), (3.6, "time", gates.NOT_RECORDED, None),
        (1.6, "time", gates.PASSED, 0.4),
    ],
)  # fmt: skip
def test_one_batch_learnt_by_heart(last, stopped, outcome, value):
    """A check that had no time to tell says nothing."""
    change = {f"sanity.overfit.{key}": entry for key, entry in
              (("loss_first", 4.0), ("loss_last", last), ("stopped", stopped))}  # fmt: skip
    made = Made().arm("lstm_dot", 30.0, task="multi30k", seeds=(1,), change=change)
    result = reading(made, "overfits one batch", "multi30k-lstm_dot-1")
    assert result.outcome == outcome and result.value == (None if value is None else pytest.approx(value))
    assert bool(Evidence(made.records()).cells["doubt"].iloc[0]) == (outcome == gates.FAILED)


def test_what_was_not_recorded_is_said_and_excludes_only_where_it_is_needed():
    made = Made().arm("lstm_dot", 30.0, task="multi30k", seeds=(1,))
    assert reading(made, "overfits one batch", "multi30k-lstm_dot-1").outcome == gates.NOT_RECORDED
    assert Evidence(made.records()).cells["doubt"].tolist() == [""]
    made = Made().arm("lstm_dot", 0.9, seeds=(1,), change={"sanity.eos_share": None, "sanity.loss_fell": None})
    assert Evidence(made.records()).cells["doubt"].tolist() == [
        "loss falling: not recorded; outputs end: not recorded"
    ]


def test_gates_for_translations_do_not_ask_other_tasks():
    change = {"sanity.length_ratio": 0.3, "sanity.repeated_share": 0.9, "sanity.same_share": 1.0}
    row = Evidence(Made().arm("lstm_dot", 0.9, seeds=(1,), change=change).records()).cells.iloc[0]
    assert row["doubt"] == "" and row["label"] == ""


def test_a_language_model_has_no_outputs_that_could_end():
    change = {"sanity.eos_share": None, "sanity.empty_share": None}
    made = Made().arm("lstm_stack", 1.6, task="shakespeare", seeds=(1,), change=change)
    for row in made.scores:
        row |= {"metric": "loss", "search": "teacher-forced", "unit": "nats a position"}
    assert Evidence(made.records()).cells["doubt"].tolist() == [""]
    assert reading(made, "outputs end", "shakespeare-lstm_stack-1").outcome == gates.NOT_APPLICABLE


def test_at_chance_is_a_label_and_hides_no_inability():
    made = Made("standard").arm("lstm_none", 0.08, noise=0.001).arm("lstm_dot", 0.97, noise=0.001)
    result = reading(made, "above chance", "recall-lstm_none-1")
    assert result.outcome == gates.FAILED and result.value == pytest.approx(0.08 - 1 / 16, abs=0.01)
    cells = Evidence(made.records()).cells.set_index("cell")
    assert cells.loc["recall-lstm_none-1", "label"] == "at chance: budget-limited or unable"
    assert cells.loc["recall-lstm_none-1", "doubt"] == ""
    assert made.verdict("G").verdict == "supported", "the arm at chance is the finding"


def test_chance_of_an_error_lies_below():
    made = Made().arm("lstm_dot", 0.01, seeds=(1,)).arm("lstm_none", 0.165, seeds=(1,))
    for row in made.scores:
        row |= {"metric": "mse", "unit": "squared error"}
    for row in made.cells:
        row["data.chance.mse"] = 1 / 6
    assert reading(made, "above chance", "recall-lstm_dot-1").outcome == gates.PASSED
    assert reading(made, "above chance", "recall-lstm_none-1").outcome == gates.FAILED


@pytest.mark.parametrize(
    ("losses", "stopped", "outcome"),
    [
        ([4.0, 3.0, 2.0, 2.0, 1.99], None, gates.PASSED), ([4.0, 3.0, 2.0, 2.0, 1.9], None, gates.FAILED),
        ([4.0, 3.0, 2.0, 2.0, 3.0], None, gates.PASSED), ([4.0, 3.0, 2.0, 2.0, 1.9], "patience", gates.NOT_APPLICABLE),
        ([4.0, 3.0], None, gates.NOT_RECORDED), ([], None, gates.NOT_RECORDED),
    ],
)  # fmt: skip
def test_converged_is_read_off_the_curve_and_only_a_label(losses, stopped, outcome):
    made = Curved().arm("lstm_dot", 0.9, seeds=(1,), change={"budget.stopped": stopped})
    made.losses["lstm_dot"] = losses
    assert reading(made, "converged", "recall-lstm_dot-1").outcome == outcome
    row = Evidence(made.records()).cells.iloc[0]
    assert row["doubt"] == "" and ("budget-limited" in row["label"]) == (outcome == gates.FAILED)


def translations(bleu: Mapping[str, float], losses: Mapping[str, float]) -> Curved:
    made = Curved("standard")
    for arm, level in bleu.items():
        made.arm(arm, level, task="multi30k", noise=0.1, searches=("greedy", "beam5"))
        made.losses[arm] = [5.0, losses[arm]]
    return made


def test_a_broken_decoder_is_gated():
    """The published course report: the Transformer had the lower validation loss and a third of the BLEU."""
    made = translations({"transformer": 7.45, "lstm_dot": 20.37}, {"transformer": 2.44, "lstm_dot": 3.21})
    result = reading(made, "loss and BLEU agree", "multi30k-transformer-1")
    assert result.outcome == gates.FAILED and result.value == pytest.approx(0.36, abs=0.02)
    assert (
        "fault in decoding" in Evidence(made.records()).cells.set_index("cell").loc["multi30k-transformer-1", "doubt"]
    )
    assert reading(made, "loss and BLEU agree", "multi30k-lstm_dot-1").outcome != gates.FAILED
    assert made.verdict("H").verdict == "inconclusive"
    made.losses = {}
    assert made.verdict("H").verdict == "refuted", "the same scores, were they trusted"


def test_a_weak_model_is_no_broken_decoder():
    bleu = {"transformer": 35.3, "lstm_dot": 31.2, "gru_dot": 26.3, "gru_none": 17.3, "lstm_none": 12.3}
    losses = {"transformer": 1.94, "lstm_dot": 2.24, "gru_dot": 2.59, "gru_none": 2.78, "lstm_none": 3.04}
    made = translations(bleu, losses)
    assert set(Evidence(made.records()).cells["doubt"]) == {""}
    assert made.verdict("H").verdict == "supported"


def test_one_search_that_is_broken_is_enough():
    made = translations({"transformer": 35.0, "gru_dot": 26.0}, {"transformer": 1.9, "gru_dot": 2.6})
    for row in made.scores:
        if row["model"] == "transformer" and row["search"] == "beam5":
            row["value"] = 5.0
    assert reading(made, "loss and BLEU agree", "multi30k-transformer-1").outcome == gates.FAILED


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken",
    [
        {"sanity.loss_fell": False},
        {
            f"sanity.overfit.{key}": entry
            for key, entry in (("loss_first", 4), ("loss_last", 3.9), ("stopped", "steps"))
        },
    ],
)
def test_a_gated_cell_changes_no_verdict(broken):
    def verdicts(*cells: tuple[float, Mapping[str, object]]) -> list[tuple]:
        made = Made("standard").arm("transformer", 0.9).arm("lstm_dot", 0.9).arm("lstm_none", 0.5)
        for seed, (level, change) in enumerate(cells, start=5):
            made.arm("lstm_dot", level, seeds=(seed,), change=change)
        every = judge.verdicts(made.records())
        return [
            (
                each.letter,
                each.verdict,
                [(judged.call, judged.difference, judged.p_holm) for judged in each.comparisons],
            )
            for each in every
        ]

    assert verdicts((0.0, broken)) == verdicts()
    assert verdicts((0.0, {})) != verdicts(), "the same cell, were it trusted"


def test_the_tables_show_every_gate_and_every_mark():
    made = Made().arm("transformer", 0.9).arm("lstm_none", 0.08, change={"sanity.eos_share": 0.1}, seeds=(1,))
    evidence = Evidence(made.records())
    summary = {row[0].text: [cell.text for cell in row] for row in sanity.summary(evidence).rows}
    assert list(summary) == [gate.name for gate in gates.GATES]
    assert summary["outputs end"][3:] == ["excluded from verdicts", "4", "1", "0", "0", "10 % to 100 %"]
    assert summary["overfits one batch"][3:] == ["excluded from verdicts", "0", "0", "5", "0", "-"]
    (marked,) = [[cell.text for cell in row] for row in sanity.marked_cells(evidence).rows]
    assert marked[1:] == ["lstm_none", "quick", "1", "only 10 % of outputs ended by themselves",
                          "at chance: budget-limited or unable"]  # fmt: skip

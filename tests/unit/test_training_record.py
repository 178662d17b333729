"""What a record says of how its cell was trained: why it stopped, what was averaged, that subwords were cut anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.conf.compose import compose
from bench.errors import UserError
from bench.records import store
from bench.runs import trained
from bench.runs.cell import run_cell
from bench.training.batches import Batcher
from bench.training.teacher_forcing import validate
from bench.training.trainer import Trainer

TINY = (
    *("task=reverse", "model=gru_none", "budget=smoke", "budget.parameters=4000", "match.tolerance=1"),
    *("task.train_size=100", "task.valid_size=20", "task.test_size=5", "task.train_longest=6", "task.test_longest=8"),
    *("budget.batch_tokens=200", "budget.epochs=12", "budget.validations=12", "optim.schedule=constant"),
)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))


def ran(out: Path, *words: str) -> tuple[dict, list[dict]]:
    """The record of a cell and its curve."""
    cell = compose([*TINY, *words])
    assert run_cell(cell, out) == "done"
    record = store.read(out / cell.name)
    assert record["config_hash"] == cell.hash and record["sanity"]["loss_finite"]
    return record, store.load(out).curves.to_dict("records")


def test_validations_at_every_sample_leave_a_throughput(tmp_path: Path) -> None:
    """A budget with as many validations as samples of the speed recorded none."""
    record, _ = ran(tmp_path, "budget.validations=40")
    assert record["throughput"]["train"]["n"] > 10


def test_patience_is_told(tmp_path: Path) -> None:
    record, curve = ran(tmp_path, "budget.patience=2", "optim.lr=0.3")
    budget = record["budget"]
    assert budget["stopped"] == "patience" and budget["steps"] == curve[-1]["step"] < budget["planned_steps"]
    assert record["selection"]["step"] == curve[-3]["step"] and record["selection"]["average"] is None
    assert record["config"]["budget"]["patience"] == 2


def test_the_average_that_stays_is_what_the_record_and_its_weights_hold(tmp_path: Path) -> None:
    record, curve = ran(tmp_path, "optim.average=3", "optim.average_chosen=always", "optim.lr=0.003")
    selection = record["selection"]
    assert record["budget"]["stopped"] == "end" and record["budget"]["steps"] == record["budget"]["planned_steps"]
    average = {"of": "last", "steps": [row["step"] for row in curve[-3:]], "value": selection["value"], "chosen": True}
    assert (selection["step"], selection["average"]) == (None, average)
    found = trained.load(tmp_path / record["cell"])
    loss, _ = validate(found.model, Batcher(found.data.valid, 200).epoch())
    assert loss == pytest.approx(selection["value"], rel=1e-5)
    assert loss != pytest.approx(min(row["valid_loss"] for row in curve), rel=1e-5)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("optim.bpe_dropout=0.1", "optim.bpe_dropout=0.1 is for tasks with learned subwords, and Reverse has none"),
        ("optim.average_of=best", "optim.average_of=best has no effect without optim.average"),
        ("budget.patience=11", "budget.patience=11 cannot stop anything"),
    ],
)
def test_what_cannot_be_is_one_line_and_no_record(tmp_path: Path, word: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        run_cell(compose([*TINY, word]), tmp_path)
    assert "\n" not in str(error.value) and not list(tmp_path.glob("*/record.json"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model=transformer_stack", "model.causal=false"], "reads the tokens that the task language asks for"),
        (["model=lstm_stack", "search.beam=3"], "search.beam=3 applies to outputs that are searched for"),
        (["model=lstm_stack", "search.precision=bf16"], "the task language is scored by its loss alone"),
    ],
)
def test_settings_that_a_language_model_cannot_have(tmp_path: Path, words: list[str], message: str) -> None:
    small = ["task=language", "task.train_size=60", "task.valid_size=20", "task.test_size=20", "task.context=16"]
    with pytest.raises(UserError, match=message):
        run_cell(compose([*small, "budget=smoke", *words]), tmp_path)
    assert not list(tmp_path.glob("*/record.json"))


def test_a_resumed_cell_has_the_time_of_all_its_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Trainer.run

    def slow(self, *rest):
        history = before(self, *rest)
        history.train_seconds += 1000
        return history

    monkeypatch.setattr(Trainer, "run", slow)
    record, _ = ran(tmp_path)
    assert record["times"]["total"] > 1000

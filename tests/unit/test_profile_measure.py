"""One measurement of a profile: the work of a call, its timing, and its row."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

from bench.conf.compose import compose
from bench.diagnostics.profile import measure
from bench.diagnostics.profile.plan import Request
from bench.evaluation.decoding import decode_tokens
from bench.evaluation.search_config import Search
from bench.records import profile_rows
from bench.runs import building
from models.cost import training_flops

WORDS = ("task=reverse", "budget=smoke", "budget.parameters=4000", "match.tolerance=1", "threads=1")


def request(quantity: str, arm: str = "lstm_dot", length: int = 6, **changes: object) -> Request:
    made = Request(arm, (f"model={arm}", *WORDS), length, quantity, tokens=64, repeats=3, seconds=30.0)
    return replace(made, **changes)


def model_of(arm: str) -> torch.nn.Module:
    cell = compose((f"model={arm}", *WORDS))
    return building.build_model(cell, cell.make_task().sizes, measure.SIZE_LENGTHS)[0].eval()


def ending_at_once(model: torch.nn.Module) -> torch.nn.Module:
    """The model, changed to always predict the end token; `del model.project` restores it."""
    project = model.project
    model.project = lambda features: project(features).index_fill(-1, torch.tensor([measure.EOS]), 50.0)
    return model


@pytest.fixture
def rate(monkeypatch):
    """A machine with a known matrix-product rate."""
    monkeypatch.setattr(measure, "matmul_rate", lambda device: 2.5e9)
    return 2.5e9


@pytest.mark.parametrize("what", profile_rows.QUANTITIES)
@pytest.mark.parametrize("arm", ["transformer", "lstm_dot", "gru_dot", "lstm_none"])
def test_a_row_of_everything(arm, what, rate):
    row = measure.measure(request(what, arm))
    assert (row["status"], row["reason"], row["n"]) == ("measured", None, 3)
    assert sorted(row) == sorted(profile_rows.COLUMNS)
    count = {"beam5": 2, "latency": 1}.get(what, 10)  # 64 tokens in sentences of 6, or five times as many
    assert (row["rows"], row["tokens"]) == (count, count * 6)
    assert row["q25"] <= row["median"] <= row["q75"]
    assert row["utilisation"] == pytest.approx(row["flops"] / row["seconds"] / rate)
    a_token = row["median"] if what == "latency" else 1 / row["median"]
    assert a_token == pytest.approx(row["seconds"] / row["tokens"])


def test_flops_are_those_of_the_work(rate):
    model = model_of("transformer")
    forward = model.matmul_flops(6, 6)
    flops = {what: measure.measure(request(what, "transformer"))["flops"] for what in profile_rows.QUANTITIES}
    assert flops["forward"] == 10 * forward
    assert flops["train"] == 10 * training_flops(model, 6, 6)
    assert flops["greedy"] == 10 * forward
    assert flops["latency"] == forward
    encoder = model.matmul_flops(6, 0)
    assert flops["beam5"] == 2 * (encoder + 5 * (forward - encoder))
    assert 0 < encoder < forward


def test_utilisation_of_known_work(rate):
    work = measure.Work(call=lambda: None, rows=1, tokens=20, flops=10**9)
    row = measure.timing_row(request("train"), work, [0.5, 1.0, 2.0, 0.8, 1.0], rate)
    assert row["utilisation"] == pytest.approx(0.4)  # 1e9 FLOPs in 1 s at 2.5e9
    assert (row["median"], row["q25"], row["q75"]) == (20.0, 20.0, 25.0)


def test_a_sentence_shorter_than_the_batch_and_one_longer(rate):
    assert measure.measure(request("forward", tokens=4))["rows"] == 1


@pytest.mark.parametrize("beam", [1, 5])
@pytest.mark.parametrize("arm", ["transformer", "lstm_dot"])
def test_decoding_goes_to_the_limit_and_the_model_is_itself_again(arm, beam):
    model, src = model_of(arm), torch.randint(4, 20, (3, 5))
    usual = decode_tokens(model, src, None, [9, 9, 9], Search(beam))
    ending_at_once(model)
    assert decode_tokens(model, src, None, [9, 9, 9], Search(beam)).tokens == [[], [], []]
    with measure.without_end_token(model):
        hypotheses = decode_tokens(model, src, None, [9, 9, 9], Search(beam))
    assert [len(ids) for ids in hypotheses.tokens] == [9, 9, 9] and not any(hypotheses.ended)
    del model.project
    assert decode_tokens(model, src, None, [9, 9, 9], Search(beam)) == usual


def test_a_hypothesis_that_ends_early_is_no_measurement(monkeypatch, rate):
    eager = ending_at_once(model_of("lstm_dot"))
    monkeypatch.setattr(measure, "without_end_token", nullcontext)
    monkeypatch.setattr(measure.building, "build_model", lambda *arguments: (eager, None))
    row = measure.measure(request("greedy"))
    assert (row["status"], row["reason"]) == ("error", "RuntimeError: a hypothesis ended before the limit")


def test_positions_that_end_before_the_length_are_the_reason(rate):
    words = ("model=transformer", *WORDS, "model.positions=learned", "model.max_len=4")
    row = measure.measure(request("forward", "transformer", words=words))
    assert row["status"] == "error" and row["reason"].startswith("ValueError: ") and "4" in row["reason"]
    assert row["median"] is None


def test_training_changes_the_weights_step_by_step(monkeypatch, rate):
    """One of the trainer's own steps for each call, warm-up included."""
    trainers = []
    made = measure.Trainer.__init__

    def record(self, *arguments, **options):
        made(self, *arguments, **options)
        trainers.append((self, {name: value.clone() for name, value in self.model.state_dict().items()}))

    monkeypatch.setattr(measure.Trainer, "__init__", record)
    measure.measure(request("train"))
    ((trainer, before),) = trainers
    assert trainer.history.steps == 3 + measure.WARM_UP_CALLS
    assert trainer.model.training
    assert any(not torch.equal(value, before[name]) for name, value in trainer.model.state_dict().items())


class Clock:
    """A clock that advances only with the work."""

    def __init__(self, *calls: float) -> None:
        self.now, self.calls, self.made = 0.0, calls, 0

    def __call__(self, device: str) -> float:
        return self.now

    def work(self) -> None:
        self.now += self.calls[min(self.made, len(self.calls) - 1)]
        self.made += 1


@pytest.mark.parametrize(
    ("calls", "seconds", "samples"),
    [
        ((0.9, 0.5, 0.4, 0.1), 100.0, [0.1] * 5),  # three calls of warm-up, then as many as asked for
        ((9.0, 2.0), 15.0, [2.0] * 3),  # one of warm-up, for it was long; three more fit into the rest
        ((9.0, 7.0), 15.0, [7.0]),  # one at least
    ],
)
def test_warm_up_does_not_count_and_the_time_limit_is_kept(calls, seconds, samples):
    clock = Clock(*calls)
    assert measure.time_calls(clock.work, "cpu", 5, seconds, clock) == pytest.approx(samples)


def test_the_rate_of_the_machine_is_that_of_the_fastest_product(monkeypatch):
    monkeypatch.setattr(
        measure, "time_calls", lambda call, device, repeats, seconds: call() is None or [0.5, 0.25, 1.0]
    )
    assert measure.matmul_rate("cpu", size=10) == 2 * 10**3 / 0.25

"""The check on a fresh model: a sound one learns examples by heart, a broken one does not, and no cell notices."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.conf.compose import compose
from bench.data.examples import Split
from bench.data.ragged import Ragged
from bench.records import store
from bench.runs import cell as cell_module
from bench.runs.cell import run_cell
from bench.training import overfit
from bench.training.overfit import FELL, LATE, SHARE, STEPPED, median_length_rows, overfit_small_batch
from models.interface import Seq2Seq
from models.recurrent import RecurrentSeq2Seq
from models.transformer import Transformer

VOCABULARY = 20
AGES = 1e9
"""Seconds that a training took of which 2 % end no test."""


def split(count: int = 30, seed: int = 0) -> Split:
    draw = np.random.default_rng(seed)
    ids = [draw.integers(4, VOCABULARY, size=n) for n in draw.integers(2, 7, size=count)]
    return Split("train", Ragged.of(ids), Ragged.of([own[::-1] for own in ids]))


def build(cls: type = RecurrentSeq2Seq, **options: object) -> RecurrentSeq2Seq:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return cls(VOCABULARY, VOCABULARY, 1, 32, **({"cell": "gru", "attention": "none"} | options))


def outcome_of(build_model: Callable[[], Seq2Seq], examples: Split, train_seconds: float = AGES) -> dict:
    return overfit_small_batch(build_model, examples, train_seconds, "cpu", max_seconds=AGES)


def small_transformer(**options: object) -> Transformer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Transformer(VOCABULARY, VOCABULARY, 1, 2, 16, 16, 32, **options)


@pytest.mark.slow
@pytest.mark.parametrize("fresh", [build, small_transformer])
def test_a_sound_model_learns_them_by_heart(fresh) -> None:
    random = torch.get_rng_state()
    outcome = outcome_of(fresh, split())
    assert outcome["stopped"] == FELL and outcome["loss_last"] < SHARE * outcome["loss_first"]
    assert 2.5 < outcome["loss_first"] < 8 and 1 < outcome["steps"] < overfit.STEPS and outcome["seconds"] > 0
    assert torch.equal(random, torch.get_rng_state())
    again = outcome_of(fresh, split())
    assert {**again, "seconds": 0} == {**outcome, "seconds": 0}


class Blind(RecurrentSeq2Seq):
    """Sees no source."""

    def encode(self, src, src_mask=None):
        memory, first = super().encode(src, src_mask)
        return memory * 0, [tuple(part * 0 for part in parts) for parts in first]


class Cut(RecurrentSeq2Seq):
    """Its features give no gradient to what made them."""

    def features(self, *arguments):
        return super().features(*arguments).detach()


@pytest.mark.slow
def test_a_broken_model_does_not() -> None:
    """Without the source the first token can only be guessed, and without a gradient only the last layer learns."""
    for cls in (Blind, Cut):
        outcome = outcome_of(partial(build, cls), split())
        assert (outcome["stopped"], outcome["steps"]) == (STEPPED, overfit.STEPS)
        assert outcome["loss_last"] > SHARE * outcome["loss_first"]


def test_it_ends_in_time() -> None:
    outcome = outcome_of(build, split(), 0.0)
    assert (outcome["stopped"], outcome["steps"]) == (LATE, 1) and outcome["loss_last"] < outcome["loss_first"]


def test_dropout_is_off() -> None:
    whole, dropped = (outcome_of(partial(small_transformer, dropout=p), split()) for p in (0.0, 0.5))
    assert {**dropped, "seconds": 0} == {**whole, "seconds": 0}


def test_values_are_learnt_too() -> None:
    rows = np.random.default_rng(0).random((20, 6, 2)).astype(np.float32)
    data = Split("train", Ragged.of_rows(rows), Ragged.of_rows(rows.sum((1, 2))[:, None, None]))
    fresh = partial(RecurrentSeq2Seq, 2, 1, 1, 32, cell="gru", inputs="values", outputs="values", attention="dot")
    outcome = outcome_of(fresh, data)
    assert outcome["stopped"] == FELL and outcome["loss_last"] < SHARE * outcome["loss_first"]


def test_the_examples_have_the_usual_length() -> None:
    lengths = [1, 50, 5, 5, 6, 4, 5, 5, 5, 5, 90]
    ids = Ragged.of([[4] * n for n in lengths])
    chosen = median_length_rows(Split("train", ids, ids))
    assert len(chosen) == overfit.EXAMPLES and {lengths[i] for i in chosen} == {4, 5, 6}


@pytest.mark.parametrize("name", ["gru_dot", "transformer"])
def test_a_cell_is_the_same_with_and_without_what_is_looked_at(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit: weights, outputs, curve and scores."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    cell = compose([
        *("task=reverse", f"model={name}", "budget=smoke", "budget.parameters=8000", "match.tolerance=1"),
        *("task.train_size=100", "task.valid_size=20", "task.test_size=20", "task.train_longest=6"),
        *("task.test_longest=8", "budget.batch_tokens=200", "model.dropout=0.2"),
    ])  # fmt: skip
    assert run_cell(cell, tmp_path / "with") == "done"
    monkeypatch.setattr(cell_module, "overfit_small_batch", lambda *_: None)
    monkeypatch.setattr(cell_module, "inspect_model", lambda _: None)
    monkeypatch.setattr(cell_module, "attention_maps", lambda *_: None)
    assert run_cell(cell, tmp_path / "without") == "done"
    looked, plain = (tmp_path / way / cell.name for way in ("with", "without"))
    for file in (store.WEIGHTS, store.OUTPUTS):
        assert (looked / file).read_bytes() == (plain / file).read_bytes()
    one, other = store.read(looked), store.read(plain)
    assert one["sanity"]["overfit"] is not None and one["architecture"]["hidden_layers"] and not other["architecture"]
    assert (looked / store.ATTENTION).exists() and not (plain / store.ATTENTION).exists()
    assert one["scores"] == other["scores"] and one["selection"] == other["selection"]
    assert {**one["sanity"], "overfit": None} == other["sanity"]
    curves = [store.load(tmp_path / way).curves.drop(columns="seconds") for way in ("with", "without")]
    assert curves[0].equals(curves[1])

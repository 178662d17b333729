"""Batches: every example once an epoch, little padding, and real positions where they are said to be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.data.examples import BOS, EOS, PAD, Split
from bench.data.ragged import Ragged
from bench.training.batches import Batcher
from bench.training.config import LENGTH, SHORT_FIRST, TrainingBudget


def captions(count: int = 20_000) -> Split:
    """Lengths like those of image captions: around twelve, target and source alike but not equal."""
    generator = np.random.default_rng(3)
    sources = np.clip(generator.normal(12, 4, count), 2, 40).astype(int)
    targets = np.clip(sources + generator.normal(0, 3, count), 2, 50).astype(int)
    return Split(
        "train",
        Ragged.of(generator.integers(4, 50, length) for length in sources),
        Ragged.of(generator.integers(4, 50, length) for length in targets),
    )


@pytest.mark.parametrize("batch_tokens", [1000, 2000])
def test_at_most_a_twentieth_is_padding(batch_tokens: int) -> None:
    batcher = Batcher(captions(), batch_tokens)
    batches = [batcher.make(rows) for rows in batcher.plan(np.random.default_rng(0))]
    real = sum(batch.source_tokens + batch.target_tokens for batch in batches)
    assert 1 - real / sum(batch.src.numel() + batch.tgt_in.numel() for batch in batches) <= 0.05
    assert sorted(np.concatenate([batch.rows for batch in batches])) == list(range(20_000))
    assert all(max(batch.src.numel(), batch.tgt_in.numel()) <= batch_tokens for batch in batches)


def test_real_is_where_there_is_no_padding() -> None:
    batcher = Batcher(captions(300), 400)
    for batch in batcher.epoch():
        wanted = (batch.tgt_out != PAD).flatten().nonzero().flatten()
        assert torch.equal(batch.unpadded, wanted)
        assert len(wanted) == batch.target_tokens
        assert (batch.tgt_in[:, 0] == BOS).all() and (batch.tgt_out == EOS).sum() == len(batch.rows)
    assert batcher.make(np.array([0, 0])).unpadded is None


def test_short_first_goes_from_short_to_long_and_differs_between_passes() -> None:
    batcher = Batcher(captions(300), 400)
    first, second = (batcher.plan(np.random.default_rng(seed), SHORT_FIRST) for seed in (0, 1))
    for plan in (first, second):
        assert (np.diff(batcher.src_lengths[np.concatenate(plan)]) >= 0).all()
    assert not np.array_equal(np.concatenate(first), np.concatenate(second))
    by_length = batcher.plan(np.random.default_rng(0), LENGTH)
    assert {tuple(rows) for rows in by_length} == {tuple(rows) for rows in first}, "the same batches in another order"


def test_short_first_needs_whole_passes() -> None:
    budget = {"batch_tokens": 400, "validations": 2, "batching": SHORT_FIRST}
    TrainingBudget(epochs=2.0, **budget)
    with pytest.raises(ValueError, match=r"needs whole passes, got budget.epochs=1.5"):
        TrainingBudget(epochs=1.5, **budget)

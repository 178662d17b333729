"""Accuracy by the distance of the token that is copied."""

from __future__ import annotations

import numpy as np
import pytest

from bench.evaluation.token_distances import distance_rows, forced_hits, longest_strings
from bench.metrics import FORCED
from bench.tasks.parity import Parity
from bench.tasks.reverse import Reverse
from bench.training.batches import Batcher
from bench.training.teacher_forcing import accuracy_at
from tests.contract.arms import build

TASK = Reverse(symbols=15, train_size=50, valid_size=10, test_size=60)


@pytest.fixture(scope="module")
def split():
    return TASK.load().tests["test"]


def test_distances_of_reversal_are_those_of_the_sequence() -> None:
    """Source and target one after the other: the place of each output minus that of the letter it copies."""
    source = list("abcd")
    sequence = [*source, *reversed(source)]
    places = [len(source) + i - sequence.index(sequence[len(source) + i]) for i in range(len(source))]
    assert TASK.copy_distances(len(source)).tolist() == places


def test_strings_of_one_length_count(split) -> None:
    rows = longest_strings(split)
    assert len(rows) and set(split.tgt.lengths[rows]) == {split.tgt.lengths.max()}


def test_forced_hits_are_those_of_the_accuracy_at_each_position(split) -> None:
    model, rows = build("gru_dot"), longest_strings(split)
    hits = forced_hits(model, split, rows, 100, "cpu")
    assert hits.shape == (len(rows), split.tgt.lengths.max())
    part = type(split)("test", split.src.take(rows), split.tgt.take(rows))
    expected = [accuracy_at(model, Batcher(part, 100).epoch(), slice(i, i + 1)) for i in range(hits.shape[1])]
    np.testing.assert_allclose(hits.mean(axis=0), expected)


def test_a_row_for_each_distance(split) -> None:
    hits = np.arange(12).reshape(3, 4) % 4 < 2
    rows = distance_rows(TASK, split, "greedy", hits)
    assert [(row["at"], row["value"], row["n"]) for row in rows] == [(1, 1, 3), (3, 1, 3), (5, 0, 3), (7, 0, 3)]
    assert distance_rows(Parity(train_size=50, valid_size=10, test_size=10), split, "greedy", hits) == []


def test_free_hits_and_forced_hits_have_signatures_of_their_own(split) -> None:
    """So that they are never compared."""
    hits = np.ones((3, 4), dtype=bool)
    signatures = {distance_rows(TASK, split, search, hits)[0]["signature"] for search in ("greedy", "beam5", FORCED)}
    assert signatures == {
        "copy_accuracy|free-running|strings of 4 tokens",
        "copy_accuracy|teacher-forced|strings of 4 tokens",
    }

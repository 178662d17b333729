"""Teacher-forced losses of single examples, and what is made of them: the reference against one wrong word."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.data.examples import ABSENT, Marks, Split
from bench.data.ragged import Ragged
from bench.evaluation.scores import contrast_rows
from bench.training.batches import Batcher
from bench.training.teacher_forcing import losses, validate

VOCABULARY = 9


class Table(nn.Module):
    """Gives every token a probability of its own, the same at every place, whatever was read."""

    outputs = "tokens"

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)

    def features(self, src: Tensor, tgt_in: Tensor, src_mask: Tensor | None) -> Tensor:
        return torch.zeros(*tgt_in.shape, 1)

    def project(self, features: Tensor) -> Tensor:
        return self.logits.expand(*features.shape[:-1], -1)


def split_of(targets: list[list[int]], marks: dict[str, Marks]) -> Split:
    ids = Ragged.of(targets)
    return Split("test", ids, ids, marks=marks)


def test_the_losses_of_examples_add_up_to_that_of_the_split() -> None:
    logits = np.linspace(-1, 2, VOCABULARY).tolist()
    split = split_of([[4], [5, 6, 7, 8], [4, 4], [8, 5, 4], [6]], {})
    batcher = Batcher(split, 12)
    summed = losses(Table(logits), batcher)
    mean, _ = validate(Table(logits), batcher.epoch())
    assert summed.sum() == pytest.approx(mean * batcher.tgt_lengths.sum(), rel=1e-6)
    each = torch.log_softmax(torch.tensor(logits), 0)
    assert summed[1] == pytest.approx(-float(each[5] + each[6] + each[7] + each[8] + each[2]), rel=1e-5)


def test_the_reference_against_a_wrong_word() -> None:
    """Token 8 is likelier than 7, and 7 than 4: right where the reference has the likelier one; ties are not right."""
    logits = [0.0] * 7 + [1.0, 2.0]
    targets = [[4, 8]] * 5 + [[4, 7]] * 5 + [[4, 5]] * 5 + [[8, 8]] * 3
    at = np.array([1] * 15 + [ABSENT] * 3)
    wrong = np.array([7] * 5 + [8] * 5 + [6] * 5 + [ABSENT] * 3)
    distance = np.array([1] * 5 + [2] * 5 + [9] * 5 + [ABSENT] * 3)
    none = np.full(18, ABSENT)
    split = split_of(targets, {"case": Marks(at, distance, wrong), "question": Marks(none, none, none)})
    before = split.tgt.tokens.copy()
    rows = contrast_rows(Table(logits), split, Batcher(split, 20))
    assert {(row["metric"], row["axis"], row["at"]): (row["value"], row["n"]) for row in rows} == {
        ("case_contrast", None, None): (pytest.approx(1 / 3), 15),
        ("case_contrast", "case_distance", 1): (1.0, 5),
        ("case_contrast", "case_distance", 2): (0.0, 5),
        ("case_contrast", "case_distance", 9): (0.0, 5),
    }
    assert {row["search"] for row in rows} == {"teacher-forced"} and np.array_equal(split.tgt.tokens, before)

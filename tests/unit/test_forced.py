"""The score that a task names for single tokens with all before them given."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from bench.evaluation.scores import forced_rows
from bench.tasks.mqar import Mqar
from bench.tasks.reverse import Reverse
from bench.training.batches import Batcher


class LookUp:
    """Reads the fact of the key it was given from the source; forgets what the first fact of a source was."""

    def __init__(self, pairs: int, size: int, forgets: bool) -> None:
        self.pairs, self.size, self.forgets = pairs, size, forgets

    def features(self, src, tgt_in, src_mask):
        predicted = torch.zeros_like(tgt_in)
        for row, source in enumerate(src.tolist()):
            known = dict(zip(source[0 : 2 * self.pairs : 2], source[1 : 2 * self.pairs : 2], strict=True))
            if self.forgets:
                known.pop(source[0])
            predicted[row] = torch.tensor([known.get(token, 0) for token in tgt_in[row].tolist()])
        return F.one_hot(predicted, self.size).float()

    def project(self, features):
        return features


@pytest.mark.parametrize(("forgets", "share"), [(False, 1.0), (True, 2 / 3)])
def test_values_are_scored_where_their_key_is_given_whatever_else_is_wrong(forgets: bool, share: float) -> None:
    task = Mqar(length=16, pairs=3, vocabulary=40, train_size=20, valid_size=5, test_size=30)
    split = task.load().tests["test"]
    model = LookUp(3, task.sizes.target, forgets)  # every key is wrong, for none is foretold
    (row,) = forced_rows(model, task, split, Batcher(split, 100))
    assert row["value"] == pytest.approx(share)
    assert (row["metric"], row["search"], row["unit"], row["n"]) == ("values", "teacher-forced", "share", 30)
    assert row["signature"] == "values|teacher-forced|token by token"


def test_a_task_that_names_none_has_none() -> None:
    task = Reverse(train_size=20, valid_size=5, test_size=5)
    split = task.load().tests["test"]
    assert forced_rows(LookUp(1, 10, False), task, split, Batcher(split, 100)) == []

"""Accuracy by the distance between an output token and the input token that it copies, for claim A.

Only the longest strings of a split count, so that distances are compared within strings of one length. The scores are
teacher-forced, where an error does not lead to others, and free-running beside that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench.data.examples import Split
from bench.evaluation.scores import Row, score_row
from bench.metrics import FORCED
from bench.tasks.base import Task
from bench.training import ranks
from bench.training.batches import Batcher
from bench.training.teacher_forcing import all_features
from models.interface import Model

FREE = "free-running"
METRIC = "copy_accuracy"
"""Token accuracy over the longest strings of the split alone."""


def forced_rows(model: Model, task: Task, split: Split, batch_tokens: int, device: str) -> list[Row]:
    """Teacher-forced scores by distance; none where the task does not say which token is copied."""
    if task.copy_distances(1) is None:
        return []
    rows = longest_strings(split)
    return distance_rows(task, split, FORCED, forced_hits(model, split, rows, batch_tokens, device))


def free_rows(
    task: Task, split: Split, search: str, hypotheses: Sequence[str], references: Sequence[str]
) -> list[Row]:
    """The same scores of outputs. hypotheses, references: of the whole split."""
    if task.copy_distances(1) is None:
        return []
    rows = longest_strings(split).tolist()
    return distance_rows(
        task, split, search, free_hits(*([side[i] for i in rows] for side in (hypotheses, references)))
    )


def longest_strings(split: Split) -> np.ndarray:
    """(M,) indices of the examples with the longest target of the split, T tokens."""
    return np.flatnonzero(split.tgt.lengths == split.tgt.lengths.max())


@torch.inference_mode()
def forced_hits(model: Model, split: Split, rows: np.ndarray, batch_tokens: int, device: str) -> np.ndarray:
    """(M, T) bool: whether each target token is the most probable one after the reference's earlier tokens.

    rows (M,): examples whose targets have one length T.
    """
    part = Split(split.name, split.src.take(rows), split.tgt.take(rows))
    hits = np.zeros((len(rows), int(part.tgt.lengths[0])), dtype=bool)
    model.eval()
    for batch in ranks.turns(Batcher(part, batch_tokens, device).epoch()):
        predicted = model.project(all_features(model, batch)).argmax(dim=-1)
        hits[batch.rows] = (predicted == batch.tgt_out)[:, :-1].cpu().numpy()  # without the end token
    return ranks.sums(hits).astype(bool)


def free_hits(hypotheses: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """(M, T) bool: whether an output has the reference's word at each of its T places.

    >>> free_hits(["a c", "b"], ["a b", "b a"]).tolist()
    [[True, False], [True, False]]
    """
    pairs = [(output.split(), reference.split()) for output, reference in zip(hypotheses, references, strict=True)]
    return np.array([[words[i : i + 1] == right[i : i + 1] for i in range(len(right))] for words, right in pairs])


def distance_rows(task: Task, split: Split, search: str, hits: np.ndarray) -> list[Row]:
    """A score for each distance, as rows of the record; none where the task does not say which token is copied.

    hits (M, T): see above. search: of the outputs, or FORCED.
    """
    distances = task.copy_distances(hits.shape[1])
    if distances is None:
        return []
    signature = f"{METRIC}|{FORCED if search == FORCED else FREE}|strings of {hits.shape[1]} tokens"
    rows = []
    for distance in np.unique(distances):
        chosen = hits[:, distances == distance]
        value, count = float(chosen.mean()), int(chosen.size)
        rows.append(score_row(split, search, METRIC, value, "share", count, "distance", int(distance), signature))
    return rows

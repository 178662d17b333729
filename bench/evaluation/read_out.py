"""Predictions of one stack at the positions of its answers: one pass over each sequence, no search."""

from __future__ import annotations

import numpy as np
import torch

from bench.data.examples import Split
from bench.evaluation.decoding import DecodedSplit, Hypotheses
from bench.evaluation.search_config import Search
from bench.system.resources import clock
from bench.training import precision, ranks
from bench.training.batches import Batch, Batcher
from bench.training.progress import Progress
from bench.training.teacher_forcing import unpadded_features
from models.interface import SequenceModel


@torch.inference_mode()
def read_answers(model: SequenceModel, batch: Batch, search: Search) -> Hypotheses:
    """The most probable answer at each position that asks for one; values are returned as predicted.

    The sequence itself is given, so that no answer depends on an earlier one.
    """
    assert not model.training, "predict in evaluation mode"
    with precision.products_in(search.precision, batch.src.device):
        features, targets = unpadded_features(model, batch)
        predicted = model.project(features)
    answers = predicted.float() if targets.is_floating_point() else predicted.argmax(dim=-1)
    row = torch.arange(len(batch.rows)).repeat_interleave(batch.src.shape[1])
    if batch.unpadded is not None:
        row = row[batch.unpadded.cpu()]
    lengths = torch.bincount(row, minlength=len(batch.rows)).tolist()
    return Hypotheses([part.tolist() for part in answers.cpu().split(lengths)], [True] * len(batch.rows))


def read_split(
    model: SequenceModel, split: Split, search: Search, batch_tokens: int, device: str, progress: Progress
) -> DecodedSplit:
    """The answers of a whole split, in batches of similar lengths, which several processes share; samples: answers a
    second of each batch."""
    batcher = Batcher(split, batch_tokens, device)
    hypotheses = Hypotheses([[] for _ in range(len(split))], [True] * len(split))
    samples: list[float] = []
    progress.stage(f"read {split.name}", len(split), "sequences")
    plan = batcher.plan()
    sequences = np.cumsum([len(rows) for rows in plan]).tolist()
    for number, rows in ranks.turns(enumerate(plan)):
        batch = batcher.make(rows)
        started = clock(device)
        answers = read_answers(model, batch, search)
        seconds = clock(device) - started
        samples.append(batch.target_tokens / seconds)
        for row, ids in zip(batch.rows.tolist(), answers.tokens, strict=True):
            hypotheses.tokens[row] = ids
        progress.advance(sequences[number])
    return DecodedSplit(hypotheses, samples[1:] or samples).gathered(plan)


def reading_speeds(
    model: SequenceModel, split: Split, search: Search, device: str, count: int, warm_up: int
) -> list[float]:
    """Answers a second of each of the first `count` sequences of a split, read alone."""
    batcher = Batcher(split, 1, device)
    samples = []
    for row in range(min(count, len(split))):
        batch = batcher.make(np.array([row]))
        started = clock(device)
        read_answers(model, batch, search)
        samples.append(batch.target_tokens / (clock(device) - started))
    return samples[warm_up:] or samples

"""Predictions of one stack at the positions of its answers: one pass over each sequence, no search."""

from __future__ import annotations

import torch

from bench.data.examples import Split
from bench.evaluation.decoding import Answer, DecodedSplit, Hypotheses, answer_split
from bench.evaluation.search_config import Search
from bench.training import precision
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


def reading(model: SequenceModel, search: Search) -> Answer:
    """Answers that are read off."""
    return lambda batch: (read_answers(model, batch, search), batch.target_tokens)


def read_split(
    model: SequenceModel, split: Split, search: Search, batch_tokens: int, device: str, progress: Progress
) -> DecodedSplit:
    """The answers of a whole split; see `answer_split`."""
    progress.stage(f"read {split.name}", len(split), "sequences")
    return answer_split(Batcher(split, batch_tokens, device), reading(model, search), progress)

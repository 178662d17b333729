"""Scores of a language model: its loss, and whether that falls with the text it has read.

By position in the context: the mean loss of the tokens that have so many tokens before them (Kaplan et al. 2020, Fig.
7). With the context cut: the loss of the same tokens where only the last k tokens before them are read (Khandelwal et
al. 2018). The first depends on how hard the tokens at a position are; the second does not. But in training a model
starts to read only where a window begins, so a cut context is unfamiliar to it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from bench.data.examples import Split, TaskData
from bench.data.ragged import Ragged
from bench.evaluation.scores import LOSS_SIGNATURE, LOSS_UNIT, Row, score_row
from bench.metrics import FORCED, LOSS
from bench.tasks.base import Task
from bench.training import ranks
from bench.training.batches import Batcher
from bench.training.carried_state import CarriedState
from bench.training.progress import Progress
from bench.training.teacher_forcing import unpadded_features
from models.interface import SequenceModel

POSITION, CONTEXT = "position", "context"
"""Axes: tokens before the predicted one in its window, by lower edge; and tokens that are read before it."""

CARRIED_SIGNATURE = f"{LOSS_SIGNATURE}|state carried through the split"

CUT_TOKENS = 1000
"""Tokens whose loss is measured with cut contexts, evenly spaced in the split."""

BITS, PERPLEXITY = "bits_per_character", "perplexity"


def rows(
    model: SequenceModel,
    task: Task,
    data: TaskData,
    split: Split,
    batch_tokens: int,
    device: str,
    progress: Progress,
    carried: bool = False,
) -> list[Row]:
    """All scores of a split. progress: in passes, of three.

    carried: the losses of the whole split are those of one pass through it, whose windows do not begin anew. Then a
    position in a window does not say how much was read, and there are no scores by position.
    """
    by_token = token_losses(model, split, 1 if carried else batch_tokens, device, carried)
    signature = CARRIED_SIGNATURE if carried else LOSS_SIGNATURE
    progress.advance(1)
    assert split.answered_at is not None
    context = int(split.source_lengths.max())
    mean, count = float(by_token.mean()), len(by_token)
    characters = data.counts[f"{split.name}_characters"]
    bits = mean * count / math.log(2) / characters
    scored = [
        _row(split, LOSS, mean, LOSS_UNIT, count, signature=signature),
        _row(split, BITS, bits, "bits a character", characters, signature=signature),
        _row(split, PERPLEXITY, math.exp(min(mean, 700.0)), "perplexity", count, signature=signature),
    ]
    before = split.answered_at.tokens + 1  # a position reads itself too
    for low, high in () if carried else edges(context):
        inside = by_token[(before >= low) & (before <= high)]
        scored.append(_row(split, LOSS, float(inside.mean()), LOSS_UNIT, len(inside), POSITION, low))
    progress.advance(2)
    scored += _cut_rows(model, split, context, batch_tokens, device)
    progress.advance(3)
    return scored


def edges(context: int) -> list[tuple[int, int]]:
    """Ranges of numbers of tokens read, 1 to `context`, in powers of two; the last one may be short.

    >>> edges(10)
    [(1, 1), (2, 3), (4, 7), (8, 10)]
    """
    lows = [2**i for i in range(context.bit_length())]
    return [(low, min(2 * low - 1, context)) for low in lows]


@torch.inference_mode()
def token_losses(
    model: SequenceModel, split: Split, batch_tokens: int, device: str, carried: bool = False
) -> np.ndarray:
    """(N,) loss in nats of every predicted token, in the order of the split. carried: in streams of windows, from each
    of which the state goes on to the next."""
    model.eval()
    state = CarriedState(model) if carried else None
    batcher = Batcher(split, batch_tokens, device)
    losses = np.zeros(len(split.tgt.tokens))
    for batch in ranks.turns(batcher.epoch(carried=carried)):
        features, targets = unpadded_features(model, batch, state)
        of_batch = F.cross_entropy(model.project(features).float(), targets, reduction="none").double().cpu().numpy()
        lengths = batcher.tgt_lengths[batch.rows]
        starts = np.repeat(split.tgt.offsets[batch.rows], lengths)
        within = np.arange(len(of_batch)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        losses[starts + within] = of_batch
    return ranks.sums(losses)


def _cut_rows(model: SequenceModel, split: Split, context: int, batch_tokens: int, device: str) -> list[Row]:
    """The mean loss of up to CUT_TOKENS tokens after each number of tokens read, in powers of two up to `context`."""
    stream, predicted = split.src.tokens, split.tgt.tokens
    # Windows are adjacent, so the tokens before a predicted one go on in the window before.
    places = np.unique(np.linspace(context - 1, len(stream) - 1, CUT_TOKENS).astype(np.int64))
    sizes = [low for low, _ in edges(context)]
    scored = []
    for size in (*sizes, *([context] if sizes[-1] != context else [])):
        src = Ragged.of_rows(stream[places[:, None] + np.arange(1 - size, 1)])
        last = Ragged.of_rows(np.full((len(places), 1), size - 1, dtype=np.int32))
        cut = Split(split.name, src, Ragged.of_rows(predicted[places][:, None]), answered_at=last)
        mean = float(token_losses(model, cut, batch_tokens, device).mean())
        scored.append(_row(split, LOSS, mean, LOSS_UNIT, len(places), CONTEXT, size))
    return scored


def _row(
    split: Split,
    metric: str,
    value: float,
    unit: str,
    n: int,
    axis: Any = None,
    at: Any = None,
    signature: str = LOSS_SIGNATURE,
) -> Row:
    return score_row(split, FORCED, metric, value, unit, n, axis, at, signature)

"""Can a model learn a few examples by heart? A fresh one that cannot has a fault that no budget mends."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from bench.data.examples import Split
from bench.system.resources import clock
from bench.training.batches import Batch, Batcher
from bench.training.optimiser import AdamW
from bench.training.teacher_forcing import real_features, training_loss
from models.dropout import Dropout
from models.interface import Seq2Seq

EXAMPLES = 8
SHARE = 0.05
"""Of the first loss: what the loss has to fall below."""

STEPS = 200
LEARNING_RATE = 3e-3
CLIP = 1.0

SECONDS, OF_TRAINING = 2.0, 0.02
"""The most time that is taken: so many seconds, and so much of the time that the training took."""

FELL, STEPPED, LATE = "fell", "steps", "time"
"""Why it ended: the loss fell below SHARE of the first, or STEPS or the time were used up."""


def overfitted(build: Callable[[], Seq2Seq], train: Split, train_seconds: float, device: str) -> dict:
    """Train what `build` makes on one small batch, without dropout or label smoothing. The record's `overfit`.

    train: where the examples are from. train_seconds: of the cell's training. Losses are in nats a target token, or
    squared error a value. Draws nothing at random.
    """
    begun = clock(device)
    limit = min(SECONDS, OF_TRAINING * train_seconds)
    model = build().to(device).train()
    for module in model.modules():
        if isinstance(module, Dropout | nn.Dropout):
            module.eval()
    batch = Batcher(train, 1, device).make(typical(train))
    optimizer = AdamW(model.parameters(), lr=LEARNING_RATE, fused=True)
    loss = _loss(model, batch)
    first = last = float(loss.detach())
    steps, stopped = 0, None
    while stopped is None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        steps += 1
        loss = _loss(model, batch)
        last = float(loss.detach())
        if last < SHARE * first:
            stopped = FELL
        elif steps == STEPS:
            stopped = STEPPED
        elif clock(device) - begun >= limit:
            stopped = LATE
    return {
        "steps": steps,
        "loss_first": first if math.isfinite(first) else None,
        "loss_last": last if math.isfinite(last) else None,
        "stopped": stopped,
        "seconds": clock(device) - begun,
    }


def typical(split: Split) -> np.ndarray:
    """The places of EXAMPLES examples with sources as long as most: short ones may say nothing, long ones take long."""
    lengths = split.src.lengths
    return np.argsort(np.abs(lengths - np.median(lengths)), kind="stable")[:EXAMPLES]


def _loss(model: Seq2Seq, batch: Batch) -> torch.Tensor:
    """Mean over the target positions."""
    features, targets = real_features(model, batch)
    return training_loss(model, features, targets, 0.0) / batch.target_tokens

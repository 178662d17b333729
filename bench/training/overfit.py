"""Overfitting a small batch: a newly built model that cannot learn a few examples by heart has a fault that no budget
repairs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.data.examples import Split
from bench.system.resources import clock
from bench.training.batches import Batch, Batcher
from bench.training.optimiser import AdamW
from bench.training.teacher_forcing import training_loss, unpadded_features
from models.dropout import Dropout
from models.interface import Model

EXAMPLES = 8
SHARE = 0.05
"""The loss has to fall below this share of the first loss."""

STEPS = 200
LEARNING_RATE = 3e-3
CLIP = 1.0

MAX_SECONDS, SHARE_OF_TRAINING = 2.0, 0.02
"""Time limit: so many seconds, and no more than this share of the training time."""

FELL, STEPPED, LATE = "fell", "steps", "time"
"""Why it ended: the loss fell below SHARE of the first, STEPS are done, or the time limit is reached."""


def overfit_small_batch(
    build: Callable[[], Model],
    train: Split,
    train_seconds: float,
    device: str,
    max_seconds: float = MAX_SECONDS,
) -> dict[str, Any]:
    """Train the model that `build` makes on one small batch, without dropout and label smoothing.

    train: the split that the examples are from. train_seconds: the training time of the cell. Returns the record's
    `overfit`: losses are in nats a target token, or squared error a value. Uses no random numbers.
    """
    started = clock(device)
    time_limit = min(max_seconds, SHARE_OF_TRAINING * train_seconds)
    model = build().to(device).train()
    for module in model.modules():
        if isinstance(module, Dropout | nn.Dropout):
            module.eval()
    batch = Batcher(train, 1, device).make(median_length_rows(train))
    optimizer = AdamW(model.parameters(), lr=LEARNING_RATE, fused=True)
    loss = _mean_loss(model, batch)
    first = last = float(loss.detach())
    steps, stopped = 0, None
    while stopped is None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        steps += 1
        loss = _mean_loss(model, batch)
        last = float(loss.detach())
        if last < SHARE * first:
            stopped = FELL
        elif steps == STEPS:
            stopped = STEPPED
        elif clock(device) - started >= time_limit:
            stopped = LATE
    return {
        "steps": steps,
        "loss_first": first if math.isfinite(first) else None,
        "loss_last": last if math.isfinite(last) else None,
        "stopped": stopped,
        "seconds": clock(device) - started,
    }


def median_length_rows(split: Split) -> np.ndarray:
    """The rows of the EXAMPLES examples whose source lengths are nearest the median: short ones may be trivial, and
    long ones are slow."""
    lengths = split.src.lengths
    return np.argsort(np.abs(lengths - np.median(lengths)), kind="stable")[:EXAMPLES]


def _mean_loss(model: Model, batch: Batch) -> torch.Tensor:
    """The loss averaged over target positions."""
    features, targets = unpadded_features(model, batch)
    return training_loss(model, features, targets, 0.0) / batch.target_tokens

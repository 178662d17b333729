"""Teacher-forced passes over batches: what training minimises, and what validation and tests measure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.data.examples import PAD
from bench.training.batches import Batch, Batcher
from bench.training.loss import cross_entropy
from models.interface import Seq2Seq


def real_features(model: Seq2Seq, batch: Batch) -> tuple[Tensor, Tensor]:
    """Features (N, D) and wanted tokens (N,), or values (N, C), of a batch's real target positions: padding never reaches
    the vocabulary projection, the widest product of a small model."""
    features = model.features(batch.src, batch.tgt_in, batch.src_mask).flatten(0, 1)
    targets = batch.tgt_out.flatten(0, 1)
    if batch.real is None:
        return features, targets
    return features.index_select(0, batch.real), targets.index_select(0, batch.real)


def training_loss(model: Seq2Seq, features: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """Of what `real_features` gives, summed over positions: cross-entropy, or squared error of values (mean over their
    channels)."""
    if targets.is_floating_point():
        return F.mse_loss(model.project(features).float(), targets, reduction="sum") / targets.shape[-1]
    return cross_entropy(features, targets, model.projection, label_smoothing)


@torch.inference_mode()
def validate(model: Seq2Seq, batches: Iterable[Batch]) -> tuple[float, float | None]:
    """Teacher-forced loss in nats a target token, without smoothing, and token accuracy; of values squared error a
    value, and None."""
    model.eval()
    loss, right, tokens = 0.0, 0, 0
    for batch in batches:
        features, targets = real_features(model, batch)
        predicted = model.project(features)
        tokens += batch.target_tokens
        if targets.is_floating_point():
            loss += float(F.mse_loss(predicted, targets, reduction="sum")) / targets.shape[-1]
            continue
        loss += float(F.cross_entropy(predicted, targets, reduction="sum"))
        right += int((predicted.argmax(dim=-1) == targets).sum())
    return loss / tokens, right / tokens if model.outputs == "tokens" else None


@torch.inference_mode()
def losses(model: Seq2Seq, batcher: Batcher) -> np.ndarray:
    """(N,) of each example of the batcher's split: the teacher-forced loss in nats, summed over its target tokens."""
    model.eval()
    found = np.zeros(len(batcher.split))
    for batch in batcher.epoch():
        features, targets = real_features(model, batch)
        each = F.cross_entropy(model.project(features), targets, reduction="none").double().cpu().numpy()
        row = np.repeat(np.arange(len(batch.rows)), batcher.tgt_lengths[batch.rows])
        found[batch.rows] = np.bincount(row, weights=each, minlength=len(batch.rows))
    return found


@torch.inference_mode()
def accuracy_at(model: Seq2Seq, batches: Iterable[Batch], places: slice) -> float:
    """Share of the target tokens at these places of all rows that are the most probable one; padding does not count."""
    right = count = 0
    for batch in batches:
        features_BTD = model.features(batch.src, batch.tgt_in, batch.src_mask)
        wanted = batch.tgt_out[:, places]
        real = wanted != PAD
        right += int((model.project(features_BTD[:, places]).argmax(dim=-1) == wanted)[real].sum())
        count += int(real.sum())
    return right / count

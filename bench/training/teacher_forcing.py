"""Teacher-forced passes over batches: the loss that training minimises, and the losses and accuracies measured.

Where several processes train together, each measures a share of the batches, and all get the whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.data.examples import PAD
from bench.training import ranks
from bench.training.batches import Batch, Batcher
from bench.training.carried_state import CarriedState
from bench.training.loss import cross_entropy
from models.interface import Model, Seq2Seq, SequenceModel


def all_features(model: Model, batch: Batch, carried: CarriedState | None = None) -> Tensor:
    """Features (B, T, D) at every target position of a batch; for one stack, at every position of its sequences.

    carried: the model's state after the batch before, which the batch goes on from; None: every row starts anew.
    """
    if carried is not None:
        return carried.features(batch)
    if isinstance(model, SequenceModel):
        return model.features(batch.src, batch.src_mask)
    return cast(Seq2Seq, model).features(batch.src, batch.decoder_inputs, batch.src_mask)


def unpadded_features(model: Model, batch: Batch, carried: CarriedState | None = None) -> tuple[Tensor, Tensor]:
    """Features (N, D) and targets, tokens (N,) or values (N, C), at the unpadded target positions of a batch.

    Padding never enters the vocabulary projection, the largest matrix product of a small model. carried: as in
    `all_features`.
    """
    features = all_features(model, batch, carried).flatten(0, 1)
    targets = batch.tgt_out.flatten(0, 1)
    if batch.unpadded is None:
        return features, targets
    return features.index_select(0, batch.unpadded), targets.index_select(0, batch.unpadded)


def training_loss(model: Model, features: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """The loss summed over positions: cross-entropy of tokens, or squared error of values, averaged over channels.

    features, targets: as `unpadded_features` returns them.
    """
    if targets.is_floating_point():
        return F.mse_loss(model.project(features.float()), targets, reduction="sum") / targets.shape[-1]
    return cross_entropy(features, targets, model.projection, label_smoothing)


@torch.inference_mode()
def validate(model: Model, batches: Iterable[Batch], carried: bool = False) -> tuple[float, float | None]:
    """Teacher-forced loss in nats a target token, without smoothing, and token accuracy.

    For values: squared error a value, and None. carried: whether the state goes on from batch to batch, from zero.
    """
    model.eval()
    state = CarriedState(model) if carried else None
    loss, correct, tokens = 0.0, 0, 0
    for batch in ranks.turns(batches):
        features, targets = unpadded_features(model, batch, state)
        predicted = model.project(features)
        tokens += batch.target_tokens
        if targets.is_floating_point():
            loss += float(F.mse_loss(predicted, targets, reduction="sum")) / targets.shape[-1]
            continue
        loss += float(F.cross_entropy(predicted, targets, reduction="sum"))
        correct += int((predicted.argmax(dim=-1) == targets).sum())
    loss, correct, tokens = ranks.sums([loss, correct, tokens]).tolist()
    return loss / tokens, correct / tokens if model.outputs == "tokens" else None


@torch.inference_mode()
def losses(model: Model, batcher: Batcher) -> np.ndarray:
    """(N,) teacher-forced loss of each example of the batcher's split, in nats, summed over its target tokens."""
    model.eval()
    summed = np.zeros(len(batcher.split))
    for batch in ranks.turns(batcher.epoch()):
        features, targets = unpadded_features(model, batch)
        by_token = F.cross_entropy(model.project(features), targets, reduction="none").double().cpu().numpy()
        row = np.repeat(np.arange(len(batch.rows)), batcher.tgt_lengths[batch.rows])
        summed[batch.rows] = np.bincount(row, weights=by_token, minlength=len(batch.rows))
    return ranks.sums(summed)


@torch.inference_mode()
def accuracy_at(model: Model, batches: Iterable[Batch], positions: slice) -> float:
    """Share of the target tokens at these positions of each row that are the most probable token; padding excluded."""
    correct = count = 0
    for batch in ranks.turns(batches):
        features_BTD = all_features(model, batch)
        targets = batch.tgt_out[:, positions]
        unpadded = targets != PAD
        correct += int((model.project(features_BTD[:, positions]).argmax(dim=-1) == targets)[unpadded].sum())
        count += int(unpadded.sum())
    correct, count = ranks.sums([correct, count]).tolist()
    return correct / count

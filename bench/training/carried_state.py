"""Recurrent state carried from batch to batch: truncated back-propagation through time, as Zaremba et al. (2014) and
Merity et al. (2018) train language models.

Batches are those of `bench.training.batches.Batcher.streams`: row i goes on where row i of the batch before ended. The
state has the values that it had there and no gradient. A new object starts from the zero state.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor

from bench.training.batches import Batch
from models.interface import Model, SequenceModel, State


class CarriedState:
    """The state of parallel streams. state: after the last batch, one row a stream; empty before the first one."""

    def __init__(self, model: Model) -> None:
        self.model = cast(SequenceModel, model)
        assert self.model.carries_state, "the cell was checked"
        self.state: State = {}

    def reset(self) -> None:
        """Set the state to zero, for the beginning of the text."""
        self.state = {}

    def features(self, batch: Batch) -> Tensor:
        """Features (B, T, D) of the next batch. Streams that it no longer has, its last rows, are at their end."""
        rows = len(batch.rows)
        before = {name: part[:rows] for name, part in (self.state or self.model.start(rows)).items()}
        features, after = self.model.features_from(batch.src, before)
        # A view would keep the outputs of the whole window, in memory and in a checkpoint.
        self.state = {name: part.detach().clone() for name, part in after.items()}
        return features

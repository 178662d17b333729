"""Model weights saved at validations: those of the lowest loss, and several to average (checkpoint averaging)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from bench.training.config import BEST, LAST

Weights = dict[str, Tensor]


@dataclass
class WeightAverager:
    """Keeps a copy of the weights with the lowest loss, and of `count` checkpoints whose mean it computes.

    count: number of checkpoints in the average, 0 = none. average_of: one of `bench.training.config.AVERAGE_OF`.
    """

    count: int = 0
    average_of: str = LAST
    best: Weights | None = None
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    """Those in the average, each with `step`, `loss` and `weights`; the latest or the one of the lowest loss first."""

    def add(self, model: nn.Module, step: int, loss: float, lowest: bool) -> None:
        """Copy the model's weights after a validation if they are the best so far or belong to the average.

        lowest: whether the loss is below all earlier ones. Of equal losses, the earlier one ranks first.
        """
        rank = 0
        if self.average_of == BEST:
            rank = sum(earlier["loss"] <= loss for earlier in self.checkpoints)
        if not lowest and rank >= self.count:
            return
        weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        if lowest:
            self.best = weights
        if rank < self.count:
            self.checkpoints.insert(rank, {"step": step, "loss": loss, "weights": weights})
            del self.checkpoints[self.count :]

    @property
    def steps(self) -> list[int]:
        """The steps of the averaged checkpoints, ascending."""
        return sorted(checkpoint["step"] for checkpoint in self.checkpoints)

    def average(self) -> Weights:
        """The mean of the checkpoints' weights, computed in float64. Integer tensors are those of the first one."""
        first, *_ = weights = [checkpoint["weights"] for checkpoint in self.checkpoints]
        return {
            name: torch.stack([each[name].double() for each in weights]).mean(dim=0).to(tensor.dtype)
            if tensor.is_floating_point()
            else tensor
            for name, tensor in first.items()
        }

    @property
    def state(self) -> dict[str, Any]:
        """All weights kept, for resuming."""
        return {"best": self.best, "kept": self.checkpoints}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self.best, self.checkpoints = state["best"], state["kept"]

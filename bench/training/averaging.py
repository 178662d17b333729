"""Weights kept at validations: those of the lowest loss, and several whose average may be better than any of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from bench.training.config import BEST, LAST

Weights = dict[str, Tensor]


@dataclass
class Checkpoints:
    """count: how many are kept for the average, 0 = none; which: one of WHICH."""

    count: int = 0
    which: str = LAST
    best: Weights | None = None
    kept: list[dict] = field(default_factory=list)
    """Those for the average, `step`, `loss` and `weights` each, the last one or the one of the lowest loss first."""

    def add(self, model: nn.Module, step: int, loss: float, lowest: bool) -> None:
        """Keep the model's weights at a validation, if they are wanted; lowest: whether the loss is below all earlier
        ones. Of equal losses the earlier one counts."""
        place = 0
        if self.which == BEST:
            place = sum(earlier["loss"] <= loss for earlier in self.kept)
        if not lowest and place >= self.count:
            return
        weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        if lowest:
            self.best = weights
        if place < self.count:
            self.kept.insert(place, {"step": step, "loss": loss, "weights": weights})
            del self.kept[self.count :]

    @property
    def steps(self) -> list[int]:
        """Those of the average, in order."""
        return sorted(entry["step"] for entry in self.kept)

    def averaged(self) -> Weights:
        """The mean of the kept weights, computed in float64; what is no floating-point number is as in the first."""
        first, *_ = everyone = [entry["weights"] for entry in self.kept]
        return {
            name: torch.stack([weights[name].double() for weights in everyone]).mean(dim=0).to(tensor.dtype)
            if tensor.is_floating_point()
            else tensor
            for name, tensor in first.items()
        }

    @property
    def state(self) -> dict:
        """All that is kept, to go on from."""
        return {"best": self.best, "kept": self.kept}

    @state.setter
    def state(self, state: dict) -> None:
        self.best, self.kept = state["best"], state["kept"]

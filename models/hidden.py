"""Hidden layers, marked as such, so that who looks into a model finds them. Shapes: see `models.interface`."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class HiddenLayer(nn.Module):
    """A layer of units between input and output, each a nonlinear function of a weighted sum of what comes before it
    (Goodfellow et al. 2016, chapter 6)."""

    kind: str
    """`feed_forward`: from what is at its position alone. `recurrent`: from the units at the position before, too."""

    @property
    def units(self) -> int:
        """How many of them there are at one position."""
        raise NotImplementedError


class TanhLinear(HiddenLayer, nn.Linear):
    """tanh(W x + b) of vectors (..., D_in). Returns (..., D_out)."""

    kind = "feed_forward"

    @property
    def units(self) -> int:
        return self.out_features

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.tanh(super().forward(inputs))


def units_of(layer: nn.RNNBase | nn.RNNCellBase) -> int:
    """Units at one position of a recurrent layer of torch's own, both directions together."""
    return layer.hidden_size * (2 if getattr(layer, "bidirectional", False) else 1)

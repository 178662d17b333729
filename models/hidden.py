"""Hidden layers, marked by a base class so that they can be listed. Shapes: see `models.interface`."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class HiddenLayer(nn.Module):
    """A layer of units between input and output, each a nonlinear function of a weighted sum of the layer before
    (Goodfellow et al. 2016, chapter 6)."""

    kind: str
    """`feed_forward`: reads its own position only. `recurrent`: also reads the units at the previous position."""

    @property
    def units(self) -> int:
        """The number of units at one position."""
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
    """Units at one position of one of torch's recurrent layers, both directions together."""
    return layer.hidden_size * (2 if getattr(layer, "bidirectional", False) else 1)

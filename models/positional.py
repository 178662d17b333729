"""Where a token stands: the only source of word order for attention (claim E).

Shapes: see `models.interface`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

POSITIONS = ("none", "sinusoidal", "learned")


def sinusoidal(length: int, d_model: int) -> Tensor:
    """(length, D): sin(pos / 10000^(2i/D)) in even, cos in odd columns (Vaswani et al. 2017, sec. 3.5)."""
    position = torch.arange(length, dtype=torch.float32).unsqueeze(1)
    rate = torch.exp(torch.arange(0, d_model, 2, dtype=torch.float32) * (-math.log(10000.0) / d_model))
    table = torch.zeros(length, d_model)
    table[:, 0::2] = torch.sin(position * rate)
    table[:, 1::2] = torch.cos(position * rate[: d_model // 2])
    return table


class Positional(nn.Module):
    """Adds a position's vector to what stands there.

    kind `none` adds nothing; `sinusoidal` is fixed and reaches any length; `learned` starts at zero, as the article
    has it, and ends at `max_len`.
    """

    def __init__(self, kind: str, d_model: int, max_len: int) -> None:
        super().__init__()
        if kind not in POSITIONS:
            raise ValueError(f"positions must be one of {', '.join(POSITIONS)}; got {kind!r}")
        self.kind, self.d_model = kind, d_model
        if kind == "learned":
            self.table = nn.Parameter(torch.zeros(max_len, d_model))
        elif kind == "sinusoidal":
            self.register_buffer("table", sinusoidal(max_len, d_model), persistent=False)

    def forward(self, embedded: Tensor, first: int = 0) -> Tensor:
        """embedded (B, T, D), whose first column stands at position `first`. Returns (B, T, D).

        Raises ValueError beyond `max_len` for learned positions; the sinusoidal table grows as needed.
        """
        if self.kind == "none":
            return embedded
        last = first + embedded.shape[1]
        if last > self.table.shape[0]:
            if self.kind == "learned":
                raise ValueError(
                    f"a sequence of {last} tokens is longer than the {self.table.shape[0]} learned positions; "
                    "raise max_len or use sinusoidal positions"
                )
            self.table = sinusoidal(2 * last, self.d_model).to(self.table)
        return embedded + self.table[first:last]

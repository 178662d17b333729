"""Where a token stands: the only source of word order for attention (claim E).

Two ways in: a vector added to the embedding (`Positional`: sinusoidal, learned), or a change to how a query meets a
key in self-attention (`Rotary`, `Alibi`). Shapes: see `models.interface`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.checks import at_least, known

ADDED = ("none", "sinusoidal", "learned")
RELATIVE = ("rotary", "alibi")
POSITIONS = ADDED + RELATIVE


def sinusoidal(length: int, d_model: int) -> Tensor:
    """(length, D): sin(pos / 10000^(2i/D)) in even, cos in odd columns (Vaswani et al. 2017, sec. 3.5)."""
    angles = _angles(torch.arange(length), d_model)
    table = torch.zeros(length, d_model)
    table[:, 0::2] = torch.sin(angles)
    table[:, 1::2] = torch.cos(angles[:, : d_model // 2])
    return table


def _angles(positions: Tensor, width: int) -> Tensor:
    """(T, ceil(width / 2)): pos / 10000^(2i/width)."""
    rate = torch.exp(
        torch.arange(0, width, 2, dtype=torch.float32, device=positions.device) * (-math.log(10000.0) / width)
    )
    return positions.to(torch.float32).unsqueeze(1) * rate


class Positional(nn.Module):
    """Adds a position's vector to what stands there.

    kind `none` adds nothing; `sinusoidal` is fixed and reaches any length; `learned` starts at zero, as the article
    has it, and ends at `max_len`.
    """

    def __init__(self, kind: str, d_model: int, max_len: int) -> None:
        super().__init__()
        known("positions", kind, ADDED)
        at_least(1, max_len=max_len)
        self.kind, self.d_model = kind, d_model
        if kind == "learned":
            self.table = nn.Parameter(torch.zeros(max_len, d_model))
        elif kind == "sinusoidal":
            self.max_len = max_len
            self.register_buffer("table", torch.empty(0, d_model), persistent=False)

    def forward(self, embedded: Tensor, first: int = 0) -> Tensor:
        """embedded (B, T, D), whose first column stands at position `first`. Returns (B, T, D).

        Raises ValueError beyond `max_len` for learned positions; the sinusoidal table is made when first needed, of
        `max_len` rows, and grows.
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
            with torch.inference_mode(False):  # what a search computes first, training may use later
                self.table = sinusoidal(max(self.max_len, 2 * last), self.d_model).to(self.table)
        return embedded + self.table[first:last]


class Rotary(nn.Module):
    """Turns each pair of channels of a query or key by an angle that grows with its position, so that their product
    depends on how far apart they stand (Su et al. 2021, eq. 34)."""

    def __init__(self, d_k: int) -> None:
        super().__init__()
        if d_k % 2:
            raise ValueError(f"d_k must be even for rotary positions, which turn pairs of channels; got {d_k}")
        self.d_k = d_k

    def forward(self, heads: Tensor, first: int = 0, standing: bool = False) -> Tensor:
        """heads (B, H, T, K), whose first row stands at position `first`, or all of them where `standing`. Returns
        (B, H, T, K)."""
        positions = torch.arange(first, first + (1 if standing else heads.shape[2]), device=heads.device)
        angles_TK = _angles(positions, self.d_k).repeat_interleave(2, dim=1)
        # (x, y) turned by a quarter is (-y, x).
        quarter = torch.stack([-heads[..., 1::2], heads[..., 0::2]], dim=-1).flatten(-2)
        return heads * angles_TK.cos().to(heads) + quarter * angles_TK.sin().to(heads)


class Alibi(nn.Module):
    """Lowers a score by the distance between query and key, times a slope that differs from head to head (Press et
    al. 2022). The paper's decoder looks back only; an encoder counts the distance on both sides alike."""

    def __init__(self, n_heads: int) -> None:
        super().__init__()
        self.register_buffer("slopes", alibi_slopes(n_heads), persistent=False)

    def forward(self, queries: int, keys: int, first: int = 0) -> Tensor:
        """(H, T, S): the bias of `queries` at positions from `first` on and `keys` at positions from 0 on."""
        device = self.slopes.device
        query_at = torch.arange(first, first + queries, device=device).unsqueeze(1)
        distance_TS = (query_at - torch.arange(keys, device=device)).abs()
        return -self.slopes[:, None, None] * distance_TS


def alibi_slopes(n_heads: int) -> Tensor:
    """(H,): 2^(-8/H), 2^(-16/H), ... for a power of two; else those of the next lower power, and every second one of
    the next higher, as in the paper's code."""
    power = 2 ** math.floor(math.log2(n_heads))
    slopes = [2 ** (-8 * (i + 1) / power) for i in range(power)]
    between = [2 ** (-4 * (i + 1) / power) for i in range(0, 2 * power, 2)]
    return torch.tensor((slopes + between)[:n_heads])

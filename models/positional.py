"""Token positions, the only source of word order for attention (claim E).

They enter in one of two ways: as a vector added to the embedding (`Positional`: sinusoidal, learned), or in the scores
of self-attention (`Rotary`, `Alibi`). Shapes: see `models.interface`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.checks import check_choice, check_range

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
    """Adds the vector of its position to each embedding.

    kind: `none` adds nothing; `sinusoidal` is fixed and has no maximum length; `learned` starts at zero, as in the
    article, and ends at `max_len`.
    """

    table: Tensor

    def __init__(self, kind: str, d_model: int, max_len: int) -> None:
        super().__init__()
        check_choice("positions", kind, ADDED)
        check_range(1, max_len=max_len)
        self.kind, self.d_model = kind, d_model
        if kind == "learned":
            self.table = nn.Parameter(torch.zeros(max_len, d_model))
        elif kind == "sinusoidal":
            self.max_len = max_len
            self.register_buffer("table", torch.empty(0, d_model), persistent=False)

    def forward(self, embedded: Tensor, position_offset: int = 0) -> Tensor:
        """embedded (B, T, D), whose first row is at position `position_offset`. Returns (B, T, D).

        Raises ValueError beyond `max_len` for learned positions. The sinusoidal table is computed at the first call,
        with `max_len` rows or more, and grows.
        """
        if self.kind == "none":
            return embedded
        end = position_offset + embedded.shape[1]
        if end > self.table.shape[0]:
            if self.kind == "learned":
                raise ValueError(
                    f"a sequence of {end} tokens is longer than the {self.table.shape[0]} learned positions; "
                    "raise max_len or use sinusoidal positions"
                )
            with torch.inference_mode(False):  # training may use a table that a search computed
                self.table = sinusoidal(max(self.max_len, 2 * end), self.d_model).to(self.table)
        return embedded + self.table[position_offset:end]


class Rotary(nn.Module):
    """Rotates each pair of channels of a query or key by an angle proportional to its position, so that the product of
    the two depends on their distance (Su et al. 2021, eq. 34)."""

    def __init__(self, d_k: int) -> None:
        super().__init__()
        if d_k % 2:
            raise ValueError(f"d_k must be even for rotary positions, which turn pairs of channels; got {d_k}")
        self.d_k = d_k

    def forward(self, heads: Tensor, position_offset: int = 0, same_position: bool = False) -> Tensor:
        """heads (B, H, T, K), whose first row is at position `position_offset`; all rows are there where
        `same_position`. Returns (B, H, T, K)."""
        count = 1 if same_position else heads.shape[2]
        positions = torch.arange(position_offset, position_offset + count, device=heads.device)
        angles = _angles(positions, self.d_k)  # (T, K / 2)
        if heads.dtype not in (torch.float32, torch.float64):
            # A quarter turn maps (x, y) to (-y, x).
            quarter = torch.stack([-heads[..., 1::2], heads[..., 0::2]], dim=-1).flatten(-2)
            cos, sin = (each.repeat_interleave(2, dim=1).to(heads) for each in (angles.cos(), angles.sin()))
            return heads * cos + quarter * sin
        # One complex product, in place of seven passes over the heads.
        turn = torch.polar(torch.ones_like(angles), angles).to(heads.dtype.to_complex())
        pairs = heads.unflatten(-1, (-1, 2))
        aligned = all(stride % 2 == 0 for stride in (*pairs.stride()[:-1], pairs.storage_offset()))
        return torch.view_as_real(torch.view_as_complex(pairs if aligned else pairs.contiguous()) * turn).flatten(-2)


class Alibi(nn.Module):
    """Lowers each score by the distance between query and key, times a slope of the head (Press et al. 2022).

    The paper defines it for a causal decoder; here an encoder uses the absolute distance.
    """

    slopes: Tensor

    def __init__(self, n_heads: int) -> None:
        super().__init__()
        self.register_buffer("slopes", alibi_slopes(n_heads), persistent=False)

    def forward(self, queries: int, keys: int, position_offset: int = 0) -> Tensor:
        """The bias (H, T, S) of queries at positions from `position_offset` and keys at positions from 0."""
        device = self.slopes.device
        query_positions = torch.arange(position_offset, position_offset + queries, device=device).unsqueeze(1)
        distance_TS = (query_positions - torch.arange(keys, device=device)).abs()
        return -self.slopes[:, None, None] * distance_TS


def alibi_slopes(n_heads: int) -> Tensor:
    """Slopes (H,): 2^(-8/H), 2^(-16/H), ... for a power of two. Otherwise those of the next lower power, then every
    second one of the next higher power, as in the paper's code."""
    power = 2 ** math.floor(math.log2(n_heads))
    slopes = [2 ** (-8 * (i + 1) / power) for i in range(power)]
    between = [2 ** (-4 * (i + 1) / power) for i in range(0, 2 * power, 2)]
    return torch.tensor((slopes + between)[:n_heads])

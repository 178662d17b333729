"""The keys and values of earlier positions in step-by-step self-attention. Shapes: see `models.interface`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.attention import Parts
from models.interface import State

CHUNK = 64
"""Number of recent positions after which they are merged with the earlier ones."""


@dataclass(frozen=True)
class KVCache:
    """Keys (B, H, T, K) and values (B, H, T, V) of all T positions so far.

    The recent positions, at most CHUNK, are stored apart from the earlier ones, so that a step copies only these. The
    cache lives in a `State` between steps: `entries` and `from_state`. No method modifies a cache.
    """

    keys: Tensor
    values: Tensor
    earlier: tuple[Tensor, Tensor] | None = None
    """Keys and values of the earlier positions, if there are any."""

    @classmethod
    def empty(cls, like: Tensor, n_heads: int, d_k: int, d_v: int) -> KVCache:
        """The cache before the first position, with the batch size, device and type of `like`."""
        return cls(like.new_zeros(len(like), n_heads, 0, d_k), like.new_zeros(len(like), n_heads, 0, d_v))

    @classmethod
    def from_state(cls, state: State) -> KVCache:
        """The cache whose `entries` are in a state."""
        earlier = (state["earlier_keys"], state["earlier_values"]) if "earlier_keys" in state else None
        return cls(state["keys"], state["values"], earlier)

    def entries(self) -> State:
        """The tensors by name, without the earlier positions where there are none."""
        state = {"keys": self.keys, "values": self.values}
        if self.earlier is not None:
            state["earlier_keys"], state["earlier_values"] = self.earlier
        return state

    @property
    def length(self) -> int:
        """The number of positions T."""
        return self.keys.shape[2] + (0 if self.earlier is None else self.earlier[0].shape[2])

    def append(self, keys: Tensor, values: Tensor) -> KVCache:
        """Add later positions: keys (B, H, n, K) and values (B, H, n, V)."""
        return KVCache(torch.cat([self.keys, keys], dim=2), torch.cat([self.values, values], dim=2), self.earlier)

    def parts(self) -> tuple[Tensor | Parts, Tensor | Parts]:
        """All keys and all values, for `models.attention.attend`."""
        if self.earlier is None:
            return self.keys, self.values
        return (self.earlier[0], self.keys), (self.earlier[1], self.values)

    def merged(self) -> KVCache:
        """Move the recent positions to the earlier ones once there are CHUNK of them."""
        if self.keys.shape[2] < CHUNK:
            return self
        earlier = self.keys, self.values
        if self.earlier is not None:
            earlier = torch.cat([self.earlier[0], self.keys], dim=2), torch.cat([self.earlier[1], self.values], dim=2)
        return KVCache(torch.empty_like(self.keys[:, :, :0]), torch.empty_like(self.values[:, :, :0]), earlier)

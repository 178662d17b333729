"""Scaled dot-product attention, multi-head attention, and the recording of attention weights.

Shapes and the mask convention: see `models.interface`. The attention of recurrent decoders: see
`models.global_attention`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.checks import check_range
from models.cost import linear_flops
from models.dropout import Dropout
from models.positional import Alibi, Rotary
from models.short_attention import MIN_QUERIES, short_attention

SHORT = 64
"""Up to this number of keys, a CPU computes the written-out products faster than its fused kernel, forward and
backward."""

Parts = tuple[Tensor, ...]
"""Keys or values in pieces along S. A cache that grows in pieces need not be copied at every step."""


def key_padding_mask(mask_BS: Tensor | None) -> Tensor | None:
    """Reshape a mask of keys (B, S) to (B, 1, 1, S), which broadcasts over heads and queries. None stays None."""
    return None if mask_BS is None else mask_BS[:, None, None, :]


def causal_mask(length: int, device: torch.device) -> Tensor:
    """(T, T) boolean, True where the key (column) is not later than the query (row)."""
    return torch.ones(length, length, dtype=torch.bool, device=device).tril()


def attend(
    queries: Tensor,
    keys: Tensor | Parts,
    values: Tensor | Parts,
    mask: Tensor | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
    dropout: Dropout | None = None,
) -> Tensor:
    """softmax(Q K^T * scale + mask) V (Vaswani et al. 2017, eq. 1).

    queries (B, H, T, K); keys (B, H, S, K); values (B, H, S, V), or keys and values in parts of equal lengths. mask:
    broadcastable to (B, H, T, S), boolean (True = may be attended to) or a float that is added to the scores.
    scale: 1 / sqrt(K) by default. causal: hides later positions; requires T == S and no mask. dropout: applied to the
    weights after the softmax. Returns (B, H, T, V).
    """
    # The fused kernels have their own dropout, but draw it from the global generator.
    drops = dropout is not None and dropout.active
    fused = not drops and not (queries.device.type == "cpu" and _length(keys) <= SHORT)
    if fused and isinstance(keys, Tensor) and isinstance(values, Tensor):
        return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, is_causal=causal, scale=scale)
    if not drops and isinstance(keys, Tensor) and isinstance(values, Tensor) and _suits_short_attention(queries):
        mask = causal_mask(queries.shape[2], queries.device) if causal else mask
        return short_attention(queries, keys, values, bias_of(mask, queries), _scale(queries, scale))
    weights_BHTS = attention_weights(queries, keys, mask, causal=causal, scale=scale)
    if dropout is not None:
        weights_BHTS = dropout(weights_BHTS)
    if not isinstance(values, tuple):
        return weights_BHTS @ values
    pieces = weights_BHTS.split([part.shape[2] for part in values], dim=-1)
    return reduce(torch.add, (weights @ part for weights, part in zip(pieces, values, strict=True)))


def attention_weights(
    queries: Tensor,
    keys: Tensor | Parts,
    mask: Tensor | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """The softmax weights of `attend`: (B, H, T, S), each row sums to one."""
    scale = _scale(queries, scale)
    queries = queries if scale == 1.0 else queries * scale
    parts = keys if isinstance(keys, tuple) else (keys,)
    products = [queries @ part.transpose(-1, -2) for part in parts]
    scores_BHTS = products[0] if len(products) == 1 else torch.cat(products, dim=-1)
    if causal:
        mask = causal_mask(queries.shape[2], queries.device)
    return torch.softmax(masked_scores(scores_BHTS, mask), dim=-1)


def _scale(queries: Tensor, scale: float | None) -> float:
    """The scale of the scores, 1 / sqrt(K) by default."""
    return queries.shape[-1] ** -0.5 if scale is None else scale


def _suits_short_attention(queries: Tensor) -> bool:
    """Whether there are enough queries, in a type that needs no conversion."""
    exact = queries.dtype in (torch.float32, torch.float64) and not torch.is_autocast_enabled(queries.device.type)
    return exact and queries.device.type == "cpu" and queries.shape[2] >= MIN_QUERIES


def bias_of(mask: Tensor | None, like: Tensor) -> Tensor | None:
    """A mask as numbers that are added to scores: 0 and -inf for a boolean one."""
    if mask is None or mask.dtype != torch.bool:
        return mask
    return like.new_zeros(mask.shape).masked_fill_(~mask, -torch.inf)


def _length(keys: Tensor | Parts) -> int:
    """The number of keys S."""
    return sum(part.shape[2] for part in keys) if isinstance(keys, tuple) else keys.shape[2]


def masked_scores(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Apply a mask to scores: -inf where a boolean mask is False; a float mask is added."""
    if mask is None:
        return scores
    return scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask


class RecordsAttention(nn.Module):
    """An attention that records its weights inside `watch_attention`. The fused kernels never compute them."""

    recorded: list[Tensor] | None = None
    """The weights of each call, or None outside `watch_attention`."""

    def record(self, weights_BHTS: Tensor) -> None:
        """Append weights to `recorded`, without their graph."""
        if self.recorded is not None:
            self.recorded.append(weights_BHTS.detach())


@contextmanager
def watch_attention(model: nn.Module) -> Iterator[dict[str, list[Tensor]]]:
    """Record the weights of every attention of the model: path of the module to one (B, H, T, S) for each call.

    with watch_attention(model) as weights:
        model(src, tgt, src_mask)
    weights["decoder.0.cross_attention"][0]
    """
    attentions = {name: module for name, module in model.named_modules() if isinstance(module, RecordsAttention)}
    weights: dict[str, list[Tensor]] = {name: [] for name in attentions}
    try:
        for name, module in attentions.items():
            module.recorded = weights[name]
        yield weights
    finally:
        for module in attentions.values():
            module.recorded = None


class MultiHeadAttention(RecordsAttention):
    """Concat(head_1 ... head_H) W_O, head_i = attend(Q W_Q_i, K W_K_i, V W_V_i) (Vaswani et al. 2017, sec. 3.2.2).

    d_k and d_v, the widths of a head's keys and values, are independent of d_model / n_heads.
    positions: `rotary` or `alibi`, for self-attention with relative positions; other kinds have no effect here.
    dropout: of the weights.
    """

    def __init__(
        self, d_model: int, n_heads: int, d_k: int, d_v: int, positions: str = "none", dropout: float = 0.0
    ) -> None:
        super().__init__()
        check_range(1, d_model=d_model, n_heads=n_heads, d_k=d_k, d_v=d_v)
        self.n_heads, self.d_k, self.d_v = n_heads, d_k, d_v
        self.query = nn.Linear(d_model, n_heads * d_k)
        # One product for keys and values, since both read the same input.
        self.key_value = nn.Linear(d_model, n_heads * (d_k + d_v))
        self.output = nn.Linear(n_heads * d_v, d_model)
        self.rotary = Rotary(d_k) if positions == "rotary" else None
        self.alibi = Alibi(n_heads) if positions == "alibi" else None
        self.dropout = Dropout(dropout, "dropout_attention")
        for projection in (self.query, self.key_value, self.output):
            nn.init.xavier_uniform_(projection.weight)
            nn.init.zeros_(projection.bias)

    def keys_values(self, memory: Tensor, position_offset: int = 0) -> tuple[Tensor, Tensor]:
        """Project memory (B, S, D), whose first row is at position `position_offset`.

        Returns keys (B, H, S, K) and values (B, H, S, V).
        """
        B, S, _ = memory.shape
        projected = self.key_value(memory).view(B, S, self.n_heads, self.d_k + self.d_v)  # (B, S, H, K + V)
        keys_values_BHS = projected.transpose(1, 2)  # (B, H, S, K + V)
        keys, values = keys_values_BHS.split([self.d_k, self.d_v], dim=-1)
        return keys if self.rotary is None else self.rotary(keys, position_offset), values

    def forward(
        self,
        inputs: Tensor,
        keys: Tensor | Parts,
        values: Tensor | Parts,
        mask: Tensor | None = None,
        *,
        causal: bool = False,
        position_offset: int = 0,
        same_position: bool = False,
    ) -> Tensor:
        """inputs (B, T, D); keys and values: from `keys_values`, or in parts; mask and causal: as in `attend`.

        The first row of inputs is at position `position_offset`; all rows are there where `same_position`.
        Returns (B, T, D).
        """
        B, T, _ = inputs.shape
        queries = self.query(inputs).view(B, T, self.n_heads, self.d_k).transpose(1, 2)  # (B, H, T, K)
        if self.rotary is not None:
            queries = self.rotary(queries, position_offset, same_position)
        if self.alibi is not None:
            if causal:
                mask, causal = causal_mask(T, inputs.device), False
            bias_HTS = self.alibi(1 if same_position else T, _length(keys), position_offset).to(queries)
            mask = masked_scores(bias_HTS, mask)
        if self.recorded is not None:
            self.record(attention_weights(queries, keys, mask, causal=causal))
        heads_BHTV = attend(queries, keys, values, mask, causal=causal, dropout=self.dropout)
        return self.output(heads_BHTV.transpose(1, 2).reshape(B, T, self.n_heads * self.d_v))  # (B, T, D)

    def matmul_flops(self, queries: int, keys: int) -> int:
        """FLOPs of projections, scores and weighted sum, for one sequence of `queries` and one of `keys`."""
        projections = linear_flops(self.query, queries) + linear_flops(self.key_value, keys)
        mixing = 2 * queries * keys * self.n_heads * (self.d_k + self.d_v)
        return projections + mixing + linear_flops(self.output, queries)

"""Attention over few keys on a CPU, with its gradient written out.

With heads a few channels wide, torch's products spend most of their time on matrices with eight columns, and its
softmax and masking pass over the scores several times. Here queries, keys and values lie with their positions in the
last dimension, so that every product has long rows, and all else happens in place. Nothing is approximated: results
differ from the written-out formula by rounding alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

MIN_QUERIES = 16
"""With fewer queries the rows of the products are short, and the written-out formula is faster."""


def short_attention(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None, scale: float) -> Tensor:
    """softmax(Q K^T * scale + bias) V, as `models.attention.attend`.

    queries (B, H, T, K); keys (B, H, S, K); values (B, H, S, V); bias: broadcastable to (B, H, T, S), -inf where a
    query may not attend to a key, or None. Returns (B, H, T, V). Can be differentiated once, except by the bias.
    """
    return _ShortAttention.apply(queries, keys, values, bias, scale)


def _positions_last(heads: Tensor) -> Tensor:
    """(B, H, T, K) as (B * H, K, T)."""
    B, H, T, K = heads.shape
    return heads.transpose(2, 3).reshape(B * H, K, T)


def _positions_first(flat: Tensor, batch: int) -> Tensor:
    """(B * H, K, T) as (B, H, T, K)."""
    return flat.view(batch, -1, *flat.shape[1:]).transpose(2, 3)


def _largest(scores: Tensor) -> Tensor:
    """`scores.amax(dim=1, keepdim=True)`, in half the time: by halves, so that each pass reads long rows."""
    count = scores.shape[1]
    while count > 1:
        half = (count + 1) // 2  # with an odd count, the middle is in both halves
        scores = torch.maximum(scores[:, :half], scores[:, count - half : count])
        count = half
    return scores


class _ShortAttention(torch.autograd.Function):
    """Scores and weights are (B * H, S, T). The weights stay without their sums, which divide the outputs instead."""

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None, scale: float) -> Tensor:
        B, H, T, _ = queries.shape
        scaled, keys, values = _positions_last(queries) * scale, _positions_last(keys), _positions_last(values)
        weights = torch.bmm(keys.transpose(1, 2), scaled)
        if bias is not None:
            weights.view(B, H, -1, T).add_(bias.transpose(-1, -2))
        weights.sub_(_largest(weights)).exp_()
        inverse_sums = weights.sum(dim=1, keepdim=True).reciprocal_()  # (B * H, 1, T)
        outputs = torch.bmm(values, weights).mul_(inverse_sums)  # (B * H, V, T)
        ctx.save_for_backward(scaled, keys, values, weights, inverse_sums, outputs)
        ctx.scale, ctx.batch = scale, B
        return _positions_first(outputs, B)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """With p the weights and o the outputs, the gradient of a score is p (dp - do . o)."""
        scaled, keys, values, weights, inverse_sums, outputs = ctx.saved_tensors
        d_outputs = _positions_last(gradient) * inverse_sums
        d_values = torch.bmm(d_outputs, weights.transpose(1, 2))
        d_scores = torch.bmm(values.transpose(1, 2), d_outputs)
        d_scores.sub_((d_outputs * outputs).sum(dim=1, keepdim=True)).mul_(weights)
        d_queries = torch.bmm(keys, d_scores).mul_(ctx.scale)
        d_keys = torch.bmm(scaled, d_scores.transpose(1, 2))
        return *(_positions_first(each, ctx.batch) for each in (d_queries, d_keys, d_values)), None, None

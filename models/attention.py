"""Attention: scaled dot-product, multi-head, and the dot-product attention of recurrent decoders.

Shapes and the mask convention: see `models.interface`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def attend(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(Q K^T * scale) V (Vaswani et al. 2017, eq. 1).

    queries (B, H, T, K); keys (B, H, S, K); values (B, H, S, V); mask broadcastable to (B, H, T, S), True = may be
    attended to. `scale` defaults to 1 / sqrt(K). `causal` (T == S, no mask) hides later positions.
    Returns (B, H, T, V).
    """
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, is_causal=causal, scale=scale)


class MultiHeadAttention(nn.Module):
    """Concat(head_1 ... head_H) W_O, head_i = attend(Q W_Q_i, K W_K_i, V W_V_i) (Vaswani et al. 2017, sec. 3.2.2).

    d_k and d_v, the widths of a head's keys and values, are free: they need not be d_model / n_heads.
    """

    def __init__(self, d_model: int, n_heads: int, d_k: int, d_v: int) -> None:
        super().__init__()
        self.n_heads, self.d_k, self.d_v = n_heads, d_k, d_v
        self.query = nn.Linear(d_model, n_heads * d_k)
        # One product for keys and values: both read the same input.
        self.key_value = nn.Linear(d_model, n_heads * (d_k + d_v))
        self.output = nn.Linear(n_heads * d_v, d_model)
        for part in (self.query, self.key_value, self.output):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)

    def keys_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """memory (B, S, D). Returns keys (B, H, S, K) and values (B, H, S, V)."""
        B, S, _ = memory.shape
        split = self.key_value(memory).view(B, S, self.n_heads, self.d_k + self.d_v).transpose(1, 2)
        return split[..., : self.d_k], split[..., self.d_k :]

    def forward(
        self, inputs: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None, *, causal: bool = False
    ) -> Tensor:
        """inputs (B, T, D); keys, values as `keys_values` gives them. Returns (B, T, D)."""
        B, T, _ = inputs.shape
        queries = self.query(inputs).view(B, T, self.n_heads, self.d_k).transpose(1, 2)
        heads_BHTV = attend(queries, keys, values, mask, causal=causal)
        return self.output(heads_BHTV.transpose(1, 2).reshape(B, T, self.n_heads * self.d_v))


class DotAttention(nn.Module):
    """Luong et al. (2015) global attention with the `dot` score, after the recurrent layers.

    score(h_t, m_s) = h_t . m_s; c_t = sum_s softmax(score)_s m_s; output tanh(W [c_t; h_t]) (eqs. 5, 7 and 8).
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.combine = nn.Linear(2 * d_model, d_model, bias=False)

    def forward(self, hidden: Tensor, memory: Tensor, mask: Tensor | None = None) -> Tensor:
        """hidden (B, T, D) decoder outputs; memory (B, S, D); mask (B, S). Returns (B, T, D)."""
        queries, keys = hidden.unsqueeze(1), memory.unsqueeze(1)
        mask_B11S = None if mask is None else mask[:, None, None, :]
        context = attend(queries, keys, keys, mask_B11S, scale=1.0).squeeze(1)
        return torch.tanh(self.combine(torch.cat([context, hidden], dim=-1)))

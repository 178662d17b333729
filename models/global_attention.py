"""Global attention of a recurrent decoder over all encoder positions (Luong et al. 2015, sec. 3.1).

It stands after the decoder's recurrent layers: c_t = sum_s softmax(score(h_t, m_s)) m_s, output tanh(W [c_t; h_t])
(eqs. 5 and 7). One class for each score; `global_attention` chooses. Shapes and the mask convention: see
`models.interface`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from models.attention import (
    MultiHeadAttention,
    RecordsAttention,
    attend,
    attention_weights,
    key_padding_mask,
    masked_scores,
)
from models.checks import check_choice, check_range
from models.cost import linear_flops
from models.dropout import Dropout
from models.hidden import TanhLinear
from models.interface import SOURCE, State, source_rows

SCORES = ("additive", "dot", "general")


def global_attention(d_model: int, score: str, n_heads: int = 1, dropout: float = 0.0) -> GlobalAttention:
    """Build the attention of a score, one of SCORES; several heads need `dot`. dropout: of the weights.

    Raises ValueError for an unknown score and for sizes that cannot be built.
    """
    check_choice("attention", score, SCORES)
    check_range(1, n_heads=n_heads)
    if n_heads > 1:
        if score != "dot":
            raise ValueError(f"n_heads above 1 needs attention dot; got n_heads {n_heads}, attention {score}")
        return MultiHeadGlobalAttention(d_model, n_heads, dropout)
    if score == "additive":
        return AdditiveAttention(d_model, dropout)
    return GeneralAttention(d_model, dropout) if score == "general" else DotAttention(d_model, dropout)


class GlobalAttention(nn.Module, ABC):
    """What the scores share: the source in the decoding state, and the layer that combines context and decoder output.

    Subclasses create the parameters of the score and then, last, `combine`. The order fixes the random draws of a
    seed, and the parameter names appear in saved weights.
    """

    combine: TanhLinear

    @abstractmethod
    def prepare(self, memory: Tensor, mask: Tensor | None) -> State:
        """The entries of a state that later steps need, from the encoder's outputs (B, S, D) and mask (B, S)."""

    @abstractmethod
    def context(self, hidden: Tensor, source: State, mask_B11S: Tensor | None) -> Tensor:
        """The context vectors (B, T, D) of the decoder outputs hidden (B, T, D)."""

    @abstractmethod
    def context_flops(self, queries: int, keys: int) -> int:
        """FLOPs of `prepare` and `context`, for one sequence of `queries` and one of `keys`."""

    def forward(self, hidden: Tensor, source: State) -> Tensor:
        """hidden (B, T, D): decoder outputs; or (N, T, D): N a multiple of B, the hypotheses of one source adjacent.
        source: entries made by `prepare`. Returns the shape of hidden."""
        # Hypotheses of one source become further queries of it, so keys and values are not repeated for each.
        queries = hidden.reshape(source_rows(source), -1, hidden.shape[-1])
        context = self.context(queries, source, key_padding_mask(source.get(f"{SOURCE}mask")))
        return self.combine(torch.cat([context.reshape(hidden.shape), hidden], dim=-1))

    def matmul_flops(self, queries: int, keys: int) -> int:
        """FLOPs for one sequence of `queries` and one of `keys`."""
        return self.context_flops(queries, keys) + linear_flops(self.combine, queries)


class DotProduct(GlobalAttention, RecordsAttention):
    """A query's dot product with each memory vector, unscaled: what `dot` and `general` share."""

    dropout: Dropout

    def prepare(self, memory: Tensor, mask: Tensor | None) -> State:
        return _source_mask(mask) | {f"{SOURCE}memory": memory}

    def dot_context(self, queries: Tensor, source: State, mask_B11S: Tensor | None) -> Tensor:
        """The context vectors (B, T, D) of queries (B, T, D)."""
        queries_B1TD, memory_B1SD = queries.unsqueeze(1), source[f"{SOURCE}memory"].unsqueeze(1)
        if self.recorded is not None:
            self.record(attention_weights(queries_B1TD, memory_B1SD, mask_B11S, scale=1.0))
        context_B1TD = attend(queries_B1TD, memory_B1SD, memory_B1SD, mask_B11S, scale=1.0, dropout=self.dropout)
        return context_B1TD.squeeze(1)

    def dot_flops(self, queries: int, keys: int) -> int:
        """A score is a dot product of width D; the weighted sum costs as much again."""
        return 2 * (2 * queries * keys * self.combine.out_features)


class DotAttention(DotProduct):
    """score(h_t, m_s) = h_t . m_s (Luong et al. 2015, eq. 8). dropout: of the weights."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = Dropout(dropout, "dropout_attention")
        self.combine = TanhLinear(2 * d_model, d_model, bias=False)

    def context(self, hidden: Tensor, source: State, mask_B11S: Tensor | None) -> Tensor:
        return self.dot_context(hidden, source, mask_B11S)

    def context_flops(self, queries: int, keys: int) -> int:
        return self.dot_flops(queries, keys)


class GeneralAttention(DotProduct):
    """score(h_t, m_s) = h_t . (W m_s) (Luong et al. 2015, eq. 8), computed as (W^T h_t) . m_s.

    dropout: of the weights.
    """

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = Dropout(dropout, "dropout_attention")
        self.query = nn.Linear(d_model, d_model, bias=False)
        self.combine = TanhLinear(2 * d_model, d_model, bias=False)

    def context(self, hidden: Tensor, source: State, mask_B11S: Tensor | None) -> Tensor:
        return self.dot_context(self.query(hidden), source, mask_B11S)

    def context_flops(self, queries: int, keys: int) -> int:
        return self.dot_flops(queries, keys) + linear_flops(self.query, queries)


class AdditiveAttention(GlobalAttention, RecordsAttention):
    """score(h_t, m_s) = v . tanh(W h_t + U m_s) (Bahdanau et al. 2015, A.1.2), with Luong et al.'s state h_t.

    dropout: of the weights.
    """

    block_values = 2**28
    """Largest number of sums W h_t + U m_s held at once without gradients: 1 GiB of float32, more than a batch of
    sentences has."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = Dropout(dropout, "dropout_attention")
        self.query = nn.Linear(d_model, d_model, bias=False)
        self.key = nn.Linear(d_model, d_model, bias=False)
        self.energy = nn.Linear(d_model, 1, bias=False)
        self.combine = TanhLinear(2 * d_model, d_model, bias=False)

    def prepare(self, memory: Tensor, mask: Tensor | None) -> State:
        return _source_mask(mask) | {f"{SOURCE}keys": self.key(memory), f"{SOURCE}memory": memory}

    def context(self, hidden: Tensor, source: State, mask_B11S: Tensor | None) -> Tensor:
        scores_B1TS = self._scores(self.query(hidden), source[f"{SOURCE}keys"]).unsqueeze(1)
        weights_B1TS = torch.softmax(masked_scores(scores_B1TS, mask_B11S), dim=-1)
        self.record(weights_B1TS)
        memory_B1SD = source[f"{SOURCE}memory"].unsqueeze(1)
        return (self.dropout(weights_B1TS) @ memory_B1SD).squeeze(1)

    def _scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """v . tanh(q_t + k_s): queries (B, T, D), keys (B, S, D). Returns (B, T, S).

        The sums take (B, T, S, D). Without gradients they are made for a block of queries at a time.
        """
        rows = queries.shape[1] if torch.is_grad_enabled() else max(1, self.block_values // keys.numel())
        keys_B1SD = keys.unsqueeze(1)
        scores = [
            self.energy(torch.tanh(block.unsqueeze(2) + keys_B1SD)).squeeze(-1) for block in queries.split(rows, dim=1)
        ]
        return scores[0] if len(scores) == 1 else torch.cat(scores, dim=1)

    def context_flops(self, queries: int, keys: int) -> int:
        projections = linear_flops(self.query, queries) + linear_flops(self.key, keys)
        # A score is a dot product of width D, of v and the tanh; the weighted sum costs as much again.
        return projections + 2 * (2 * queries * keys * self.combine.out_features)


class MultiHeadGlobalAttention(GlobalAttention):
    """The Transformer's multi-head attention in place of a score: scaled, with projections and an output matrix.

    Its heads have a width of d_model / n_heads, rounded down. `general` has no such form: its matrix would only
    multiply the projections of queries and keys. `heads` records the weights. dropout: of the weights.
    """

    def __init__(self, d_model: int, n_heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if d_model < n_heads:
            raise ValueError(f"d_model must be at least n_heads={n_heads}, got {d_model}")
        head = d_model // n_heads
        self.heads = MultiHeadAttention(d_model, n_heads, head, head, dropout=dropout)
        self.combine = TanhLinear(2 * d_model, d_model, bias=False)

    def prepare(self, memory: Tensor, mask: Tensor | None) -> State:
        keys, values = self.heads.keys_values(memory)
        return _source_mask(mask) | {f"{SOURCE}keys": keys, f"{SOURCE}values": values}

    def context(self, hidden: Tensor, source: State, mask_B11S: Tensor | None) -> Tensor:
        return self.heads(hidden, source[f"{SOURCE}keys"], source[f"{SOURCE}values"], mask_B11S)

    def context_flops(self, queries: int, keys: int) -> int:
        return self.heads.matmul_flops(queries, keys)


def _source_mask(mask: Tensor | None) -> State:
    """The mask (B, S) as an entry of a state; no entry without one."""
    return {} if mask is None else {f"{SOURCE}mask": mask}

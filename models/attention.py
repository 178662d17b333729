"""Attention: scaled dot-product, multi-head, and the global attention of recurrent decoders.

Shapes and the mask convention: see `models.interface`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.checks import at_least, known
from models.cost import linear_flops
from models.dropout import Dropout
from models.hidden import TanhLinear
from models.interface import SOURCE, State
from models.positional import Alibi, Rotary

SCORES = ("additive", "dot", "general")


SHORT = 64
"""Keys up to which a CPU is faster with the products written out than with its fused kernel, forward and backward."""


BLOCK_VALUES = 2**28
"""Of additive attention's sums, at once: 1 GiB of float32, more than batches of sentences have."""

Parts = tuple[Tensor, ...]
"""Keys or values in pieces, one after another along S, for memory that grows and is not to be copied every time."""


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

    queries (B, H, T, K); keys (B, H, S, K); values (B, H, S, V), or both in parts of the same lengths; mask
    broadcastable to (B, H, T, S), boolean with True = may be attended to, or a float that is added to the scores.
    `scale` defaults to 1 / sqrt(K). `causal` (T == S, no mask) hides later positions. `dropout` is of the weights,
    after the softmax. Returns (B, H, T, V).
    """
    # The fused kernels have a dropout of their own, but draw it from the global generator.
    drops = dropout is not None and dropout.active
    if not isinstance(keys, tuple) and not drops and not (queries.device.type == "cpu" and keys.shape[2] <= SHORT):
        return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, is_causal=causal, scale=scale)
    weights_BHTS = attention_weights(queries, keys, mask, causal=causal, scale=scale)
    weights_BHTS = dropout(weights_BHTS) if drops else weights_BHTS
    if not isinstance(keys, tuple):
        return weights_BHTS @ values
    pieces = weights_BHTS.split([part.shape[2] for part in values], dim=-1)
    return sum(weights @ part for weights, part in zip(pieces, values, strict=True))


def attention_weights(
    queries: Tensor,
    keys: Tensor | Parts,
    mask: Tensor | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """The softmax that `attend` applies to the values: (B, H, T, S), each row summing to one."""
    scale = queries.shape[-1] ** -0.5 if scale is None else scale
    queries = queries if scale == 1.0 else queries * scale
    parts = keys if isinstance(keys, tuple) else (keys,)
    products = [queries @ part.transpose(-1, -2) for part in parts]
    scores_BHTS = products[0] if len(products) == 1 else torch.cat(products, dim=-1)
    if causal:
        mask = causal_mask(queries.shape[2], queries.device)
    return torch.softmax(_masked(scores_BHTS, mask), dim=-1)


def causal_mask(length: int, device: torch.device) -> Tensor:
    """(T, T) boolean, True where the column is not later than the row."""
    return torch.ones(length, length, dtype=torch.bool, device=device).tril()


def _masked(scores: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return scores
    return scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask


class Watched(nn.Module):
    """An attention that shows its weights when asked to, which the fused kernels never compute."""

    seen: list[Tensor] | None = None
    looks = True
    """Whether it has weights of its own to show, and does not leave that to a part of it."""

    def show(self, weights_BHTS: Tensor) -> None:
        """Keep weights for whoever watches."""
        if self.seen is not None:
            self.seen.append(weights_BHTS.detach())


@contextmanager
def watch_attention(model: nn.Module) -> Iterator[dict[str, list[Tensor]]]:
    """While inside, every attention of the model keeps its weights, one (B, H, T, S) a call, under its name:

    with watch_attention(model) as weights:
        model(src, tgt, src_mask)
    weights["decoder.0.cross_attention"][0]
    """
    watched = {name: module for name, module in model.named_modules() if isinstance(module, Watched) and module.looks}
    kept: dict[str, list[Tensor]] = {name: [] for name in watched}
    try:
        for name, module in watched.items():
            module.seen = kept[name]
        yield kept
    finally:
        for module in watched.values():
            module.seen = None


class MultiHeadAttention(Watched):
    """Concat(head_1 ... head_H) W_O, head_i = attend(Q W_Q_i, K W_K_i, V W_V_i) (Vaswani et al. 2017, sec. 3.2.2).

    d_k and d_v, the widths of a head's keys and values, are free: they need not be d_model / n_heads.
    positions: `rotary` or `alibi` for self-attention whose scores know the distance; any other kind changes nothing
    here. dropout: of the weights.
    """

    def __init__(
        self, d_model: int, n_heads: int, d_k: int, d_v: int, positions: str = "none", dropout: float = 0.0
    ) -> None:
        super().__init__()
        at_least(1, d_model=d_model, n_heads=n_heads, d_k=d_k, d_v=d_v)
        self.n_heads, self.d_k, self.d_v = n_heads, d_k, d_v
        self.query = nn.Linear(d_model, n_heads * d_k)
        # One product for keys and values: both read the same input.
        self.key_value = nn.Linear(d_model, n_heads * (d_k + d_v))
        self.output = nn.Linear(n_heads * d_v, d_model)
        self.rotary = Rotary(d_k) if positions == "rotary" else None
        self.alibi = Alibi(n_heads) if positions == "alibi" else None
        self.dropout = Dropout(dropout, "dropout_attention")
        for part in (self.query, self.key_value, self.output):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)

    def keys_values(self, memory: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
        """memory (B, S, D), whose first row stands at position `first`. Returns keys (B, H, S, K) and values
        (B, H, S, V)."""
        B, S, _ = memory.shape
        split = self.key_value(memory).view(B, S, self.n_heads, self.d_k + self.d_v).transpose(1, 2)
        keys = split[..., : self.d_k]
        return self.rotary(keys, first) if self.rotary is not None else keys, split[..., self.d_k :]

    def forward(
        self,
        inputs: Tensor,
        keys: Tensor | Parts,
        values: Tensor | Parts,
        mask: Tensor | None = None,
        *,
        causal: bool = False,
        first: int = 0,
        standing: bool = False,
    ) -> Tensor:
        """inputs (B, T, D), whose first row stands at position `first`, or all of them where `standing`; keys and values
        as `keys_values` gives them, or in parts; mask as for `attend`. Returns (B, T, D)."""
        B, T, _ = inputs.shape
        queries = self.query(inputs).view(B, T, self.n_heads, self.d_k).transpose(1, 2)
        if self.rotary is not None:
            queries = self.rotary(queries, first, standing)
        if self.alibi is not None:
            if causal:
                mask, causal = causal_mask(T, inputs.device), False
            length = sum(part.shape[2] for part in keys) if isinstance(keys, tuple) else keys.shape[2]
            mask = _masked(self.alibi(1 if standing else T, length, first).to(queries), mask)
        if self.seen is not None:
            self.show(attention_weights(queries, keys, mask, causal=causal))
        heads_BHTV = attend(queries, keys, values, mask, causal=causal, dropout=self.dropout)
        return self.output(heads_BHTV.transpose(1, 2).reshape(B, T, self.n_heads * self.d_v))

    def matmul_flops(self, queries: int, keys: int) -> int:
        """Of the four maps, the scores and their use, for one sequence of `queries` and one of `keys`."""
        maps = linear_flops(self.query, queries) + linear_flops(self.key_value, keys)
        mixing = 2 * queries * keys * self.n_heads * (self.d_k + self.d_v)
        return maps + mixing + linear_flops(self.output, queries)


class GlobalAttention(Watched):
    """Attention of a recurrent decoder over all encoder positions, after its layers (Luong et al. 2015, sec. 3.1).

    c_t = sum_s softmax(score(h_t, m_s)) m_s; output tanh(W [c_t; h_t]) (eqs. 5 and 7). The score is h_t . m_s (`dot`),
    h_t . (W m_s) (`general`; eq. 8) or v . tanh(W h_t + U m_s) (`additive`; Bahdanau et al. 2015, A.1.2, with the
    state that Luong et al. look from).

    n_heads > 1 (`dot` only) is the Transformer's multi-head attention in the same place: scaled, with its own
    projections of queries, keys and values (of d_model / n_heads each, rounded down) and an output matrix. `general`
    would only multiply two of them. dropout: of the weights.
    """

    def __init__(self, d_model: int, score: str, n_heads: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        known("attention", score, SCORES)
        at_least(1, n_heads=n_heads)
        self.score, self.n_heads = score, n_heads
        self.dropout = Dropout(dropout, "dropout_attention")
        self.heads = self.query = self.key = self.energy = None
        if n_heads > 1:
            if score != "dot":
                raise ValueError(f"n_heads above 1 needs attention dot, whose heads project: got {n_heads}, {score}")
            if d_model < n_heads:
                raise ValueError(f"d_model must be at least n_heads={n_heads}, got {d_model}")
            self.looks = False
            head = d_model // n_heads
            self.heads = MultiHeadAttention(d_model, n_heads, head, head, dropout=dropout)
        elif score != "dot":
            self.query = nn.Linear(d_model, d_model, bias=False)
            if score == "additive":
                self.key = nn.Linear(d_model, d_model, bias=False)
                self.energy = nn.Linear(d_model, 1, bias=False)
        self.combine = TanhLinear(2 * d_model, d_model, bias=False)

    def prepare(self, memory: Tensor, mask: Tensor | None) -> State:
        """What every later step needs of the encoder's outputs (B, S, D) and its mask (B, S): part of a state."""
        state: State = {} if mask is None else {f"{SOURCE}mask": mask}
        if self.heads is not None:
            keys, values = self.heads.keys_values(memory)
            return state | {f"{SOURCE}keys": keys, f"{SOURCE}values": values}
        if self.key is not None:
            state[f"{SOURCE}keys"] = self.key(memory)
        return state | {f"{SOURCE}memory": memory}

    def forward(self, hidden: Tensor, source: State) -> Tensor:
        """hidden (B, T, D) decoder outputs, or (N, T, D) where N hypotheses, as many for every source, stand side by
        side; source as `prepare` gives it. Returns the same shape."""
        mask = source.get(f"{SOURCE}mask")
        mask_B11S = None if mask is None else mask[:, None, None, :]
        held = source[f"{SOURCE}{'memory' if self.heads is None else 'keys'}"]
        context = self._context(hidden.reshape(len(held), -1, hidden.shape[-1]), source, mask_B11S)
        return self.combine(torch.cat([context.view_as(hidden), hidden], dim=-1))

    def _context(self, hidden: Tensor, source: State, mask_B11S: Tensor | None) -> Tensor:
        if self.heads is not None:
            return self.heads(hidden, source[f"{SOURCE}keys"], source[f"{SOURCE}values"], mask_B11S)
        memory_B1SD = source[f"{SOURCE}memory"].unsqueeze(1)
        if self.key is not None:
            scores_B1TS = self._additive(self.query(hidden), source[f"{SOURCE}keys"]).unsqueeze(1)
            weights = torch.softmax(_masked(scores_B1TS, mask_B11S), dim=-1)
            self.show(weights)
            return (self.dropout(weights) @ memory_B1SD).squeeze(1)
        queries_B1TD = (hidden if self.query is None else self.query(hidden)).unsqueeze(1)
        if self.seen is not None:
            self.show(attention_weights(queries_B1TD, memory_B1SD, mask_B11S, scale=1.0))
        return attend(queries_B1TD, memory_B1SD, memory_B1SD, mask_B11S, scale=1.0, dropout=self.dropout).squeeze(1)

    def _additive(self, queries: Tensor, keys: Tensor) -> Tensor:
        """v . tanh(q_t + k_s): queries (B, T, D), keys (B, S, D), returns (B, T, S). Without gradients, the sums
        (B, T, S, D) are made for as many queries at a time as BLOCK_VALUES allows."""
        rows = queries.shape[1] if torch.is_grad_enabled() else max(1, BLOCK_VALUES // keys.numel())
        keys_B1SD = keys.unsqueeze(1)
        scores = [
            self.energy(torch.tanh(some.unsqueeze(2) + keys_B1SD)).squeeze(-1) for some in queries.split(rows, dim=1)
        ]
        return scores[0] if len(scores) == 1 else torch.cat(scores, dim=1)

    def matmul_flops(self, queries: int, keys: int) -> int:
        """For one sequence of `queries` and one of `keys`."""
        combine = linear_flops(self.combine, queries)
        if self.heads is not None:
            return combine + self.heads.matmul_flops(queries, keys)
        width = self.combine.out_features
        maps = 0 if self.query is None else linear_flops(self.query, queries)
        maps += 0 if self.key is None else linear_flops(self.key, keys)
        # A score is a dot product of width D, whether of h and m or of v and the tanh.
        return combine + maps + 2 * (2 * queries * keys * width)

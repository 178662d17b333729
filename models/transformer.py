"""The Transformer of Vaswani et al. (2017), with the article's constructor and `forward`.

Shapes and the mask convention: see `models.interface`. Layers are pre-norm by default (normalise, mix, add), which
trains without a long warm-up (Xiong et al. 2020); `norm="post"` is the original order.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.attention import MultiHeadAttention
from models.dropout import Dropout
from models.interface import Seq2Seq, State, causal_mask
from models.positional import Positional

NORMS = ("pre", "post")


class FeedForward(nn.Module):
    """max(0, x W_1 + b_1) W_2 + b_2 at each position (Vaswani et al. 2017, eq. 2)."""

    def __init__(self, d_model: int, d_ff: int, dropout: float) -> None:
        super().__init__()
        self.inner = nn.Linear(d_model, d_ff)
        self.outer = nn.Linear(d_ff, d_model)
        self.dropout = Dropout(dropout)
        for part in (self.inner, self.outer):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        return self.outer(self.dropout(F.relu(self.inner(inputs))))


class Residual(nn.Module):
    """The frame around a sublayer: `x + f(norm(x))` before, `norm(x + f(x))` after."""

    def __init__(self, d_model: int, dropout: float, norm: str) -> None:
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"norm must be one of {', '.join(NORMS)}; got {norm!r}")
        self.pre = norm == "pre"
        self.norm = nn.LayerNorm(d_model)
        self.dropout = Dropout(dropout)

    def before(self, inputs: Tensor) -> Tensor:
        """What the sublayer reads."""
        return self.norm(inputs) if self.pre else inputs

    def after(self, inputs: Tensor, result: Tensor) -> Tensor:
        """The sublayer's result added to what came in."""
        total = inputs + self.dropout(result)
        return total if self.pre else self.norm(total)


class EncoderLayer(nn.Module):
    """Self-attention, then a feed-forward network, each in a residual frame."""

    def __init__(
        self, d_model: int, n_heads: int, d_k: int, d_v: int, d_ff: int, dropout: float, norm: str
    ) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(d_model, n_heads, d_k, d_v)
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        self.attention_frame = Residual(d_model, dropout, norm)
        self.feed_forward_frame = Residual(d_model, dropout, norm)

    def forward(self, inputs: Tensor, mask_B11S: Tensor | None) -> Tensor:
        """inputs (B, S, D). Returns (B, S, D)."""
        read = self.attention_frame.before(inputs)
        mixed = self.attention(read, *self.attention.keys_values(read), mask_B11S)
        inputs = self.attention_frame.after(inputs, mixed)
        return self.feed_forward_frame.after(inputs, self.feed_forward(self.feed_forward_frame.before(inputs)))


class DecoderLayer(nn.Module):
    """Causal self-attention, attention over the source, then a feed-forward network."""

    def __init__(
        self, d_model: int, n_heads: int, d_k: int, d_v: int, d_ff: int, dropout: float, norm: str
    ) -> None:
        super().__init__()
        self.self_attention = MultiHeadAttention(d_model, n_heads, d_k, d_v)
        self.cross_attention = MultiHeadAttention(d_model, n_heads, d_k, d_v)
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        self.self_frame = Residual(d_model, dropout, norm)
        self.cross_frame = Residual(d_model, dropout, norm)
        self.feed_forward_frame = Residual(d_model, dropout, norm)

    def forward(
        self,
        inputs: Tensor,
        source: tuple[Tensor, Tensor],
        source_mask: Tensor | None,
        self_mask: Tensor | None,
        past: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """One pass over all target positions (`past` None, causal), or over one more position after `past`.

        inputs (B, T, D); source: this layer's keys and values of the source (B, H, S, .); past: those of the target
        positions read before. Returns (B, T, D) and the keys and values of all target positions so far.
        """
        read = self.self_frame.before(inputs)
        keys, values = self.self_attention.keys_values(read)
        if past is not None:
            assert inputs.shape[1] == 1, "with a past, one position is read at a time"
            keys = torch.cat([past[0], keys], dim=2)
            values = torch.cat([past[1], values], dim=2)
        causal = past is None and self_mask is None
        inputs = self.self_frame.after(inputs, self.self_attention(read, keys, values, self_mask, causal=causal))

        read = self.cross_frame.before(inputs)
        inputs = self.cross_frame.after(inputs, self.cross_attention(read, *source, source_mask))

        read = self.feed_forward_frame.before(inputs)
        return self.feed_forward_frame.after(inputs, self.feed_forward(read)), (keys, values)



class Transformer(Seq2Seq):
    """An encoder and a decoder of `n_layers` layers each.

    input_dim, output_dim: vocabulary sizes of source and target. n_heads heads of key width d_k and value width d_v.
    Embeddings are scaled by sqrt(d_model) (Vaswani et al. 2017, sec. 3.4).

    shared: one embedding for source and target (needs equal vocabularies). tied: the output projection is the target
    embedding transposed, without a bias (Press & Wolf 2017).

    Raises ValueError for sizes that cannot be built.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        n_layers: int,
        n_heads: int,
        d_k: int,
        d_v: int,
        d_model: int,
        dropout: float = 0.1,
        *,
        d_ff: int | None = None,
        positions: str = "sinusoidal",
        norm: str = "pre",
        max_len: int = 1024,
        shared: bool = False,
        tied: bool = True,
    ) -> None:
        super().__init__()
        d_ff = 4 * d_model if d_ff is None else d_ff
        sizes = dict(n_layers=n_layers, n_heads=n_heads, d_k=d_k, d_v=d_v, d_model=d_model, d_ff=d_ff, max_len=max_len)
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"{name} must be at least 1, got {size}")
        if shared and input_dim != output_dim:
            raise ValueError(f"a shared embedding needs equal vocabularies, got {input_dim} and {output_dim}")
        self.input_dim, self.output_dim, self.d_model, self.d_ff = input_dim, output_dim, d_model, d_ff
        self.n_layers, self.n_heads, self.d_k, self.d_v = n_layers, n_heads, d_k, d_v

        self.tgt_embedding = embedding(output_dim, d_model)
        self.src_embedding = self.tgt_embedding if shared else embedding(input_dim, d_model)
        self.positional = Positional(positions, d_model, max_len)
        self.dropout = Dropout(dropout)
        layer = (d_model, n_heads, d_k, d_v, d_ff, dropout, norm)
        self.encoder = nn.ModuleList(EncoderLayer(*layer) for _ in range(n_layers))
        self.decoder = nn.ModuleList(DecoderLayer(*layer) for _ in range(n_layers))
        # Pre-norm layers leave their sum unnormalised; one norm closes each stack.
        self.encoder_norm = nn.LayerNorm(d_model) if norm == "pre" else nn.Identity()
        self.decoder_norm = nn.LayerNorm(d_model) if norm == "pre" else nn.Identity()
        self.projection = nn.Linear(d_model, output_dim, bias=not tied)
        if tied:
            self.projection.weight = self.tgt_embedding.weight

    @classmethod
    def of_width(
        cls,
        width: int,
        input_dim: int,
        output_dim: int,
        *,
        rounded: bool = True,
        n_layers: int = 2,
        n_heads: int = 4,
        d_k: int | None = None,
        d_v: int | None = None,
        ff_ratio: float = 4.0,
        dropout: float = 0.1,
        positions: str = "sinusoidal",
        norm: str = "pre",
        max_len: int = 1024,
        shared: bool = False,
        tied: bool = True,
    ) -> "Transformer":
        """d_model = width; d_k = d_v = width / n_heads, rounded down, unless given; d_ff = ff_ratio * width."""
        if n_heads < 1:
            raise ValueError(f"n_heads must be at least 1, got {n_heads}")
        if (d_k is None or d_v is None) and (width < n_heads or (width % n_heads and not rounded)):
            raise ValueError(f"width {width} does not divide into {n_heads} heads; change one, or give d_k and d_v")
        return cls(
            input_dim,
            output_dim,
            n_layers,
            n_heads,
            width // n_heads if d_k is None else d_k,
            width // n_heads if d_v is None else d_v,
            width,
            dropout,
            d_ff=round(ff_ratio * width),
            positions=positions,
            norm=norm,
            max_len=max_len,
            shared=shared,
            tied=tied,
        )

    def encode(self, src: Tensor, src_mask: Tensor | None = None) -> Tensor:
        """src (B, S), src_mask (B, S). Returns the memory (B, S, D)."""
        mask = None if src_mask is None else src_mask[:, None, None, :]
        hidden = self._embed(self.src_embedding, src)
        for layer in self.encoder:
            hidden = layer(hidden, mask)
        return self.encoder_norm(hidden)

    def features(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None
    ) -> Tensor:
        memory = self.encode(src, src_mask)
        source_mask = None if src_mask is None else src_mask[:, None, None, :]
        self_mask = None
        if tgt_mask is not None:
            self_mask = causal_mask(tgt.shape[1], tgt.device) & tgt_mask[:, None, None, :]
        hidden = self._embed(self.tgt_embedding, tgt)
        for layer in self.decoder:
            hidden, _ = layer(hidden, layer.cross_attention.keys_values(memory), source_mask, self_mask)
        return self.decoder_norm(hidden)

    def project(self, features: Tensor) -> Tensor:
        return self.projection(features)

    def start(self, src: Tensor, src_mask: Tensor | None = None) -> State:
        memory = self.encode(src, src_mask)
        state: State = {}
        if src_mask is not None:
            state["source_mask"] = src_mask
        for i, layer in enumerate(self.decoder):
            state[f"source_keys.{i}"], state[f"source_values.{i}"] = layer.cross_attention.keys_values(memory)
            state[f"keys.{i}"] = memory.new_zeros(src.shape[0], self.n_heads, 0, self.d_k)
            state[f"values.{i}"] = memory.new_zeros(src.shape[0], self.n_heads, 0, self.d_v)
        return state

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        mask = state.get("source_mask")
        source_mask = None if mask is None else mask[:, None, None, :]
        new = dict(state)
        hidden = self._embed(self.tgt_embedding, token.unsqueeze(1), first=state["keys.0"].shape[2])
        for i, layer in enumerate(self.decoder):
            source = state[f"source_keys.{i}"], state[f"source_values.{i}"]
            past = state[f"keys.{i}"], state[f"values.{i}"]
            hidden, (new[f"keys.{i}"], new[f"values.{i}"]) = layer(hidden, source, source_mask, None, past)
        return self.project(self.decoder_norm(hidden).squeeze(1)), new

    def _embed(self, table: nn.Embedding, tokens: Tensor, first: int = 0) -> Tensor:
        return self.dropout(self.positional(table(tokens) * math.sqrt(self.d_model), first))

    def component_of(self, parameter_name: str) -> str:
        if "embedding" in parameter_name or "positional" in parameter_name:
            return "embedding"
        if parameter_name.startswith("projection"):
            return "output"
        if "norm" in parameter_name:
            return "norm"
        return "feed_forward" if "feed_forward" in parameter_name else "attention"

    def matmul_flops(self, source_length: int, target_length: int) -> int:
        S, T, D, H = source_length, target_length, self.d_model, self.n_heads
        head = self.d_k + self.d_v

        def attention(queries: int, keys: int) -> int:
            projections = queries * D * H * head + keys * D * H * head  # W_Q and W_O; W_K and W_V
            return 2 * (projections + queries * keys * H * head)

        def feed_forward(length: int) -> int:
            return 2 * 2 * length * D * self.d_ff

        encoder = attention(S, S) + feed_forward(S)
        decoder = attention(T, T) + attention(T, S) + feed_forward(T)
        return self.n_layers * (encoder + decoder) + 2 * T * D * self.output_dim


def embedding(size: int, d_model: int) -> nn.Embedding:
    """A token embedding that, scaled by sqrt(d_model), starts with unit variance."""
    table = nn.Embedding(size, d_model)
    nn.init.normal_(table.weight, std=d_model**-0.5)
    return table

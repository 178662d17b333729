"""Encoder-decoders of residual blocks, with any `Mixer`. Shapes and the mask convention: see `models.interface`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self, cast

from torch import Tensor, nn

from models.attention import MultiHeadAttention
from models.blocks import DecoderLayer, EncoderLayer, Mixer
from models.checks import MOST_LAYERS, check_range
from models.encoder_decoder import EncoderDecoder
from models.interface import SOURCE, Depth, State


class BlockSeq2Seq(EncoderDecoder):
    """An encoder and a decoder of `n_layers` blocks each. Subclasses choose the mixers.

    encoder_mixer, decoder_mixer: make the mixer of one layer. n_heads, d_k, d_v: heads of the attention over the
    source and the widths of their keys and values. d_ff: width of the feed-forward network, 0 = none; 4 * d_model by
    default. norm: `pre` (normalise, mix, add), which trains without a long warm-up (Xiong et al. 2020), or `post`, the
    original order. dropout: of the feed-forward network's hidden layer, and of embeddings and residuals where
    `dropout_embedding` and `dropout_residual` are None. dropout_attention: of the weights of the attention over the
    source; a mixer with attention takes it too. Other options: see `models.encoder_decoder.EncoderDecoder`.

    Raises ValueError for sizes that cannot be built.
    """

    decodes = True
    """Whether the model has decoder layers."""
    encoder: Sequence[EncoderLayer]
    decoder: Sequence[DecoderLayer]

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
        encoder_mixer: Callable[[], Mixer],
        decoder_mixer: Callable[[], Mixer],
        d_ff: int | None = None,
        activation: str = "relu",
        norm: str = "pre",
        dropout_embedding: float | None = None,
        dropout_residual: float | None = None,
        dropout_attention: float = 0.0,
        shared: bool = False,
        tied: bool = True,
        inputs: str = "tokens",
        outputs: str = "tokens",
    ) -> None:
        super().__init__(
            input_dim,
            output_dim,
            d_model,
            dropout,
            dropout_embedding=dropout_embedding,
            shared=shared,
            tied=tied,
            inputs=inputs,
            outputs=outputs,
        )
        d_ff = 4 * d_model if d_ff is None else d_ff
        check_range(1, MOST_LAYERS, n_layers=n_layers)
        check_range(0, d_ff=d_ff)
        options = (d_model, d_ff, dropout, norm, activation, dropout_residual)
        encoder = nn.ModuleList(EncoderLayer(encoder_mixer(), *options) for _ in range(n_layers))
        decoder = nn.ModuleList(
            DecoderLayer(
                decoder_mixer(), MultiHeadAttention(d_model, n_heads, d_k, d_v, dropout=dropout_attention), *options
            )
            for _ in range(n_layers if self.decodes else 0)
        )
        # torch does not type a ModuleList by its elements.
        self.encoder, self.decoder = cast(Sequence[EncoderLayer], encoder), cast(Sequence[DecoderLayer], decoder)
        # Pre-norm layers leave their sum unnormalised, so each stack ends in a norm.
        self.encoder_norm = nn.LayerNorm(d_model) if norm == "pre" and self.decodes else nn.Identity()
        self.decoder_norm = nn.LayerNorm(d_model) if norm == "pre" else nn.Identity()

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
        d_ff: int | None = None,
        ff_ratio: float = 4.0,
        **options: Any,
    ) -> Self:
        """d_model = width. Defaults: d_k = d_v = width / n_heads, rounded down; d_ff = ff_ratio * width."""
        head_width = partial(cls.head_width, width, n_heads, rounded, **options)
        d_k, d_v, d_ff = inner_sizes(width, n_heads, d_k, d_v, d_ff, ff_ratio, head_width)
        return cls(input_dim, output_dim, n_layers, n_heads, d_k, d_v, width, d_ff=d_ff, **options)

    @classmethod
    def head_width(cls, width: int, n_heads: int, rounded: bool, **options: Any) -> int:
        """The default width of one head. Raises ValueError where the heads cannot share the width."""
        if width < n_heads or (width % n_heads and not rounded):
            raise ValueError(f"width {width} does not divide into n_heads={n_heads}; change one, or give d_k and d_v")
        return width // n_heads

    def add_positions(self, embedded: Tensor, past: State | None = None) -> Tensor:
        """Add positions to embeddings (B, T, D): those after the tokens read in the state `past`, or the first ones.

        The identity here: recurrent mixers need no positions.
        """
        return embedded

    def encode(self, src: Tensor, src_mask: Tensor | None = None) -> Tensor:
        """src (B, S), src_mask (B, S). Returns the memory (B, S, D)."""
        hidden = self.embedding_dropout(self.add_positions(self.src_embedding(src)))
        for layer in self.encoder:
            hidden = layer(hidden, src_mask)
        return self.encoder_norm(hidden)

    def features(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None
    ) -> Tensor:
        memory = self.encode(src, src_mask)
        hidden = self.embedding_dropout(self.add_positions(self.tgt_embedding(tgt)))
        for layer in self.decoder:
            hidden = layer(hidden, tgt_mask, layer.cross_attention.keys_values(memory), src_mask)
        return self.decoder_norm(hidden)

    def start(self, src: Tensor, src_mask: Tensor | None = None) -> State:
        memory = self.encode(src, src_mask)
        state: State = {} if src_mask is None else {f"{SOURCE}mask": src_mask}
        for i, layer in enumerate(self.decoder):
            keys, values = layer.cross_attention.keys_values(memory)
            # Without this copy, each product would copy them at every step.
            state |= {f"{SOURCE}keys.{i}": keys.contiguous(), f"{SOURCE}values.{i}": values.contiguous()}
            state |= with_prefix(f"past.{i}.", layer.mixer.start(memory))
        return state

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        new = dict(state)
        hidden = self.embedding_dropout(self.add_positions(self.tgt_embedding(token.unsqueeze(1)), state))
        for i, layer in enumerate(self.decoder):
            source = state[f"{SOURCE}keys.{i}"], state[f"{SOURCE}values.{i}"]
            hidden, past = layer.step(hidden, substate(f"past.{i}.", state), source, state.get(f"{SOURCE}mask"))
            new |= with_prefix(f"past.{i}.", past)
        return self.project(self.decoder_norm(hidden).squeeze(1)), new

    def component_of(self, parameter_name: str) -> str:
        if "norm" in parameter_name:
            return "norm"
        if "feed_forward" in parameter_name:
            return "feed_forward"
        if ".mixer." in parameter_name:
            return self.decoder[0].mixer.component
        return "attention" if ".cross_attention." in parameter_name else super().component_of(parameter_name)

    def matmul_flops(self, source_length: int, target_length: int) -> int:
        S, T = source_length, target_length
        encoder = sum(layer.matmul_flops(S) for layer in self.encoder)
        decoder = sum(layer.matmul_flops(T) + layer.cross_attention.matmul_flops(T, S) for layer in self.decoder)
        return encoder + decoder + self.embedding_and_output_flops(S, T)

    def depth(self, source_length: int, target_length: int) -> Depth:
        S, T = source_length, target_length
        encoder = sum(layer.mixer.sequential(S) for layer in self.encoder)
        decoder = sum(layer.mixer.sequential(T) + 1 for layer in self.decoder)
        # The residual stream bypasses the mixers, so one attention carries a source token to any target position.
        return Depth(encoder + decoder, 1, self.decoder[0].mixer.path(T))


def inner_sizes(
    width: int,
    n_heads: int,
    d_k: int | None,
    d_v: int | None,
    d_ff: int | None,
    ff_ratio: float,
    head_width: Callable[[], int],
) -> tuple[int, int, int]:
    """d_k, d_v and d_ff at a width; where they are None, the default width of a head and `ff_ratio` times the width.

    Raises ValueError, also that of `head_width`.
    """
    check_range(1, n_heads=n_heads)
    if d_k is None or d_v is None:
        head = head_width()
        d_k, d_v = head if d_k is None else d_k, head if d_v is None else d_v
    return d_k, d_v, round(ff_ratio * width) if d_ff is None else d_ff


def with_prefix(prefix: str, state: State) -> State:
    """The entries of a state with a prefix before their names; `substate` takes them out again."""
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def substate(prefix: str, state: State) -> State:
    """The entries of a state whose names begin with the prefix, named without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}

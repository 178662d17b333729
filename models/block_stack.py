"""One stack of residual blocks, with any `Mixer`: the Transformer as a language model, and its recurrent twins. Shapes
and the mask convention: see `models.interface`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self, cast

from torch import Tensor, nn

from models.blocks import EncoderLayer, Mixer
from models.checks import MOST_LAYERS, check_choice, check_range
from models.interface import Depth, State
from models.one_stack import OneStack
from models.positional import POSITIONS, RELATIVE, Positional
from models.residual import mixer_maker
from models.stack import inner_sizes, substate, with_prefix
from models.transformer import SelfAttention, Transformer, positioned


class BlockStack(OneStack):
    """`n_layers` residual blocks. Subclasses choose the mixer.

    mixer: makes the mixer of one layer. Other options: see `OneStack`, and `models.stack.BlockSeq2Seq`, whose blocks
    these are.
    """

    layers: Sequence[EncoderLayer]

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        n_layers: int,
        d_model: int,
        dropout: float = 0.1,
        *,
        mixer: Callable[[], Mixer],
        causal: bool = True,
        d_ff: int | None = None,
        activation: str = "relu",
        norm: str = "pre",
        dropout_embedding: float | None = None,
        dropout_residual: float | None = None,
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
            causal=causal,
            dropout_embedding=dropout_embedding,
            shared=shared,
            tied=tied,
            inputs=inputs,
            outputs=outputs,
        )
        d_ff = 4 * d_model if d_ff is None else d_ff
        check_range(1, MOST_LAYERS, n_layers=n_layers)
        check_range(0, d_ff=d_ff)
        layers = nn.ModuleList(
            EncoderLayer(mixer(), d_model, d_ff, dropout, norm, activation, dropout_residual) for _ in range(n_layers)
        )
        self.layers = cast(Sequence[EncoderLayer], layers)  # torch does not type a ModuleList by its elements
        self.carries_state = causal and all(layer.mixer.carries_state for layer in self.layers)
        # Pre-norm layers leave their sum unnormalised.
        self.norm = nn.LayerNorm(d_model) if norm == "pre" else nn.Identity()

    def add_positions(self, embedded: Tensor, past: State | None = None) -> Tensor:
        """As `models.stack.BlockSeq2Seq.add_positions`: the identity, since recurrent mixers need no positions."""
        return embedded

    def features(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        hidden = self.embedding_dropout(self.add_positions(self.embedding(inputs)))
        for layer in self.layers:
            hidden = layer(hidden, mask)
        return self.norm(hidden)

    def initial_state(self, inputs: Tensor) -> State:
        state: State = {}
        for i, layer in enumerate(self.layers):
            state |= with_prefix(f"past.{i}.", layer.mixer.start(inputs))
        return state

    def features_from(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        return self._read(inputs, state) if self.carries_state else super().features_from(inputs, state)

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        features, new = self._read(token.unsqueeze(1), state)
        return self.project(features.squeeze(1)), new

    def _read(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Features (B, T, D) of inputs (B, T) and the state after them. T is 1 unless the mixers carry their state."""
        new = dict(state)
        hidden = self.embedding_dropout(self.add_positions(self.embedding(inputs), state))
        for i, layer in enumerate(self.layers):
            hidden, past = layer.step(hidden, substate(f"past.{i}.", state))
            new |= with_prefix(f"past.{i}.", past)
        return self.norm(hidden), new

    def component_of(self, parameter_name: str) -> str:
        if "norm" in parameter_name:
            return "norm"
        if "feed_forward" in parameter_name:
            return "feed_forward"
        return self.layers[0].mixer.component if ".mixer." in parameter_name else super().component_of(parameter_name)

    def layer_flops(self, length: int) -> int:
        return sum(layer.matmul_flops(length) for layer in self.layers)

    def depth(self, source_length: int, target_length: int) -> Depth:
        # The residual stream bypasses the mixers, so one mixer carries a token to the last prediction.
        sequential = sum(layer.mixer.sequential(source_length) for layer in self.layers)
        return Depth(sequential, self.layers[0].mixer.path(source_length), 0)


class TransformerStack(BlockStack):
    """A Transformer of one stack: a language model where `causal` (Radford et al. 2018), else an encoder (Devlin et
    al. 2019).

    positions, max_len: as in `models.transformer.Transformer`. Other options: see `BlockStack`.

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
        positions: str = "sinusoidal",
        max_len: int = 1024,
        dropout_attention: float = 0.0,
        causal: bool = True,
        **options: Any,
    ) -> None:
        check_choice("positions", positions, POSITIONS)

        def mixer() -> SelfAttention:
            return SelfAttention(d_model, n_heads, d_k, d_v, positions, causal=causal, dropout=dropout_attention)

        super().__init__(input_dim, output_dim, n_layers, d_model, dropout, mixer=mixer, causal=causal, **options)
        self.max_length = max_len if positions == "learned" else None
        self.positional = Positional("none" if positions in RELATIVE else positions, d_model, max_len)

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
        """d_model = width. Defaults: d_k = d_v = width / n_heads, rounded as in `models.transformer.Transformer`;
        d_ff = ff_ratio * width."""
        head_width = partial(Transformer.head_width, width, n_heads, rounded, **options)
        d_k, d_v, d_ff = inner_sizes(width, n_heads, d_k, d_v, d_ff, ff_ratio, head_width)
        return cls(input_dim, output_dim, n_layers, n_heads, d_k, d_v, width, d_ff=d_ff, **options)

    def add_positions(self, embedded: Tensor, past: State | None = None) -> Tensor:
        return positioned(self.positional, embedded, past)

    def component_of(self, parameter_name: str) -> str:
        return "embedding" if parameter_name.startswith("positional") else super().component_of(parameter_name)


class ResidualStack(BlockStack):
    """A recurrent cell in the Transformer's residual blocks.

    cell, dropout_recurrent: as in `models.residual.ResidualSeq2Seq`. Without `causal`, each layer has two directions
    of half the width. Other options: see `BlockStack`.

    Raises ValueError for sizes and names that cannot be built.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        n_layers: int,
        d_model: int,
        dropout: float = 0.1,
        *,
        cell: str = "lstm",
        dropout_recurrent: float = 0.0,
        causal: bool = True,
        **options: Any,
    ) -> None:
        make = mixer_maker(cell, d_model, dropout_recurrent)
        super().__init__(
            input_dim,
            output_dim,
            n_layers,
            d_model,
            dropout,
            mixer=lambda: make(not causal),
            causal=causal,
            **options,
        )

    @classmethod
    def of_width(
        cls,
        width: int,
        input_dim: int,
        output_dim: int,
        *,
        rounded: bool = True,
        n_layers: int = 2,
        d_ff: int | None = None,
        ff_ratio: float = 4.0,
        **options: Any,
    ) -> Self:
        """d_model = width; d_ff = ff_ratio * width unless given."""
        d_ff = round(ff_ratio * width) if d_ff is None else d_ff
        return cls(input_dim, output_dim, n_layers, width, d_ff=d_ff, **options)

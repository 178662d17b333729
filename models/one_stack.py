"""One stack over one sequence: what all arms share, and plain recurrent layers. `models.block_stack` has the others.

Language models, state tracking and questions inside a sequence need no decoder: each position predicts from what it
has read. The mixers, cells and blocks are those of the encoder-decoders. Shapes and the mask convention: see
`models.interface`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, cast

from torch import Tensor, nn

from models import cells
from models.cells import Hidden, Recurrent, hidden_of, state_entries
from models.checks import MOST_LAYERS, check_choice, check_range
from models.cost import linear_flops
from models.dropout import Dropout, dropout_at
from models.encoder_decoder import KINDS, embedding_of
from models.interface import Depth, SequenceModel, State


class OneStack(SequenceModel):
    """Embedding, dropout on it, and the projection to predictions. Subclasses add the layers.

    causal: see `models.interface.SequenceModel`. inputs, outputs: `tokens` or `values`, as in
    `models.encoder_decoder.EncoderDecoder`. shared: whether inputs and predictions have one vocabulary, as in a
    language model. tied: where they have, predictions use the transposed embedding, without a bias (Press & Wolf
    2017). dropout_embedding: of the embeddings, positions included; None: the value of `dropout`.

    Raises ValueError for sizes that cannot be built.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        d_model: int,
        dropout: float,
        *,
        causal: bool,
        dropout_embedding: float | None,
        shared: bool,
        tied: bool,
        inputs: str,
        outputs: str,
    ) -> None:
        super().__init__()
        check_range(1, input_dim=input_dim, output_dim=output_dim, d_model=d_model)
        self.inputs, self.outputs = check_choice("inputs", inputs, KINDS), check_choice("outputs", outputs, KINDS)
        self.input_dim, self.output_dim, self.d_model, self.causal = input_dim, output_dim, d_model, causal
        tied = tied and shared and (inputs, outputs) == ("tokens", "tokens")
        if tied and input_dim != output_dim:
            raise ValueError(f"a tied embedding needs equal vocabularies, got {input_dim} and {output_dim}")
        self.embedding = embedding_of(inputs, input_dim, d_model)
        self.embedding_dropout = dropout_at("embedding", dropout_embedding, dropout)
        self.projection = nn.Linear(d_model, output_dim, bias=not tied)
        if tied:
            self.projection.weight = cast(nn.Embedding, self.embedding).weight

    def project(self, features: Tensor) -> Tensor:
        return self.projection(features)

    def start(self, rows: int) -> State:
        if not self.causal:
            raise ValueError("a model with causal=false reads whole sequences and has no steps")
        return self.initial_state(self.projection.weight.new_zeros(rows, 1, self.d_model))

    def initial_state(self, inputs: Tensor) -> State:
        """The state before the first position, with the batch size, device and type of `inputs` (B, 1, D)."""
        raise NotImplementedError

    def component_of(self, parameter_name: str) -> str:
        """The component of embedding and projection. Subclasses handle their own parameters first."""
        if parameter_name.startswith("projection"):
            return "output"
        assert parameter_name.startswith("embedding"), parameter_name
        return "embedding"

    def matmul_flops(self, source_length: int, target_length: int) -> int:
        embedded = linear_flops(self.embedding, source_length) if isinstance(self.embedding, nn.Linear) else 0
        return embedded + self.layer_flops(source_length) + linear_flops(self.projection, target_length)

    def layer_flops(self, length: int) -> int:
        """FLOPs of the layers over a sequence of this length."""
        raise NotImplementedError


class RecurrentStack(OneStack):
    """`n_layers` recurrent layers, one on the other, with dropout on the outputs of each.

    cell: `rnn`, `lstm` or `gru`. Without `causal`, each layer has two directions of half the width. dropout_recurrent:
    see `models.cells.Recurrent`. Other options: see `OneStack`.

    Raises ValueError for sizes and names that cannot be built.
    """

    layers: Sequence[Recurrent]

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        n_layers: int,
        d_model: int,
        dropout: float = 0.1,
        *,
        cell: str = "lstm",
        causal: bool = True,
        dropout_embedding: float | None = None,
        dropout_recurrent: float = 0.0,
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
        check_choice("cell", cell, tuple(cells.CELLS))
        check_range(1, MOST_LAYERS, n_layers=n_layers)
        self.carries_state = causal
        self.dropout = Dropout(dropout)
        layers = nn.ModuleList(
            Recurrent(cell, d_model, d_model, not causal, dropout_recurrent) for _ in range(n_layers)
        )
        self.layers = cast(Sequence[Recurrent], layers)  # torch does not type a ModuleList by its elements

    @classmethod
    def of_width(
        cls, width: int, input_dim: int, output_dim: int, *, rounded: bool = True, n_layers: int = 1, **options: Any
    ) -> Self:
        """d_model = width."""
        return cls(input_dim, output_dim, n_layers, width, **options)

    def features(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        # Padding is on the right, so only the backward direction needs the lengths.
        lengths = mask.sum(1).cpu() if mask is not None and not self.causal else None
        return self._read(inputs, [None] * len(self.layers), lengths)[0]

    def initial_state(self, inputs: Tensor) -> State:
        zeros = inputs.new_zeros(inputs.shape[0], self.d_model)
        return state_entries([(zeros,) * layer.n_states for layer in self.layers])

    def features_from(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        if not self.carries_state:
            return super().features_from(inputs, state)
        before = [hidden_of(state, i, layer.n_states) for i, layer in enumerate(self.layers)]
        features, last = self._read(inputs, before)
        return features, state_entries(last)

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        features, new = self.features_from(token.unsqueeze(1), state)
        return self.project(features.squeeze(1)), new

    def _read(
        self, inputs: Tensor, before: Sequence[Hidden | None], lengths: Tensor | None = None
    ) -> tuple[Tensor, list[Hidden]]:
        """Features (B, T, D) of inputs (B, T), and the state of each layer after them. before: of each layer, zero if
        None; lengths: (B,) on the CPU where rows are padded and both directions read them."""
        hidden = self.embedding_dropout(self.embedding(inputs))
        last: list[Hidden] = []
        for layer, initial in zip(self.layers, before, strict=True):
            outputs, after = layer(hidden, initial, lengths)
            hidden = self.dropout(outputs)
            last.append(after)
        return hidden, last

    def component_of(self, parameter_name: str) -> str:
        return "recurrent" if parameter_name.startswith("layers.") else super().component_of(parameter_name)

    def layer_flops(self, length: int) -> int:
        return sum(layer.matmul_flops(length) for layer in self.layers)

    def depth(self, source_length: int, target_length: int) -> Depth:
        """The path from the first token changes layers on the way."""
        layers = len(self.layers)
        return Depth(layers * source_length, source_length + layers - 1, 0)

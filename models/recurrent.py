"""Recurrent encoder-decoders: RNN, LSTM and GRU, with and without attention, in one class.

Without attention, the decoder knows the source only through its initial state (Sutskever et al. 2014; Cho et al.
2014). With attention, it attends to every encoder position after its recurrent layers (Luong et al. 2015). Without
input feeding, no input of these layers depends on an earlier output, so the teacher-forced pass is one fused call for
each layer; with input feeding it is a Python loop over time. Shapes and the mask convention: see `models.interface`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from models.cells import Hidden, Recurrent, Weights, hidden_of, state_entries
from models.checks import MOST_LAYERS, check_choice, check_range
from models.cost import linear_flops
from models.dropout import Dropout
from models.encoder_decoder import EncoderDecoder
from models.global_attention import SCORES, GlobalAttention, global_attention
from models.hidden import TanhLinear
from models.interface import Depth, State

ATTENTIONS = ("none", *SCORES)
ENCODERS = ("uni", "bi")


class RecurrentSeq2Seq(EncoderDecoder):
    """An encoder and a decoder of `n_layers` recurrent layers each, all of width d_model.

    Layer i of the decoder starts from the last state of the encoder's layer i through a tanh bridge.

    cell: `rnn`, `lstm` or `gru`. encoder: `uni`, or `bi` with half the width in each direction. attention: `none`, or
    a score of `models.global_attention`. n_heads: see `models.global_attention.MultiHeadGlobalAttention`.
    input_feeding: each step also reads the attention's output of the previous step (Luong et al. 2015, sec. 3.3).
    dropout: of the outputs of every layer, and of embeddings where `dropout_embedding` is None. dropout_attention: of
    attention weights. dropout_recurrent: see `models.cells.Recurrent`. Other options: see
    `models.encoder_decoder.EncoderDecoder`.

    Raises ValueError for sizes and names that cannot be built.
    """

    encoder: Sequence[Recurrent]
    decoder: Sequence[Recurrent]
    bridge: Sequence[TanhLinear]
    attention: GlobalAttention | None

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        n_layers: int,
        d_model: int,
        dropout: float = 0.1,
        *,
        cell: str = "lstm",
        attention: str = "dot",
        n_heads: int = 1,
        input_feeding: bool = False,
        encoder: str = "bi",
        dropout_embedding: float | None = None,
        dropout_attention: float = 0.0,
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
            dropout_embedding=dropout_embedding,
            shared=shared,
            tied=tied,
            inputs=inputs,
            outputs=outputs,
        )
        check_choice("attention", attention, ATTENTIONS)
        check_range(1, MOST_LAYERS, n_layers=n_layers)
        check_range(1, n_heads=n_heads)
        if attention == "none" and n_heads > 1:
            raise ValueError(f"n_heads must be 1 where attention is none, got {n_heads}")
        if attention == "none" and input_feeding:
            raise ValueError("input_feeding needs attention dot, general or additive; got attention none")
        if attention == "none" and dropout_attention:
            raise ValueError(f"dropout_attention must be 0 where attention is none, got {dropout_attention}")
        self.n_layers, self.input_feeding = n_layers, input_feeding
        self.dropout = Dropout(dropout)
        self.bidirectional = check_choice("encoder", encoder, ENCODERS) == "bi"
        encoder_layers = nn.ModuleList(
            Recurrent(cell, d_model, d_model, self.bidirectional, dropout_recurrent) for _ in range(n_layers)
        )
        decoder_layers = nn.ModuleList(
            Recurrent(cell, 2 * d_model if input_feeding and i == 0 else d_model, d_model, dropout=dropout_recurrent)
            for i in range(n_layers)
        )
        # torch does not type a ModuleList by its elements.
        self.encoder = cast(Sequence[Recurrent], encoder_layers)
        self.decoder = cast(Sequence[Recurrent], decoder_layers)
        self.n_states = self.decoder[0].n_states
        bridges = nn.ModuleList(TanhLinear(d_model, d_model) for _ in range(n_layers * self.n_states))
        self.bridge = cast(Sequence[TanhLinear], bridges)
        self.attention = None
        if attention != "none":
            self.attention = global_attention(d_model, attention, n_heads, dropout_attention)

    @classmethod
    def of_width(
        cls,
        width: int,
        input_dim: int,
        output_dim: int,
        *,
        rounded: bool = True,
        n_layers: int = 1,
        n_heads: int = 1,
        **options: Any,
    ) -> Self:
        """d_model = width. With several heads, each has a width of d_model / n_heads, rounded down."""
        check_range(1, n_heads=n_heads)
        if width % n_heads and not rounded:
            raise ValueError(f"width {width} does not divide into n_heads={n_heads}; change one")
        return cls(input_dim, output_dim, n_layers, width, n_heads=n_heads, **options)

    def encode(self, src: Tensor, src_mask: Tensor | None = None) -> tuple[Tensor, list[Hidden]]:
        """src (B, S), src_mask (B, S). Returns the memory (B, S, D) and the initial state of each decoder layer."""
        lengths = None if src_mask is None else src_mask.sum(1).cpu()
        hidden = self.embedding_dropout(self.src_embedding(src))
        initial: list[Hidden] = []
        for i, layer in enumerate(self.encoder):
            hidden, last = layer(hidden if i == 0 else self.dropout(hidden), lengths=lengths)
            bridges = self.bridge[i * self.n_states : (i + 1) * self.n_states]
            initial.append(tuple(bridge(part) for bridge, part in zip(bridges, last, strict=True)))
        return self.dropout(hidden), initial

    def features(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None
    ) -> Tensor:
        # Padding is on the right and no position reads a later one, so tgt_mask has no effect.
        state = self.start(src, src_mask)
        embedded = self.embedding_dropout(self.tgt_embedding(tgt))
        if not self.input_feeding:
            return self._decode(embedded, state)[0]
        outputs = []
        weights = [layer.weights() for layer in self.decoder]
        for t in range(tgt.shape[1]):
            features, state = self._decode(embedded[:, t : t + 1], state, weights)
            outputs.append(features)
        return torch.cat(outputs, dim=1)

    def start(self, src: Tensor, src_mask: Tensor | None = None) -> State:
        memory, initial = self.encode(src, src_mask)
        state = state_entries(initial)
        if self.attention is not None:
            state |= self.attention.prepare(memory, src_mask)
        if self.input_feeding:
            state["fed"] = memory.new_zeros(memory.shape[0], self.d_model)
        return state

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        embedded = self.embedding_dropout(self.tgt_embedding(token.unsqueeze(1)))
        features, state = self._decode(embedded, state)
        return self.project(features.squeeze(1)), state

    def _decode(
        self, embedded: Tensor, state: State, weights: Sequence[Weights | None] | None = None
    ) -> tuple[Tensor, State]:
        """Decode embedded (B, T, D), all target positions or one. weights: of each layer, for `Recurrent.forward`.

        Returns features (B, T, D) and the state after the last position.
        """
        outputs = embedded
        if self.input_feeding:
            assert embedded.shape[1] == 1, "with input feeding, a position needs the output of the previous one"
            outputs = torch.cat([embedded, state["fed"].to(embedded).unsqueeze(1)], dim=-1)  # (B, 1, 2 D)
        last: list[Hidden] = []
        for i, layer in enumerate(self.decoder):
            hidden = hidden_of(state, i, self.n_states)
            layer_weights = None if weights is None else weights[i]
            outputs, new = layer(outputs if i == 0 else self.dropout(outputs), hidden, weights=layer_weights)
            last.append(new)
        if self.attention is not None:
            outputs = self.attention(outputs, state)
        outputs = self.dropout(outputs)
        fed = {"fed": outputs[:, -1]} if self.input_feeding else {}
        return outputs, state | state_entries(last) | fed

    def component_of(self, parameter_name: str) -> str:
        top = parameter_name.split(".")[0]
        components = {"attention": "attention", "bridge": "bridge", "encoder": "recurrent", "decoder": "recurrent"}
        return components.get(top) or super().component_of(parameter_name)

    def matmul_flops(self, source_length: int, target_length: int) -> int:
        S, T = source_length, target_length
        recurrent = sum(layer.matmul_flops(S) for layer in self.encoder)
        recurrent += sum(layer.matmul_flops(T) for layer in self.decoder)
        bridge = sum(linear_flops(layer, 1) for layer in self.bridge)
        attention = 0 if self.attention is None else self.attention.matmul_flops(T, S)
        return recurrent + bridge + attention + self.embedding_and_output_flops(S, T)

    def depth(self, source_length: int, target_length: int) -> Depth:
        """The layers run one after another. Without attention, a source token reaches the last prediction through the
        encoder's steps to the nearer end and all steps of the decoder; the path changes layers on the way."""
        S, T, L = source_length, target_length, self.n_layers
        target_path = T + L - 1
        if self.attention is None:
            steps_to_end = (S + 1) // 2 if self.bidirectional else S
            return Depth(L * (S + T), steps_to_end + target_path, target_path)
        attentions = T if self.input_feeding else 1
        return Depth(L * (S + T) + attentions, L + 1, target_path)

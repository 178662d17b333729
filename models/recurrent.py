"""Recurrent encoder-decoders: LSTM and GRU, with and without attention, as one class with one argument apart.

Shapes and the mask convention: see `models.interface`. Without attention the decoder knows the source only through
its first state (Sutskever et al. 2014; Cho et al. 2014). With `dot` attention it looks at every encoder position
after its recurrent layers (Luong et al. 2015, without input feeding). No input of the recurrent layers then depends on
an earlier output, so the teacher-forced pass is one fused call a layer, without a Python loop over time.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.attention import DotAttention
from models.dropout import Dropout
from models.interface import Seq2Seq, State
from models.transformer import embedding

CELLS: dict[str, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU}
GATES = {"lstm": 4, "gru": 3}
ATTENTIONS = ("none", "dot")
ENCODERS = ("uni", "bi")

Hidden = tuple[Tensor, ...]
"""The state of one recurrent layer, (B, D) each: (h, c) of an LSTM, (h,) of a GRU."""


class Recurrent(nn.Module):
    """One layer of a cell over time. A stack of these, rather than `num_layers`, so that the dropout between layers
    draws from an explicit generator."""

    def __init__(self, cell: str, d_in: int, d_out: int, bidirectional: bool = False) -> None:
        super().__init__()
        directions = 2 if bidirectional else 1
        self.run = CELLS[cell](d_in, d_out // directions, batch_first=True, bidirectional=bidirectional)
        for name, parameter in self.run.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
                if cell == "lstm" and "bias_ih" in name:
                    # Remember by default (Jozefowicz et al. 2015): gates come in the order input, forget, cell, output.
                    width = parameter.shape[0] // 4
                    nn.init.ones_(parameter.data[width : 2 * width])
            elif "weight_hh" in name:
                for gate in parameter.data.chunk(GATES[cell]):
                    nn.init.orthogonal_(gate)
            else:
                for gate in parameter.data.chunk(GATES[cell]):
                    nn.init.xavier_uniform_(gate)

    def forward(
        self, inputs: Tensor, hidden: Hidden | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Hidden]:
        """inputs (B, T, D_in); hidden (B, D) each, zero if None; lengths (B,) on the CPU where rows are padded.

        Returns outputs (B, T, D_out), zero at padding, and the state after each row's last real token, the two
        directions side by side.
        """
        initial = None
        if hidden is not None:
            initial = tuple(part.unsqueeze(0).contiguous() for part in hidden)
            initial = initial if len(initial) == 2 else initial[0]
        if lengths is None:
            outputs, last = self.run(inputs, initial)
        else:
            packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
            packed_outputs, last = self.run(packed, initial)
            outputs, _ = pad_packed_sequence(packed_outputs, batch_first=True, total_length=inputs.shape[1])
        parts = last if isinstance(last, tuple) else (last,)
        return outputs, tuple(part.transpose(0, 1).flatten(1) for part in parts)


class RecurrentSeq2Seq(Seq2Seq):
    """An encoder and a decoder of `n_layers` recurrent layers each, all of width d_model.

    cell: `lstm` (Hochreiter & Schmidhuber 1997, with a forget gate) or `gru` (Cho et al. 2014, in cuDNN's form).
    attention: `none` or `dot`. encoder: `uni`, or `bi` with half the width in each direction. The decoder's layer i
    starts from the encoder's layer i through a tanh bridge.

    shared: one embedding for source and target. tied: the output projection is the target embedding transposed.

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
        attention: str = "dot",
        encoder: str = "bi",
        shared: bool = False,
        tied: bool = True,
    ) -> None:
        super().__init__()
        for name, value, known in (
            ("cell", cell, tuple(CELLS)),
            ("attention", attention, ATTENTIONS),
            ("encoder", encoder, ENCODERS),
        ):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}; got {value!r}")
        for name, size in (("n_layers", n_layers), ("d_model", d_model)):
            if size < 1:
                raise ValueError(f"{name} must be at least 1, got {size}")
        if encoder == "bi" and d_model % 2:
            raise ValueError(f"d_model must be even for two directions, got {d_model}")
        if shared and input_dim != output_dim:
            raise ValueError(f"a shared embedding needs equal vocabularies, got {input_dim} and {output_dim}")
        self.input_dim, self.output_dim, self.d_model = input_dim, output_dim, d_model
        self.n_layers, self.cell, self.n_states = n_layers, cell, 2 if cell == "lstm" else 1
        self.bidirectional = encoder == "bi"

        self.tgt_embedding = embedding(output_dim, d_model)
        self.src_embedding = self.tgt_embedding if shared else embedding(input_dim, d_model)
        self.dropout = Dropout(dropout)
        self.encoder = nn.ModuleList(
            Recurrent(cell, d_model, d_model, self.bidirectional) for _ in range(n_layers)
        )
        self.decoder = nn.ModuleList(Recurrent(cell, d_model, d_model) for _ in range(n_layers))
        self.bridge = nn.ModuleList(nn.Linear(d_model, d_model) for _ in range(n_layers * self.n_states))
        self.attention = DotAttention(d_model) if attention == "dot" else None
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
        n_layers: int = 1,
        dropout: float = 0.1,
        cell: str = "lstm",
        attention: str = "dot",
        encoder: str = "bi",
        shared: bool = False,
        tied: bool = True,
    ) -> "RecurrentSeq2Seq":
        """d_model = width; nothing to round."""
        return cls(
            input_dim,
            output_dim,
            n_layers,
            width,
            dropout,
            cell=cell,
            attention=attention,
            encoder=encoder,
            shared=shared,
            tied=tied,
        )

    def encode(self, src: Tensor, src_mask: Tensor | None = None) -> tuple[Tensor, list[Hidden]]:
        """src (B, S), src_mask (B, S). Returns the memory (B, S, D) and the decoder's first state, layer by layer."""
        lengths = None if src_mask is None else src_mask.sum(1).cpu()
        hidden = self._embed(self.src_embedding, src)
        first: list[Hidden] = []
        for i, layer in enumerate(self.encoder):
            hidden, last = layer(hidden if i == 0 else self.dropout(hidden), lengths=lengths)
            bridges = self.bridge[i * self.n_states : (i + 1) * self.n_states]
            first.append(tuple(torch.tanh(bridge(part)) for bridge, part in zip(bridges, last, strict=True)))
        return self.dropout(hidden), first

    def features(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None
    ) -> Tensor:
        # tgt_mask is not needed: padding stands on the right, and no position looks there.
        memory, first = self.encode(src, src_mask)
        features, _ = self._decode(self._embed(self.tgt_embedding, tgt), first, memory, src_mask)
        return features

    def project(self, features: Tensor) -> Tensor:
        return self.projection(features)

    def start(self, src: Tensor, src_mask: Tensor | None = None) -> State:
        memory, first = self.encode(src, src_mask)
        state: State = {}
        if self.attention is not None:
            state["memory"] = memory
            if src_mask is not None:
                state["source_mask"] = src_mask
        return state | self._named(first)

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        hidden = [
            tuple(state[f"hidden.{i}.{part}"] for part in range(self.n_states)) for i in range(self.n_layers)
        ]
        embedded = self._embed(self.tgt_embedding, token.unsqueeze(1))
        features, last = self._decode(embedded, hidden, state.get("memory"), state.get("source_mask"))
        return self.project(features.squeeze(1)), state | self._named(last)

    def _decode(
        self, embedded: Tensor, hidden: list[Hidden], memory: Tensor | None, src_mask: Tensor | None
    ) -> tuple[Tensor, list[Hidden]]:
        """embedded (B, T, D), all target positions or one. Returns features (B, T, D) and the last state."""
        last: list[Hidden] = []
        outputs = embedded
        for i, layer in enumerate(self.decoder):
            outputs, new = layer(outputs if i == 0 else self.dropout(outputs), hidden[i])
            last.append(new)
        if self.attention is not None:
            outputs = self.attention(outputs, memory, src_mask)
        return self.dropout(outputs), last

    def _named(self, hidden: list[Hidden]) -> State:
        return {f"hidden.{i}.{n}": part for i, parts in enumerate(hidden) for n, part in enumerate(parts)}

    def _embed(self, table: nn.Embedding, tokens: Tensor) -> Tensor:
        return self.dropout(table(tokens) * math.sqrt(self.d_model))

    def component_of(self, parameter_name: str) -> str:
        if "embedding" in parameter_name:
            return "embedding"
        if parameter_name.startswith("projection"):
            return "output"
        if parameter_name.startswith("attention"):
            return "attention"
        return "bridge" if parameter_name.startswith("bridge") else "recurrent"

    def matmul_flops(self, source_length: int, target_length: int) -> int:
        S, T, D, gates = source_length, target_length, self.d_model, GATES[self.cell]
        encoder_hidden = D // 2 if self.bidirectional else D
        directions = 2 if self.bidirectional else 1
        encoder = S * directions * 2 * gates * encoder_hidden * (D + encoder_hidden)
        decoder = T * 2 * gates * D * (D + D)
        bridge = self.n_states * 2 * D * D
        attention = 0 if self.attention is None else 2 * (2 * T * S * D + T * 2 * D * D)
        return self.n_layers * (encoder + decoder + bridge) + attention + 2 * T * D * self.output_dim

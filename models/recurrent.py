"""Recurrent encoder-decoders: RNN, LSTM and GRU, with and without attention, as one class with one argument apart.

Shapes and the mask convention: see `models.interface`. Without attention the decoder knows the source only through
its first state (Sutskever et al. 2014; Cho et al. 2014). With it, it looks at every encoder position after its
recurrent layers (Luong et al. 2015). Without input feeding no input of those layers depends on an earlier output, so
the teacher-forced pass is one fused call a layer; with it, a Python loop over time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.attention import SCORES, GlobalAttention
from models.checks import at_least, each_direction, known
from models.cost import linear_flops
from models.ends import EncoderDecoder
from models.interface import Depth, State

CELLS: dict[str, type[nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
ATTENTIONS = ("none", *SCORES)
ENCODERS = ("uni", "bi")

FEW = 32
"""Rows up to which one step of an LSTM on a CPU is faster as plain products than in the fused kernel, which lays its
weights out anew at every call: for one row of 512 channels, eight times."""

Hidden = tuple[Tensor, ...]
"""The state of one recurrent layer, (B, D) each: (h, c) of an LSTM, (h,) of the others."""


class Recurrent(nn.Module):
    """One layer of a cell over time: `rnn` (Elman 1990, tanh), `lstm` (Hochreiter & Schmidhuber 1997, with a forget
    gate) or `gru` (Cho et al. 2014, in cuDNN's form).

    A stack of these, rather than `num_layers`, so that the dropout between layers draws from an explicit generator.
    """

    def __init__(self, cell: str, d_in: int, d_out: int, bidirectional: bool = False) -> None:
        super().__init__()
        known("cell", cell, tuple(CELLS))
        width = each_direction(d_out, bidirectional)
        self.run = CELLS[cell](d_in, width, batch_first=True, bidirectional=bidirectional)
        for name, parameter in self.run.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
                if cell == "lstm" and "bias_ih" in name:
                    # Remember by default (Jozefowicz et al. 2015): gates come in the order input, forget, cell, output.
                    nn.init.ones_(parameter.data[width : 2 * width])
            elif "weight_hh" in name:
                for gate in parameter.data.chunk(GATES[cell]):
                    nn.init.orthogonal_(gate)
            else:
                for gate in parameter.data.chunk(GATES[cell]):
                    nn.init.xavier_uniform_(gate)

    @property
    def n_states(self) -> int:
        """Tensors in the state of a layer."""
        return 2 if isinstance(self.run, nn.LSTM) else 1

    def forward(
        self, inputs: Tensor, hidden: Hidden | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Hidden]:
        """inputs (B, T, D_in); hidden (B, D) each, zero if None; lengths (B,) on the CPU where rows are padded.

        Returns outputs (B, T, D_out), zero at padding, and the state after each row's last real token, the two
        directions side by side.
        """
        if self._lacks_kernel(inputs):
            with torch.autocast("cpu", enabled=False):
                return self(inputs.float(), None if hidden is None else tuple(part.float() for part in hidden), lengths)
        initial = None
        if hidden is not None:
            # Under autocast a state may come in another type than the inputs; the kernels want one.
            hidden = tuple(part.to(inputs.dtype) for part in hidden)
            if self._is_small_step(inputs):
                last = torch.lstm_cell(inputs.squeeze(1), hidden, *self.run.all_weights[0])
                return last[0].unsqueeze(1), last
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

    def _lacks_kernel(self, inputs: Tensor) -> bool:
        """Whether autocast asks for an LSTM in bfloat16 of a CPU that has no such products, where torch 2.13 refuses
        instead of computing it in another way."""
        asked = inputs.device.type == "cpu" and torch.is_autocast_enabled("cpu") and isinstance(self.run, nn.LSTM)
        return asked and not torch.ops.mkldnn._is_mkldnn_bf16_supported()

    def _is_small_step(self, inputs: Tensor) -> bool:
        """Whether this is one step of few rows for which plain products are faster than the fused kernel."""
        alone = isinstance(self.run, nn.LSTM) and inputs.shape[1] == 1 and len(inputs) <= FEW
        return alone and inputs.device.type == "cpu" and not torch.is_grad_enabled()

    def matmul_flops(self, length: int) -> int:
        """Of one sequence: every weight of every gate once a position, in both directions."""
        weights = sum(p.numel() for name, p in self.run.named_parameters() if name.startswith("weight"))
        return 2 * length * weights


class RecurrentSeq2Seq(EncoderDecoder):
    """An encoder and a decoder of `n_layers` recurrent layers each, all of width d_model.

    cell: `rnn`, `lstm` or `gru`. encoder: `uni`, or `bi` with half the width in each direction. The decoder's layer i
    starts from the encoder's layer i through a tanh bridge. attention: `none`, or a score of
    `models.attention.GlobalAttention`, which also says what n_heads means. input_feeding: what attention gave at one
    step is read again at the next, beside the token (Luong et al. 2015, sec. 3.3). The rest: see
    `models.ends.EncoderDecoder`.

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
        n_heads: int = 1,
        input_feeding: bool = False,
        encoder: str = "bi",
        shared: bool = False,
        tied: bool = True,
        inputs: str = "tokens",
        outputs: str = "tokens",
    ) -> None:
        super().__init__(
            input_dim, output_dim, d_model, dropout, shared=shared, tied=tied, inputs=inputs, outputs=outputs
        )
        known("attention", attention, ATTENTIONS)
        at_least(1, n_layers=n_layers, n_heads=n_heads)
        if attention == "none" and n_heads > 1:
            raise ValueError(f"n_heads must be 1 where attention is none, got {n_heads}")
        if attention == "none" and input_feeding:
            raise ValueError("input_feeding needs an attention whose output can be fed; got attention none")
        self.n_layers, self.input_feeding = n_layers, input_feeding
        self.bidirectional = known("encoder", encoder, ENCODERS) == "bi"
        self.encoder = nn.ModuleList(
            Recurrent(cell, d_model, d_model, self.bidirectional) for _ in range(n_layers)
        )
        self.decoder = nn.ModuleList(
            Recurrent(cell, 2 * d_model if input_feeding and i == 0 else d_model, d_model) for i in range(n_layers)
        )
        self.n_states = self.decoder[0].n_states
        self.bridge = nn.ModuleList(nn.Linear(d_model, d_model) for _ in range(n_layers * self.n_states))
        self.attention = None if attention == "none" else GlobalAttention(d_model, attention, n_heads)

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
        **options: object,
    ) -> "RecurrentSeq2Seq":
        """d_model = width; several heads have d_model / n_heads each, rounded down."""
        at_least(1, n_heads=n_heads)
        if width % n_heads and not rounded:
            raise ValueError(f"width {width} does not divide into n_heads={n_heads}; change one")
        return cls(input_dim, output_dim, n_layers, width, n_heads=n_heads, **options)

    def encode(self, src: Tensor, src_mask: Tensor | None = None) -> tuple[Tensor, list[Hidden]]:
        """src (B, S), src_mask (B, S). Returns the memory (B, S, D) and the decoder's first state, layer by layer."""
        lengths = None if src_mask is None else src_mask.sum(1).cpu()
        hidden = self.dropout(self.src_embedding(src))
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
        state = self.start(src, src_mask)
        embedded = self.dropout(self.tgt_embedding(tgt))
        if not self.input_feeding:
            return self._decode(embedded, state)[0]
        outputs = []
        for t in range(tgt.shape[1]):
            features, state = self._decode(embedded[:, t : t + 1], state)
            outputs.append(features)
        return torch.cat(outputs, dim=1)

    def start(self, src: Tensor, src_mask: Tensor | None = None) -> State:
        memory, first = self.encode(src, src_mask)
        state = self._named(first)
        if self.attention is not None:
            state |= self.attention.prepare(memory, src_mask)
        if self.input_feeding:
            state["fed"] = memory.new_zeros(memory.shape[0], self.d_model)
        return state

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        embedded = self.dropout(self.tgt_embedding(token.unsqueeze(1)))
        features, state = self._decode(embedded, state)
        return self.project(features.squeeze(1)), state

    def _decode(self, embedded: Tensor, state: State) -> tuple[Tensor, State]:
        """embedded (B, T, D): all target positions, or one. Returns features (B, T, D) and the state after them."""
        outputs = embedded
        if self.input_feeding:
            assert embedded.shape[1] == 1, "what is fed at a position is known after the one before"
            outputs = torch.cat([embedded, state["fed"].to(embedded).unsqueeze(1)], dim=-1)
        last: list[Hidden] = []
        for i, layer in enumerate(self.decoder):
            hidden = tuple(state[f"hidden.{i}.{part}"] for part in range(self.n_states))
            outputs, new = layer(outputs if i == 0 else self.dropout(outputs), hidden)
            last.append(new)
        if self.attention is not None:
            outputs = self.attention(outputs, state)
        outputs = self.dropout(outputs)
        fed = {"fed": outputs[:, -1]} if self.input_feeding else {}
        return outputs, state | self._named(last) | fed

    def _named(self, hidden: list[Hidden]) -> State:
        return {f"hidden.{i}.{n}": part for i, parts in enumerate(hidden) for n, part in enumerate(parts)}

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
        return recurrent + bridge + attention + self.end_flops(S, T)

    def depth(self, source_length: int, target_length: int) -> Depth:
        """Layer after layer, as it is run here. Without attention a source token reaches the last prediction through
        the encoder's steps to its nearer end, then all the decoder's, changing layer on the way."""
        S, T, L = source_length, target_length, self.n_layers
        target_path = T + L - 1
        if self.attention is None:
            steps_to_an_end = (S + 1) // 2 if self.bidirectional else S
            return Depth(L * (S + T), steps_to_an_end + target_path, target_path)
        looks = T if self.input_feeding else 1
        return Depth(L * (S + T) + looks, L + 1, target_path)

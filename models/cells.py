"""One layer of an RNN, LSTM or GRU over time, run by torch's fused kernels. Shapes: see `models.interface`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.checks import each_direction, known
from models.dropout import Dropout
from models.hidden import HiddenLayer, units_of

CELLS: dict[str, type[nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
GATES = {"rnn": 1, "lstm": 4, "gru": 3}

FEW = 32
"""Rows up to which one step of an LSTM on a CPU is faster as plain products than in the fused kernel, which lays its
weights out anew at every call: for one row of 512 channels, eight times."""

Hidden = tuple[Tensor, ...]
"""The state of one recurrent layer, (B, D) each: (h, c) of an LSTM, (h,) of the others."""


class Recurrent(HiddenLayer):
    """One layer of a cell over time: `rnn` (Elman 1990, tanh), `lstm` (Hochreiter & Schmidhuber 1997, with a forget
    gate) or `gru` (Cho et al. 2014, in cuDNN's form).

    A stack of these, rather than `num_layers`, so that the dropout between layers draws from an explicit generator.
    dropout: of the weights from a state to the next, one draw a pass for all rows and steps (DropConnect as in Merity
    et al. 2018, sec. 2), so that the fused kernels run the layer all the same. Gal & Ghahramani (2016) drop the states
    instead, each row's own channels at all steps, which no kernel does.
    """

    kind = "recurrent"

    def __init__(self, cell: str, d_in: int, d_out: int, bidirectional: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        known("cell", cell, tuple(CELLS))
        width = each_direction(d_out, bidirectional)
        self.run = CELLS[cell](d_in, width, batch_first=True, bidirectional=bidirectional)
        self.dropout = Dropout(dropout, "dropout_recurrent")
        for name, parameter in self.run.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
                if GATES[cell] > 1 and "bias_ih" in name:
                    # Remember by default (Jozefowicz et al. 2015; for both cells Tallec & Ollivier 2018): the gate that
                    # keeps the state, forget of an LSTM and update of a GRU, comes second in torch's order of either.
                    nn.init.ones_(parameter.data[width : 2 * width])
            elif "weight_hh" in name:
                for gate in parameter.data.chunk(GATES[cell]):
                    nn.init.orthogonal_(gate)
            else:
                for gate in parameter.data.chunk(GATES[cell]):
                    nn.init.xavier_uniform_(gate)

    @property
    def units(self) -> int:
        return units_of(self.run)

    @property
    def n_states(self) -> int:
        """Tensors in the state of a layer."""
        return 2 if isinstance(self.run, nn.LSTM) else 1

    def weights(self) -> list[Tensor] | None:
        """The weights of one pass, where dropout changes them; None: the layer's own."""
        if not self.dropout.active:
            return None
        named = zip(self.run._flat_weights_names, self.run._flat_weights, strict=True)
        return [self.dropout(weight) if name.startswith("weight_hh") else weight for name, weight in named]

    def forward(
        self,
        inputs: Tensor,
        hidden: Hidden | None = None,
        lengths: Tensor | None = None,
        weights: list[Tensor] | None = None,
    ) -> tuple[Tensor, Hidden]:
        """inputs (B, T, D_in); hidden (B, D) each, zero if None; lengths (B,) on the CPU where rows are padded;
        weights: of `weights`, drawn before by who makes a pass in several calls.

        Returns outputs (B, T, D_out), zero at padding, and the state after each row's last real token, the two
        directions side by side.
        """
        weights = self.weights() if weights is None else weights
        if self._lacks_kernel(inputs):
            hidden = None if hidden is None else tuple(part.float() for part in hidden)
            with torch.autocast("cpu", enabled=False):
                return self(inputs.float(), hidden, lengths, weights)
        initial = None
        if hidden is not None:
            # Under autocast a state may come in another type than the inputs; the kernels want one.
            hidden = tuple(part.to(inputs.dtype) for part in hidden)
            if weights is None and self._is_small_step(inputs):
                last = torch.lstm_cell(inputs.squeeze(1), hidden, *self.run.all_weights[0])
                return last[0].unsqueeze(1), last
            initial = tuple(part.unsqueeze(0).contiguous() for part in hidden)
            initial = initial if len(initial) == 2 else initial[0]
        with self._run_with(weights):
            if lengths is None:
                outputs, last = self.run(inputs, initial)
            else:
                packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
                packed_outputs, last = self.run(packed, initial)
                outputs, _ = pad_packed_sequence(packed_outputs, batch_first=True, total_length=inputs.shape[1])
        parts = last if isinstance(last, tuple) else (last,)
        return outputs, tuple(part.transpose(0, 1).flatten(1) for part in parts)

    @contextmanager
    def _run_with(self, weights: list[Tensor] | None) -> Iterator[None]:
        """Inside, torch's layer computes with these weights in the place of its own parameters, if there are any."""
        if weights is None:
            yield
            return
        own = self.run._flat_weights
        self.run._flat_weights = weights
        try:
            yield
        finally:
            self.run._flat_weights = own

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

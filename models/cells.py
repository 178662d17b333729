"""One RNN, LSTM or GRU layer over time, run by torch's fused kernels. Shapes: see `models.interface`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from models.checks import check_choice, direction_width
from models.dropout import Dropout
from models.hidden import HiddenLayer, units_of

CELLS: dict[str, type[nn.RNN | nn.LSTM | nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
GATES = {"rnn": 1, "lstm": 4, "gru": 3}

FEW = 32
"""Up to this number of rows, one LSTM step on a CPU runs as plain matrix products. The fused kernel rearranges its
weights at every call. It takes 2.4 and 4.8 times as long for one row of 128 and 512 channels, 1.4 and 1.1 times as
long for 32 rows, and as long for 64 rows of 512 (medians of 60 calls in turns, one thread, torch 2.13)."""

Hidden = tuple[Tensor, ...]
"""The state of one recurrent layer, (B, D) each: (h, c) of an LSTM, (h,) of the others."""

Weights = dict[str, Tensor]
"""The weights of a layer by their names in torch's module."""

Inputs = TypeVar("Inputs", Tensor, PackedSequence)


class Recurrent(HiddenLayer):
    """One layer of a cell over time: `rnn` (Elman 1990, tanh), `lstm` (Hochreiter & Schmidhuber 1997, with a forget
    gate) or `gru` (Cho et al. 2014, in cuDNN's form).

    Models stack these layers instead of setting `num_layers`, so that the dropout between layers draws from an
    explicit generator.
    dropout: of the state-to-state weights, drawn once a pass for all rows and steps (DropConnect as in Merity et al.
    2018, sec. 2), so that the fused kernels still run the layer. Gal & Ghahramani (2016) drop the states instead, the
    same channels of a row at all steps, which no kernel supports.
    """

    kind = "recurrent"

    def __init__(self, cell: str, d_in: int, d_out: int, bidirectional: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        check_choice("cell", cell, tuple(CELLS))
        width = direction_width(d_out, bidirectional)
        self.run = CELLS[cell](d_in, width, batch_first=True, bidirectional=bidirectional)
        self.dropout = Dropout(dropout, "dropout_recurrent", of_weights=True)
        for name, parameter in self.run.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
                if GATES[cell] > 1 and "bias_ih" in name:
                    # Remember by default (Jozefowicz et al. 2015; for both cells Tallec & Ollivier 2018). The gate
                    # that keeps the state, forget of an LSTM and update of a GRU, is the second in torch's order.
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
        """The number of tensors in the layer's state."""
        return 2 if isinstance(self.run, nn.LSTM) else 1

    def weights(self) -> Weights | None:
        """Draw the weights of one pass; None where no dropout is active and the layer's own weights apply."""
        if not self.dropout.active:
            return None
        return {
            name: self.dropout(weight) if name.startswith("weight_hh") else weight
            for name, weight in self.run.named_parameters()
        }

    def forward(
        self,
        inputs: Tensor,
        hidden: Hidden | None = None,
        lengths: Tensor | None = None,
        weights: Weights | None = None,
    ) -> tuple[Tensor, Hidden]:
        """inputs (B, T, D_in); hidden (B, D) each, zero if None; lengths (B,) on the CPU where rows are padded;
        weights: drawn by `weights` for a pass of several calls, None: drawn here.

        Returns outputs (B, T, D_out), zero at padding, and the state after each row's last real token, the two
        directions concatenated.
        """
        weights = self.weights() if weights is None else weights
        if self._needs_float32(inputs):
            return self._forward_in_float32(inputs, hidden, lengths, weights)
        if hidden is not None:
            # Under autocast a state can have another type than the inputs; the kernels require the same.
            hidden = tuple(part.to(inputs.dtype) for part in hidden)
            if weights is None and self._is_small_step(inputs):
                return self._small_step(inputs, hidden)
        if lengths is not None:
            return self._forward_padded(inputs, hidden, lengths, weights)
        return self._call_kernel(inputs, hidden, weights)

    def _forward_in_float32(
        self, inputs: Tensor, hidden: Hidden | None, lengths: Tensor | None, weights: Weights | None
    ) -> tuple[Tensor, Hidden]:
        """`forward` in float32, whatever autocast asks for."""
        hidden = None if hidden is None else tuple(part.float() for part in hidden)
        with torch.autocast("cpu", enabled=False):
            return self.forward(inputs.float(), hidden, lengths, weights)

    def _small_step(self, inputs: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
        """One step of an LSTM as plain matrix products: inputs (B, 1, D_in)."""
        new = torch.lstm_cell(inputs.squeeze(1), hidden, *self.run.all_weights[0])
        return new[0].unsqueeze(1), new

    def _forward_padded(
        self, inputs: Tensor, hidden: Hidden | None, lengths: Tensor, weights: Weights | None
    ) -> tuple[Tensor, Hidden]:
        """`forward` of padded rows. The kernels skip the padding."""
        packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
        packed_outputs, last = self._call_kernel(packed, hidden, weights)
        outputs, _ = pad_packed_sequence(packed_outputs, batch_first=True, total_length=inputs.shape[1])
        return outputs, last

    def _call_kernel(self, inputs: Inputs, hidden: Hidden | None, weights: Weights | None) -> tuple[Inputs, Hidden]:
        """Run torch's layer, with its own weights or with these. Returns outputs and the last state, (B, D) each."""
        initial: Tensor | Hidden | None = None
        if hidden is not None:
            initial = tuple(part.unsqueeze(0).contiguous() for part in hidden)  # (1, B, D) each
            initial = initial if len(initial) == 2 else initial[0]
        if weights is None:
            outputs, last = self.run(inputs, initial)
        else:
            outputs, last = torch.func.functional_call(self.run, weights, (inputs, initial))
        parts = last if isinstance(last, tuple) else (last,)  # (directions, B, D) each
        return outputs, tuple(part.transpose(0, 1).flatten(1) for part in parts)

    def _needs_float32(self, inputs: Tensor) -> bool:
        """Whether autocast asks for an LSTM in bfloat16 that torch refuses to run on this CPU."""
        in_bfloat16 = (
            inputs.device.type == "cpu" and torch.is_autocast_enabled("cpu") and isinstance(self.run, nn.LSTM)
        )
        return in_bfloat16 and not _cpu_runs_bfloat16_lstm()

    def _is_small_step(self, inputs: Tensor) -> bool:
        """Whether this is one LSTM step of few rows, for which plain products are faster than the fused kernel."""
        is_step = isinstance(self.run, nn.LSTM) and inputs.shape[1] == 1 and len(inputs) <= FEW
        return is_step and inputs.device.type == "cpu" and not torch.is_grad_enabled()

    def matmul_flops(self, length: int) -> int:
        """FLOPs of one sequence: every weight of every gate once at each position, in both directions."""
        weights = sum(p.numel() for name, p in self.run.named_parameters() if name.startswith("weight"))
        return 2 * length * weights


def state_entries(hidden: Sequence[Hidden]) -> dict[str, Tensor]:
    """The states of stacked layers as entries of a `models.interface.State`: `hidden.LAYER.PART`."""
    return {f"hidden.{i}.{n}": part for i, parts in enumerate(hidden) for n, part in enumerate(parts)}


def hidden_of(state: Mapping[str, Tensor], layer: int, n_states: int) -> Hidden:
    """The state of one layer among the entries that `state_entries` makes."""
    return tuple(state[f"hidden.{layer}.{part}"] for part in range(n_states))


@cache
def _cpu_runs_bfloat16_lstm() -> bool:
    """Whether torch runs an LSTM in bfloat16 on this CPU. Version 2.13 raises RuntimeError on a CPU without bfloat16
    products, instead of computing it another way."""
    with torch.random.fork_rng(devices=[]):  # a new layer draws its weights from the global generator
        layer = nn.LSTM(8, 8, device="cpu")
    try:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            layer(torch.zeros(1, 1, 8, device="cpu"))
    except RuntimeError:
        return False
    return True

"""Recurrent cells in the Transformer's residual blocks: these arms differ from the Transformer in the mixer alone.

A plain stack of recurrent layers also lacks the residual stream, the normalisation and the feed-forward networks, so
its comparison with a Transformer compares backbones (Beck et al. 2024). Shapes: see `models.interface`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from models import cells, min_rnn
from models.blocks import Mixer
from models.cells import Recurrent
from models.checks import check_choice, direction_width
from models.interface import State
from models.min_rnn import MinRNN
from models.recurrent import ENCODERS
from models.stack import BlockSeq2Seq

CELLS = (*cells.CELLS, *min_rnn.CELLS)


class RecurrentMixer(Mixer):
    """An `rnn`, `lstm` or `gru` layer with a zero initial state."""

    component = "recurrent"
    carries_state = True

    def __init__(self, cell: str, d_model: int, bidirectional: bool, dropout: float = 0.0) -> None:
        super().__init__()
        self.bidirectional = bidirectional
        self.layer = Recurrent(cell, d_model, d_model, bidirectional, dropout)

    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        # Padding is on the right, so only the backward direction needs the lengths.
        lengths = mask.sum(1).cpu() if mask is not None and self.bidirectional else None
        return self.layer(inputs, lengths=lengths)[0]

    def start(self, inputs: Tensor) -> State:
        zeros = inputs.new_zeros(inputs.shape[0], self.layer.run.hidden_size)
        return {str(n): zeros for n in range(self.layer.n_states)}

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        outputs, last = self.layer(inputs, tuple(state[str(n)] for n in range(self.layer.n_states)))
        return outputs, {str(n): part for n, part in enumerate(last)}

    def matmul_flops(self, length: int) -> int:
        return self.layer.matmul_flops(length)

    def sequential(self, length: int) -> int:
        return length

    def path(self, length: int) -> int:
        return length


class MinRNNMixer(Mixer):
    """A `minlstm` or `mingru` layer, or two of half the width, one in each direction."""

    component = "recurrent"
    carries_state = True

    def __init__(self, cell: str, d_model: int, bidirectional: bool) -> None:
        super().__init__()
        self.width = direction_width(d_model, bidirectional)
        self.ahead = MinRNN(cell, d_model, self.width)
        self.back = MinRNN(cell, d_model, self.width) if bidirectional else None

    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        ahead = self.ahead(inputs)
        if self.back is None:
            return ahead
        order = _reversal(inputs.shape[1], mask, inputs.device)
        back = self.back(_reordered(inputs, order))
        return torch.cat([ahead, _reordered(back, order)], dim=-1)  # (B, T, D)

    def start(self, inputs: Tensor) -> State:
        # At least float32: `MinRNN` computes its state in that type, whatever the type of the activations.
        zeros = torch.zeros(inputs.shape[0], self.width, device=inputs.device)
        return {"hidden": zeros.to(torch.promote_types(inputs.dtype, torch.float32))}

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        if inputs.shape[1] > 1:
            outputs = self.ahead(inputs, state["hidden"])
            return outputs, {"hidden": outputs[:, -1]}
        hidden = self.ahead.step(inputs.squeeze(1), state["hidden"])
        return hidden.unsqueeze(1), {"hidden": hidden}

    def matmul_flops(self, length: int) -> int:
        return sum(layer.matmul_flops(length) for layer in (self.ahead, self.back) if layer is not None)

    def sequential(self, length: int) -> int:
        return max(1, (length - 1).bit_length())  # levels of a balanced tree

    def path(self, length: int) -> int:
        return length


def _reversal(length: int, mask: Tensor | None, device: torch.device) -> Tensor:
    """Indices (B, T), or (1, T) without a mask, that reverse each row's real tokens and leave the padding in place.
    Applied twice, they are the identity."""
    positions = torch.arange(length, device=device).unsqueeze(0)
    lengths = torch.full_like(positions, length) if mask is None else mask.sum(1, keepdim=True)
    return torch.where(positions < lengths, lengths - 1 - positions, positions)


def _reordered(values: Tensor, order: Tensor) -> Tensor:
    """values (B, T, D), the positions of row b in the order order[b]."""
    return values.gather(1, order.unsqueeze(-1).expand_as(values))


def mixer_maker(cell: str, d_model: int, dropout_recurrent: float) -> Callable[[bool], Mixer]:
    """Makes a mixer of this cell, in both directions where its argument is true.

    Raises ValueError for an unknown cell, and for a dropout that the cell cannot have.
    """
    check_choice("cell", cell, CELLS)
    if cell not in min_rnn.CELLS:
        return lambda bidirectional: RecurrentMixer(cell, d_model, bidirectional, dropout_recurrent)
    if dropout_recurrent:
        raise ValueError(
            f"dropout_recurrent must be 0 where cell is {cell}, which has no weights from state to state; "
            f"got {dropout_recurrent}"
        )
    return lambda bidirectional: MinRNNMixer(cell, d_model, bidirectional)


class ResidualSeq2Seq(BlockSeq2Seq):
    """An encoder and a decoder of `n_layers` blocks each, with a recurrent cell in place of self-attention.

    The decoder's states start at zero, so it reads the source through attention alone.

    cell: `rnn`, `lstm`, `gru`, `minlstm` or `mingru`. encoder: `uni`, or `bi` with half the width in each direction.
    dropout_recurrent: see `models.cells.Recurrent`; `minlstm` and `mingru` have no state-to-state weights and refuse
    it. Other options: see `models.stack.BlockSeq2Seq`.

    Raises ValueError for sizes and names that cannot be built.
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
        cell: str = "lstm",
        encoder: str = "bi",
        dropout_recurrent: float = 0.0,
        **options: Any,
    ) -> None:
        mixer = mixer_maker(cell, d_model, dropout_recurrent)
        bidirectional_encoder = check_choice("encoder", encoder, ENCODERS) == "bi"
        super().__init__(
            input_dim,
            output_dim,
            n_layers,
            n_heads,
            d_k,
            d_v,
            d_model,
            dropout,
            encoder_mixer=lambda: mixer(bidirectional_encoder),
            decoder_mixer=lambda: mixer(False),
            **options,
        )

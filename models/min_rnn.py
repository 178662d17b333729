"""minLSTM and minGRU (Feng et al. 2024): recurrences whose gates do not look at the state, so that all positions can
be computed at once by a parallel scan. Shapes: see `models.interface`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.checks import known
from models.cost import linear_flops
from models.hidden import HiddenLayer

CELLS = ("minlstm", "mingru")

BLOCK = 128
"""Positions in one scan. The running sum of log decays grows with the length, and with it the rounding error of its
exponential: over 128 positions that stays near 1e-5 in float32."""


def scan(log_decay: Tensor, log_input: Tensor) -> Tensor:
    """h_t = exp(log_decay_t) h_{t-1} + exp(log_input_t) from h_0 = 0, in log space (Heinsen 2023, eq. 7).

    Both (B, T, D). Returns h (B, T, D): with a*_t the running sum of the log decays,
    log h_t = a*_t + logcumsumexp(log_input - a*)_t. Longer sequences go block by block, each adding what is left of
    the state before it.
    """
    blocks = []
    for decay, added in zip(log_decay.split(BLOCK, dim=1), log_input.split(BLOCK, dim=1), strict=True):
        running = decay.cumsum(dim=1)
        hidden = torch.exp(running + torch.logcumsumexp(added - running, dim=1))
        blocks.append(hidden if not blocks else hidden + torch.exp(running) * blocks[-1][:, -1:])
    return blocks[0] if len(blocks) == 1 else torch.cat(blocks, dim=1)


def positive(values: Tensor) -> Tensor:
    """g(x) = x + 0.5 for x >= 0, else sigmoid(x): what keeps states positive (Feng et al. 2024, appendix B)."""
    return torch.where(values >= 0, values + 0.5, torch.sigmoid(values))


def log_positive(values: Tensor) -> Tensor:
    """log g(x)."""
    return torch.where(values >= 0, torch.log(F.relu(values) + 0.5), -F.softplus(-values))


class Minimal(HiddenLayer):
    """One layer of `minlstm` or `mingru`, in one direction.

    minGRU: h_t = (1 - z_t) h_{t-1} + z_t g(W_h x_t), z_t = sigmoid(W_z x_t).
    minLSTM: h_t = f'_t h_{t-1} + i'_t g(W_h x_t), with f' and i' the sigmoid gates f and i over their sum.
    The state starts at zero, and at initialisation a gate keeps more than it takes, as the LSTM's does here.
    """

    kind = "recurrent"

    def __init__(self, cell: str, d_in: int, d_out: int) -> None:
        super().__init__()
        self.cell, self.d_out = known("cell", cell, CELLS), d_out
        gates = 3 if cell == "minlstm" else 2
        self.gates = nn.Linear(d_in, gates * d_out)
        for gate in self.gates.weight.data.chunk(gates):
            nn.init.xavier_uniform_(gate)
        nn.init.zeros_(self.gates.bias)
        # The first gate: minLSTM's forget gate, or minGRU's update gate, which forgets where it opens.
        nn.init.constant_(self.gates.bias.data[:d_out], 1.0 if cell == "minlstm" else -1.0)

    def forward(self, inputs: Tensor) -> Tensor:
        """All positions at once: (B, T, D_in) to (B, T, D_out)."""
        log_decay, log_gain, candidate = self._log_gates(inputs)
        return scan(log_decay, log_gain + log_positive(candidate))

    def step(self, inputs: Tensor, hidden: Tensor) -> Tensor:
        """One position: inputs (B, D_in), the state before it (B, D_out). Returns the state after it."""
        log_decay, log_gain, candidate = self._log_gates(inputs)
        return torch.exp(log_decay) * hidden + torch.exp(log_gain) * positive(candidate)

    def _log_gates(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """log of what is kept, log of what is taken in, and W_h x, (..., D_out) each; never in less than float32."""
        parts = self.gates(inputs)
        parts = parts.float() if parts.dtype in (torch.bfloat16, torch.float16) else parts
        if self.cell == "mingru":
            update, candidate = parts.chunk(2, dim=-1)
            return -F.softplus(update), -F.softplus(-update), candidate
        forget, take, candidate = parts.chunk(3, dim=-1)
        difference = F.softplus(-forget) - F.softplus(-take)  # log (i / f)
        return -F.softplus(difference), -F.softplus(-difference), candidate

    @property
    def units(self) -> int:
        return self.d_out

    def matmul_flops(self, length: int) -> int:
        """Of one sequence; the scan has no matrix product."""
        return linear_flops(self.gates, length)

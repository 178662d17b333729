"""minLSTM and minGRU (Feng et al. 2024): recurrences whose gates do not depend on the state, so that a parallel scan
computes all positions at once. Shapes: see `models.interface`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.checks import check_choice
from models.cost import linear_flops
from models.hidden import HiddenLayer

CELLS = ("minlstm", "mingru")

BLOCK = 128
"""Number of positions in one scan. The running sum of log decays grows with the length, and so does the rounding error
of its exponential: over 128 positions it stays near 1e-5 in float32."""


def scan(log_decay: Tensor, log_input: Tensor, initial: Tensor | None = None) -> Tensor:
    """h_t = exp(log_decay_t) h_{t-1} + exp(log_input_t) from h_0 = `initial`, in log space (Heinsen 2023, eq. 7).

    Both inputs are (B, T, D); initial (B, D), zero if None. Returns h (B, T, D). With a*_t the running sum of the log
    decays, log h_t = a*_t + logcumsumexp(log_input - a*)_t. Longer sequences are scanned block by block; each block
    adds the decayed state of the one before.
    """
    blocks: list[Tensor] = []
    before = None if initial is None else initial.unsqueeze(1)  # (B, 1, D)
    for decay, added in zip(log_decay.split(BLOCK, dim=1), log_input.split(BLOCK, dim=1), strict=True):
        running = decay.cumsum(dim=1)
        hidden = torch.exp(running + torch.logcumsumexp(added - running, dim=1))
        blocks.append(hidden if before is None else hidden + torch.exp(running) * before)
        before = blocks[-1][:, -1:]
    return blocks[0] if len(blocks) == 1 else torch.cat(blocks, dim=1)


def positive(values: Tensor) -> Tensor:
    """g(x) = x + 0.5 for x >= 0, else sigmoid(x): keeps states positive (Feng et al. 2024, appendix B)."""
    return torch.where(values >= 0, values + 0.5, torch.sigmoid(values))


def log_positive(values: Tensor) -> Tensor:
    """log g(x)."""
    return torch.where(values >= 0, torch.log(F.relu(values) + 0.5), -F.softplus(-values))


class MinRNN(HiddenLayer):
    """One layer of `minlstm` or `mingru`, in one direction.

    minGRU: h_t = (1 - z_t) h_{t-1} + z_t g(W_h x_t), z_t = sigmoid(W_z x_t).
    minLSTM: h_t = f'_t h_{t-1} + i'_t g(W_h x_t), with f' and i' the sigmoid gates f and i over their sum.
    The state starts at zero. At initialisation the gates keep more of the state than they replace, as in
    `models.cells.Recurrent`.
    """

    kind = "recurrent"

    def __init__(self, cell: str, d_in: int, d_out: int) -> None:
        super().__init__()
        self.cell, self.d_out = check_choice("cell", cell, CELLS), d_out
        gates = 3 if cell == "minlstm" else 2
        self.gates = nn.Linear(d_in, gates * d_out)
        for gate in self.gates.weight.data.chunk(gates):
            nn.init.xavier_uniform_(gate)
        nn.init.zeros_(self.gates.bias)
        # The first gate is minLSTM's forget gate, or minGRU's update gate, which forgets where it is open.
        nn.init.constant_(self.gates.bias.data[:d_out], 1.0 if cell == "minlstm" else -1.0)

    def forward(self, inputs: Tensor, hidden: Tensor | None = None) -> Tensor:
        """All positions at once: (B, T, D_in) to (B, T, D_out). hidden: the state before, (B, D_out), zero if None."""
        log_decay, log_gain, candidate = self._log_gates(inputs)
        return scan(log_decay, log_gain + log_positive(candidate), hidden)

    def step(self, inputs: Tensor, hidden: Tensor) -> Tensor:
        """One position: inputs (B, D_in) and the state before (B, D_out). Returns the state after."""
        log_decay, log_gain, candidate = self._log_gates(inputs)
        return torch.exp(log_decay) * hidden + torch.exp(log_gain) * positive(candidate)

    def _log_gates(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """log of the decay, log of the input gate, and the candidate W_h x, (..., D_out) each, in at least float32."""
        parts = self.gates(inputs)
        parts = parts.float() if parts.dtype in (torch.bfloat16, torch.float16) else parts
        if self.cell == "mingru":
            update, candidate = parts.chunk(2, dim=-1)
            return -F.softplus(update), -F.softplus(-update), candidate
        forget, enter, candidate = parts.chunk(3, dim=-1)
        difference = F.softplus(-forget) - F.softplus(-enter)  # log (i / f)
        return -F.softplus(difference), -F.softplus(-difference), candidate

    @property
    def units(self) -> int:
        return self.d_out

    def matmul_flops(self, length: int) -> int:
        """FLOPs of one sequence; the scan has no matrix product."""
        return linear_flops(self.gates, length)

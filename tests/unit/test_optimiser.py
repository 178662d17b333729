"""AdamW: torch's own, bit for bit, and a trained cell that loads no compiler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench.training.optimiser import AdamW

ROOT = Path(__file__).resolve().parents[2]


def trained(kind: type[torch.optim.Optimizer], steps: int, saved: dict | None = None) -> tuple[torch.Tensor, dict]:
    """A weight after some steps, and the optimiser's state."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(5, 3, generator=generator))
    optimizer = kind([{"params": [weight], "weight_decay": 0.1}], lr=0.01, betas=(0.9, 0.98), fused=True)
    if saved is not None:
        optimizer.load_state_dict(saved["optimizer"])
        weight.data.copy_(saved["weight"])
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.01 / (step + 1)
        (weight**3).sum().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    assert weight.grad is None and weight.requires_grad
    return weight.detach(), {"optimizer": optimizer.state_dict(), "weight": weight.detach()}


def test_steps_and_states_are_those_of_torch() -> None:
    ours, state = trained(AdamW, 4)
    theirs, their_state = trained(torch.optim.AdamW, 4)
    assert torch.equal(ours, theirs)
    assert state["optimizer"].keys() == their_state["optimizer"].keys()
    for name, value in their_state["optimizer"]["state"][0].items():
        assert torch.equal(state["optimizer"]["state"][0][name], value)
    assert torch.equal(trained(AdamW, 3, state)[0], trained(torch.optim.AdamW, 3, their_state)[0])


CELL = """
import sys
from pathlib import Path
from bench.runs.cell import run_cell
from bench.conf.compose import compose
loaded = [name for name in ("pandas", "torch._dynamo", "sympy") if name in sys.modules]
sizes = ("task.train_size=50", "task.valid_size=10", "task.test_size=5")
words = ("task=reverse", "model=lstm_dot", "budget=smoke", *sizes)
assert run_cell(compose(words), Path(sys.argv[1])) == "done"
print(loaded, [name for name in ("torch._dynamo", "sympy") if name in sys.modules])
"""


@pytest.mark.slow
def test_a_cell_loads_neither_a_compiler_nor_tables(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CELL, tmp_path], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[] []"

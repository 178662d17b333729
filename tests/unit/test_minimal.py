"""minLSTM and minGRU: the parallel scan against the recurrence it stands for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models import min_rnn
from models.min_rnn import MinRNN, log_positive, positive, scan
from models.residual import MinRNNMixer
from tests.unit.oracles import Draw, real

B, T, D = 3, 7, 4
CELLS = ("mingru", "minlstm")
LENGTHS = (1, 2, 127, 128, 129, 256, 300)
"""On both sides of where a scan ends and the next begins."""
EXACT = {"rtol": 1e-12, "atol": 0.0}


def test_the_lengths_here_lie_around_the_end_of_a_block() -> None:
    assert {min_rnn.BLOCK - 1, min_rnn.BLOCK, min_rnn.BLOCK + 1, 2 * min_rnn.BLOCK} < set(LENGTHS)


@pytest.mark.parametrize("length", LENGTHS)
def test_the_scan_equals_its_recurrence(length: int) -> None:
    draw = Draw()
    decay, added = torch.sigmoid(draw.normal(B, length, D)), torch.exp(draw.normal(B, length, D))
    hidden, expected = torch.zeros(B, D, dtype=torch.float64), []
    for t in range(length):
        hidden = decay[:, t] * hidden + added[:, t]
        expected.append(hidden)
    torch.testing.assert_close(scan(decay.log(), added.log()), torch.stack(expected, dim=1), **EXACT)


def test_the_scans_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against finite differences, within a block and over three."""
    draw = Draw()
    inputs = [(-torch.rand(2, 7, 2, generator=draw.generator, dtype=torch.float64)).requires_grad_() for _ in range(2)]
    assert torch.autograd.gradcheck(scan, inputs)
    monkeypatch.setattr(min_rnn, "BLOCK", 3)
    assert torch.autograd.gradcheck(scan, inputs)


def test_the_candidates_logarithm() -> None:
    """Also at -0.5, where the branch that is not taken is the logarithm of zero."""
    values = torch.tensor([-9.0, -0.5, -0.1, 0.1, 3.0], dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(log_positive(values), positive(values).log(), **EXACT)
    assert torch.autograd.gradcheck(log_positive, values)


def equations(layer: MinRNN, inputs: Tensor) -> Tensor:
    """The paper's own lines (Feng et al. 2024, sec. 3 and appendix B), inputs (B, T, D)."""
    parts = (inputs @ layer.gates.weight.T + layer.gates.bias).chunk(2 if layer.cell == "mingru" else 3, dim=-1)
    candidate = torch.where(parts[-1] >= 0, parts[-1] + 0.5, torch.sigmoid(parts[-1]))
    if layer.cell == "mingru":
        take = torch.sigmoid(parts[0])
        keep = 1 - take
    else:
        forget, enter = torch.sigmoid(parts[0]), torch.sigmoid(parts[1])
        keep, take = forget / (forget + enter), enter / (forget + enter)
    hidden, found = torch.zeros_like(candidate[:, 0]), []
    for t in range(inputs.shape[1]):
        hidden = keep[:, t] * hidden + take[:, t] * candidate[:, t]
        found.append(hidden)
    return torch.stack(found, dim=1)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("cell", CELLS)
@torch.no_grad()
def test_a_layer_and_its_steps_equal_the_papers_equations(cell: str, length: int) -> None:
    draw = Draw()
    layer = draw.fill(MinRNN(cell, 6, D))
    x = draw.normal(B, length, 6)
    expected = equations(layer, x)
    torch.testing.assert_close(layer(x), expected, **EXACT)
    hidden = torch.zeros(B, D, dtype=torch.float64)
    for t in range(length):
        hidden = layer.step(x[:, t], hidden)
        torch.testing.assert_close(hidden, expected[:, t], **EXACT)


@pytest.mark.slow
@pytest.mark.parametrize("wider", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_rounding_over_a_thousand_positions(cell: str, wider: int) -> None:
    """float32 against float64, as initialised (measured: states 1.1e-5, gradients 8e-5) and with all weights three
    times that (states 2.4e-5, gradients 5e-4). The error grows with the sum of log decays over a block: with gates
    that forget nearly everything at every position, as none does at the start, it reaches 2e-4 in a state."""
    draw = Draw()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = MinRNN(cell, 16, 16)
    with torch.no_grad():
        layer.gates.weight.mul_(wider)
    exact = MinRNN(cell, 16, 16).double()
    exact.load_state_dict(layer.state_dict())
    x = draw.normal(2, 1000, 16).float()
    weights = draw.normal(2, 1000, 16)
    states, expected = layer(x), equations(exact, x.double())
    assert ((states - expected) / expected).abs().max() < 1e-4
    (states * weights).sum().backward()
    (expected * weights).sum().backward()
    for ours, theirs in zip(layer.parameters(), exact.parameters(), strict=True):
        assert (ours.grad - theirs.grad).norm() < 1e-3 * theirs.grad.norm()


@pytest.mark.parametrize("cell", CELLS)
def test_gates_at_their_ends_keep_states_and_gradients_finite(cell: str) -> None:
    """Logs of gates that are zero in float32, of all signs beside each other."""
    layer = MinRNN(cell, 1, 8)
    with torch.no_grad():
        layer.gates.weight.copy_(1000.0 * Draw().normal(*layer.gates.weight.shape))
    x = torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0]).repeat(60).view(1, -1, 1).requires_grad_()
    states = layer(x)
    states.sum().backward()
    assert states.isfinite().all() and x.grad.isfinite().all()
    assert all(p.grad.isfinite().all() for p in layer.parameters())


@pytest.mark.parametrize("cell", CELLS)
@torch.no_grad()
def test_the_way_back_reads_each_rows_own_tokens_in_reverse(cell: str) -> None:
    draw = Draw()
    mixer = draw.fill(MinRNNMixer(cell, 2 * D, True))
    lengths = (T, 4, 1)
    x, mask = draw.normal(B, T, 2 * D), real(*lengths)
    got = mixer(x, mask)
    for row, length in enumerate(lengths):
        own = x[row : row + 1, :length]
        torch.testing.assert_close(got[row, :length, :D], equations(mixer.ahead, own)[0], **EXACT)
        torch.testing.assert_close(got[row, :length, D:], equations(mixer.back, own.flip(1)).flip(1)[0], **EXACT)
    torch.testing.assert_close(mixer(x)[0], got[0], **EXACT)


@pytest.mark.parametrize(("cell", "kept"), [("mingru", 0.7311), ("minlstm", 0.5938)])
@torch.no_grad()
def test_at_the_start_a_gate_keeps_more_than_it_takes(cell: str, kept: float) -> None:
    """1 - sigmoid(-1), and sigmoid(1) over sigmoid(1) + sigmoid(0), of a state of one, at zero input."""
    layer = MinRNN(cell, 6, D)
    zero, one = torch.zeros(1, 6), torch.ones(1, D)
    difference = layer.step(zero, one) - layer.step(zero, 0 * one)
    torch.testing.assert_close(difference, torch.full((1, D), kept), rtol=0, atol=1e-4)

"""Recurrent encoder-decoders against torch's own cells and the attention formulas, one sentence and one position at a
time."""

from __future__ import annotations

import pytest
import torch

from models.attention import watch_attention
from models.cells import Recurrent
from models.recurrent import RecurrentSeq2Seq
from tests.unit.oracles import Draw, plain_recurrent, real, unrolled

B, S, T, D = 3, 7, 5, 8
LENGTHS = (7, 4, 1)
CELLS = ("rnn", "lstm", "gru")
LOOKS = [
    pytest.param(attention, n_heads, feeding, id=f"{attention}-{n_heads}{'-fed' if feeding else ''}")
    for attention, n_heads in (("none", 1), ("dot", 1), ("general", 1), ("additive", 1), ("dot", 2))
    for feeding in ((False,) if attention == "none" else (False, True))
]
EXACT = {"rtol": 0.0, "atol": 1e-10}


@pytest.mark.parametrize("encoder", ["uni", "bi"])
@pytest.mark.parametrize(("attention", "n_heads", "feeding"), LOOKS)
@pytest.mark.parametrize("cell", CELLS)
def test_logits_equal_the_equations(cell: str, attention: str, n_heads: int, encoder: str, feeding: bool) -> None:
    draw = Draw()
    model = draw.fill(
        RecurrentSeq2Seq(
            11, 13, 2, D, cell=cell, attention=attention, n_heads=n_heads, encoder=encoder, input_feeding=feeding
        )
    )
    src, tgt, mask = draw.tokens(11, B, S), draw.tokens(13, B, T), real(*LENGTHS)
    with torch.no_grad(), watch_attention(model) as kept:
        logits = model(src, tgt, mask)
    shown = kept["attention" if n_heads == 1 else "attention.heads"] if attention != "none" else None
    for row, length in enumerate(LENGTHS):
        with torch.no_grad():
            expected, weights = plain_recurrent(model, src[row, :length], tgt[row], attention, n_heads, feeding)
        torch.testing.assert_close(logits[row], expected, **EXACT)
        if shown is not None:
            assert len(shown) == (T if feeding else 1)
            torch.testing.assert_close(torch.cat(shown, dim=2)[row, ..., :length], weights, **EXACT)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [True, False])
def test_a_padded_row_ends_in_the_state_of_its_last_token(cell: str, bidirectional: bool) -> None:
    draw = Draw()
    layer = draw.fill(Recurrent(cell, D, D, bidirectional))
    x = draw.normal(B, S, D)
    outputs, state = layer(x, lengths=torch.tensor(LENGTHS))
    for row, length in enumerate(LENGTHS):
        alone, last = layer(x[row : row + 1, :length])
        torch.testing.assert_close(outputs[row, :length], alone[0], **EXACT)
        for ours, theirs in zip(state, last, strict=True):
            torch.testing.assert_close(ours[row], theirs[0], **EXACT)
        assert not outputs[row, length:].any()


@pytest.mark.parametrize(
    ("bidirectional", "start"),
    [(False, False), (False, True), (True, False)],
    ids=["from zero", "from a state", "both ways"],
)
@pytest.mark.parametrize("cell", CELLS)
def test_the_unrolled_layer_equals_the_fused_one(cell: str, bidirectional: bool, start: bool) -> None:
    """What `test_cost.py` counts is what is run."""
    draw = Draw()
    layer = draw.fill(Recurrent(cell, 6, D, bidirectional))
    x = draw.normal(B, S, 6)
    hidden = tuple(draw.normal(B, D) for _ in range(layer.n_states)) if start else None
    outputs, last = layer(x, hidden)
    with unrolled(layer):
        assert "forward" in vars(layer), "or the fused kernel is compared with itself"
        loop_outputs, loop_last = layer(x, hidden)
    torch.testing.assert_close(loop_outputs, outputs, **EXACT)
    for ours, theirs in zip(loop_last, last, strict=True):
        torch.testing.assert_close(ours, theirs, **EXACT)
    assert "forward" not in vars(layer), "and the fused one is put back"


def test_the_gate_that_keeps_the_state_starts_open() -> None:
    """At zero input and state, an LSTM keeps f = sigmoid(1) of c and a GRU z = sigmoid(1) of h; no other gate is
    open."""
    for cell in CELLS:
        layer = Recurrent(cell, D, D)
        biases = [p for name, p in layer.named_parameters() if "bias" in name]
        ones = torch.stack(biases).sum(0).nonzero().flatten().tolist()
        assert ones == ([] if cell == "rnn" else list(range(D, 2 * D)))
    x, kept = torch.zeros(1, 1, D), torch.full((1, D), 1.0).sigmoid()
    _, (_, cell_state) = Recurrent("lstm", D, D)(x, (torch.zeros(1, D), torch.ones(1, D)))
    torch.testing.assert_close(cell_state, kept)
    gru = Recurrent("gru", D, D)
    with torch.no_grad():
        gru.run.weight_hh_l0.zero_()
    _, (state,) = gru(x, (torch.ones(1, D),))
    torch.testing.assert_close(state, kept)

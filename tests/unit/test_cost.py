"""Costs against other counts of them: torch's counter of products, and what a state grows with."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from models.cells import Recurrent
from models.cost import state_bytes, state_growth, training_flops
from models.dropout import set_dropout_generator
from models.interface import Seq2Seq
from models.recurrent import RecurrentSeq2Seq
from models.residual import ResidualSeq2Seq
from models.transformer import Transformer
from tests.contract.arms import CASES, IDS, NAMES, NAMES_AND_VARIANTS, build, described, slow_unless_representative
from tests.unit.oracles import Draw, unrolled


def pair(model: Seq2Seq, S: int, T: int) -> tuple[Tensor, Tensor]:
    """One source and one target, of tokens or of values."""
    draw = Draw()

    def drawn(kind: str, size: int, length: int) -> Tensor:
        return draw.tokens(size, 1, length) if kind == "tokens" else draw.normal(1, length, size).float()

    return drawn(model.inputs, model.input_dim, S), drawn(model.outputs, model.output_dim, T)


def counted(model: Seq2Seq, S: int, T: int, *, backward: bool) -> int:
    """Matrix products that torch's counter sees where nothing hides them in a kernel: recurrent layers as loops,
    attention as its two products."""
    src, tgt = pair(model, S, T)
    math = nn.attention.sdpa_kernel(nn.attention.SDPBackend.MATH)
    with unrolled(model), math, FlopCounterMode(display=False) as counter, torch.set_grad_enabled(backward):
        logits = model(src, tgt)
        if backward:
            logits.sum().backward()
    return counter.get_total_flops()


@pytest.mark.parametrize(("name", "variant"), NAMES_AND_VARIANTS, ids=IDS)
def test_forward_flops_equal_the_counter(name: str, variant: str) -> None:
    model = build(name, variant)
    for S, T in ((7, 5), (1, 3)):
        assert model.matmul_flops(S, T) == counted(model, S, T, backward=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "variant"),
    [case for case, (_, variant) in zip(NAMES_AND_VARIANTS, CASES) if variant != "values"],
    ids=[i for i in IDS if "values" not in i],
)
def test_training_flops_equal_the_counter_but_for_the_zero_states(name: str, variant: str) -> None:
    """Three forward passes, less one product: no gradient is asked of the state that a layer starts from where that is
    a constant zero, so that its recurrent weights have one backward product at the first step and not two. A decoder
    that starts from the encoder's state has no such layer."""
    model = build(name, variant)
    if isinstance(model, RecurrentSeq2Seq):
        from_zero = [model.encoder]
    else:
        from_zero = [model.encoder, model.decoder]
    spared = sum(
        2 * parameter.numel()
        for stack in from_zero
        for layer in stack.modules()
        if isinstance(layer, Recurrent)
        for parameter_name, parameter in layer.named_parameters()
        if "weight_hh" in parameter_name
    )
    set_dropout_generator(model.train(), torch.Generator().manual_seed(0))
    assert training_flops(model, 7, 5) - counted(model, 7, 5, backward=True) == spared


@pytest.mark.parametrize("name", slow_unless_representative(NAMES))
def test_what_a_state_grows_with(name: str) -> None:
    """A fixed state; one that holds the source; one that holds the target so far too."""
    model = build(name)
    short, longer_source, longer_target = (state_bytes(model, *size) for size in ((7, 5), (8, 5), (7, 6)))
    assert state_bytes(model, 70, 0) - state_bytes(model, 7, 0) == 63 * (longer_source - short), "evenly"
    assert (longer_source > short) == (described(name).get("attention") != "none")
    assert (longer_target > short) == (isinstance(model, Transformer) and model.decodes)


def test_bytes_of_known_states() -> None:
    """Written out, four bytes a value, for two layers of width 8: a state of 8 a layer, or 8 + 8 of an LSTM; a memory
    of 8 a source token, and projected keys of 8 more for `additive`; 8 that are fed; in blocks, keys and values of 2
    heads of 3 and 5 a layer and token."""
    recurrent = {"n_layers": 2, "d_model": 8}
    assert state_bytes(RecurrentSeq2Seq(9, 9, **recurrent, attention="none"), 7, 5) == 4 * 2 * 16
    assert state_bytes(RecurrentSeq2Seq(9, 9, **recurrent, cell="gru", attention="none"), 7, 5) == 4 * 2 * 8
    assert state_bytes(RecurrentSeq2Seq(9, 9, **recurrent, attention="dot"), 7, 5) == 4 * (2 * 16 + 7 * 8)
    additive = RecurrentSeq2Seq(9, 9, **recurrent, attention="additive", input_feeding=True)
    assert state_bytes(additive, 7, 5) == 4 * (2 * 16 + 2 * 7 * 8 + 8)
    assert state_bytes(Transformer(9, 9, 2, 2, 3, 5, 8), 7, 5) == 4 * 2 * 2 * (3 + 5) * (7 + 5)
    assert state_bytes(ResidualSeq2Seq(9, 9, 2, 2, 3, 5, 8), 7, 5) == 4 * 2 * (2 * (3 + 5) * 7 + 16)
    assert state_bytes(ResidualSeq2Seq(9, 9, 2, 2, 3, 5, 8, cell="mingru"), 7, 5) == 4 * 2 * (2 * (3 + 5) * 7 + 8)


@pytest.mark.parametrize("name", ["lstm_dot", "gru_none", "transformer"])
def test_a_state_grows_by_the_same_number_of_bytes_in_bfloat16(name: str) -> None:
    """Under autocast a recurrent state changes its type at the first step, once; it does not grow."""
    model = build(name)
    grows = [state_growth(model)[2] > 0]
    with torch.autocast("cpu", torch.bfloat16):
        grows.append(state_growth(model)[2] > 0)
    assert grows == [name == "transformer"] * 2

"""What every arm of one stack keeps. A new YAML in conf/model is tested at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.evaluation.architecture import inspect_model
from models.cost import activation_bytes, parameters, state_bytes
from models.dropout import set_dropout_generator
from models.interface import SequenceModel, select
from tests.contract.arms import SOURCE_SIZE, STACK_CASES, STACKS, TARGET_SIZE, build, filler, other
from tests.unit.test_transformer import copy_layer

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
BF16 = {"rtol": 0.0, "atol": 0.1}
FAST = ("lstm_stack", "residual_gru_stack", "minlstm_stack")
"""Arms of each class that the fast tests try as shipped; of the Transformer they try every variant."""


def marked(case: tuple[str, str], *values: object) -> Any:
    """The values of a case, marked as slow unless it is one of the fast ones."""
    fast = case[0] == "transformer_stack" or (case[0] in FAST and not case[1])
    return pytest.param(*values, marks=() if fast else pytest.mark.slow)


ONE = [marked(case, case) for case in STACK_CASES]
TWO = [marked(case, *case) for case in STACK_CASES]
IDS = [f"{name} [{variant}]" if variant else name for name, variant in STACK_CASES]


@pytest.fixture(params=ONE, ids=IDS)
def model(request: pytest.FixtureRequest) -> Iterator[SequenceModel]:
    with torch.no_grad():
        yield build(*request.param)


@pytest.fixture(params=ONE, ids=IDS)
def whole(request: pytest.FixtureRequest) -> Iterator[SequenceModel]:
    """The same model with `causal` false."""
    with torch.no_grad():
        yield build(*request.param, causal=False)


def sequences(model: SequenceModel) -> tuple[Tensor, Tensor]:
    """inputs (4, 9), or vectors in their places, and a mask of lengths 9, 5, 1 and 7. Padding is not zero."""
    generator = torch.Generator().manual_seed(0)
    mask = torch.arange(9) < torch.tensor([9, 5, 1, 7]).unsqueeze(1)
    if model.inputs == "tokens":
        return torch.randint(4, SOURCE_SIZE, (4, 9), generator=generator), mask
    return torch.randn(4, 9, SOURCE_SIZE, generator=generator), mask


def stepped(model: SequenceModel, inputs: Tensor) -> Tensor:
    """Logits (B, T, V), one position at a time."""
    state, logits = model.start(len(inputs)), []
    for t in range(inputs.shape[1]):
        of_position, state = model.step(inputs[:, t], state)
        logits.append(of_position)
    return torch.stack(logits, dim=1)


def test_steps_equal_the_parallel_pass(model: SequenceModel) -> None:
    inputs, _ = sequences(model)
    torch.testing.assert_close(stepped(model, inputs), model(inputs), **CLOSE)


@pytest.mark.parametrize("name", STACKS)
def test_steps_equal_the_parallel_pass_in_bf16(name: str) -> None:
    model = build(name)
    inputs, _ = sequences(model)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(stepped(model, inputs), model(inputs), **BF16)


@pytest.mark.parametrize("name", STACKS)
def test_steps_equal_the_parallel_pass_over_hundreds_of_positions(name: str) -> None:
    model = build(name)
    inputs = torch.randint(4, SOURCE_SIZE, (2, 300), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(stepped(model, inputs), model(inputs), **CLOSE)


def test_a_step_leaves_the_given_state_as_it_was(model: SequenceModel) -> None:
    inputs, _ = sequences(model)
    _, state = model.step(inputs[:, 0], model.start(4))
    copy = {name: tensor.clone() for name, tensor in state.items()}
    model.step(inputs[:, 1], state)
    assert state.keys() == copy.keys()
    assert all(torch.equal(state[name], copy[name]) for name in copy)


def test_reordered_states_go_on_as_their_rows(model: SequenceModel) -> None:
    inputs, _ = sequences(model)
    rows = torch.tensor([2, 0, 0])
    _, state = model.step(inputs[:, 0], model.start(4))
    expected, _ = model.step(inputs[:, 1], state)
    got, _ = model.step(inputs[rows, 1], select(state, rows))
    torch.testing.assert_close(got, expected[rows], **CLOSE)


@pytest.mark.parametrize("causal", [True, False], ids=["causal", "whole"])
@pytest.mark.parametrize(("name", "variant"), TWO, ids=IDS)
@torch.no_grad()
def test_padding_and_companions_change_nothing(name: str, variant: str, causal: bool) -> None:
    model = build(name, variant, causal=causal)
    inputs, mask = sequences(model)
    together = model(inputs, mask)
    wider = torch.cat([mask, torch.zeros(4, 5, dtype=torch.bool)], 1)
    padded = model(torch.cat([inputs, filler(inputs, 5)], 1), wider)
    for row, length in enumerate(mask.sum(1).tolist()):
        alone = model(inputs[row : row + 1, :length])[0]
        torch.testing.assert_close(together[row, :length], alone, **CLOSE)
        torch.testing.assert_close(padded[row, :length], alone, **CLOSE)


def test_a_later_token_changes_no_earlier_logit(model: SequenceModel) -> None:
    inputs, _ = sequences(model)
    before = model(inputs)
    for t in range(1, inputs.shape[1]):
        changed = inputs.clone()
        changed[:, t] = other(changed[:, t])
        after = model(changed)
        torch.testing.assert_close(after[:, :t], before[:, :t], **CLOSE)
        assert not torch.allclose(after[:, t], before[:, t]), "and the changed position must notice"
        assert not torch.allclose(after[:, t:], before[:, t:])


def test_without_causal_every_token_counts_at_every_position(whole: SequenceModel) -> None:
    inputs, _ = sequences(whole)
    before = whole(inputs)
    for t in range(inputs.shape[1]):
        changed = inputs.clone()
        changed[0, t] = other(changed[0, t])
        after = whole(changed)
        assert all(not torch.equal(after[0, position], before[0, position]) for position in range(inputs.shape[1]))
        torch.testing.assert_close(after[1:], before[1:], **CLOSE)


def test_without_causal_there_are_no_steps(whole: SequenceModel) -> None:
    with pytest.raises(ValueError, match="causal=false"):
        whole.start(1)
    assert state_bytes(whole, 9, 3) == 0
    assert inspect_model(whole)["state"] is None


@pytest.mark.parametrize("causal", [True, False], ids=["causal", "whole"])
@pytest.mark.parametrize(("name", "variant"), TWO, ids=IDS)
def test_every_parameter_gets_a_gradient(name: str, variant: str, causal: bool) -> None:
    model = build(name, variant, causal=causal).train()
    set_dropout_generator(model, torch.Generator().manual_seed(0))
    (model(*sequences(model)) ** 2).sum().backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


def test_the_state_has_the_bytes_it_is_said_to_have(model: SequenceModel) -> None:
    inputs, _ = sequences(model)
    state = model.start(1)
    for t in range(inputs.shape[1]):
        _, state = model.step(inputs[:1, t], state)
        assert state_bytes(model, t + 1, 0) == sum(tensor.nbytes for tensor in state.values())


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "apart"])
@pytest.mark.parametrize("name", STACKS)
def test_parameters_by_component_add_up(name: str, shared: bool, tied: bool) -> None:
    model = build(name, shared=shared, tied=tied)
    counted = parameters(model)
    assert counted["total"] == sum(parameter.numel() for parameter in model.parameters())
    assert sum(count for key, count in counted.items() if key != "total") == counted["total"]
    assert counted["embedding"] == SOURCE_SIZE * model.d_model
    outputs = SOURCE_SIZE if shared else TARGET_SIZE
    assert counted["output"] == (0 if shared and tied else outputs * (model.d_model + 1))


@pytest.mark.parametrize("name", STACKS)
def test_kept_activations_grow_with_the_sequence_alone(name: str) -> None:
    kept = activation_bytes(build(name))
    assert kept(200, 1) > 1.5 * kept(100, 1) > 0
    assert kept(100, 50) == pytest.approx(kept(100, 1), rel=1e-6)


@pytest.mark.parametrize("name", STACKS)
def test_evaluation_draws_nothing(name: str) -> None:
    model = build(name, dropout=0.5)
    inputs, mask = sequences(model)
    generator = torch.Generator().manual_seed(0)
    set_dropout_generator(model, generator)
    before = generator.get_state()
    with torch.no_grad():
        assert torch.equal(model(inputs, mask), model(inputs, mask))
        assert torch.equal(generator.get_state(), before)
        model.train()
        assert not torch.equal(model(inputs, mask), model(inputs, mask))


@pytest.mark.parametrize("causal", [True, False], ids=["causal", "whole"])
def test_a_transformer_equals_torch_s_layers(causal: bool) -> None:
    ours = build("transformer_stack", positions="none", causal=causal, dropout=0.0)
    layer = nn.TransformerEncoderLayer(ours.d_model, 4, 4 * ours.d_model, 0.0, batch_first=True, norm_first=True)
    theirs = nn.TransformerEncoder(layer, 2, nn.LayerNorm(ours.d_model), enable_nested_tensor=False).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_(std=0.2)
        for own, copied in zip(ours.layers, theirs.layers, strict=True):
            copy_layer(own, copied)
        ours.norm.load_state_dict(theirs.norm.state_dict())
        inputs, mask = sequences(ours)
        later = torch.ones(9, 9, dtype=torch.bool).triu(1) if causal else None
        expected = theirs(ours.embedding(inputs), later, src_key_padding_mask=~mask)
    torch.testing.assert_close(ours.features(inputs, mask)[mask], expected[mask], **CLOSE)


@pytest.mark.parametrize("causal", [True, False], ids=["causal", "whole"])
@pytest.mark.parametrize(("name", "cell"), [("rnn", nn.RNN), ("lstm", nn.LSTM), ("gru", nn.GRU)])
def test_a_recurrent_stack_equals_torch_s(name: str, cell: type[nn.RNNBase], causal: bool) -> None:
    ours = build(f"{name}_stack", causal=causal)
    width = ours.d_model if causal else ours.d_model // 2
    theirs = cell(ours.d_model, width, num_layers=2, batch_first=True, bidirectional=not causal)
    copied = {
        weight.replace("_l0", f"_l{i}"): tensor
        for i, layer in enumerate(ours.layers)
        for weight, tensor in layer.run.state_dict().items()
    }
    theirs.load_state_dict(copied)
    inputs, _ = sequences(ours)
    with torch.no_grad():
        torch.testing.assert_close(ours.features(inputs), theirs(ours.embedding(inputs))[0], **CLOSE)


CARRYING = [name for name in STACKS if name != "transformer_stack"]


@pytest.mark.parametrize("length", [24, 300])
@pytest.mark.parametrize("name", CARRYING)
@torch.no_grad()
def test_window_by_window_a_sequence_has_the_features_that_it_has_at_once(name: str, length: int) -> None:
    model = build(name).double()  # in float32 the scans of minLSTM and minGRU round by 1e-5
    inputs = torch.randint(4, SOURCE_SIZE, (3, length), generator=torch.Generator().manual_seed(0))
    state, parts = model.start(3), []
    for window in inputs.split([1, 7, length - 8], dim=1):
        before = {entry: tensor.clone() for entry, tensor in state.items()}
        features, after = model.features_from(window, state)
        assert all(torch.equal(state[entry], before[entry]) for entry in before), "the given state stays as it was"
        state, parts = after, [*parts, features]
    torch.testing.assert_close(torch.cat(parts, dim=1), model.features(inputs), rtol=1e-6, atol=1e-6)
    stepped_state = model.start(3)
    for t in range(length):
        _, stepped_state = model.step(inputs[:, t], stepped_state)
    torch.testing.assert_close(state, stepped_state, check_dtype=False, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "causal"), [("transformer_stack", True), *((name, False) for name in STACKS)], ids=str
)
def test_a_model_without_a_recurrent_state_carries_none(name: str, causal: bool) -> None:
    model = build(name, causal=causal)
    assert not model.carries_state
    with pytest.raises(ValueError, match="no recurrent state"):
        model.features_from(torch.full((1, 3), 5), {})

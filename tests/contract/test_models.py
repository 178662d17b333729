"""What every model keeps, whatever its family (DESIGN, "Contracts"). A new YAML in conf/model is tested at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter

import pytest
import torch

from models.cost import parameters, state_bytes
from models.dropout import set_dropout_generator
from models.interface import SOURCE, Seq2Seq, State, select
from tests.contract.arms import (
    CASES,
    IDS,
    NAMES,
    NAMES_AND_VARIANTS,
    build,
    filler,
    other,
    ragged_batch,
    slow_unless_representative,
)

CLOSE = {"rtol": 1e-5, "atol": 1e-5}

BF16 = {"rtol": 0.0, "atol": 0.1}
"""With bf16 autocast: logits here lie within about 3 of zero, and bf16 keeps 8 bits of each intermediate result."""


@pytest.fixture(params=slow_unless_representative(CASES), ids=IDS)
def model(request: pytest.FixtureRequest) -> Iterator[Seq2Seq]:
    with torch.no_grad():
        yield build(*request.param)


@pytest.fixture(
    params=slow_unless_representative(
        [(case, False) for case in CASES] + [((name, ""), True) for name in NAMES], itemgetter(0)
    ),
    ids=IDS + [f"{name}-bf16" for name in NAMES],
)
def cast(request: pytest.FixtureRequest) -> Iterator[tuple[Seq2Seq, bool]]:
    """A model, and whether to run it with bf16 autocast; variants of an arm are run in fp32 alone."""
    case, bf16 = request.param
    with torch.no_grad():
        yield build(*case), bf16


@contextmanager
def precision(bf16: bool) -> Iterator[dict[str, float]]:
    """The tolerance that goes with the arithmetic inside."""
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        yield BF16 if bf16 else CLOSE


@pytest.mark.parametrize("masked", [True, False], ids=["ragged", "unpadded"])
def test_steps_equal_teacher_forcing(cast: tuple[Seq2Seq, bool], masked: bool) -> None:
    model, bf16 = cast
    src, mask, tgt = ragged_batch(model)
    if not masked:
        src, mask = torch.where(mask if src.dim() == 2 else mask.unsqueeze(-1), src, 7), None
    with precision(bf16) as close:
        forced = model(src, tgt, mask)
        state = model.start(src, mask)
        for t in range(tgt.shape[1]):
            with torch.no_grad():
                unwatched, _ = model.step(tgt[:, t], state)
            logits, state = model.step(tgt[:, t], state)
            for got in (logits, unwatched):
                torch.testing.assert_close(got, forced[:, t], **close)


def test_a_step_leaves_the_given_state_as_it_was(model: Seq2Seq) -> None:
    src, mask, tgt = ragged_batch(model)
    state = model.start(src, mask)
    _, state = model.step(tgt[:, 0], state)
    copy = {name: tensor.clone() for name, tensor in state.items()}
    model.step(tgt[:, 1], state)
    assert state.keys() == copy.keys()
    assert all(torch.equal(state[name], copy[name]) for name in copy)


def test_extra_padding_changes_nothing(cast: tuple[Seq2Seq, bool]) -> None:
    model, bf16 = cast
    src, mask, tgt = ragged_batch(model)
    with precision(bf16) as close:
        narrow = model(src, tgt, mask)
        wider = torch.cat([mask, torch.zeros(4, 5, dtype=torch.bool)], 1)
        wide = model(torch.cat([src, filler(src, 5)], 1), tgt, wider)
        longer = model(src, torch.cat([tgt, filler(tgt, 5)], 1), mask)
    torch.testing.assert_close(wide, narrow, **close)
    torch.testing.assert_close(longer[:, : tgt.shape[1]], narrow, **close)


def test_what_stands_under_the_padding_changes_nothing(model: Seq2Seq) -> None:
    src, mask, tgt = ragged_batch(model)
    real = mask if src.dim() == 2 else mask.unsqueeze(-1)
    torch.testing.assert_close(model(torch.where(real, src, 11), tgt, mask), model(src, tgt, mask), **CLOSE)


def test_companions_change_nothing(cast: tuple[Seq2Seq, bool]) -> None:
    model, bf16 = cast
    src, mask, tgt = ragged_batch(model)
    with precision(bf16) as close:
        together = model(src, tgt, mask)
        for row, length in enumerate(mask.sum(1).tolist()):
            alone = model(src[row : row + 1, :length], tgt[row : row + 1])
            torch.testing.assert_close(alone[0], together[row], **close)


def test_a_later_target_token_changes_no_earlier_logit(cast: tuple[Seq2Seq, bool]) -> None:
    model, bf16 = cast
    src, mask, tgt = ragged_batch(model)
    with precision(bf16) as close:
        before = model(src, tgt, mask)
        for t in range(1, tgt.shape[1]):
            changed = tgt.clone()
            changed[:, t] = other(changed[:, t])
            after = model(src, changed, mask)
            torch.testing.assert_close(after[:, :t], before[:, :t], **close)
            assert not torch.allclose(after[:, t], before[:, t]), "and the changed position must notice"


def test_every_source_token_counts(model: Seq2Seq) -> None:
    src, mask, tgt = ragged_batch(model)
    before = model(src, tgt, mask)
    for s in range(src.shape[1]):
        changed = src.clone()
        changed[0, s] = other(changed[0, s])
        after = model(changed, tgt, mask)
        assert not torch.equal(after[0], before[0])
        torch.testing.assert_close(after[1:], before[1:], **CLOSE)


def test_every_parameter_gets_a_gradient(cast: tuple[Seq2Seq, bool]) -> None:
    model, bf16 = cast
    src, mask, tgt = ragged_batch(model)
    model.train()
    set_dropout_generator(model, torch.Generator().manual_seed(0))
    with torch.enable_grad():
        with precision(bf16):
            predictions = model(src, tgt, mask)
        (predictions.float() ** 2).sum().backward()
    lost = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not lost


def test_reordered_states_go_on_as_their_rows(model: Seq2Seq) -> None:
    src, mask, tgt = ragged_batch(model)
    rows = torch.tensor([2, 0, 0])
    state = model.start(src, mask)
    _, state = model.step(tgt[:, 0], state)
    expected, _ = model.step(tgt[:, 1], state)
    got, _ = model.step(tgt[rows, 1], select(state, rows, rows))
    torch.testing.assert_close(got, expected[rows], **CLOSE)


def test_hypotheses_of_one_source_share_what_is_held_of_it(model: Seq2Seq) -> None:
    src, mask, tgt = ragged_batch(model)
    sources = torch.tensor([2, 0, 3])
    apart = sources.repeat_interleave(2)
    tokens = torch.cat([tgt[:2], tgt[2:], tgt.flip(0)[1:3]])
    state = select(model.start(src, mask), apart, sources)
    assert {len(tensor) for name, tensor in state.items() if name.startswith(SOURCE)} <= {3}
    expected = model(src[apart], tokens, mask[apart])
    for t in range(tokens.shape[1]):
        logits, state = model.step(tokens[:, t], state)
        torch.testing.assert_close(logits, expected[:, t], **CLOSE)
    # Two sources leave, and the hypotheses of the other change places.
    state = select(state, torch.tensor([3, 2]), torch.tensor([1]))
    logits, _ = model.step(tgt[:2, 0], state)
    longer = torch.cat([tokens[[3, 2]], tgt[:2, :1]], dim=1)
    torch.testing.assert_close(logits, model(src[[0, 0]], longer, mask[[0, 0]])[:, -1], **CLOSE)


def test_the_state_has_the_bytes_it_is_said_to_have(model: Seq2Seq) -> None:
    src, _, tgt = ragged_batch(model)
    state = model.start(src[:1])
    assert state_bytes(model, src.shape[1], 0) == held(state)
    for t in range(tgt.shape[1]):
        _, state = model.step(tgt[:1, t], state)
    assert state_bytes(model, src.shape[1], tgt.shape[1]) == held(state)


def held(state: State) -> int:
    return sum(tensor.nbytes for tensor in state.values())


@pytest.mark.parametrize(("name", "variant"), NAMES_AND_VARIANTS, ids=IDS)
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "apart"])
def test_parameters_by_component_add_up(name: str, variant: str, shared: bool, tied: bool) -> None:
    if shared and "values" in variant:
        pytest.skip("values share no embedding")
    model = build(name, variant, shared=shared, tied=tied)
    counted = parameters(model)
    unique = {p.data_ptr(): p.numel() for p in model.parameters()}
    assert counted["total"] == sum(unique.values())
    assert sum(v for k, v in counted.items() if k != "total") == counted["total"]
    biases = (model.inputs == "values") + (model.outputs == "values")
    positions = 1024 if variant == "learned positions" else 0
    vocabularies = 23 if shared else 23 + 19
    assert counted["embedding"] == (vocabularies + biases + positions) * model.d_model
    tied = tied and model.outputs == "tokens"
    assert counted["output"] == (0 if tied else (23 if shared else 19) * (model.d_model + 1))


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_draws_nothing(name: str) -> None:
    model = build(name, dropout=0.5)
    src, mask, tgt = ragged_batch(model)
    generator = torch.Generator().manual_seed(0)
    set_dropout_generator(model, generator)
    before = generator.get_state()
    with torch.no_grad():
        assert torch.equal(model(src, tgt, mask), model(src, tgt, mask))
    assert torch.equal(generator.get_state(), before)
    model.train()
    with torch.no_grad():
        assert not torch.equal(model(src, tgt, mask), model(src, tgt, mask))

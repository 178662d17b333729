"""What every model keeps, whatever its family (DESIGN, "Contracts"). A new YAML in conf/model is tested at once."""

from __future__ import annotations

import pytest
import torch
from tests.contract.arms import NAMES, build, ragged_batch

from models.cost import parameters
from models.dropout import set_dropout_generator
from models.interface import Seq2Seq, select

CLOSE = dict(rtol=1e-4, atol=1e-5)


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest) -> Seq2Seq:
    return build(request.param)


@pytest.mark.parametrize("masked", [True, False], ids=["ragged", "unpadded"])
def test_steps_equal_teacher_forcing(model: Seq2Seq, masked: bool) -> None:
    src, mask, tgt = ragged_batch()
    if not masked:
        src, mask = torch.where(mask, src, 7), None
    with torch.no_grad():
        forced = model(src, tgt, mask)
        state = model.start(src, mask)
        for t in range(tgt.shape[1]):
            logits, state = model.step(tgt[:, t], state)
            torch.testing.assert_close(logits, forced[:, t], **CLOSE)


def test_a_step_leaves_the_given_state_as_it_was(model: Seq2Seq) -> None:
    src, mask, tgt = ragged_batch()
    with torch.no_grad():
        state = model.start(src, mask)
        _, state = model.step(tgt[:, 0], state)
        copy = {name: tensor.clone() for name, tensor in state.items()}
        model.step(tgt[:, 1], state)
    assert state.keys() == copy.keys()
    assert all(torch.equal(state[name], copy[name]) for name in copy)


def test_extra_padding_changes_nothing(model: Seq2Seq) -> None:
    src, mask, tgt = ragged_batch()
    more = torch.full((4, 5), 3)
    with torch.no_grad():
        narrow = model(src, tgt, mask)
        wide = model(torch.cat([src, more], 1), tgt, torch.cat([mask, torch.zeros(4, 5, dtype=torch.bool)], 1))
        longer = model(src, torch.cat([tgt, more], 1), mask)
    torch.testing.assert_close(wide, narrow, **CLOSE)
    torch.testing.assert_close(longer[:, : tgt.shape[1]], narrow, **CLOSE)


def test_what_stands_under_the_padding_changes_nothing(model: Seq2Seq) -> None:
    src, mask, tgt = ragged_batch()
    with torch.no_grad():
        torch.testing.assert_close(model(torch.where(mask, src, 11), tgt, mask), model(src, tgt, mask), **CLOSE)


def test_companions_change_nothing(model: Seq2Seq) -> None:
    src, mask, tgt = ragged_batch()
    with torch.no_grad():
        together = model(src, tgt, mask)
        for row, length in enumerate(mask.sum(1).tolist()):
            alone = model(src[row : row + 1, :length], tgt[row : row + 1])
            torch.testing.assert_close(alone[0], together[row], **CLOSE)


def test_a_later_target_token_changes_no_earlier_logit(model: Seq2Seq) -> None:
    src, mask, tgt = ragged_batch()
    with torch.no_grad():
        before = model(src, tgt, mask)
        for t in range(1, tgt.shape[1]):
            changed = tgt.clone()
            changed[:, t] = (changed[:, t] + 1) % 4 + 4
            after = model(src, changed, mask)
            torch.testing.assert_close(after[:, :t], before[:, :t], **CLOSE)
            assert not torch.allclose(after[:, t], before[:, t]), "and the changed position must notice"


def test_every_source_token_counts(model: Seq2Seq) -> None:
    src, mask, tgt = ragged_batch()
    with torch.no_grad():
        before = model(src, tgt, mask)
        for s in range(src.shape[1]):
            changed = src.clone()
            changed[0, s] = (changed[0, s] + 1) % 4 + 4
            after = model(changed, tgt, mask)
            assert not torch.equal(after[0], before[0])
            torch.testing.assert_close(after[1:], before[1:], **CLOSE)


def test_every_parameter_gets_a_gradient(model: Seq2Seq) -> None:
    src, mask, tgt = ragged_batch()
    model.train()
    set_dropout_generator(model, torch.Generator().manual_seed(0))
    model(src, tgt, mask).logsumexp(-1).sum().backward()
    lost = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not lost


def test_reordered_states_go_on_as_their_rows(model: Seq2Seq) -> None:
    src, mask, tgt = ragged_batch()
    rows = torch.tensor([2, 0, 0])
    with torch.no_grad():
        state = model.start(src, mask)
        _, state = model.step(tgt[:, 0], state)
        expected, _ = model.step(tgt[:, 1], state)
        got, _ = model.step(tgt[rows, 1], select(state, rows))
    torch.testing.assert_close(got, expected[rows], **CLOSE)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_parameters_by_component_add_up(name: str, shared: bool, tied: bool) -> None:
    model = build(name, shared=shared, tied=tied)
    counted = parameters(model)
    unique = {p.data_ptr(): p.numel() for p in model.parameters()}
    assert counted["total"] == sum(unique.values())
    assert sum(v for k, v in counted.items() if k != "total") == counted["total"]
    vocabularies = 23 if shared else 23 + 19
    assert counted["embedding"] == vocabularies * model.d_model
    assert counted["output"] == (0 if tied else (23 if shared else 19) * (model.d_model + 1))


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_draws_nothing(name: str) -> None:
    src, mask, tgt = ragged_batch()
    model = build(name, dropout=0.5)
    generator = torch.Generator().manual_seed(0)
    set_dropout_generator(model, generator)
    before = generator.get_state()
    with torch.no_grad():
        assert torch.equal(model(src, tgt, mask), model(src, tgt, mask))
    assert torch.equal(generator.get_state(), before)
    model.train()
    with torch.no_grad():
        assert not torch.equal(model(src, tgt, mask), model(src, tgt, mask))

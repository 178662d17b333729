"""Attention against torch's own module and against its formulas, and what can be seen of it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.attention import MultiHeadAttention, attend, causal_mask, key_padding_mask, watch_attention
from models.global_attention import global_attention
from models.interface import Seq2Seq
from models.recurrent import RecurrentSeq2Seq
from models.residual import ResidualSeq2Seq
from models.transformer import Transformer
from tests.unit.oracles import Draw, copy_attention, plain_heads, plain_look, real

B, S, T, D, H = 3, 7, 5, 16, 4
LENGTHS = (7, 4, 1)
EXACT = {"rtol": 0.0, "atol": 1e-12}


@pytest.mark.parametrize("mask", ["none", "ragged", "causal", "causal and ragged"])
def test_multi_head_attention_equals_torch(mask: str) -> None:
    draw = Draw()
    theirs = draw.fill(nn.MultiheadAttention(D, H, batch_first=True))
    ours = MultiHeadAttention(D, H, D // H, D // H).double()
    copy_attention(ours, theirs)
    memory = draw.normal(B, S, D)
    causal, ragged = "causal" in mask, "ragged" in mask
    inputs = memory if causal else draw.normal(B, T, D)
    allowed = torch.ones(B, 1, inputs.shape[1], S, dtype=torch.bool)
    allowed = allowed & key_padding_mask(real(*LENGTHS)) if ragged else allowed
    allowed = allowed & causal_mask(S, allowed.device) if causal else allowed
    expected, expected_weights = theirs(
        inputs,
        memory,
        memory,
        key_padding_mask=~real(*LENGTHS) if ragged else None,
        attn_mask=torch.ones(S, S, dtype=torch.bool).triu(1) if causal else None,
        average_attn_weights=False,
    )
    given = None if mask in ("none", "causal") else allowed
    with watch_attention(ours) as weights:
        got = ours(inputs, *ours.keys_values(memory), given, causal=mask == "causal")
    torch.testing.assert_close(got, expected, **EXACT)
    torch.testing.assert_close(weights[""][0], expected_weights, **EXACT)
    assert not weights[""][0][~allowed.expand(B, H, -1, -1)].any()


@pytest.mark.parametrize("given", [None, "boolean", "float"])
def test_keys_and_values_may_come_in_parts(given: str | None) -> None:
    draw = Draw()
    queries, keys, values = draw.normal(B, H, T, 5), draw.normal(B, H, S, 5), draw.normal(B, H, S, 3)
    mask = {None: None, "boolean": key_padding_mask(real(*LENGTHS)), "float": draw.normal(T, S)}[given]
    expected = attend(queries, keys, values, mask, scale=0.7)
    for lengths in ((S,), (1, S - 1), (S - 3, 2, 1)):
        got = attend(queries, keys.split(lengths, dim=2), values.split(lengths, dim=2), mask, scale=0.7)
        torch.testing.assert_close(got, expected, **EXACT)


def test_heads_of_any_width_equal_the_formula() -> None:
    """Keys of 5 and values of 7 channels, three heads: nothing here adds up to d_model."""
    draw = Draw()
    part = draw.fill(MultiHeadAttention(D, 3, 5, 7))
    inputs, memory = draw.normal(B, T, D), draw.normal(B, S, D)
    with torch.no_grad(), watch_attention(part) as weights:
        got = part(inputs, *part.keys_values(memory), key_padding_mask(real(*LENGTHS)))
        for row, length in enumerate(LENGTHS):
            expected, expected_weights = plain_heads(part, inputs[row], memory[row, :length])
            torch.testing.assert_close(got[row], expected, **EXACT)
            torch.testing.assert_close(weights[""][0][row, ..., :length], expected_weights, **EXACT)


@pytest.mark.parametrize(("score", "n_heads"), [("dot", 1), ("general", 1), ("additive", 1), ("dot", 4), ("dot", 3)])
def test_global_attention_equals_its_equations(score: str, n_heads: int) -> None:
    """Luong et al. (2015), eqs. 5, 7 and 8, and Bahdanau et al. (2015), A.1.2, position by position."""
    draw = Draw()
    part = draw.fill(global_attention(D, score, n_heads))
    hidden, memory = draw.normal(B, T, D), draw.normal(B, S, D)
    with torch.no_grad():
        got = part(hidden, part.prepare(memory, real(*LENGTHS)))
        for row, length in enumerate(LENGTHS):
            for t in range(T):
                context, _ = plain_look(part, score, n_heads, hidden[row, t], memory[row, :length])
                expected = torch.tanh(part.combine.weight @ torch.cat([context, hidden[row, t]]))
                torch.testing.assert_close(got[row, t], expected, **EXACT)


def transformer() -> Transformer:
    return Transformer(11, 13, 2, H, 5, 7, D)


def residual() -> ResidualSeq2Seq:
    return ResidualSeq2Seq(11, 13, 2, H, 5, 7, D, cell="mingru")


CROSS = {f"decoder.{i}.cross_attention": (H, T, S) for i in (0, 1)}
IN_ENCODER = {f"encoder.{i}.mixer.attention": (H, S, S) for i in (0, 1)}
IN_DECODER = {f"decoder.{i}.mixer.attention": (H, T, T) for i in (0, 1)}
SHOWN = [
    ("transformer", transformer, IN_ENCODER | IN_DECODER | CROSS),
    ("residual", residual, CROSS),
    *(
        (score, lambda score=score: RecurrentSeq2Seq(11, 13, 2, D, attention=score), {"attention": (1, T, S)})
        for score in ("dot", "general", "additive")
    ),
    ("heads", lambda: RecurrentSeq2Seq(11, 13, 2, D, n_heads=H), {"attention.heads": (H, T, S)}),
    ("none", lambda: RecurrentSeq2Seq(11, 13, 2, D, attention="none"), {}),
]


@pytest.fixture(params=[entry[1:] for entry in SHOWN], ids=[entry[0] for entry in SHOWN])
def shown(request: pytest.FixtureRequest) -> tuple[Seq2Seq, dict[str, tuple[int, ...]]]:
    """A model, and the shape (H, T, S) of what each of its attentions is to show."""
    build, shapes = request.param
    return Draw().fill(build()), shapes


def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = Draw(1)
    return draw.tokens(11, B, S), draw.tokens(13, B, T), real(*LENGTHS)


@torch.no_grad()
def test_every_attention_shows_weights_that_sum_to_one_and_obey_the_masks(
    shown: tuple[Seq2Seq, dict[str, tuple[int, ...]]],
) -> None:
    model, shapes = shown
    src, tgt, mask = batch()
    with watch_attention(model) as kept:
        model(src, tgt, mask)
    assert {name: tuple(weights.shape[1:]) for name, [weights] in _seen(kept).items()} == shapes
    for name, [weights] in _seen(kept).items():
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]).double(), **EXACT)
        hidden = torch.ones(T, T).triu(1).bool() if name in IN_DECODER else ~key_padding_mask(mask)
        assert not weights[hidden.expand_as(weights)].any()
        assert weights[~hidden.expand_as(weights)].all(), "what may be attended to is never exactly zero"


def _seen(kept: dict[str, list[torch.Tensor]]) -> dict[str, list[torch.Tensor]]:
    """Without attentions that were not called."""
    return {name: weights for name, weights in kept.items() if weights}


@torch.no_grad()
def test_a_target_mask_hides_columns_too() -> None:
    model = Draw().fill(transformer())
    src, tgt, mask = batch()
    with watch_attention(model) as kept:
        model(src, tgt, mask, real(T, 3, 1))
    [weights] = kept["decoder.1.mixer.attention"]
    allowed = (torch.ones(T, T).tril().bool() & key_padding_mask(real(T, 3, 1))).expand_as(weights)
    assert weights[allowed].all() and not weights[~allowed].any()


@torch.no_grad()
def test_watching_changes_no_output_and_ends_with_its_context(
    shown: tuple[Seq2Seq, dict[str, tuple[int, ...]]],
) -> None:
    model, shapes = shown
    src, tgt, mask = batch()
    before = model(src, tgt, mask)
    with watch_attention(model) as kept:
        during = model(src, tgt, mask)
    assert torch.equal(during, before)
    assert torch.equal(model(src, tgt, mask), before)
    assert {name: len(weights) for name, weights in _seen(kept).items()} == dict.fromkeys(shapes, 1)
    with pytest.raises(RuntimeError, match="on purpose"), watch_attention(model) as kept:
        raise RuntimeError("on purpose")
    model(src, tgt, mask)
    assert not _seen(kept)


@torch.no_grad()
def test_steps_show_what_the_whole_pass_shows(shown: tuple[Seq2Seq, dict[str, tuple[int, ...]]]) -> None:
    """One call a step, each one row longer: joined, they are the rows of teacher forcing."""
    model, shapes = shown
    src, tgt, mask = batch()
    with watch_attention(model) as whole:
        model(src, tgt, mask)
    state = model.start(src, mask)
    with watch_attention(model) as kept:
        for t in range(T):
            _, state = model.step(tgt[:, t], state)
    assert set(_seen(kept)) == set(shapes) - set(IN_ENCODER)
    for name, rows in _seen(kept).items():
        assert len(rows) == T
        for t, row in enumerate(rows):
            torch.testing.assert_close(row[:, :, 0], whole[name][0][:, :, t, : row.shape[-1]], **EXACT)


def test_kept_weights_hold_on_to_no_graph() -> None:
    model = Draw().fill(transformer())
    with watch_attention(model) as kept:
        model(*batch())
    assert not any(weights.requires_grad for [weights] in kept.values())

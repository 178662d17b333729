"""Where a token stands: the tables, the turns and the slopes, and what an encoder without any of them cannot tell."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from models.attention import MultiHeadAttention, watch_attention
from models.positional import POSITIONS, Alibi, Positional, Rotary, alibi_slopes, sinusoidal
from models.transformer import Transformer
from tests.unit.oracles import Draw, plain_heads

B, S, D = 3, 7, 16
FLOAT32 = {"rtol": 0.0, "atol": 1e-5}


def test_sinusoidal_positions_equal_the_formula() -> None:
    table = sinusoidal(50, D)
    for position in (0, 1, 17, 49):
        for i in range(D // 2):
            angle = position / 10000 ** (2 * i / D)
            assert table[position, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-5)
            assert table[position, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-5)


def test_an_odd_width_ends_in_a_sine() -> None:
    assert sinusoidal(3, 5)[1, 4].item() == pytest.approx(math.sin(10000**-0.8))


def test_learned_positions_start_at_zero_and_end() -> None:
    positions = Positional("learned", D, 10)
    x = torch.randn(B, 10, D)
    assert torch.equal(positions(x), x)
    with pytest.raises(ValueError, match="11 tokens is longer than the 10 learned positions"):
        positions(torch.randn(B, 4, D), position_offset=7)


@pytest.mark.parametrize("kind", ["sinusoidal", "learned"])
def test_a_vector_is_added_where_the_first_token_stands(kind: str) -> None:
    draw = Draw()
    positions = Positional(kind, D, 10)
    if kind == "learned":
        draw.fill(positions)
    x = draw.normal(B, 3, D)
    torch.testing.assert_close(positions(x, position_offset=4), x + positions.table[4:7], rtol=0, atol=0)


def test_the_sinusoidal_table_grows() -> None:
    positions = Positional("sinusoidal", D, 4)
    torch.testing.assert_close(positions(torch.zeros(1, 9, D))[0], sinusoidal(9, D))
    torch.testing.assert_close(positions(torch.zeros(1, 1, D), position_offset=30)[0, 0], sinusoidal(31, D)[30])


@pytest.mark.parametrize("positions", POSITIONS)
@torch.no_grad()
def test_a_step_stands_after_the_earlier_ones(positions: str) -> None:
    draw = Draw()
    model = draw.fill(Transformer(23, 19, 2, 4, 4, 4, D, positions=positions))
    src, tgt = draw.tokens(23, B, S), draw.tokens(19, B, 4)
    forced, state = model(src, tgt), model.start(src)
    for t in range(4):
        logits, state = model.step(tgt[:, t], state)
        torch.testing.assert_close(logits, forced[:, t])


@pytest.mark.parametrize("kind", POSITIONS)
@torch.no_grad()
def test_only_positions_tell_an_encoder_its_order(kind: str) -> None:
    """Without any, a source in another order gives the same memory in that order (claim E)."""
    draw = Draw()
    model = draw.fill(Transformer(23, 19, 2, 4, 4, 4, D, positions=kind))
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    src = draw.tokens(23, B, S)
    moved = (model.encode(src[:, order]) - model.encode(src)[:, order]).abs().amax()
    assert moved < 1e-12 if kind == "none" else moved > 0.01


def test_rotary_equals_complex_exponentials() -> None:
    """Channel pair (2i, 2i+1) at position p as a complex number times exp(i p / 10000^(2i/K)) (Su et al. 2021)."""
    rotary, heads = Rotary(6), Draw().normal(2, 3, 9, 6)
    angles = torch.arange(4, 13, dtype=torch.float64).unsqueeze(1) / 10000 ** (torch.arange(3).double() * 2 / 6)
    turned = torch.view_as_complex(heads.view(2, 3, 9, 3, 2)) * torch.polar(torch.ones_like(angles), angles)
    torch.testing.assert_close(rotary(heads, position_offset=4), torch.view_as_real(turned).flatten(-2), **FLOAT32)


def test_rotary_products_know_the_distance_alone() -> None:
    rotary, draw = Rotary(6), Draw()
    query, key = draw.normal(1, 1, 1, 6), draw.normal(1, 1, 1, 6)

    def product(query_at: int, key_at: int) -> Tensor:
        return (rotary(query, query_at) * rotary(key, key_at)).sum()

    torch.testing.assert_close(product(2, 0), product(19, 17), **FLOAT32)
    torch.testing.assert_close(product(3, 8), product(0, 5), **FLOAT32)
    assert abs(product(2, 0) - product(3, 0)) > 0.01 and abs(product(2, 0) - product(0, 2)) > 0.01


def test_rotary_turns_keys_and_queries_step_by_step_as_at_once() -> None:
    """The positions of one step are those after the earlier ones, for the keys and for the query that looks at
    them."""
    draw = Draw()
    part = draw.fill(MultiHeadAttention(D, 2, 6, 5, "rotary"))
    x = draw.normal(B, S, D)
    keys, values = part.keys_values(x)
    whole = part(x, keys, values, causal=True)
    for t in range(S):
        key, value = part.keys_values(x[:, t : t + 1], position_offset=t)
        torch.testing.assert_close(key, keys[:, :, t : t + 1])
        torch.testing.assert_close(value, values[:, :, t : t + 1])
        step = part(x[:, t : t + 1], keys[:, :, : t + 1], values[:, :, : t + 1], position_offset=t)
        torch.testing.assert_close(step, whole[:, t : t + 1])


def test_alibi_slopes_are_the_papers() -> None:
    assert alibi_slopes(8).tolist() == [2.0**-i for i in range(1, 9)]
    of_16 = [2.0 ** (-i / 2) for i in range(1, 17)]
    torch.testing.assert_close(alibi_slopes(16), torch.tensor(of_16))
    torch.testing.assert_close(alibi_slopes(12), torch.tensor([2.0**-i for i in range(1, 9)] + of_16[0:8:2]))
    assert alibi_slopes(1).tolist() == [2.0**-8]
    assert alibi_slopes(3).tolist() == [2.0**-4, 2.0**-8, 2.0**-2]


def test_alibi_lowers_a_score_by_slope_times_distance() -> None:
    """Queries at 5 and 6, keys from 0 on: behind and ahead alike."""
    bias_HTS = Alibi(8)(2, 9, position_offset=5)
    assert bias_HTS.shape == (8, 2, 9)
    for h, t, s in ((0, 0, 5), (0, 0, 2), (3, 1, 0), (7, 0, 8)):
        assert bias_HTS[h, t, s].item() == -(2.0 ** -(h + 1)) * abs(5 + t - s)


@pytest.mark.parametrize("causal", [False, True], ids=["both ways", "back only"])
@torch.no_grad()
def test_alibi_meets_the_mask(causal: bool) -> None:
    """The bias and the hidden columns together, whole and step by step."""
    draw = Draw()
    part = draw.fill(MultiHeadAttention(D, 4, 5, 6, "alibi"))
    x = draw.normal(B, S, D)
    distance = (torch.arange(S).unsqueeze(1) - torch.arange(S)).abs()
    bias = -torch.tensor([2.0**-2, 2.0**-4, 2.0**-6, 2.0**-8])[:, None, None] * distance
    if causal:
        bias = bias.masked_fill(torch.ones(S, S).triu(1).bool(), -torch.inf)
    keys, values = part.keys_values(x)
    with watch_attention(part) as weights:
        got = part(x, keys, values, causal=causal)
    for row in range(B):
        expected, expected_weights = plain_heads(part, x[row], x[row], bias)
        torch.testing.assert_close(got[row], expected)
        torch.testing.assert_close(weights[""][0][row], expected_weights)
        for t in range(S if causal else 0):
            step = part(x[:, t : t + 1], keys[:, :, : t + 1], values[:, :, : t + 1], position_offset=t)
            torch.testing.assert_close(step[row, 0], expected[t])

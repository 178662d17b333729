"""Attention over few keys with its gradient written out: the formula's values and gradients, and where it is used."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models import attention
from models.attention import attend, attention_weights, bias_of, causal_mask
from models.positional import Rotary, _angles
from models.short_attention import MIN_QUERIES, short_attention

SHAPES = [(2, 3, 17, 17, 4, 4), (1, 1, 16, 5, 3, 7), (3, 2, 20, 33, 2, 1)]


def drawn(B: int, H: int, T: int, S: int, K: int, V: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = ((T, K), (S, K), (S, V))
    return tuple(
        torch.randn(B, n, H, d, generator=generator, dtype=torch.float64).transpose(1, 2).requires_grad_()
        for n, d in sizes
    )  # type: ignore[return-value]


def masks(B: int, H: int, T: int, S: int) -> dict[str, Tensor | None]:
    lengths = torch.arange(B) % S + 1
    padding = (torch.arange(S) < lengths[:, None])[:, None, None, :]
    return {"none": None, "padding": padding, "distance": -torch.rand(H, T, S, dtype=torch.float64)} | (
        {"causal": causal_mask(T, padding.device), "both": causal_mask(T, padding.device) & padding} if T == S else {}
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients_are_those_of_the_formula(shape: tuple[int, ...]) -> None:
    B, H, T, S, _, V = shape
    for name, mask in masks(B, H, T, S).items():
        queries, keys, values = drawn(*shape)
        bias = bias_of(mask, queries)
        gradient = torch.randn(B, H, T, V, dtype=torch.float64)
        ours = short_attention(queries, keys, values, bias, 0.7)
        theirs = attention_weights(queries, keys, mask, scale=0.7) @ values
        torch.testing.assert_close(ours, theirs, msg=name)
        for one, other in zip(
            torch.autograd.grad(ours, (queries, keys, values), gradient),
            torch.autograd.grad(theirs, (queries, keys, values), gradient),
            strict=True,
        ):
            torch.testing.assert_close(one, other, msg=name)


def test_scores_of_any_size_have_finite_weights() -> None:
    queries, keys, values = drawn(*SHAPES[0])
    outputs = short_attention(queries * 1e3, keys * 1e3, values, None, 1.0)
    assert outputs.isfinite().all()
    assert all(each.isfinite().all() for each in torch.autograd.grad(outputs.sum(), (queries, keys, values)))


@pytest.mark.parametrize(("queries", "used"), [(MIN_QUERIES, True), (MIN_QUERIES - 1, False)])
def test_where_it_is_used(queries: int, used: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(attention, "short_attention", lambda *args: calls.append(1) or short_attention(*args))
    inputs = drawn(2, 2, queries, 9, 4, 4)
    for mask in (None, masks(2, 2, queries, 9)["padding"]):
        torch.testing.assert_close(attend(*inputs, mask), attention_weights(*inputs[:2], mask) @ inputs[2])
    assert bool(calls) == used


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("width", [(8, 8), (6, 7), (2, 1)], ids=str)
def test_rotary_positions_turn_pairs_of_channels(width: tuple[int, int], dtype: torch.dtype) -> None:
    """A slice of keys and values, as in attention, whose pairs of channels may lie at odd places."""
    K, V = width
    generator = torch.Generator().manual_seed(0)
    heads = torch.randn(3, 5, 4, K + V, generator=generator).to(dtype).transpose(1, 2)[..., :K]
    angles = _angles(torch.arange(7, 12), K)
    x, y = heads[..., 0::2].double(), heads[..., 1::2].double()
    expected = torch.stack([x * angles.cos() - y * angles.sin(), x * angles.sin() + y * angles.cos()], dim=-1)
    tolerance = {"rtol": 0.02, "atol": 0.02} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(Rotary(K)(heads, 7).double(), expected.flatten(-2), **tolerance)

"""Dropout's own random bits: their distribution, and where they come from."""

from __future__ import annotations

import math

import pytest
import torch

from models.dropout import Dropout, set_dropout_generator


def test_dropout_has_the_distribution_it_says() -> None:
    """Share of zeros against the binomial, mean kept, values independent of their neighbours, scale exact."""
    p, count = 0.15, 1_000_000
    dropout = Dropout(p)
    set_dropout_generator(dropout, torch.Generator().manual_seed(5))
    kept = dropout(torch.ones(count)) != 0
    share = 1 - kept.float().mean().item()
    deviation = math.sqrt(dropout.effective_p * (1 - dropout.effective_p) / count)
    assert abs(share - dropout.effective_p) < 4 * deviation
    assert abs(dropout.effective_p - p) <= 1 / 512
    for place in range(8):  # each byte of a 64-bit draw alike
        part = 1 - kept[place::8].float().mean().item()
        assert abs(part - dropout.effective_p) < 4 * deviation * math.sqrt(8)
    centred = kept.double() - kept.double().mean()
    variance = (centred**2).mean()
    for lag in (1, 2, 4, 8):
        correlation = (centred[lag:] * centred[:-lag]).mean() / variance
        assert abs(correlation) < 5 / math.sqrt(count)
    value = dropout(torch.full((1000,), 2.0)).max().item()
    assert value == pytest.approx(2.0 / (1 - dropout.effective_p))


def test_dropout_without_a_generator_is_a_programming_error() -> None:
    with pytest.raises(AssertionError, match="set_dropout_generator"):
        Dropout(0.5)(torch.ones(3))

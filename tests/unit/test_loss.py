"""The fused loss against torch's cross-entropy of the whole table of logits."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bench.training.loss import cross_entropy


def case(count: int, bias: bool, scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor, nn.Linear]:
    generator = torch.Generator().manual_seed(count)
    projection = nn.Linear(24, 301, bias=bias)
    with torch.no_grad():
        for parameter in projection.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
    features = torch.randn(count, 24, generator=generator).requires_grad_()
    return features, torch.randint(301, (count,), generator=generator), projection


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("count", [1, 50, 51, 333])
@pytest.mark.parametrize("scale", [0.3, 5.0])
def test_the_fused_loss_equals_the_plain_one(count: int, bias: bool, smoothing: float, scale: float) -> None:
    """Value within 1e-6 relative, gradients within 1e-5 of their largest entry; blocks of 50 rows, so that some do not
    divide."""
    features, targets, projection = case(count, bias, scale)
    block_values = 50 * 301
    wanted = [features, *projection.parameters()]
    plain = F.cross_entropy(projection(features), targets, reduction="sum", label_smoothing=smoothing)
    expected = torch.autograd.grad(plain / 7, wanted)
    fused = cross_entropy(features, targets, projection, smoothing, block_values)
    got = torch.autograd.grad(fused / 7, wanted)
    assert fused.item() == pytest.approx(plain.item(), rel=1e-6)
    for ours, theirs in zip(got, expected, strict=True):
        assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max()
    with torch.no_grad():
        assert cross_entropy(features, targets, projection, smoothing, block_values).item() == fused.item()


def test_bf16_features_give_nearly_the_same() -> None:
    """Eight bits of each factor: the value within 1 %, gradients within 2 % of their largest entry; the weight's in
    float32, the features' in their own type."""
    features, targets, projection = case(333, True, 0.3)
    plain = F.cross_entropy(projection(features), targets, reduction="sum", label_smoothing=0.1)
    expected = torch.autograd.grad(plain, [features, *projection.parameters()])
    narrow = features.detach().bfloat16().requires_grad_()
    fused = cross_entropy(narrow, targets, projection, 0.1)
    got = torch.autograd.grad(fused, [narrow, *projection.parameters()])
    assert fused.dtype == torch.float32 and fused.item() == pytest.approx(plain.item(), rel=1e-2)
    assert [gradient.dtype for gradient in got] == [torch.bfloat16, torch.float32, torch.float32]
    for ours, theirs in zip(got, expected, strict=True):
        assert (ours.float() - theirs).abs().max() <= 2e-2 * theirs.abs().max()

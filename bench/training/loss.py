"""Label-smoothed cross-entropy of a vocabulary projection, computed with its gradient in blocks of tokens.

The usual computation writes logits, log-probabilities and their gradient to memory, (tokens, vocabulary) each, and
reads them back. For a small model with a vocabulary of thousands, this is more memory traffic than all layers cause.
Here the gradient overwrites the log-probabilities of its block, and no tensor of this size is kept after its block.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCK_VALUES = 2**23
"""Logits in a block: 32 MiB of float32. Measured on two cores with a vocabulary of 8,000: smaller blocks make the
matrix products slower, larger ones take more memory and gain nothing."""


def cross_entropy(
    features: Tensor,
    targets: Tensor,
    projection: nn.Linear,
    label_smoothing: float = 0.0,
    block_values: int = BLOCK_VALUES,
) -> Tensor:
    """Summed cross-entropy in nats of `projection(features)`, equal to `torch.nn.functional.cross_entropy`.

    features (N, D); targets (N,) int64. Matrix products use the type of the features; sums and exponentials use
    float32 or wider. The forward pass computes the gradient too, so the result can be scaled but not differentiated
    twice.
    """
    arguments = features, targets, projection.weight, projection.bias, label_smoothing, block_values
    # The types are chosen here; autocast would change them.
    with torch.autocast(features.device.type, enabled=False):
        return _CrossEntropy.apply(*arguments) if torch.is_grad_enabled() else _forward(*arguments, None)


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        targets: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        label_smoothing: float,
        block_values: int,
    ) -> Tensor:
        gradients = [torch.empty_like(features), torch.zeros_like(weight)]
        if bias is not None:
            gradients.append(torch.zeros_like(bias))
        loss = _forward(features, targets, weight, bias, label_smoothing, block_values, gradients)
        ctx.save_for_backward(*gradients)
        return loss

    @staticmethod
    def backward(ctx: Any, *scale: Tensor) -> tuple[Tensor | None, ...]:
        scaled = [gradient * scale[0].to(gradient.dtype) for gradient in ctx.saved_tensors]
        d_features, d_weight, d_bias = (*scaled, None)[:3]
        return d_features, None, d_weight, d_bias, None, None


def _forward(
    features: Tensor,
    targets: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    smoothing: float,
    block_values: int,
    gradients: list[Tensor] | None,
) -> Tensor:
    """The loss. Its gradients for features, weight and bias are written to `gradients`, unless that is None.

    With p the softmax of a token's logits z over V words, y its target and e the smoothing, the loss is
    lse(z) - (1 - e) z_y - e mean(z) and its gradient p - (1 - e) onehot(y) - e / V. The last term is the same for
    every word, so its share of the gradients is a product of sums and needs no pass over the logits.
    """
    count, size = features.shape[0], weight.shape[0]
    rows = max(1, block_values // size)
    exact = weight  # in the parameters' own type, for sums
    weight, bias = weight.to(features.dtype), None if bias is None else bias.to(features.dtype)
    total = exact.new_zeros(())
    for start in range(0, count, rows):
        block, target = features[start : start + rows], targets[start : start + rows, None]
        logits = F.linear(block, weight, bias)
        log_p = F.log_softmax(logits, dim=-1, dtype=exact.dtype)
        total -= (1.0 - smoothing) * log_p.gather(1, target).sum()
        if smoothing:
            total -= smoothing * log_p.mean(dim=-1).sum()
        if gradients is None:
            continue
        gradient = log_p.exp_()
        gradient.scatter_add_(1, target, gradient.new_full(target.shape, smoothing - 1.0))
        gradient = gradient.to(features.dtype)
        torch.mm(gradient, weight, out=gradients[0][start : start + rows])
        if exact.dtype == features.dtype:
            gradients[1].addmm_(gradient.t(), block)
        else:
            gradients[1] += gradient.t() @ block
        if bias is not None:
            gradients[2] += gradient.sum(0)
    if gradients is not None and smoothing:
        gradients[0] -= smoothing / size * exact.sum(0)
        gradients[1] -= smoothing / size * features.sum(0, dtype=exact.dtype)
        if bias is not None:
            gradients[2] -= smoothing * count / size
    return total

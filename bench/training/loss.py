"""Label-smoothed cross-entropy of a vocabulary projection, with its gradient, a block of tokens at a time.

The plain way writes logits, log-probabilities and their gradient, (tokens x vocabulary) each, to memory and reads them
back; for a small model with a vocabulary of thousands that is more traffic than all its layers have. Here a block of
logits becomes its own gradient, and nothing of that size outlives its block.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCK_VALUES = 2**23
"""Logits in a block: 32 MiB of float32. Measured on two cores with 8,000 words: smaller blocks make the matrix products
less efficient, larger ones take more memory for nothing."""


def cross_entropy(features: Tensor, targets: Tensor, projection: nn.Linear, label_smoothing: float = 0.0) -> Tensor:
    """Summed cross-entropy in nats of `projection(features)`, as `torch.nn.functional.cross_entropy` has it.

    features (N, D); targets (N,) int64. Products are done in the type of the features, sums and exponentials in float32
    at least. The gradient is computed on the way, so the result may be scaled but not used in a second derivative.
    """
    # The types are chosen here, so autocast must not choose them again.
    with torch.autocast(features.device.type, enabled=False):
        if not torch.is_grad_enabled():
            return _forward(features, targets, projection.weight, projection.bias, label_smoothing, None)
        return _CrossEntropy.apply(features, targets, projection.weight, projection.bias, label_smoothing)


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features, targets, weight, bias, label_smoothing):
        gradients = [torch.empty_like(features), torch.zeros_like(weight)]
        if bias is not None:
            gradients.append(torch.zeros_like(bias))
        loss = _forward(features, targets, weight, bias, label_smoothing, gradients)
        ctx.save_for_backward(*gradients)
        return loss

    @staticmethod
    def backward(ctx, scale):
        scaled = [gradient * scale.to(gradient.dtype) for gradient in ctx.saved_tensors]
        d_features, d_weight, d_bias = (*scaled, None)[:3]
        return d_features, None, d_weight, d_bias, None


def _forward(
    features: Tensor,
    targets: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    smoothing: float,
    gradients: list[Tensor] | None,
) -> Tensor:
    """The loss, and where asked its gradients, written to `gradients` (of features, weight and bias).

    With p the softmax of a token's logits z over V words and y its target, the loss is
    lse(z) - (1 - e) z_y - e mean(z) and its gradient p - (1 - e) onehot(y) - e / V. What the last term adds to a gradient
    is the same for every word, so it is a product of sums and takes no pass over the logits.
    """
    count, size = features.shape[0], weight.shape[0]
    rows = max(1, BLOCK_VALUES // size)
    exact = weight
    weight, bias = weight.to(features.dtype), None if bias is None else bias.to(features.dtype)
    total = exact.new_zeros(())
    for begin in range(0, count, rows):
        block, wanted = features[begin : begin + rows], targets[begin : begin + rows, None]
        logits = F.linear(block, weight, bias)
        log_p = F.log_softmax(logits, dim=-1, dtype=exact.dtype)
        total -= (1.0 - smoothing) * log_p.gather(1, wanted).sum()
        if smoothing:
            total -= smoothing * log_p.mean(dim=-1).sum()
        if gradients is None:
            continue
        gradient = log_p.exp_()
        gradient.scatter_add_(1, wanted, gradient.new_full(wanted.shape, smoothing - 1.0))
        gradient = gradient.to(features.dtype)
        torch.mm(gradient, weight, out=gradients[0][begin : begin + rows])
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

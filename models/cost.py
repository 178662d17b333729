"""The cost of a model: parameters by component, analytic FLOPs, bytes of decoding state."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from models.interface import Seq2Seq, State

COMPONENTS = ("embedding", "recurrent", "attention", "feed_forward", "norm", "bridge", "output")

TRAINING_FACTOR = 3
"""A training step costs about three forward passes: the backward pass has two matrix products for each one of the
forward pass (Kaplan et al. 2020, sec. 2.1)."""


def parameters(model: Seq2Seq) -> dict[str, int]:
    """Count trainable values by component, `total` first. A shared tensor counts once, under its first name."""
    counts = dict.fromkeys(COMPONENTS, 0)
    for name, parameter in model.named_parameters():  # yields a shared tensor once
        counts[model.component_of(name)] += parameter.numel()
    return {"total": sum(counts.values()), **counts}


def training_flops(model: Seq2Seq, source_length: int, target_length: int) -> int:
    """Matrix-product FLOPs of one training step on one unpadded pair of these lengths."""
    return TRAINING_FACTOR * model.matmul_flops(source_length, target_length)


def linear_flops(layer: nn.Linear, count: int) -> int:
    """FLOPs of an affine map applied to `count` vectors: a multiply and an add for each weight."""
    return 2 * count * layer.in_features * layer.out_features


def state_bytes(model: Seq2Seq, source_length: int, target_length: int) -> int:
    """Bytes of one hypothesis's decoding state after `target_length` tokens of a source of `source_length`, unpadded.

    Measured from the tensors of states on the meta device, for sources of one and two tokens and after one step. Each
    further token of the source or the target adds the same number of bytes.
    """
    model = copy.deepcopy(model).to("meta").eval()
    with torch.no_grad():
        one_token, two_tokens = (model.start(_empty(model.inputs, (1, length), model.input_dim)) for length in (1, 2))
        _, after_step = model.step(_empty(model.outputs, (1,), model.output_dim), one_token)
    base = _bytes(one_token)
    return base + (source_length - 1) * (_bytes(two_tokens) - base) + target_length * (_bytes(after_step) - base)


def _empty(kind: str, shape: tuple[int, ...], channels: int) -> Tensor:
    """Tokens or real values on the meta device."""
    if kind == "tokens":
        return torch.empty(shape, dtype=torch.int64, device="meta")
    return torch.empty(*shape, channels, device="meta")


def _bytes(state: State) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in state.values())

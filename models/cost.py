"""What a model costs: parameters by component, analytic FLOPs, bytes of decoding state, chains of operations."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from models.interface import Seq2Seq, State

COMPONENTS = ("embedding", "recurrent", "attention", "feed_forward", "norm", "bridge", "output")

TRAINING_FACTOR = 3
"""A training step costs about three forward passes: the backward pass has two matrix products for each forward one
(Kaplan et al. 2020, sec. 2.1)."""


def parameters(model: Seq2Seq) -> dict[str, int]:
    """Trainable values by component, `total` first. A shared tensor is counted once, under its first name."""
    counts = dict.fromkeys(COMPONENTS, 0)
    for name, parameter in model.named_parameters():  # yields a shared tensor once
        counts[model.component_of(name)] += parameter.numel()
    return {"total": sum(counts.values()), **counts}


def training_flops(model: Seq2Seq, source_length: int, target_length: int) -> int:
    """Matrix-product FLOPs of one training step on one unpadded pair of these lengths."""
    return TRAINING_FACTOR * model.matmul_flops(source_length, target_length)


def linear_flops(layer: nn.Linear, count: int) -> int:
    """Of an affine map applied to `count` vectors: a multiply and an add for each weight."""
    return 2 * count * layer.in_features * layer.out_features


def state_bytes(model: Seq2Seq, source_length: int, target_length: int) -> int:
    """Bytes of one hypothesis's decoding state after `target_length` tokens of a source of `source_length`, unpadded.

    Measured on the state's own tensors, on the meta device, for sources of one and two tokens and after one step: what
    one more token adds on either side, every token adds.
    """
    model = copy.deepcopy(model).to("meta").eval()
    with torch.no_grad():
        short, longer = (model.start(_blank(model.inputs, (1, length), model.input_dim)) for length in (1, 2))
        _, stepped = model.step(_blank(model.outputs, (1,), model.output_dim), short)
    first = _bytes(short)
    return first + (source_length - 1) * (_bytes(longer) - first) + target_length * (_bytes(stepped) - first)


def _blank(kind: str, shape: tuple[int, ...], channels: int) -> Tensor:
    """Tokens or values without content."""
    if kind == "tokens":
        return torch.empty(shape, dtype=torch.int64, device="meta")
    return torch.empty(*shape, channels, device="meta")


def _bytes(state: State) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in state.values())

"""The cost of a model: parameters by component, analytic FLOPs, bytes of decoding state and of activations."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from models.dropout import set_dropout_generator
from models.interface import Model, Seq2Seq, SequenceModel, State

COMPONENTS = ("embedding", "recurrent", "attention", "feed_forward", "norm", "bridge", "output")

TRAINING_FACTOR = 3
"""A training step costs about three forward passes: the backward pass has two matrix products for each one of the
forward pass (Kaplan et al. 2020, sec. 2.1)."""


PROBED = (72, 144, 288)
"""Lengths at which `activation_bytes` measures: more than the keys up to which a CPU writes attention out, since its
fused kernel, which longer sequences get, keeps no weights."""


def parameters(model: Model) -> dict[str, int]:
    """Count trainable values by component, `total` first. A shared tensor counts once, under its first name."""
    counts = dict.fromkeys(COMPONENTS, 0)
    for name, parameter in model.named_parameters():  # yields a shared tensor once
        counts[model.component_of(name)] += parameter.numel()
    return {"total": sum(counts.values()), **counts}


def training_flops(model: Model, source_length: int, target_length: int) -> int:
    """Matrix-product FLOPs of one training step on one unpadded pair of these lengths."""
    return TRAINING_FACTOR * model.matmul_flops(source_length, target_length)


def linear_flops(layer: nn.Linear, count: int) -> int:
    """FLOPs of an affine map applied to `count` vectors: a multiply and an add for each weight."""
    return 2 * count * layer.in_features * layer.out_features


def state_bytes(model: Model, source_length: int, target_length: int) -> int:
    """Bytes of one hypothesis's decoding state, after `target_length` tokens of an unpadded source.

    One stack: of its state after `source_length` positions.
    """
    first, source_token, target_token = state_growth(model)
    return first + (source_length - 1) * source_token + target_length * target_token


def state_growth(model: Model) -> tuple[int, int, int]:
    """Bytes of one hypothesis's decoding state after a source of one token, and what each further token of the source
    and of the target adds, always the same number.

    One stack: its sequence counts as the source, so the third number is 0; without `causal`, all three are 0. Measured
    from the tensors of states for sources of one and two tokens and after one and two steps, on the model's device.
    """
    if isinstance(model, SequenceModel) and not model.causal:
        return 0, 0, 0
    training, device = model.training, next(model.parameters()).device
    try:
        model.eval()
        with torch.no_grad():
            if isinstance(model, SequenceModel):
                token = _zeros(model.inputs, (1,), model.input_dim, device)
                _, one_token = model.step(token, model.start(1))
                _, two_tokens = model.step(token, one_token)
                before = after = one_token
            else:
                assert isinstance(model, Seq2Seq)
                one_token, two_tokens = (
                    model.start(_zeros(model.inputs, (1, length), model.input_dim, device)) for length in (1, 2)
                )
                answer = _zeros(model.outputs, (1,), model.output_dim, device)
                _, before = model.step(answer, one_token)  # under autocast the first step may change a type, once
                _, after = model.step(answer, before)
    finally:
        model.train(training)
    first = _bytes(one_token)
    return first, _bytes(two_tokens) - first, _bytes(after) - _bytes(before)


def activation_bytes(model: Model) -> Callable[[float, float], float]:
    """A function of source and target length: bytes that a training step keeps for its gradients, for one unpadded
    pair of a batch. Vocabulary logits are not among them.

    They are a polynomial of second degree in the two lengths: six terms, whose factors follow from passes at six pairs
    of short lengths. Runs on the model's device and leaves its weights alone; its dropout draws from a generator of
    this measurement until `set_dropout_generator` sets another.
    """
    lengths = PROBED
    if model.max_length is not None and model.max_length < PROBED[-1]:
        lengths = (1, model.max_length // 2, model.max_length)
    if len(set(lengths)) < len(lengths):
        return lambda source_length, target_length: 0.0  # three tokens and fewer need nothing worth counting
    low, middle, high = lengths
    pairs = [(low, low), (middle, low), (high, low), (low, middle), (low, high), (middle, middle)]
    # What does not grow with the batch, such as a causal mask, drops out of the difference.
    kept = [(_kept_bytes(model, 3, *pair) - _kept_bytes(model, 1, *pair)) / 2 for pair in pairs]
    terms = torch.tensor([_terms(*pair) for pair in pairs], dtype=torch.float64)
    factors = torch.linalg.solve(terms, torch.tensor(kept, dtype=torch.float64)).tolist()
    # A kernel rounds its buffers up. A number kept for each pair of positions takes at least two bytes.
    factors[3:] = [factor if factor > 1 else 0.0 for factor in factors[3:]]

    def bytes_of_pair(source_length: float, target_length: float) -> float:
        return sum(factor * term for factor, term in zip(factors, _terms(source_length, target_length), strict=True))

    return bytes_of_pair


def _terms(source_length: float, target_length: float) -> tuple[float, ...]:
    S, T = source_length, target_length
    return 1.0, S, T, S * S, S * T, T * T


def _kept_bytes(model: Model, rows: int, source_length: int, target_length: int) -> int:
    """Bytes of the tensors that a pass over a batch keeps for its gradients, each memory counted once, weights not."""
    training, device = model.training, next(model.parameters()).device
    src, tgt = (
        _zeros(kind, (rows, length), channels, device)
        for kind, length, channels in (
            (model.inputs, source_length, model.input_dim),
            (model.outputs, target_length, model.output_dim),
        )
    )
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}  # holds each memory, so that no other gets its address

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage
        return tensor

    set_dropout_generator(model, torch.Generator(device=device).manual_seed(0))
    try:
        model.train()
        with torch.enable_grad(), saved_tensors_hooks(keep, lambda tensor: tensor):
            if isinstance(model, SequenceModel):
                model.features(src)
            else:
                assert isinstance(model, Seq2Seq)
                model.features(src, tgt)
    finally:
        model.train(training)
    return sum(storage.nbytes() for address, storage in kept.items() if address not in weights)


def _zeros(kind: str, shape: tuple[int, ...], channels: int, device: torch.device) -> Tensor:
    """Tokens or real values, all of them zero."""
    if kind == "tokens":
        return torch.zeros(shape, dtype=torch.int64, device=device)
    return torch.zeros(*shape, channels, device=device)


def _bytes(state: State) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in state.values())

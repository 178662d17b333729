"""Inspection of a built model, independent of its class name: hidden layers, and the state that the decoder carries.

Claim B says that one family has hidden layers and another has none. To test it, we list the hidden layers, remove the
feed-forward ones, and measure how the decoder state changes when the first target token changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from bench.seeding import torch_generator
from models.hidden import HiddenLayer, units_of
from models.interface import SOURCE, Model, Seq2Seq, SequenceModel, State

Layer = HiddenLayer | nn.RNNBase | nn.RNNCellBase

TOKENS = 6
"""Length of the source and the target that a model is run on, if it has as many positions."""

RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 1e-4, 1e-6
"""Numbers this close count as equal: rounding depends on the row of the batch."""


def inspect_model(model: Model) -> dict[str, Any]:
    """The record's `architecture`; see results/README.md. The model is left unchanged, whatever its weights.

    Runs on the model's device and draws its examples from a generator of its own.
    """
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            return {
                "hidden_layers": hidden_layers(model),
                "without_feed_forward": _without_feed_forward(model),
                "state": _measure_state(model),
            }
    finally:
        model.train(training)


def hidden_layers(model: nn.Module) -> list[dict[str, Any]]:
    """The path, kind, units at a position and parameters of each hidden layer, in the order of the model's modules.

    Hidden layers are marked by `models.hidden.HiddenLayer`; torch's recurrent layers count as well.
    """
    return [
        {
            "path": path,
            "kind": layer.kind if isinstance(layer, HiddenLayer) else "recurrent",
            "units": layer.units if isinstance(layer, HiddenLayer) else units_of(layer),
            "parameters": sum(parameter.numel() for parameter in layer.parameters()),
        }
        for path, layer in _walk_hidden_layers(model)
    ]


def _walk_hidden_layers(module: nn.Module, path: str = "") -> Iterator[tuple[str, Layer]]:
    """The hidden layers with their paths. A hidden layer inside another is part of the outer one."""
    if isinstance(module, Layer):
        yield path, module
        return
    for name, child in module.named_children():
        yield from _walk_hidden_layers(child, f"{path}.{name}" if path else name)


def _without_feed_forward(model: Model) -> dict[str, Any] | None:
    """The parameters left without the feed-forward hidden layers, and whether the model still runs. None if it has
    no such layer."""
    paths = [path for path, layer in _walk_hidden_layers(model) if getattr(layer, "kind", None) == "feed_forward"]
    if not paths:
        return None
    with _removed(model, paths):
        parameters = sum(parameter.numel() for parameter in model.parameters())
        try:
            examples = _examples(model)
            runs = bool(model(*examples).isfinite().all())
        except Exception:  # a call of a removed layer can fail in any way
            runs = False
    return {"parameters": parameters, "runs": runs}


@contextmanager
def _removed(model: nn.Module, paths: list[str]) -> Iterator[None]:
    """Inside, the modules at these paths are None. Afterwards they are restored, in the same order."""
    parents = [(model.get_submodule(path.rpartition(".")[0]), path.rpartition(".")[2]) for path in paths]
    layers = [getattr(parent, name) for parent, name in parents]
    try:
        for parent, name in parents:
            setattr(parent, name, None)
        yield
    finally:
        for (parent, name), layer in zip(parents, layers, strict=True):
            setattr(parent, name, layer)


def _measure_state(model: Model) -> dict[str, Any] | None:
    """The state carried between positions, of the target if there is one: its size, and what a different first token
    changes. None for one stack that reads whole sequences and so has no state."""
    read: Tensor
    if isinstance(model, SequenceModel):
        if not model.causal:
            return None
        (read,), state, step = _examples(model), model.start(2), model.step
    else:
        assert isinstance(model, Seq2Seq)
        src, read = _examples(model)
        state, step = model.start(src), model.step
    read[1, 1:] = read[0, 1:]
    carried: list[State] = []
    tokens = read.shape[1]
    for t in range(tokens):
        predicted, state = step(read[:, t], state)
        carried.append({name: part for name, part in state.items() if not name.startswith(SOURCE)})
    first, previous, last = (_size(carried[position]) for position in (0, -2, -1))
    return {
        "tokens": tokens,
        "first": first,
        "last": last,
        "grows": last > first,
        "kept": _count_kept(*carried[-2:]) / previous if previous else None,
        "changed": sum(_count_different(*part) for part in carried[-1].values()) / last if last else None,
        "prediction_changed": _count_different(*predicted) > 0,
    }


def _size(state: State) -> int:
    """The numbers in one hypothesis's state."""
    return sum(part[0].numel() for part in state.values())


def _count_kept(before: State, after: State) -> int:
    """The numbers in one hypothesis's state that are in the same place one position later."""
    kept = 0
    for name, part in before.items():
        old, new = part[0], after[name][0]
        for axis, size in enumerate(old.shape):
            new = new.narrow(axis, 0, min(size, new.shape[axis]))
        if new.shape == old.shape:
            kept += old.numel() - _count_different(old, new)
    return kept


def _count_different(one: Tensor, other: Tensor) -> int:
    return int((~torch.isclose(one, other, RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE)).sum())


def _examples(model: Model) -> tuple[Tensor, ...]:
    """One source twice, and two targets that differ in the first position, as tokens or values. For one stack, two
    sequences that do."""
    device = next(model.parameters()).device
    generator = torch_generator(0, "architecture")
    tokens = TOKENS if model.max_length is None else min(TOKENS, model.max_length)
    sides = []
    for kind, size in ((model.inputs, model.input_dim), (model.outputs, model.output_dim)):
        if kind == "tokens":
            drawn = torch.randint(size, (2, tokens), generator=generator)
            drawn[1, 0] = (drawn[0, 0] + 1) % size
        else:
            drawn = torch.randn(2, tokens, size, generator=generator)
        sides.append(drawn.to(device))
    if isinstance(model, SequenceModel):
        return (sides[0],)
    return sides[0][:1].expand_as(sides[0]), sides[1]

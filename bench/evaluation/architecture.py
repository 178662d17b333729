"""What a built model is made of and hands on, found by looking into it and running it, not by its name.

The claim that one family has hidden layers and another has none is settled here: the hidden layers are listed, those
that are feed-forward are taken out, and what the decoder carries from one position to the next is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bench.seeding import torch_generator
from models.hidden import HiddenLayer, units_of
from models.interface import SOURCE, Seq2Seq, State

TOKENS = 6
"""Positions of the source and of the target that a model is run over."""

SAME = {"rtol": 1e-4, "atol": 1e-6}
"""Numbers nearer than this are the same: another place in a batch may round another way."""


def inspected(model: Seq2Seq) -> dict:
    """The record's `architecture`; see results/README.md. The model, any weights, is left as it was.

    Draws its examples from a generator of its own and runs on whatever device the model is on.
    """
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            return {
                "hidden_layers": hidden_layers(model),
                "without_feed_forward": _without_feed_forward(model),
                "state": _state(model),
            }
    finally:
        model.train(training)


def hidden_layers(model: Seq2Seq) -> list[dict]:
    """The path, kind, units at a position and parameters of each, in the order of the model's modules.

    A layer says that it is one (`models.hidden.HiddenLayer`); torch's own recurrent layers need not.
    """
    return [
        {
            "path": path,
            "kind": layer.kind if isinstance(layer, HiddenLayer) else "recurrent",
            "units": layer.units if isinstance(layer, HiddenLayer) else units_of(layer),
            "parameters": sum(parameter.numel() for parameter in layer.parameters()),
        }
        for path, layer in _found(model)
    ]


def _found(module: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Hidden layers by path; one inside another is a part of it."""
    if isinstance(module, HiddenLayer | nn.RNNBase | nn.RNNCellBase):
        yield path, module
        return
    for name, child in module.named_children():
        yield from _found(child, f"{path}.{name}" if path else name)


def _without_feed_forward(model: Seq2Seq) -> dict | None:
    """What is left of the model without its feed-forward hidden layers: trainable values, and whether it still answers.
    None where it has none."""
    layers = [path for path, layer in _found(model) if getattr(layer, "kind", None) == "feed_forward"]
    if not layers:
        return None
    with _taken_out(model, layers):
        left = sum(parameter.numel() for parameter in model.parameters())
        try:
            src, tgt = _examples(model)
            runs = bool(model(src, tgt).isfinite().all())
        except Exception:  # something in it calls what is not there, and says so in its own way
            runs = False
    return {"parameters": left, "runs": runs}


@contextmanager
def _taken_out(model: nn.Module, paths: list[str]) -> Iterator[None]:
    """Inside, the modules at these paths are None. They come back to where they were, in the same order."""
    places = [(model.get_submodule(path.rpartition(".")[0]), path.rpartition(".")[2]) for path in paths]
    layers = [getattr(parent, name) for parent, name in places]
    try:
        for parent, name in places:
            setattr(parent, name, None)
        yield
    finally:
        for (parent, name), layer in zip(places, layers, strict=True):
            setattr(parent, name, layer)


def _state(model: Seq2Seq) -> dict:
    """What is handed on from one target position to the next, by two targets that differ in their first token alone."""
    src, tgt = _examples(model)
    tgt[1, 1:] = tgt[0, 1:]
    state = model.start(src)
    handed: list[State] = []
    for t in range(TOKENS):
        predicted, state = model.step(tgt[:, t], state)
        handed.append({name: part for name, part in state.items() if not name.startswith(SOURCE)})
    first, before, last = (_numbers(handed[place]) for place in (0, -2, -1))
    return {
        "tokens": TOKENS,
        "first": first,
        "last": last,
        "grows": last > first,
        "kept": _kept(*handed[-2:]) / before if before else None,
        "changed": sum(_different(part[0], part[1]) for part in handed[-1].values()) / last if last else None,
        "prediction_changed": _different(*predicted) > 0,
    }


def _numbers(state: State) -> int:
    """Of one hypothesis."""
    return sum(part[0].numel() for part in state.values())


def _kept(before: State, after: State) -> int:
    """How many numbers of one hypothesis's state still stand where they stood, one position later."""
    kept = 0
    for name, part in before.items():
        old, new = part[0], after[name][0]
        for axis, size in enumerate(old.shape):
            new = new.narrow(axis, 0, min(size, new.shape[axis]))
        if new.shape == old.shape:
            kept += old.numel() - _different(old, new)
    return kept


def _different(one: Tensor, other: Tensor) -> int:
    return int((~torch.isclose(one, other, **SAME)).sum())


def _examples(model: Seq2Seq) -> tuple[Tensor, Tensor]:
    """A source twice, and two targets that differ at the first place, made of tokens or of values."""
    device = next(model.parameters()).device
    generator = torch_generator(0, "architecture")
    sides = []
    for kind, size in ((model.inputs, model.input_dim), (model.outputs, model.output_dim)):
        if kind == "tokens":
            drawn = torch.randint(size, (2, TOKENS), generator=generator)
            drawn[1, 0] = (drawn[0, 0] + 1) % size
        else:
            drawn = torch.randn(2, TOKENS, size, generator=generator)
        sides.append(drawn.to(device))
    return sides[0][:1].expand_as(sides[0]), sides[1]

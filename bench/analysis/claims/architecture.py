"""Inspected models in words: their hidden layers and decoder states, read from the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from bench.analysis.messages import Joined, Message, Text
from bench.analysis.missing_values import column

KINDS = ("feed_forward", "recurrent")


def first_inspected(cells: pd.DataFrame) -> tuple[Mapping, float] | None:
    """`architecture` and number of parameters of the first inspected cell; None if no cell was inspected."""
    pairs = zip(column(cells, "architecture"), column(cells, "parameters.total"), strict=True)
    return next(((inspected, total) for inspected, total in pairs if isinstance(inspected, Mapping)), None)


def describe(arm: str, inspected: Mapping, total: float) -> Text:
    """A model in sentences: its hidden layers, the model without its feed-forward layers, its decoder state.

    total: all parameters of the model.
    """
    sentences = [Message("architecture.has", arm=arm, layers=hidden_layers(inspected, total))]
    without = inspected["without_feed_forward"]
    if without is not None and without["runs"]:
        sentences.append(Message("architecture.without.runs", parameters=f"{without['parameters']:,}"))
    elif without is not None:
        sentences.append(Message("architecture.without.fails"))
    state = Message("architecture.handed_on", state=decoder_state(inspected["state"]))
    return Joined([*sentences, state], "sentences")


def hidden_layers(inspected: Mapping, total: float) -> Text:
    """The hidden layers of a model by kind. total: all its parameters."""
    parts = []
    for kind in KINDS:
        layers = [layer for layer in inspected["hidden_layers"] if layer["kind"] == kind]
        if layers:
            units = sorted({layer["units"] for layer in layers})
            parameters = sum(layer["parameters"] for layer in layers)
            parts.append(
                Message(
                    "architecture.layers.many" if len(layers) > 1 else "architecture.layers.one", count=len(layers),
                    kind=Message(f"architecture.{kind}"), units=Joined((f"{count:,}" for count in units), "or"),
                    parameters=f"{parameters:,}", share=f"{100 * parameters / total:.0f}",
                )
            )  # fmt: skip
    return Joined(parts, "and") if parts else Message("architecture.no_layers")


def shares(models: Sequence[tuple[Mapping, float]]) -> Text | None:
    """Of several models with hidden layers, the share of these in all parameters, from the lowest to the highest; None
    for fewer than two."""
    of_all = [
        100 * sum(layer["parameters"] for layer in inspected["hidden_layers"]) / total
        for inspected, total in models
        if inspected["hidden_layers"]
    ]
    if len(of_all) < 2:
        return None
    return Message("says.B_many", count=len(of_all), low=f"{min(of_all):.0f}", high=f"{max(of_all):.0f}")


def decoder_state(state: Mapping | None) -> Text:
    """The state that a decoder passes from one position to the next: its size, and how much of it changes. None: of a
    model without steps."""
    if state is None or not state["last"]:
        return Message("architecture.nothing")
    unchanged, changed = (f"{100 * state[name]:.0f}" for name in ("kept", "changed"))
    standing = Message("architecture.standing", kept=unchanged, changed=changed)
    size = {"last": f"{state['last']:,}", "tokens": state["tokens"]}
    if state["grows"]:
        return Message("architecture.growing", first=f"{state['first']:,}", standing=standing, **size)
    return Message("architecture.fixed", standing=standing, **size)

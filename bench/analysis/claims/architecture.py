"""What the models of a folder are made of and hand on, in words: read off the records."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from bench.analysis.evidence import column
from bench.analysis.messages import Joined, Message, Text

KINDS = ("feed_forward", "recurrent")


def first_inspected(cells: pd.DataFrame) -> tuple[Mapping, float] | None:
    """The `architecture` of the first of these cells that has one, and its parameters; None where none was looked into."""
    both = zip(column(cells, "architecture"), column(cells, "parameters.total"), strict=True)
    return next(((found, total) for found, total in both if isinstance(found, Mapping)), None)


def layers_told(found: Mapping, total: float) -> Text:
    """The hidden layers of a model, those of a kind together. total: all its parameters."""
    parts = []
    for kind in KINDS:
        layers = [layer for layer in found["hidden_layers"] if layer["kind"] == kind]
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


def state_told(state: Mapping) -> Text:
    """What a decoder hands on from one position to the next."""
    if not state["last"]:
        return Message("architecture.nothing")
    standing = Message(
        "architecture.standing", kept=f"{100 * state['kept']:.0f}", changed=f"{100 * state['changed']:.0f}"
    )
    size = {"last": f"{state['last']:,}", "tokens": state["tokens"]}
    if state["grows"]:
        return Message("architecture.growing", first=f"{state['first']:,}", standing=standing, **size)
    return Message("architecture.fixed", standing=standing, **size)


def told(arm: str, found: Mapping, total: float) -> Text:
    """A model in sentences: its hidden layers, what it is without the feed-forward ones, what it hands on."""
    said = [Message("architecture.has", arm=arm, layers=layers_told(found, total))]
    without = found["without_feed_forward"]
    if without is not None and without["runs"]:
        said.append(Message("architecture.without.runs", parameters=f"{without['parameters']:,}"))
    elif without is not None:
        said.append(Message("architecture.without.fails"))
    return Joined([*said, Message("architecture.handed_on", state=state_told(found["state"]))], "sentences")

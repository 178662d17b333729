"""Arms as a sentence names them, with the options in which two of them differ, and the layers they share."""

from __future__ import annotations

from bench.analysis import arms
from bench.analysis.claims.primary import Arm
from bench.analysis.messages import Joined, Message, Text

LAYERS = "n_layers"


def name(arm: Arm, other: Arm) -> Text:
    """An arm that is compared with another.

    >>> print(name(Arm.parse("transformer n_heads=1"), Arm.parse("transformer n_heads=8")))
    the Transformer with one head
    >>> print(name(Arm.parse("transformer n_layers=1 n_heads=4"), Arm.parse("transformer n_layers=1 n_heads=1")))
    the Transformer of one layer with 4 heads
    """
    word = Message(f"spoken.{arm.model}") if arm.model in arms.ORDER else Message("spoken.other", arm=arm.model)
    if arm.model != other.model:
        return word
    layers = dict(arm.options).get(LAYERS)
    if layers is not None and (LAYERS, layers) in other.options:
        word = (
            Message("spoken.one_layer", arm=word)
            if layers == "1"
            else Message("spoken.layers", arm=word, count=layers)
        )
    options = [pair for pair in arm.options if pair not in other.options]
    return Message("spoken.with", arm=word, options=Joined(map(_option, options), "and")) if options else word


def _option(option: tuple[str, str]) -> Text:
    key, value = option
    if key == "positions":
        return Message("spoken.no_positions") if value == "none" else Message("spoken.positions", kind=value)
    if key == "n_heads":
        return Message("spoken.one_head") if value == "1" else Message("spoken.heads", count=value)
    return Message("spoken.option", name=key, value=value)

"""Arms as a sentence names them, with the options in which two of them differ."""

from __future__ import annotations

from bench.analysis import arms
from bench.analysis.claims.primary import Arm
from bench.analysis.messages import Joined, Message, Text


def name(arm: Arm, other: Arm) -> Text:
    """An arm that is compared with another.

    >>> print(name(Arm.parse("transformer n_heads=1"), Arm.parse("transformer n_heads=8")))
    the Transformer with one head
    """
    word = Message(f"spoken.{arm.model}") if arm.model in arms.ORDER else Message("spoken.other", arm=arm.model)
    options = [pair for pair in arm.options if arm.model == other.model and pair not in other.options]
    return Message("spoken.with", arm=word, options=Joined(map(_option, options), "and")) if options else word


def _option(option: tuple[str, str]) -> Text:
    key, value = option
    if key == "positions":
        return Message("spoken.no_positions") if value == "none" else Message("spoken.positions", kind=value)
    if key == "n_heads":
        return Message("spoken.one_head") if value == "1" else Message("spoken.heads", count=value)
    return Message("spoken.option", name=key, value=value)

"""Inspected models in words: their hidden layers and decoder states, read from the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from bench.analysis.messages import Joined, Message, Text, one_or_many
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
    elif without is not None and not _is_recurrent(inspected):
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
                one_or_many(
                    "architecture.layers", len(layers),
                    kind=_kind(kind, [inspected]), units=Joined((f"{count:,}" for count in units), "or"),
                    parameters=f"{parameters:,}", share=f"{100 * parameters / total:.0f}",
                )
            )  # fmt: skip
    return Joined(parts, "and") if parts else Message("architecture.no_layers")


def summary(arm: str, models: Sequence[tuple[Mapping, float]]) -> Text:
    """Several models of an arm, whose states all grow or all do not: the lowest and the highest of each number.

    models: `architecture` and number of parameters of each.
    """
    sentences = [Message("architecture.models", arm=arm, count=len(models), layers=_ranges(models))]
    without = [inspected["without_feed_forward"] for inspected, _ in models]
    run = [each["runs"] for each in without if each is not None]
    if any(run) or (run and not any(_is_recurrent(inspected) for inspected, _ in models)):
        sentences.append(Message("architecture.without.count", count=sum(run), total=len(run)))
    states = [inspected["state"] for inspected, _ in models if inspected["state"] is not None]
    if not any(state["last"] for state in states):
        state: Text = Message("architecture.nothing")
    else:
        values = {
            "last": span([state["last"] for state in states]),
            "kept": span([round(100 * state["kept"]) for state in states]),
            "tokens": states[0]["tokens"],
        }
        grow = states[0]["grows"]
        state = Message("architecture.all_grow", **values) if grow else Message("architecture.none_grows", **values)
    return Joined([*sentences, Message("architecture.handed_on", state=state)], "sentences")


def _ranges(models: Sequence[tuple[Mapping, float]]) -> Text:
    """The hidden layers of several models by kind: their number and their share of all parameters."""
    parts = []
    for kind in KINDS:
        layers = [[layer for layer in inspected["hidden_layers"] if layer["kind"] == kind] for inspected, _ in models]
        if any(layers):
            totals = [total for _, total in models]
            of_all = [100 * sum(each["parameters"] for each in own) / total for own, total in zip(layers, totals)]
            parts.append(
                Message(
                    "architecture.layers.range" if max(map(len, layers)) > 1 else "architecture.layers.range_one",
                    count=span([len(own) for own in layers]),
                    kind=_kind(kind, [inspected for inspected, _ in models]),
                    share=span([round(share) for share in of_all]),
                )
            )  # fmt: skip
    return Joined(parts, "and") if parts else Message("architecture.no_layers")


def _is_recurrent(inspected: Mapping) -> bool:
    return any(layer["kind"] == "recurrent" for layer in inspected["hidden_layers"])


def _kind(kind: str, inspected: Sequence[Mapping]) -> Message:
    """The kind of a hidden layer in words. Recurrent models have dense layers in many places: between encoder and
    decoder, behind the attention, in residual blocks."""
    dense = kind == "feed_forward" and any(map(_is_recurrent, inspected))
    return Message("architecture.dense" if dense else f"architecture.{kind}")


def span(numbers: Sequence[int]) -> Text | str:
    """The lowest and the highest of some numbers, or the only one."""
    low, high = min(numbers), max(numbers)
    return Message("architecture.span", low=f"{low:,}", high=f"{high:,}") if low < high else f"{low:,}"


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
    ends = {"low": f"{min(of_all):.0f}", "high": f"{max(of_all):.0f}"}
    if len(of_all) == len(models):
        return Message("says.B_all", total=len(models), **ends)
    return Message("says.B_some", count=len(of_all), total=len(models), **ends)


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

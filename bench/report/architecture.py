"""What the models of a folder are made of and hand on, in words: read off the records."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from bench.report.evidence import column

LAYERS = "{count} {kind} hidden layer{s} of {units} units ({parameters:,} parameters, {share:.0f} % of all)"
NO_LAYERS = "no hidden layer"
WITHOUT = {
    True: "With its feed-forward layers taken out it has {parameters:,} parameters and still gives predictions.",
    False: "With its feed-forward layers taken out it does not run.",
}
GROWING = "{last:,} numbers after {tokens} tokens ({first:,} after one), and more with every token"
FIXED = "{last:,} numbers, as many after {tokens} tokens as after one"
NOTHING = "no numbers"
STANDING = (
    "{kept:.0f} % of them stand unchanged after the next token, and another first token changes {changed:.0f} %."
)
KINDS = {"feed_forward": "feed-forward", "recurrent": "recurrent"}


def first_inspected(cells: pd.DataFrame) -> tuple[Mapping, float] | None:
    """The `architecture` of the first of these cells that has one, and its parameters; None where none was looked into."""
    both = zip(column(cells, "architecture"), column(cells, "parameters.total"), strict=True)
    return next(((found, total) for found, total in both if isinstance(found, Mapping)), None)


def layers_told(found: Mapping, total: float) -> str:
    """The hidden layers of a model, those of a kind together. total: all its parameters."""
    parts = []
    for kind, name in KINDS.items():
        layers = [layer for layer in found["hidden_layers"] if layer["kind"] == kind]
        if layers:
            units = sorted({layer["units"] for layer in layers})
            parameters = sum(layer["parameters"] for layer in layers)
            parts.append(
                LAYERS.format(
                    count=len(layers), kind=name, s="s" if len(layers) > 1 else "", parameters=parameters,
                    units=" or ".join(f"{count:,}" for count in units), share=100 * parameters / total,
                )
            )  # fmt: skip
    return " and ".join(parts) or NO_LAYERS


def state_told(state: Mapping) -> str:
    """What a decoder hands on from one position to the next."""
    if not state["last"]:
        return f"{NOTHING}."
    size = (GROWING if state["grows"] else FIXED).format(**state)
    return f"{size}; {STANDING.format(kept=100 * state['kept'], changed=100 * state['changed'])}"


def told(arm: str, found: Mapping, total: float) -> str:
    """A model in sentences: its hidden layers, what it is without the feed-forward ones, what it hands on."""
    said = [f"{arm} has {layers_told(found, total)}."]
    without = found["without_feed_forward"]
    if without is not None:
        said.append(WITHOUT[bool(without["runs"])].format(**without))
    return " ".join([*said, f"Handed on from one target position to the next: {state_told(found['state'])}"])

"""Names and units of the rules by which arms are made equal. Used by configurations, records and reports. No torch
here."""

from __future__ import annotations

COUNTED = {
    "params": "parameters",
    "nonembedding": "parameters without embeddings and output",
    "flops": "FLOPs a target token",
    "width": "width",
}
"""The quantity that each rule makes equal. `models.width_search.measure` computes it."""

RULES = tuple(COUNTED)


def amount(rule: str, value: float) -> str:
    """The quantity of a rule in words.

    >>> amount("params", 200_000), amount("width", 66)
    ('200,000 parameters', 'width 66')
    """
    return f"width {value:,.0f}" if rule == "width" else f"{value:,.0f} {COUNTED[rule]}"

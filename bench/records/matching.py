"""What may be made equal between the arms, in words: for configurations, records and reports. No torch here."""

from __future__ import annotations

COUNTED = {
    "params": "parameters",
    "nonembedding": "parameters without embeddings and output",
    "flops": "FLOPs a target token",
    "width": "width",
}
"""What each rule counts. The counting itself is `models.width_search.measure`."""

RULES = tuple(COUNTED)


def amount(rule: str, value: float) -> str:
    """So much of what a rule counts.

    >>> amount("params", 200_000), amount("width", 66)
    ('200,000 parameters', 'width 66')
    """
    return f"width {value:,.0f}" if rule == "width" else f"{value:,.0f} {COUNTED[rule]}"

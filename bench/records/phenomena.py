"""How scores of phenomena are named: a phenomenon is shown by one decisive word of an example, at a distance from what
decides it. Evaluation writes these names and the report reads them."""

from __future__ import annotations

WORD, CONTRAST = "word", "contrast"
"""Kinds of score: the output has the decisive word; the reference is more probable than the same with a wrong one."""


def metric(phenomenon: str, kind: str) -> str:
    """The metric of a score row: `agreement_word`."""
    return f"{phenomenon}_{kind}"


def axis(phenomenon: str) -> str:
    """The axis of a score row: `agreement_distance`."""
    return f"{phenomenon}_distance"


def parts(name: str) -> tuple[str, str] | None:
    """Phenomenon and kind of a metric's name; None where it is another metric.

    >>> parts("verb_final_word"), parts("bleu")
    (('verb_final', 'word'), None)
    """
    phenomenon, _, kind = name.rpartition("_")
    return (phenomenon, kind) if phenomenon and kind in (WORD, CONTRAST) else None

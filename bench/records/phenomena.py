"""Names of the scores of linguistic phenomena. Evaluation writes these names and the report reads them.

An example shows a phenomenon in one decisive word, at a distance from the word that determines it.
"""

from __future__ import annotations

WORD, CONTRAST = "word", "contrast"
"""Kinds of score. WORD: the output contains the decisive word. CONTRAST: the model gives the reference a higher
probability than the same sentence with an incorrect word."""


def metric_name(phenomenon: str, kind: str) -> str:
    """The metric of a score row: `agreement_word`."""
    return f"{phenomenon}_{kind}"


def axis_name(phenomenon: str) -> str:
    """The axis of a score row: `agreement_distance`."""
    return f"{phenomenon}_distance"


def parse_metric(name: str) -> tuple[str, str] | None:
    """Phenomenon and kind of a metric's name; None for any other metric.

    >>> parse_metric("verb_final_word"), parse_metric("bleu")
    (('verb_final', 'word'), None)
    """
    phenomenon, _, kind = name.rpartition("_")
    return (phenomenon, kind) if phenomenon and kind in (WORD, CONTRAST) else None

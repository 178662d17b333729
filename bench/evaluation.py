"""Scores of decoded text: over a split, and broken down by its axes. One row a score, as records keep them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.decoding import Hypotheses
from bench.metrics import METRICS, correct
from bench.tasks.base import Split, Task

FEWEST = 5
"""A value of an axis with fewer examples gets no score of its own."""


def texts(task: Task, split: Split) -> tuple[list[str], list[str]]:
    """Sources and references of a split as text, one line each."""
    sources = split.sources or [task.source_text(split.src[i].tolist()) for i in range(len(split))]
    references = split.references or [task.target_text(split.tgt[i].tolist()) for i in range(len(split))]
    return sources, references


def score_rows(
    metrics: Sequence[str], split: Split, search: str, hypotheses: Sequence[str], references: Sequence[str]
) -> list[dict[str, object]]:
    """A row for each metric over the whole split, and for each metric, axis and value of the axis."""
    every = np.arange(len(split))
    parts: list[tuple[str | None, int | None, np.ndarray]] = [(None, None, every)]
    for axis, values in split.axes.items():
        for value in np.unique(values):
            rows = np.flatnonzero(values == value)
            if len(rows) >= FEWEST:
                parts.append((axis, int(value), rows))
    scores = []
    for axis, at, rows in parts:
        ours, theirs = [hypotheses[i] for i in rows], [references[i] for i in rows]
        for name in metrics:
            value, signature = METRICS[name].score(ours, theirs)
            scores.append(
                {
                    "split": split.name,
                    "search": search,
                    "metric": name,
                    "value": value,
                    "unit": METRICS[name].unit,
                    "n": len(rows),
                    "axis": axis,
                    "at": at,
                    "signature": signature,
                }
            )
    return scores


def output_rows(
    split: Split, search: str, sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]
) -> list[dict[str, object]]:
    """A row for each example, columns as in `bench.records`."""
    right = correct(hypotheses, references)
    return [
        {
            "split": split.name,
            "search": search,
            "index": i,
            "source": sources[i],
            "reference": references[i],
            "hypothesis": hypotheses[i],
            "correct": bool(right[i]),
            **{axis: int(split.axes[axis][i]) for axis in ("length", "distance") if axis in split.axes},
        }
        for i in range(len(split))
    ]


def sanity(found: Hypotheses, hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """What a broken decoder shows: share of hypotheses that end by themselves, share that are empty, and their total
    length in characters over that of the references."""
    return {
        "eos_share": sum(found.ended) / len(found.ended),
        "empty_share": sum(not text for text in hypotheses) / len(hypotheses),
        "length_ratio": sum(map(len, hypotheses)) / max(1, sum(map(len, references))),
    }

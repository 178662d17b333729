"""Scores of decoded text: over a split, and broken down by its axes. One row a score, as records keep them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench.data.examples import ABSENT, Split
from bench.evaluation.decoding import Hypotheses
from bench.evaluation.degeneration import shares
from bench.metrics import METRICS
from bench.records import phenomena
from bench.tasks.base import Task
from bench.training.batches import Batcher
from bench.training.teacher_forcing import accuracy_at, losses, validate
from models.interface import Seq2Seq

FEWEST = 5
"""A value of an axis with fewer examples gets no score of its own."""

FORCED = "teacher-forced"
"""Instead of a search's name, where the model reads the reference and not its own output."""

DECISIVE_SIGNATURE = "decisive word|free-running|at the reference's place"
CONTRAST_SIGNATURE = "reference against one wrong word|teacher-forced|whole sentence"
FORCED_SIGNATURE = "teacher-forced|token by token"
LOSS_UNIT, LOSS_SIGNATURE = "nats a position", "loss|teacher-forced|no smoothing"


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
            scores.append(_score(split, search, name, value, METRICS[name].unit, len(rows), axis, at, signature))
    return scores


def marked_rows(
    split: Split, search: str, hypotheses: Sequence[str], references: Sequence[str]
) -> list[dict[str, object]]:
    """For each phenomenon, a row for how often the decisive word is right: whole, and for each distance. It is right
    where the hypothesis has the reference's word at the reference's place."""
    rows = []
    for name, marks in split.marks.items():
        has = np.flatnonzero(marks.at != ABSENT)
        right = [word_at(hypotheses[i], int(marks.at[i])) == word_at(references[i], int(marks.at[i])) for i in has]
        found = np.array(right, dtype=float)
        rows += _by_distance(split, search, phenomena.WORD, DECISIVE_SIGNATURE, name, found, has)
    return rows


def word_at(text: str, place: int) -> str | None:
    """The word at a place of a line; None where the line ends before it.

    >>> word_at("er hat es", 1), word_at("er", 1)
    ('hat', None)
    """
    words = text.split()
    return words[place] if place < len(words) else None


def contrast_rows(model: Seq2Seq, split: Split, batcher: Batcher) -> list[dict[str, object]]:
    """For each phenomenon, a row for how often the reference is more probable than the same with the decisive word
    wrong: whole, and for each distance (Sennrich 2017; Tang et al. 2018). batcher: of the split."""
    if not split.marks:
        return []
    right = losses(model, batcher)
    rows = []
    for name, marks in split.marks.items():
        has = np.flatnonzero(marks.at != ABSENT)
        if len(has) == 0:
            continue
        src, tgt = split.src.take(has), split.tgt.take(has)
        tokens = tgt.tokens.copy()
        tokens[tgt.offsets[:-1] + marks.at[has]] = marks.foil[has]
        changed = Split(split.name, src, replace(tgt, tokens=tokens))
        wrong = losses(model, Batcher(changed, batcher.batch_tokens, batcher.device))
        better = (right[has] < wrong).astype(float)
        rows += _by_distance(split, FORCED, phenomena.CONTRAST, CONTRAST_SIGNATURE, name, better, has)
    return rows


def _by_distance(
    split: Split, search: str, kind: str, signature: str, name: str, right: np.ndarray, has: np.ndarray
) -> list[dict[str, object]]:
    """Rows of one phenomenon and kind of score. right (M,): 1 or 0 for each of the examples `has` (M,) that have it."""
    metric, distances = phenomena.metric_name(name, kind), split.marks[name].distance[has]
    parts = [(None, None, np.ones(len(has), dtype=bool))]
    parts += [(phenomena.axis_name(name), int(value), distances == value) for value in np.unique(distances)]
    return [
        _score(split, search, metric, float(right[rows].mean()), "share", int(rows.sum()), axis, at, signature)
        for axis, at, rows in parts
        if rows.sum() >= FEWEST
    ]


def _score(
    split: Split,
    search: str,
    metric: str,
    value: float,
    unit: str,
    n: int,
    axis: str | None,
    at: int | None,
    signature: str,
) -> dict[str, object]:
    return {
        "split": split.name,
        "search": search,
        "metric": metric,
        "value": value,
        "unit": unit,
        "n": n,
        "axis": axis,
        "at": at,
        "signature": signature,
    }


def loss_row(model: Seq2Seq, task: Task, split: Split, batcher: Batcher) -> dict[str, object]:
    """The score of a split by teacher-forced loss, over the positions that the task spreads it over."""
    loss, _ = validate(model, batcher.epoch())
    positions = int(task.loss_positions(split).sum())
    total = loss * int(batcher.tgt_lengths.sum())
    return _score(split, FORCED, "loss", total / positions, LOSS_UNIT, len(split), None, None, LOSS_SIGNATURE)


def _marked(task: Task, split: Split, row: int) -> dict[str, object]:
    """Of every phenomenon the place of the decisive word, its distance and the wrong word; ABSENT and "" without."""
    found: dict[str, object] = {}
    for name, marks in split.marks.items():
        foil = int(marks.foil[row])
        found |= {f"{name}_at": int(marks.at[row]), f"{name}_distance": int(marks.distance[row])}
        found[f"{name}_wrong"] = "" if foil == ABSENT else task.target_text([foil])
    return found


def forced_rows(model: Seq2Seq, task: Task, split: Split, batcher: Batcher) -> list[dict[str, object]]:
    """The score that `Task.teacher_forced_score` names, as a list of one row; none for a task that names none."""
    if task.teacher_forced_score is None:
        return []
    name, places = task.teacher_forced_score
    right = accuracy_at(model, batcher.epoch(), places)
    return [_score(split, FORCED, name, right, "share", len(split), None, None, f"{name}|{FORCED_SIGNATURE}")]


def output_rows(
    task: Task,
    split: Split,
    search: str,
    sources: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[str],
    right: Sequence[bool],
) -> list[dict[str, object]]:
    """A row for each example, columns as in `bench.records.store`. right: see `Task.correct`."""
    return [
        {
            "split": split.name,
            "search": search,
            "index": i,
            "source": sources[i],
            "reference": references[i],
            "hypothesis": hypotheses[i],
            "correct": bool(right[i]),
            **{axis: int(values[i]) for axis, values in split.axes.items()},
            **_marked(task, split, i),
        }
        for i in range(len(split))
    ]


def sanity(
    found: Hypotheses, sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]
) -> dict[str, float]:
    """What a broken decoder shows: share of hypotheses that end by themselves, and what is seen in their text."""
    return {"eos_share": sum(found.ended) / len(found.ended), **shares(sources, hypotheses, references)}

"""Scores of a decoded split as rows of the record: over the whole split, and for each value of its axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bench.data import tokenisers
from bench.data.examples import ABSENT, PAIRS, Split
from bench.evaluation.decoding import Hypotheses
from bench.evaluation.degenerate_outputs import shares
from bench.metrics import FORCED, LOSS, METRICS, evaluate
from bench.records import phenomena
from bench.tasks.base import Task
from bench.training.batches import Batcher
from bench.training.teacher_forcing import accuracy_at, losses, validate
from models.interface import Model

MIN_EXAMPLES = 5
"""A value of an axis with fewer examples gets no score of its own."""

DECISIVE_SIGNATURE = "decisive word|free-running|at the reference's place"
CONTRAST_SIGNATURE = "reference against one wrong word|teacher-forced|whole sentence"
PAIR_SIGNATURE = "pairs|both right|edit distance 1"
FORCED_SIGNATURE = "teacher-forced|token by token"
LOSS_UNIT, LOSS_SIGNATURE = "nats a position", "loss|teacher-forced|no smoothing"

Row = dict[str, Any]


def texts(task: Task, split: Split) -> tuple[list[str], list[str]]:
    """The sources and references of a split as text, one line each."""
    sources = split.sources or [task.source_text(split.src[i].tolist()) for i in range(len(split))]
    references = split.references or [task.target_text(split.tgt[i].tolist()) for i in range(len(split))]
    return sources, references


def score_rows(
    metrics: Sequence[str],
    split: Split,
    search: str,
    hypotheses: Sequence[str],
    references: Sequence[str],
    tokeniser: str = tokenisers.DEFAULT,
    sources: Sequence[str] = (),
) -> list[Row]:
    """A row for each metric over the whole split, and for each metric and value of an axis. tokeniser: of BLEU and
    ROUGE; sources: for metrics that read them.

    A score that is undefined has the value None and a `reason`.
    """
    parts: list[tuple[str | None, int | None, np.ndarray]] = [(None, None, np.arange(len(split)))]
    for axis, values in split.axes.items():
        for value in np.unique(values):
            rows = np.flatnonzero(values == value)
            if len(rows) >= MIN_EXAMPLES:
                parts.append((axis, int(value), rows))
    scores = []
    for part_axis, at, rows in parts:
        part_hypotheses, part_references, part_sources = (
            [side[int(i)] for i in rows] if side else [] for side in (hypotheses, references, sources)
        )
        for name in metrics:
            score = evaluate(name, part_hypotheses, part_references, tokeniser, part_sources)
            row = score_row(
                split, search, name, score.value, METRICS[name].unit, len(rows), part_axis, at, score.signature
            )
            scores.append(row if score.reason is None else row | {"reason": score.reason})
    return scores


def marked_rows(split: Split, search: str, hypotheses: Sequence[str], references: Sequence[str]) -> list[Row]:
    """The accuracy of the decisive word of each phenomenon: over all its examples, and for each distance.

    The word is correct if the hypothesis has the reference's word at the reference's place.
    """
    rows = []
    for name, marks in split.marks.items():
        examples = np.flatnonzero(marks.at != ABSENT)
        positions = marks.at[examples].tolist()
        written, expected = (
            [word_at(side[example], position) for example, position in zip(examples.tolist(), positions, strict=True)]
            for side in (hypotheses, references)
        )
        correct = np.array([word == other for word, other in zip(written, expected, strict=True)], dtype=float)
        rows += _rows_by_distance(split, search, phenomena.WORD, DECISIVE_SIGNATURE, name, correct, examples)
    return rows


def word_at(text: str, index: int) -> str | None:
    """The word at an index of a line; None if the line is shorter.

    >>> word_at("er hat es", 1), word_at("er", 1)
    ('hat', None)
    """
    words = text.split()
    return words[index] if index < len(words) else None


def contrast_rows(model: Model, split: Split, batcher: Batcher) -> list[Row]:
    """The share of examples whose reference is more probable than the reference with the decisive word replaced by its
    foil (Sennrich 2017; Tang et al. 2018).

    For each phenomenon: over all its examples, and for each distance. batcher: of the split.
    """
    if not split.marks:
        return []
    reference_losses = losses(model, batcher)
    rows = []
    for name, marks in split.marks.items():
        examples = np.flatnonzero(marks.at != ABSENT)
        if len(examples) == 0:
            continue
        src, tgt = split.src.take(examples), split.tgt.take(examples)
        tokens = tgt.tokens.copy()
        tokens[tgt.offsets[:-1] + marks.at[examples]] = marks.foil[examples]
        foils = Split(split.name, src, replace(tgt, tokens=tokens))
        foil_losses = losses(model, Batcher(foils, batcher.batch_tokens, batcher.device))
        correct = (reference_losses[examples] < foil_losses).astype(float)
        rows += _rows_by_distance(split, FORCED, phenomena.CONTRAST, CONTRAST_SIGNATURE, name, correct, examples)
    return rows


def _rows_by_distance(
    split: Split, search: str, kind: str, signature: str, name: str, correct: np.ndarray, examples: np.ndarray
) -> list[Row]:
    """The rows of one phenomenon and kind of score. correct (M,): 1 or 0 for each of its `examples` (M,)."""
    axes = {phenomena.axis_name(name): split.marks[name].distance[examples]}
    return _share_rows(split, search, phenomena.metric_name(name, kind), signature, correct, axes)


def _share_rows(
    split: Split, search: str, metric: str, signature: str, correct: np.ndarray, axes: Mapping[str, np.ndarray]
) -> list[Row]:
    """The share of correct examples: of all, and at each value of each axis that has enough of them.

    correct (M,): 1 or 0; axes: values (M,) by name."""
    parts: list[tuple[str | None, int | None, np.ndarray]] = [(None, None, np.ones(len(correct), dtype=bool))]
    for axis, values in axes.items():
        parts += [(axis, int(value), values == value) for value in np.unique(values)]
    return [
        score_row(split, search, metric, float(correct[rows].mean()), "share", int(rows.sum()), axis, at, signature)
        for axis, at, rows in parts
        if rows.sum() >= MIN_EXAMPLES
    ]


def score_row(
    split: Split,
    search: str,
    metric: str,
    value: float | None,
    unit: str,
    n: int,
    axis: str | None,
    at: int | None,
    signature: str,
) -> Row:
    """One score as a row of the record. n: of examples or tokens; axis, at: the value of an axis, None for the whole
    split."""
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


def loss_row(model: Model, task: Task, split: Split, batcher: Batcher) -> Row:
    """The teacher-forced loss of a split in nats, divided by the positions that the task counts."""
    loss, _ = validate(model, batcher.epoch())
    positions = int(task.loss_positions(split).sum())
    total = loss * int(batcher.tgt_lengths.sum())
    return score_row(split, FORCED, LOSS, total / positions, LOSS_UNIT, len(split), None, None, LOSS_SIGNATURE)


def _mark_columns(task: Task, split: Split, row: int) -> Row:
    """For each phenomenon: target index of the decisive word, its distance and its foil; ABSENT and "" without one."""
    columns: Row = {}
    for name, marks in split.marks.items():
        foil = int(marks.foil[row])
        columns[f"{name}_at"] = int(marks.at[row])
        columns[f"{name}_distance"] = int(marks.distance[row])
        columns[f"{name}_wrong"] = "" if foil == ABSENT else task.target_text([foil])
    return columns


def forced_rows(model: Model, task: Task, split: Split, batcher: Batcher) -> list[Row]:
    """The score that `Task.teacher_forced_score` names, as a list of one row; empty for a task without one, and for
    one stack, whose answers do not depend on earlier ones."""
    if task.teacher_forced_score is None or split.one_stack:
        return []
    name, positions = task.teacher_forced_score
    accuracy = accuracy_at(model, batcher.epoch(), positions)
    return [score_row(split, FORCED, name, accuracy, "share", len(split), None, None, f"{name}|{FORCED_SIGNATURE}")]


def pair_rows(split: Split, search: str, correct: np.ndarray) -> list[Row]:
    """The share of pairs of which both examples are right, over all and by axis; empty for a split without pairs.

    correct (N,): see `Task.correct`.
    """
    if not split.name.endswith(PAIRS):
        return []
    axes = {axis: values[::2] for axis, values in split.axes.items()}
    return _share_rows(split, search, "pairs", PAIR_SIGNATURE, correct[::2] & correct[1::2], axes)


def output_rows(
    task: Task,
    split: Split,
    search: str,
    sources: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[str],
    correct: Sequence[bool] | np.ndarray,
) -> list[Row]:
    """A row for each example, columns as in `bench.records.store`. correct: see `Task.correct`."""
    return [
        {
            "split": split.name,
            "search": search,
            "index": i,
            "source": sources[i],
            "reference": references[i],
            "hypothesis": hypotheses[i],
            "correct": bool(correct[i]),
            **{axis: int(values[i]) for axis, values in split.axes.items()},
            **_mark_columns(task, split, i),
        }
        for i in range(len(split))
    ]


def sanity(
    decoded: Hypotheses, sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]
) -> dict[str, float]:
    """Signs of degenerate decoding: the share of hypotheses that end by themselves, and `shares` of their texts."""
    return {"eos_share": sum(decoded.ended) / len(decoded.ended), **shares(sources, hypotheses, references)}

"""Evaluation of a trained model: decode every test split once, score it, and measure the speed of decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from bench.data.examples import Split, TaskData
from bench.evaluation import context_use, length_penalty, scores, token_distances
from bench.evaluation.decoding import DecodedSplit, decode_split, searching, timed
from bench.evaluation.output_limits import CutOutputs, output_limits
from bench.evaluation.read_out import read_split, reading
from bench.evaluation.search_config import Search, SearchConfig
from bench.system import resources
from bench.tasks.base import Task
from bench.training import ranks
from bench.training.batches import Batcher
from bench.training.progress import Progress, Silent
from models.interface import Model, Seq2Seq, SequenceModel

ONE_AT_A_TIME = 40
"""Sentences decoded one by one to measure latency; the first WARM_UP are excluded."""

WARM_UP = 4

Row = dict[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """The outcome of an evaluation.

    scores: rows as in the record; outputs: rows of `outputs.tsv`; sanity: flags of the first split, greedy search, and
    the outputs of all that were cut; length_penalty: the choice made on validation, None if only one is configured;
    decode, decode_one: summaries of target tokens a second, in batches and one sentence at a time; warnings: of
    parallel text, about outputs that were cut.
    """

    scores: list[Row]
    outputs: list[Row]
    sanity: Row
    length_penalty: Row | None
    decode: Mapping[str, Any] | None
    decode_one: Mapping[str, Any] | None
    warnings: list[str]


def evaluate(
    model: Model,
    task: Task,
    data: TaskData,
    config: SearchConfig,
    batch_tokens: int,
    device: str,
    progress: Progress,
    carried: bool = False,
) -> Evaluation:
    """Choose the length penalty on validation if several are configured, then decode and score each test split once.

    batch_tokens: size of the batches for teacher-forced scores. carried: a language model reads a split from beginning
    to end, with the recurrent state of one window going on into the next. Several processes share the batches and
    return the same scores; process 0 alone measures `decode_one`, when the others have nothing left to do.
    """
    if task.scored_by_loss:
        return _by_loss(model, task, data, batch_tokens, device, progress, carried)
    # One stack reads its answers off: there is nothing to search.
    beams, choice = () if isinstance(model, SequenceModel) else config.beams, None
    if len(beams) > 1:
        best, choice = length_penalty.choose(
            cast(Seq2Seq, model), task, data.valid, beams, config.batch_tokens, device, progress
        )
        beams = (best,)
    rows: list[Row] = []
    outputs: list[Row] = []
    sanity: Row = {}
    samples: list[float] = []
    cut = CutOutputs()
    for number, split in enumerate(data.tests.values()):
        sources, references = scores.texts(task, split)
        for search in (config.greedy, *beams):
            decoded = _decoded(model, task, split, search, config.batch_tokens, device, progress)
            hypotheses = [task.target_text(ids) for ids in decoded.hypotheses.tokens]
            cut.add(split.name, search.name, decoded.hypotheses, hypotheses, references)
            scored = scores.score_rows(
                task.metrics, split, search.name, hypotheses, references, task.tokeniser, sources
            )
            if search.beam == 1:
                _say_undefined(scored, progress)
            rows += scored
            rows += scores.marked_rows(split, search.name, hypotheses, references)
            rows += token_distances.free_rows(task, split, search.name, hypotheses, references)
            correct = task.correct(hypotheses, references)
            rows += scores.pair_rows(split, search.name, correct)
            outputs += scores.output_rows(task, split, search.name, sources, hypotheses, references, correct)
            if search.beam == 1:
                samples += decoded.samples
                if number == 0:
                    sanity = scores.sanity(decoded.hypotheses, sources, hypotheses, references)
        if model.outputs == "tokens":
            rows += _teacher_forced(model, task, split, batch_tokens, device)
    sanity |= {"cut": cut.counts, "cut_share": cut.share}
    first = next(iter(data.tests.values()))
    one_by_one = _decoding_speeds(model, first, task, config.greedy, device)
    unit = resources.TOKENS_PER_SECOND
    decode, decode_one = (resources.summary(speeds, unit) for speeds in (samples, one_by_one))
    warnings = cut.warnings if data.report else []
    return Evaluation(rows, outputs, sanity, choice, decode, decode_one, warnings)


def _by_loss(
    model: Model, task: Task, data: TaskData, batch_tokens: int, device: str, progress: Progress, carried: bool
) -> Evaluation:
    """The evaluation of a language model: losses, and the speed of reading."""
    assert isinstance(model, SequenceModel), "a task scored by its loss alone is for one stack"
    rows: list[Row] = []
    samples: list[float] = []
    for split in data.tests.values():
        progress.stage(f"read {split.name}", 3, "passes")
        rows += context_use.rows(model, task, data, split, batch_tokens, device, progress, carried)
        samples += read_split(model, split, Search(), batch_tokens, device, Silent()).samples
    first = next(iter(data.tests.values()))
    unit = resources.TOKENS_PER_SECOND
    decode_one = _decoding_speeds(model, first, task, Search(), device)
    decode, one = (resources.summary(speeds, unit) for speeds in (samples, decode_one))
    return Evaluation(rows, [], {}, None, decode, one, [])


def _decoded(
    model: Model, task: Task, split: Split, search: Search, batch_tokens: int, device: str, progress: Progress
) -> DecodedSplit:
    """The outputs for a split: searched for by an encoder-decoder, read off one stack."""
    if isinstance(model, SequenceModel):
        return read_split(model, split, search, batch_tokens, device, progress)
    limits = output_limits(model, task, split)
    return decode_split(cast(Seq2Seq, model), split, limits, search, batch_tokens, device, progress)


def _say_undefined(rows: Sequence[Row], progress: Progress) -> None:
    """Say which metrics are undefined on a whole split, and which one is read in their place."""
    whole = [row for row in rows if row["axis"] is None]
    for row in whole:
        if row["value"] is None:
            other = next((f"; read {other['metric']} instead" for other in whole if other["value"] is not None), "")
            progress.say(f"{row['metric']} of {row['split']} is undefined: {row['reason']}{other}")


def _teacher_forced(model: Model, task: Task, split: Split, batch_tokens: int, device: str) -> list[Row]:
    batcher = Batcher(split, batch_tokens, device)
    return [
        scores.loss_row(model, task, split, batcher),
        *scores.forced_rows(model, task, split, batcher),
        *scores.contrast_rows(model, split, batcher),
        *token_distances.forced_rows(model, task, split, batch_tokens, device),
    ]


def _decoding_speeds(model: Model, split: Split, task: Task, search: Search, device: str) -> list[float]:
    """Target tokens a second of each of the first sentences of a split, decoded alone, by process 0."""
    if ranks.rank() > 0:
        return []
    if isinstance(model, SequenceModel):
        answer = reading(model, search)
    else:
        answer = searching(cast(Seq2Seq, model), output_limits(model, task, split), search)
    batcher = Batcher(split, 1, device)
    batches = (batcher.make(np.array([row])) for row in range(min(ONE_AT_A_TIME, len(split))))
    samples = [timed(answer, batch, device)[1] for batch in batches]
    return samples[WARM_UP:] or samples

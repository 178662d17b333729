"""The length penalty of a beam search, chosen on validation: one fixed for all arms would favour the arm it suits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bench.data.examples import Split
from bench.evaluation.decoding import decode_split
from bench.evaluation.output_limits import output_limits
from bench.evaluation.scores import score_rows, texts
from bench.evaluation.search_config import Search
from bench.metrics import DESCRIPTIVE, METRICS, undefined
from bench.tasks.base import Task
from bench.training.progress import Progress
from models.interface import Seq2Seq

EXACT_MATCH = "exact_match"
"""The metric that is always defined."""


def choose(
    model: Seq2Seq,
    task: Task,
    valid: Split,
    candidates: Sequence[Search],
    batch_tokens: int,
    device: str,
    progress: Progress,
) -> tuple[Search, dict[str, Any]]:
    """Decode the validation split with each candidate and return the one with the best score, with its record.

    candidates: searches that differ in their length penalty alone. The score is the task's first metric that is
    defined for the references, over the whole split; it is higher for better outputs, as every metric of token outputs
    is. Of equal scores, the first is chosen.
    """
    whole = replace(valid, axes={}, marks={})
    _, references = texts(task, valid)
    scored = [name for name in task.metrics if METRICS[name].unit not in DESCRIPTIVE]
    metric = next((name for name in scored if undefined(name, references, task.tokeniser) is None), EXACT_MATCH)
    max_lengths = output_limits(model, task, valid)
    rows: list[dict[str, Any]] = []
    for search in candidates:
        decoded = decode_split(model, whole, max_lengths, search, batch_tokens, device, progress)
        hypotheses = [task.target_text(ids) for ids in decoded.hypotheses.tokens]
        rows += score_rows([metric], whole, search.name, hypotheses, references, task.tokeniser)
    scores = [row["value"] for row in rows]
    index = scores.index(max(scores))
    best = candidates[index]
    progress.say(
        f"length penalty {best.length_penalty:g} chosen on validation, {rows[index]['metric']} {scores[index]:.4g}"
    )
    return best, {
        "chosen": best.length_penalty,
        **{key: rows[index][key] for key in ("search", "metric", "unit", "signature")},
        "candidates": [
            {"length_penalty": search.length_penalty, "value": score}
            for search, score in zip(candidates, scores, strict=True)
        ],
    }

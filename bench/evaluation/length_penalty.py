"""The length penalty of a beam, chosen on validation: one fixed for all would favour the arm that it happens to suit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.data.examples import Split
from bench.evaluation.decoding import decode_split
from bench.evaluation.scores import score_rows, texts
from bench.evaluation.search_config import Search
from bench.tasks.base import Task
from bench.training.progress import Progress
from models.interface import Seq2Seq


def choose(
    model: Seq2Seq,
    task: Task,
    valid: Split,
    candidates: Sequence[Search],
    batch_tokens: int,
    device: str,
    progress: Progress,
) -> tuple[Search, dict[str, object]]:
    """Decode the validation split with each of the searches, which differ in their length penalty alone; returns the
    one with the best score and what records keep of the choice. The score is the task's first metric over the whole
    split; more of it is better, as of every metric of answers made of tokens. Of equal ones the first is taken."""
    whole = replace(valid, axes={}, marks={})
    _, references = texts(task, valid)
    limits = task.target_limit(valid.src.lengths)
    scores = []
    for how in candidates:
        decoded = decode_split(model, whole, limits, how, batch_tokens, device, progress)
        hypotheses = [task.target_text(ids) for ids in decoded.hypotheses.tokens]
        scores += score_rows(task.metrics[:1], whole, how.name, hypotheses, references)
    values = [score["value"] for score in scores]
    place = values.index(max(values))
    best = candidates[place]
    told = f"{scores[place]['metric']} {values[place]:.4g}"
    progress.say(f"length penalty {best.length_penalty:g} chosen on validation, {told}")
    return best, {
        "chosen": best.length_penalty,
        **{key: scores[place][key] for key in ("search", "metric", "unit", "signature")},
        "candidates": [
            {"length_penalty": how.length_penalty, "value": value}
            for how, value in zip(candidates, values, strict=True)
        ],
    }

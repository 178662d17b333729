"""The sections of a record that the data and the training of a cell decide."""

from __future__ import annotations

from typing import Any

from bench.data.examples import TaskData
from bench.evaluation.degenerate_outputs import SHARES
from bench.system import resources
from bench.tasks.base import Task
from bench.training.trainer import Trainer
from models.cost import training_flops
from models.interface import Model


def data_section(task: Task, data: TaskData) -> dict[str, Any]:
    """The record's `data`: checksums, counts, ranges seen in training, and what guessing scores."""
    chance_loss = task.chance_loss(next(iter(data.tests.values())))
    return {
        "checksums": data.checksums,
        "counts": data.counts,
        "train_range": {axis: list(bounds) for axis, bounds in task.train_range.items()},
        "chance": task.chance | ({} if chance_loss is None else {"loss": chance_loss}),
        "notes": data.notes,
        "order_free": task.order_free,
        **({"report": data.report, "warnings": list(data.warnings)} if data.report else {}),
        **({"language": language} if (language := task.language_facts()) else {}),
    }


def training_sections(trainer: Trainer, model: Model, data: TaskData) -> dict[str, Any]:
    """The record's `flops`, `budget`, `throughput`, `selection` and `sanity`, also of a training that ended early."""
    history = trainer.history
    losses = [row["train_loss"] for row in history.curve]
    return {
        "flops": _flops(trainer, model, data),
        "budget": _budget(trainer),
        "throughput": {
            "train": resources.summary(history.samples, resources.TOKENS_PER_SECOND),
            "decode": None,
            "decode_one": None,
        },
        "selection": _selection(trainer),
        "sanity": {
            "loss_finite": True if history.stopped else None,
            "loss_fell": losses[-1] < losses[0] if len(losses) > 1 else None,
            **dict.fromkeys(("overfit", "eos_share", *SHARES, "cut", "cut_share")),
        },
    }


def memory_section() -> dict[str, int | None]:
    """The record's `memory`: the peaks of this process so far."""
    return {"peak_rss_bytes": resources.peak_rss_bytes(), "peak_gpu_bytes": resources.peak_gpu_bytes()}


def _flops(trainer: Trainer, model: Model, data: TaskData) -> dict[str, float]:
    """Counted at the mean lengths of the data; with BPE dropout, training is counted at the lengths actually drawn."""
    history = trainer.history
    mean_source, mean_target = data.mean_lengths
    trained_source, trained_target = mean_source, mean_target
    if trainer.redraw is not None and history.examples:
        trained_source, trained_target = (
            round(count / history.examples) for count in (history.source_tokens, history.target_tokens)
        )
    return {
        "forward_per_target_token": model.matmul_flops(mean_source, mean_target) / mean_target,
        "training_total": training_flops(model, trained_source, trained_target) * history.examples,
    }


def _budget(trainer: Trainer) -> dict[str, Any]:
    history = trainer.history
    tokens = history.source_tokens + history.target_tokens
    return {
        "epochs": trainer.config.epochs,
        "steps": history.steps,
        "planned_steps": trainer.total_steps,
        "stopped": history.stopped,
        "resumed": history.resumed,
        "examples": history.examples,
        "target_tokens": history.target_tokens,
        "source_tokens": history.source_tokens,
        "padding_share": 1 - tokens / history.padded_tokens if history.padded_tokens else None,
        **({} if trainer.carried is None else {"streams": len(trainer.plan(0)[0])}),
    }


def _selection(trainer: Trainer) -> dict[str, Any]:
    history = trainer.history
    average = history.average
    averaged = average is not None and average["chosen"]
    return {
        "metric": "valid_loss",
        "step": None if averaged else history.best_step,
        "value": average["value"] if average and averaged else history.best_loss if history.curve else None,
        "average": average,
        "length_penalty": None,
    }

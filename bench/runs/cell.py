"""One cell from configuration to record: the place where a task and its model meet."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from bench.conf import schema
from bench.data.examples import Split, TaskData
from bench.errors import DataError, DataUnavailable, StorageError, UserError
from bench.evaluation import attention_maps, scores
from bench.evaluation.architecture import inspected
from bench.evaluation.decoding import Search, decode_split, decoder
from bench.evaluation.degeneration import SHARES
from bench.evaluation.length_penalty import choose
from bench.records import store
from bench.records.weights import save
from bench.runs import building
from bench.runs.record import blank
from bench.system import resources
from bench.system.allocator import tune_allocator
from bench.system.signals import Stop
from bench.tasks import task_cache
from bench.tasks.base import Task
from bench.training.batches import Batcher
from bench.training.checkpoint import States
from bench.training.config import Settings
from bench.training.overfit import overfitted
from bench.training.progress import Progress, Silent
from bench.training.trainer import Diverged, Trainer
from models.cost import parameters, training_flops
from models.interface import Seq2Seq

ONE_AT_A_TIME = 40
"""Sentences decoded one by one for the latency figure; the first four are warm-up."""


def run_cell(
    cell: schema.Cell,
    out: Path,
    *,
    suite: str | None = None,
    concurrent: int = 1,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> str:
    """Train, evaluate and write a cell's folder under `out`; returns the record's status.

    concurrent: how many cells run beside each other, for the record. stop: how the process is asked to end, see
    `bench.system.signals`. What goes wrong inside a cell is recorded, and missing or broken data too; outside a suite the
    latter are raised as well. Raises UserError for a configuration that cannot be, before anything is written, and
    StorageError where nothing can be written.
    """
    progress = progress or Silent()
    begun = time.perf_counter()
    tune_allocator()
    torch.set_num_threads(cell.threads)
    if cell.config["device"] == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda, but torch sees no GPU here; use device=cpu")
    settings = training_settings(cell.config)
    _searches(cell.config)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    record = blank(cell, suite, "failed", concurrent=concurrent, gpu=gpu)
    times = record["times"]
    curve: list[dict] = []
    outputs: list[dict] = []
    attention = None
    work = store.work_folder(out, cell.name)
    weights = work / "weights.safetensors"
    try:
        task = schema.build_task(cell.config["task"])
        data = task_cache.load(task)
        times["data"] = time.perf_counter() - begun
        record["data"] = _about(task, data)
        _check_ends(cell.config, data)
        build, fit = building.fitted(cell.config, data.sizes, data.mean_lengths)
        fresh = partial(building.initialised, build, fit, cell.seed)
        model = fresh()
        progress.say(f"{cell.model} on {cell.task}: {building.told(cell.config, fit)}")
        record |= {"match": building.matched(cell.config, fit), "parameters": parameters(model)}
        record["architecture"] = inspected(model)
        model.to(cell.config["device"])
        redraw = task.with_bpe_dropout(data.train, settings.bpe_dropout) if settings.bpe_dropout else None
        trainer = Trainer(model, data.train, data.valid, settings, cell.seed, cell.config["device"], redraw)
        try:
            trainer.run(States(work), progress, stop)
        finally:
            history = trainer.history
            curve = history.curve
            record |= _training(trainer, model, data)
            times |= {"train": history.train_seconds, "validate": history.validate_seconds}
        if cell.config["evaluate"]:
            evaluated = time.perf_counter()
            outputs = _evaluate(record, cell, task, data, model, progress)
            times["evaluate"] = time.perf_counter() - evaluated
            attention = attention_maps.maps(model, task, next(iter(data.tests.values())), cell.config["device"])
            record["memory"] = _peaks()  # of the cell's own work, before a second model is made
            record["sanity"]["overfit"] = overfitted(fresh, data.train, times["train"], cell.config["device"])
        save(model, weights)
        record["status"] = "done"
    except Diverged as error:
        record |= {"status": "diverged", "reason": str(error), "traceback": traceback.format_exc()}
    except StorageError:
        raise
    except DataError as error:
        record |= {"status": "skipped" if isinstance(error, DataUnavailable) else "failed", "reason": str(error)}
        if suite is None:
            store.write(out, record)
            raise
    except UserError:
        if suite is None:
            raise
        record |= {"status": "failed", "reason": _last_line(), "traceback": traceback.format_exc()}
    except Exception:
        record |= {"status": "failed", "reason": _last_line(), "traceback": traceback.format_exc()}
    record["memory"] = record["memory"] or _peaks()
    times["total"] = time.perf_counter() - begun
    store.write(out, record, curve, outputs, weights if record["status"] == "done" else None, attention)
    return record["status"]


def training_settings(config: Mapping[str, Mapping]) -> Settings:
    """What the trainer is told, from `optim` and `budget`. Raises UserError."""
    names = ("epochs", "batch_tokens", "batching", "validations", "patience")
    passes = {key: value for key, value in config["budget"].items() if key in names}
    settings = schema.typed(Settings, {**config["optim"], **passes}, "optim")
    try:
        settings.check_used()
    except ValueError as error:
        raise UserError(str(error)) from error
    return settings


def _searches(config: Mapping[str, Mapping]) -> tuple[Search, list[Search], int]:
    """Greedy search; beam search with each length penalty that may be chosen, none of it where the beam is 1; and the
    tokens in a batch. Raises UserError."""
    section = dict(config["search"])
    batch_tokens, penalty = section.pop("batch_tokens"), section.pop("length_penalty")
    if not isinstance(batch_tokens, int) or batch_tokens < 1:
        raise UserError(f"search.batch_tokens must be a whole number above 0, got {batch_tokens!r}")
    listed = penalty if isinstance(penalty, list) else [penalty]
    asked = [schema.typed(Search, section | {"length_penalty": each}, "search") for each in listed]
    if isinstance(penalty, list):
        where = f"search.length_penalty={penalty}"
        if len(penalty) < 2 or len(set(asked)) < len(asked):
            raise UserError(f"{where}: to choose from, list two numbers or more, each once; else write a number alone")
        if asked[0].beam == 1:
            raise UserError(f"{where}: greedy search has no use for one; use search.beam=5, or write a number alone")
    return replace(asked[0], beam=1), [how for how in asked if how.beam > 1], batch_tokens


def _check_ends(config: Mapping[str, Mapping], data: TaskData) -> None:
    """Raises UserError for a setting that is about tokens where the task's answers are values."""
    if data.sizes.outputs == "tokens":
        return
    for section, key, neutral in (("optim", "label_smoothing", 0.0), ("search", "beam", 1)):
        if config[section][key] != neutral:
            raise UserError(
                f"{section}.{key}={config[section][key]} is for answers made of tokens, and those of the task "
                f"{config['task']['name']} are numbers; use {section}.{key}={neutral}"
            )


def _about(task: Task, data: TaskData) -> dict:
    guessed = task.chance_loss(next(iter(data.tests.values())))
    return {
        "checksums": data.checksums,
        "counts": data.counts,
        "train_range": {axis: list(bounds) for axis, bounds in task.train_range.items()},
        "chance": task.chance | ({} if guessed is None else {"loss": guessed}),
        "notes": data.notes,
        "order_free": task.order_free,
    }


def _training(trainer: Trainer, model: Seq2Seq, data: TaskData) -> dict:
    """What of the record training decides; also where it ended early."""
    history = trainer.history
    mean_source, mean_target = data.mean_lengths
    trained_source, trained_target = mean_source, mean_target
    if trainer.redraw is not None and history.examples:
        trained_source, trained_target = (
            round(count / history.examples) for count in (history.source_tokens, history.target_tokens)
        )
    tokens = history.source_tokens + history.target_tokens
    losses = [row["train_loss"] for row in history.curve]
    averaged = history.average is not None and history.average["chosen"]
    return {
        "flops": {
            "forward_per_target_token": model.matmul_flops(mean_source, mean_target) / mean_target,
            "training_total": training_flops(model, trained_source, trained_target) * history.examples,
        },
        "budget": {
            "epochs": trainer.settings.epochs,
            "steps": history.steps,
            "planned_steps": trainer.total_steps,
            "stopped": history.stopped,
            "resumed": history.resumed,
            "examples": history.examples,
            "target_tokens": history.target_tokens,
            "source_tokens": history.source_tokens,
            "padding_share": 1 - tokens / history.padded_tokens if history.padded_tokens else None,
        },
        "throughput": {
            "train": resources.summary(history.samples, resources.TOKENS_PER_SECOND),
            "decode": None,
            "decode_one": None,
        },
        "selection": {
            "metric": "valid_loss",
            "step": None if averaged else history.best_step,
            "value": history.average["value"] if averaged else history.best_loss if losses else None,
            "average": history.average,
            "length_penalty": None,
        },
        "sanity": {
            "loss_finite": history.stopped is not None,
            "loss_fell": losses[-1] < losses[0] if len(losses) > 1 else None,
            **dict.fromkeys(("overfit", "eos_share", *SHARES)),
        },
    }


def _evaluate(
    record: dict, cell: schema.Cell, task: Task, data: TaskData, model: Seq2Seq, progress: Progress
) -> list[dict]:
    """Choose the length penalty where it is open, then decode and score every test split once. Fills the record;
    returns the rows of `outputs.tsv`."""
    greedy, beams, batch_tokens = _searches(cell.config)
    device = cell.config["device"]
    if len(beams) > 1:
        best, choice = choose(model, task, data.valid, beams, batch_tokens, device, progress)
        beams, record["selection"]["length_penalty"] = [best], choice
    outputs: list[dict] = []
    samples: list[float] = []
    for number, split in enumerate(data.tests.values()):
        sources, references = scores.texts(task, split)
        limits = task.target_limit(split.src.lengths)
        for how in (greedy, *beams):
            decoded = decode_split(model, split, limits, how, batch_tokens, device, progress)
            hypotheses = [task.target_text(ids) for ids in decoded.hypotheses.tokens]
            record["scores"] += scores.score_rows(task.metrics, split, how.name, hypotheses, references)
            record["scores"] += scores.marked_rows(split, how.name, hypotheses, references)
            right = task.correct(hypotheses, references)
            outputs += scores.output_rows(task, split, how.name, sources, hypotheses, references, right)
            if how.beam == 1:
                samples += decoded.samples
                if number == 0:
                    record["sanity"] |= scores.sanity(decoded.hypotheses, sources, hypotheses, references)
        if model.outputs == "tokens":
            batcher = Batcher(split, cell.config["budget"]["batch_tokens"], device)
            record["scores"].append(scores.loss_row(model, task, split, batcher))
            record["scores"] += scores.forced_rows(model, task, split, batcher)
            record["scores"] += scores.contrast_rows(model, split, batcher)
    first = next(iter(data.tests.values()))
    record["throughput"] |= {
        "decode": resources.summary(samples, resources.TOKENS_PER_SECOND),
        "decode_one": resources.summary(_one_by_one(model, first, task, greedy, device), resources.TOKENS_PER_SECOND),
    }
    return outputs


def _one_by_one(model: Seq2Seq, split: Split, task: Task, how: Search, device: str) -> list[float]:
    """Target tokens a second of the first sentences of a split, each decoded alone."""
    batcher = Batcher(split, 1, device)
    limits = task.target_limit(split.src.lengths)
    samples = []
    decode, closing = decoder(model)
    for row in range(min(ONE_AT_A_TIME, len(split))):
        batch = batcher.make(np.array([row]))
        begun = resources.clock(device)
        found = decode(model, batch.src, None, limits[[row]], how)
        samples.append((len(found.tokens[0]) + closing) / (resources.clock(device) - begun))
    return samples[4:] or samples


def _peaks() -> dict[str, int | None]:
    """Of memory, in this process so far."""
    return {"peak_rss_bytes": resources.peak_rss_bytes(), "peak_gpu_bytes": resources.peak_gpu_bytes()}


def _last_line() -> str:
    """The exception being handled, as one line."""
    return traceback.format_exc(limit=0).strip().splitlines()[-1]

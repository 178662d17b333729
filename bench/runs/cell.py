"""One cell from configuration to record: the place where a task and its model meet."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bench.conf.schema import Cell
from bench.data import report
from bench.data.examples import TaskData
from bench.errors import DataError, DataUnavailable, StorageError, UserError
from bench.evaluation.architecture import inspect_model
from bench.evaluation.attention_maps import attention_maps
from bench.evaluation.evaluate import evaluate
from bench.evaluation.output_limits import check_positions
from bench.records import store
from bench.records.weights import save
from bench.runs import building, memory_guard
from bench.runs.record import new_record
from bench.runs.record_sections import data_section, memory_section, training_sections
from bench.runs.trackers import Trackers
from bench.system.leases import Lease
from bench.system.signals import Stop
from bench.system.torch_setup import set_up_torch
from bench.tasks import task_cache
from bench.tasks.base import Task
from bench.training import ranks
from bench.training.batches import Batcher
from bench.training.checkpoint import CheckpointStore
from bench.training.config import CARRIED, FP32
from bench.training.overfit import overfit_small_batch
from bench.training.progress import Progress, Silent
from bench.training.trainer import Diverged, Measured, Trainer
from models.cost import parameters, state_bytes
from models.interface import Model, SequenceModel


def run_cell(
    cell: Cell,
    out: Path,
    *,
    suite: str | None = None,
    concurrent: int = 1,
    progress: Progress | None = None,
    stop: Stop | None = None,
    lease: Lease | None = None,
) -> str:
    """Train and evaluate a cell and write its folder under `out`; returns the record's status.

    concurrent: how many cells run at the same time, for the record. stop: how the process is asked to end, see
    `bench.system.signals`. An error inside the cell, missing and broken data included, becomes a record. Outside a
    suite (None) a UserError is raised as well, and only missing or broken data leave a record. lease: of the process
    that runs the cell. Raises UserError for an impossible configuration before anything is written, StorageError where
    nothing can be written, and Lost where another process has taken over the cell.

    Of the processes that torchrun started for a cell, each calls this; process 0 alone writes, and an error other than
    UserError and Diverged is raised in the others. Raises `ranks.RankLost` where another process has ended."""
    set_up_torch(cell.threads)
    if cell.device == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda, but torch sees no GPU here; use device=cpu")
    with ranks.joined(cell.device):
        return _run(_Run(cell, out, suite, concurrent, progress or Silent(), lease), stop)


def _run(run: _Run, stop: Stop | None) -> str:
    cell, suite = run.cell, run.suite
    trackers = Trackers(cell, run.out, suite, run.progress.say)
    try:
        with ranks.agreeing():
            run.load_data()
            run.build_model()
        run.train(stop, trackers.row)
        if cell.evaluate:
            run.evaluate()
        run.save_weights()
    except StorageError:
        raise
    except Exception as error:
        if ranks.rank() > 0 and not isinstance(error, UserError | Diverged):
            raise
        run.fail(error)
        if suite is None and isinstance(error, UserError):
            if isinstance(error, DataError):
                run.write()
            raise
    run.write()
    trackers.end(run.record["status"], run.record["scores"])
    return run.record["status"]


class _Run:
    """The steps of a cell, each of which adds to its record."""

    def __init__(
        self, cell: Cell, out: Path, suite: str | None, concurrent: int, progress: Progress, lease: Lease | None
    ) -> None:
        self.cell, self.out, self.suite, self.progress, self.lease = cell, out, suite, progress, lease
        self.started = time.perf_counter()
        gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
        self.record = new_record(cell, suite, "failed", concurrent=concurrent, gpu=gpu)
        self.curve: list[dict[str, Any]] = []
        self.outputs: list[dict[str, Any]] = []
        self.attention: dict[str, Any] | None = None
        self.work = store.work_folder(out, cell.name)
        self.weights = self.work / f"{store.WEIGHTS_BUILDING}{f'.{lease.token}' if lease else ''}.safetensors"

    def load_data(self) -> None:
        self.task = self.cell.make_task()
        self.data = task_cache.load(self.task)
        self.record["times"]["data"] = time.perf_counter() - self.started
        self.record["data"] = data_section(self.task, self.data)
        for line in self.task.language_lines():
            self.progress.say(line)
        if self.data.report:
            for line in report.lines_of(self.data.report):
                self.progress.say(line)
            self._warn(self.data.warnings)
        _check_settings(self.cell, self.task, self.data)

    def build_model(self) -> None:
        cell = self.cell
        build, fit = building.fit_width(cell, self.data.sizes, self.data.mean_lengths)
        memory_guard.check_parameters(fit.parameters, cell.device)
        self.fresh_model = partial(building.initialised, build, fit, cell.seed)
        self.model = self.fresh_model()
        check_positions(self.model, self.data)
        self.progress.say(f"{cell.model} on {cell.task}: {building.description(cell, fit)}")
        if cell.training.batching == CARRIED:
            self.progress.say(_check_carried(cell, self.task, self.data, self.model))
        if self.task.scored_by_loss and isinstance(self.model, SequenceModel) and not self.model.causal:
            raise UserError(
                f"model.causal=false reads the tokens that the task {cell.task} asks for; use model.causal=true"
            )
        self.record["match"] = building.match_record(cell, fit)
        self.record["parameters"] = parameters(self.model)
        self.record["architecture"] = inspect_model(self.model)
        self.model.to(cell.device)
        search = cell.search if cell.evaluate else None
        memory_guard.check_cell(
            self.model, self.task, self.data, cell.training, search, cell.device, self.progress.say
        )

    def train(self, stop: Stop | None, measured: Measured) -> None:
        cell, data, config = self.cell, self.data, self.cell.training
        redraw = self.task.with_bpe_dropout(data.train, config.bpe_dropout) if config.bpe_dropout else None
        trainer = Trainer(self.model, data.train, data.valid, config, cell.seed, cell.device, redraw, measured)
        try:
            trainer.run(CheckpointStore(self.work, lease=self.lease), self.progress, stop)
        finally:
            history = trainer.history
            self.curve = history.curve
            self.record |= training_sections(trainer, self.model, data)
            self.record["times"] |= {"train": history.train_seconds, "validate": history.validate_seconds}

    def evaluate(self) -> None:
        cell, record, started = self.cell, self.record, time.perf_counter()
        training = cell.training
        carried = training.batching == CARRIED
        evaluation = evaluate(
            self.model, self.task, self.data, cell.search, training.batch_tokens, cell.device, self.progress, carried
        )
        if ranks.rank() > 0:
            return
        self.outputs = evaluation.outputs
        record["scores"] = evaluation.scores
        record["sanity"] |= evaluation.sanity
        if evaluation.warnings:
            record["data"]["warnings"] += evaluation.warnings
            self._warn(evaluation.warnings)
        record["selection"]["length_penalty"] = evaluation.length_penalty
        record["throughput"] |= {"decode": evaluation.decode, "decode_one": evaluation.decode_one}
        record["times"]["evaluate"] = time.perf_counter() - started
        self.attention = attention_maps(self.model, self.task, next(iter(self.data.tests.values())), cell.device)
        # Of the cell's own work, before a second model is built.
        state = state_bytes(self.model, *self.data.mean_lengths)
        record["memory"] = memory_section() | {"state_bytes": state}
        limit = record["times"]["train"]
        record["sanity"]["overfit"] = overfit_small_batch(self.fresh_model, self.data.train, limit, cell.device)

    def _warn(self, warnings: Sequence[str]) -> None:
        for warning in warnings:
            self.progress.say(f"warning: {warning}")

    def save_weights(self) -> None:
        if self.lease is not None:
            self.lease.check()
        if ranks.rank() == 0:
            save(self.model, self.weights)
        self.record["status"] = "done"

    def fail(self, error: Exception) -> None:
        """Record an error as the cell's status and reason."""
        if isinstance(error, Diverged):
            outcome = {"status": "diverged", "reason": str(error), "traceback": traceback.format_exc()}
            self.record["sanity"]["loss_finite"] = False
        elif isinstance(error, DataError):
            status = "skipped" if isinstance(error, DataUnavailable) else "failed"
            outcome = {"status": status, "reason": str(error)}
        else:
            last_line = traceback.format_exc(limit=0).strip().splitlines()[-1]
            outcome = {"status": "failed", "reason": last_line, "traceback": traceback.format_exc()}
        self.record |= outcome

    def write(self) -> None:
        """Write the cell's folder, with the weights if the cell is done. Process 0 alone does."""
        if ranks.rank() > 0:
            return
        record = self.record
        record["memory"] = record["memory"] or memory_section()
        # Those of a resumed cell include the processes before.
        parts = sum(seconds or 0.0 for name, seconds in record["times"].items() if name != "total")
        record["times"]["total"] = max(time.perf_counter() - self.started, parts)
        weights = self.weights if record["status"] == "done" else None
        store.write(self.out, record, self.curve, self.outputs, weights, self.attention, self.lease)


def _check_settings(cell: Cell, task: Task, data: TaskData) -> None:
    """Raises UserError for a setting that cannot apply to the answers of the task."""
    beam = max((search.beam for search in cell.search.beams), default=1)
    smoothing, precision = cell.training.label_smoothing, cell.search.greedy.precision
    settings: list[tuple[str, object, object, str]] = []
    if data.sizes.outputs != "tokens":
        applies = f"answers made of tokens, but those of the task {cell.task} are numbers"
        settings += [("optim.label_smoothing", smoothing, 0.0, applies), ("search.beam", beam, 1, applies)]
    elif data.sizes.one_stack:
        applies = f"outputs that are searched for, but the answers of the task {cell.task} are read off"
        settings += [("search.beam", beam, 1, applies)]
    if task.scored_by_loss:
        applies = f"outputs, but the task {cell.task} is scored by its loss alone"
        settings += [("search.precision", precision, FP32, applies)]
    for setting, value, neutral, applies in settings:
        if value != neutral:
            raise UserError(f"{setting}={value} applies to {applies}; use {setting}={neutral}")


def _check_carried(cell: Cell, task: Task, data: TaskData, model: Model) -> str:
    """How the text is cut into streams, in words. Raises UserError where no state can be carried over."""
    setting, other = f"budget.batching={CARRIED}", "use budget.batching=mixed"
    if task.context is None:
        raise UserError(
            f"{setting} needs examples that follow one another, and those of the task {cell.task} do not; {other}"
        )
    if not (isinstance(model, SequenceModel) and model.carries_state):
        raise UserError(
            f"{setting} needs a recurrent state that reads forwards, and model {cell.model} has none; use an arm such "
            f"as lstm_stack, with model.causal=true, or {other}"
        )
    if ranks.count() > 1:
        raise UserError(f"{setting} trains in one process, and torchrun started {ranks.count()}; use one, or {other}")
    batcher = Batcher(data.train, cell.training.batch_tokens)
    plan = batcher.streams()
    if len(plan) == 1:
        raise UserError(
            f"{setting} carries nothing over: budget.batch_tokens={batcher.batch_tokens} holds the training text of "
            f"{len(data.train):,} windows in one batch; lower it, or task.context"
        )
    return (
        f"{setting}: {len(data.train):,} windows in {len(plan[0]):,} parallel streams of up to {len(plan):,}, all used"
    )

"""A trained cell read back from its folder: its task, its data and its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from bench import sections
from bench.conf import schema
from bench.data.examples import TaskData
from bench.errors import UserError
from bench.records import store
from bench.records.weights import load as load_weights
from bench.runs.building import build_model
from bench.system.allocator import tune_allocator
from bench.tasks import task_cache
from bench.tasks.base import Task
from models.interface import Seq2Seq


@dataclass(frozen=True)
class Trained:
    """model: with the selected weights, in evaluation mode, on the CPU. length_penalty: of its beam, as configured or
    as chosen on validation; None where it was to be chosen and the cell was not evaluated."""

    cell: schema.Cell
    task: Task
    data: TaskData
    model: Seq2Seq
    length_penalty: float | None


def record(folder: Path) -> dict:
    """The record of a finished cell that has its weights. Raises UserError where the folder holds none."""
    try:
        found = store.read(folder)
    except OSError as error:
        raise UserError(f"{folder} is not a cell's folder: no {store.RECORD} in it") from error
    except ValueError as error:
        raise UserError(str(error)) from error
    if found.get("status") != "done":
        reason = f": {found['reason']}" if found.get("reason") else ""
        raise UserError(f"{folder} holds no trained cell, its status is {found.get('status')}{reason}")
    if not (folder / store.WEIGHTS).is_file():
        raise UserError(f"{folder} has no {store.WEIGHTS}, so there is nothing to work with; run the cell again")
    if not isinstance(found.get("config"), Mapping):
        raise UserError(f"{folder / store.RECORD} holds no configuration; run the cell again")
    return found


WRONG = (KeyError, TypeError, AttributeError, ValueError, ImportError)
"""What comes of a configuration that is not one of this version."""


def _not_ours(folder: Path, error: Exception) -> UserError:
    return UserError(
        f"{folder / store.RECORD} does not describe a cell of this version ({type(error).__name__}: {error}); "
        "run the cell again"
    )


def load(folder: Path) -> Trained:
    """The cell in the folder, ready for use, with the threads it was trained with.

    Raises UserError where the folder holds none, and as `bench.tasks.task_cache.load` does.
    """
    held = record(folder)
    tune_allocator()
    try:
        sections.check_ours(held["config"])
        cell = schema.checked({**held["config"], "out": str(folder.parent)})
        task = schema.build_task(cell.config["task"])
    except WRONG as error:
        raise _not_ours(folder, error) from error
    torch.set_num_threads(cell.threads)
    data = task_cache.load(task)
    try:
        model, _ = build_model(cell.config, data.sizes, data.mean_lengths, cell.seed)
    except WRONG as error:
        raise _not_ours(folder, error) from error
    load_weights(model, folder / store.WEIGHTS)
    penalty = cell.config["search"]["length_penalty"]
    if isinstance(penalty, list):
        choice = (held.get("selection") or {}).get("length_penalty")
        penalty = None if choice is None else choice["chosen"]
    return Trained(cell, task, data, model.eval(), penalty)

"""Load a trained cell from its folder: its task, its data and its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from bench.conf import checks, schema
from bench.data.examples import TaskData
from bench.errors import UserError
from bench.records import store
from bench.records.weights import load as load_weights
from bench.runs.building import build_model
from bench.system.torch_setup import set_up_torch
from bench.tasks import task_cache
from bench.tasks.base import Task
from models.interface import Model, Seq2Seq, SequenceModel


@dataclass(frozen=True)
class Trained:
    """model: with the selected weights, in evaluation mode, on the CPU. length_penalty: of its beam search, as
    configured or as chosen on validation; None where it should have been chosen but the cell was not evaluated."""

    cell: schema.Cell
    task: Task
    data: TaskData
    model: Model
    length_penalty: float | None

    def encoder_decoder(self, folder: Path) -> Seq2Seq:
        """The model, where it is an encoder-decoder. Raises UserError where it is one stack; folder: of the cell."""
        if isinstance(self.model, SequenceModel):
            raise UserError(
                f"{folder} holds {self.cell.model}, one stack that writes no target; this command is for "
                "encoder-decoders"
            )
        return cast(Seq2Seq, self.model)


def record(folder: Path) -> dict:
    """The record of a finished cell with weights. Raises UserError where the folder has no such cell."""
    try:
        content = store.read(folder)
    except OSError as error:
        raise UserError(f"{folder} is not a cell's folder: no {store.RECORD} in it") from error
    except ValueError as error:
        raise UserError(str(error)) from error
    if content.get("status") != "done":
        reason = f": {content['reason']}" if content.get("reason") else ""
        raise UserError(f"{folder} holds no trained cell, its status is {content.get('status')}{reason}")
    if not (folder / store.WEIGHTS).is_file():
        raise UserError(f"{folder} has no {store.WEIGHTS}, so there is nothing to work with; run the cell again")
    if not isinstance(content.get("config"), Mapping):
        raise UserError(f"{folder / store.RECORD} holds no configuration; run the cell again")
    return content


INCOMPATIBLE = (KeyError, TypeError, AttributeError, ValueError, ImportError)
"""Errors caused by a configuration that this version did not write."""


def _incompatible(folder: Path, error: Exception) -> UserError:
    return UserError(
        f"{folder / store.RECORD} does not describe a cell of this version ({type(error).__name__}: {error}); "
        "run the cell again"
    )


def load(folder: Path) -> Trained:
    """The cell in the folder, ready for use, with the number of threads it was trained with.

    Raises UserError where the folder has no trained cell, and the errors of `bench.tasks.task_cache.load`.
    """
    content = record(folder)
    try:
        checks.check_ours(content["config"])
        cell = schema.checked({**content["config"], "out": str(folder.parent)})
        task = cell.make_task()
    except INCOMPATIBLE as error:
        raise _incompatible(folder, error) from error
    if cell.name != content["cell"]:
        raise UserError(
            f"{folder}: its text has changed since it was trained, or this version makes another cell of it"
        )
    set_up_torch(cell.threads)
    data = task_cache.load(task)
    try:
        model, _ = build_model(cell, data.sizes, data.mean_lengths)
    except INCOMPATIBLE as error:
        raise _incompatible(folder, error) from error
    load_weights(model, folder / store.WEIGHTS)
    penalty: float | None = cell.search.greedy.length_penalty
    if len(cell.search.beams) > 1:
        choice = (content.get("selection") or {}).get("length_penalty")
        penalty = None if choice is None else choice["chosen"]
    return Trained(cell, task, data, model.eval(), penalty)

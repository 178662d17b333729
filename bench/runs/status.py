"""The state of a results folder: which cells are done, running, failed or missing, and how long the rest will take.

No torch here, and nothing is written: another process may be running the cells.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.records import reading, store
from bench.runs.suite import BAD, Job
from bench.system import locks
from bench.training.progress import duration

RUNNING, STOPPED, MISSING = "running", "stopped", "missing"
STATES = ("done", RUNNING, STOPPED, MISSING, *(status for status in store.STATUSES if status != "done"))
"""States of a cell, in the order of messages: the statuses of records; RUNNING, a process holds its lock; STOPPED, it
has a saved state and no process; MISSING, nothing of it is there."""

LISTED = 10
"""Cells that a message names in each state; the others are counted."""


@dataclass(frozen=True)
class CellState:
    """state: one of STATES; reason: of a cell that did not finish; seconds: that it took, None where it has not
    ended."""

    name: str
    task: str
    model: str
    state: str
    reason: str | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Status:
    """suite: None where it is not known; at_a_time: cells that run at the same time."""

    folder: Path
    suite: str | None
    cells: list[CellState]
    at_a_time: int

    @property
    def counts(self) -> dict[str, int]:
        """Number of cells in each state that occurs."""
        counts = Counter(cell.state for cell in self.cells)
        return {state: counts[state] for state in STATES if counts[state]}

    @property
    def seconds_left(self) -> float | None:
        """Expected time of the cells that have not ended, each as long as the median of those of its task and model,
        else of its task, else of all. A running cell counts in full. None where no cell is done."""
        times = [(cell.task, cell.model, cell.seconds) for cell in self.cells if cell.state == "done" and cell.seconds]
        if not times:
            return None
        waiting = [cell for cell in self.cells if cell.state in (RUNNING, STOPPED, MISSING)]
        expected = [
            statistics.median(
                [seconds for task, model, seconds in times if (task, model) == (cell.task, cell.model)]
                or [seconds for task, _, seconds in times if task == cell.task]
                or [seconds for _, _, seconds in times]
            )
            for cell in waiting
        ]
        return max(sum(expected) / self.at_a_time, max(expected, default=0.0))


def suite_of(records: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The suite that most records name; None without any."""
    names = Counter(record["suite"] for record in records.values() if record.get("suite"))
    return names.most_common(1)[0][0] if names else None


def read(
    folder: Path, records: Mapping[str, Mapping[str, Any]], jobs: Sequence[Job], suite: str | None, at_a_time: int
) -> Status:
    """The status of a folder. records: see `records_of`; jobs: the cells that belong there; others that are there are
    listed as well."""
    wanted = {job.cell.name: (job.cell.task, job.cell.model) for job in jobs}
    wanted |= {name: (str(record["task"]), str(record["model"])) for name, record in records.items()}
    cells = [_state(folder, name, *parts, records.get(name)) for name, parts in wanted.items()]
    return Status(folder, suite, cells, at_a_time)


def records_of(folder: Path) -> dict[str, dict[str, Any]]:
    """The records of a folder by cell. A cell with a broken record counts as missing: it will run again."""
    records = {}
    for cell in reading.folders_with(folder, store.RECORD) if folder.is_dir() else ():
        try:
            records[cell.name] = store.read(cell)
        except (OSError, ValueError):
            continue
    return records


def _state(folder: Path, name: str, task: str, model: str, record: Mapping[str, Any] | None) -> CellState:
    if locks.is_held(store.lock_file(folder, name)):
        return CellState(name, task, model, RUNNING)
    if record is not None:
        seconds = (record.get("times") or {}).get("total")
        return CellState(name, task, model, record["status"], record.get("reason"), seconds)
    saved = store.work_folder(folder, name).is_dir()
    return CellState(name, task, model, STOPPED if saved else MISSING)


def as_json(status: Status, verdicts: Mapping[str, str]) -> dict[str, Any]:
    """The status for programs. verdicts: by letter of the claim, so far."""
    cells = [{"cell": cell.name, "state": cell.state, "reason": cell.reason} for cell in status.cells]
    counts, left = status.counts, status.seconds_left
    return {"suite": status.suite, "counts": counts, "seconds_left": left, "claims": dict(verdicts), "cells": cells}


def lines(status: Status) -> list[str]:
    """The status for readers, but for the claims."""
    counts = ", ".join(f"{count} {state}" for state, count in status.counts.items())
    number = f"{len(status.cells)} cell" + ("s" if len(status.cells) != 1 else "")
    suite = f"suite {status.suite}, " if status.suite else ""
    written = [f"{status.folder}: {suite}{number}" + (f": {counts}" if counts else "")]
    for state in status.counts:
        if state == "done":
            continue
        of_state = [cell for cell in status.cells if cell.state == state]
        for cell in of_state[:LISTED]:
            written.append(f"  {state:9} {cell.name}" + (f": {cell.reason}" if cell.reason else ""))
        if len(of_state) > LISTED:
            written.append(f"  {state:9} and {len(of_state) - LISTED} more")
    left = status.seconds_left
    if left:
        together = f", {status.at_a_time} cells at a time" if status.at_a_time > 1 else ""
        written.append(f"about {duration(left)} left{together}, by the times of the finished cells")
    if any(cell.state in BAD for cell in status.cells):
        again = "with --retry-failed" if status.suite else "by the command that ran them"
        written.append(f"cells that failed run again {again}")
    return written

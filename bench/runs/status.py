"""The state of a results folder: which cells are done, running, failed or missing, who runs which, how fast, and when
the rest will be done.

No torch here, and nothing is written: other processes may be running the cells, on this machine or on others.
"""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench.records import reading, store
from bench.runs.suite import Job
from bench.system import leases, locks
from bench.system.leases import Content, Sight, Watch
from bench.training.progress import duration

RUNNING, STOPPED, MISSING = "running", "stopped", "missing"
STATES = ("done", RUNNING, STOPPED, MISSING, *(status for status in store.STATUSES if status != "done"))
"""States of a cell, in the order of messages: the statuses of records; RUNNING, a process holds its lock or
renews its lease; STOPPED, it has a saved state or a lease, and no living process; MISSING, nothing of it is there."""

LISTED = 10
"""Cells that a message names in each state; the others are counted. Running cells are all named."""

BEATS_WATCHED = 1.5
"""How long a lease is watched for a sign of life, in heartbeat intervals."""


@dataclass(frozen=True)
class CellState:
    """state: one of STATES; reason: of a cell that did not finish; seconds: that it took, None where it has not
    ended; lease: of the process that runs it, None where it has none."""

    name: str
    task: str
    model: str
    state: str
    reason: str | None = None
    seconds: float | None = None
    lease: Content | None = None

    @property
    def worker(self) -> str | None:
        """`host, job 4711_3, pid 815`: who runs the cell, if known."""
        if self.lease is None:
            return None
        job = [f"job {self.lease.job}"] if self.lease.job else []
        return ", ".join([self.lease.host, *job, f"pid {self.lease.pid}"])

    @property
    def remark(self) -> str | None:
        """What there is to say about a cell that is not done."""
        if self.lease is None:
            return self.reason
        return f"on {self.worker}, for {duration(self.lease.seconds)}: {self.lease.note or 'starting'}"


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
        else of its task, else of all. A running cell counts in full where it is not known since when it runs. None
        where no cell is done."""
        times = [(cell.task, cell.model, cell.seconds) for cell in self.cells if cell.state == "done" and cell.seconds]
        if not times:
            return None
        waiting = [cell for cell in self.cells if cell.state in (RUNNING, STOPPED, MISSING)]
        expected = []
        for cell in waiting:
            whole = statistics.median(
                [seconds for task, model, seconds in times if (task, model) == (cell.task, cell.model)]
                or [seconds for task, _, seconds in times if task == cell.task]
                or [seconds for _, _, seconds in times]
            )
            expected.append(max(0.0, whole - (0.0 if cell.lease is None else cell.lease.seconds)))
        return max(sum(expected) / self.at_a_time, max(expected, default=0.0))


def suite_of(records: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The suite that most records name; None without any."""
    names = Counter(record["suite"] for record in records.values() if record.get("suite"))
    return names.most_common(1)[0][0] if names else None


def read(
    folder: Path,
    records: Mapping[str, Mapping[str, Any]],
    jobs: Sequence[Job],
    suite: str | None,
    at_a_time: int,
    requested: Mapping[str, tuple[str, str]] | None = None,
) -> Status:
    """The status of a folder. records: see `records_of`; jobs: the cells that belong there; requested: task and model
    of those that `bench suite` was told to run there, by name; further cells with records are listed as well.
    at_a_time: used where no cell has a lease. Takes some seconds where other machines run cells, whose leases it
    watches."""
    wanted = {job.cell.name: (job.cell.task, job.cell.model) for job in jobs}
    wanted |= requested or {}
    wanted |= {name: (str(record["task"]), str(record["model"])) for name, record in records.items()}
    running, silent = _leases(folder, wanted)
    cells = [_state(folder, name, *parts, records.get(name), running, silent) for name, parts in wanted.items()]
    workers = sum(lease is not None for lease in running.values())
    return Status(folder, suite, cells, workers or at_a_time)


def _leases(folder: Path, names: Iterable[str]) -> tuple[dict[str, Content | None], set[str]]:
    """The cells that living processes run, with their leases, and the cells whose process has died or is suspended."""
    watch, running, undecided = Watch(), {}, set()
    try:
        present = set(os.listdir(folder / store.WORK))
    except OSError:
        return {}, set()
    for name in names:
        path, lock = store.lease_file(folder, name), store.lock_file(folder, name)
        if lock.name in present and locks.is_held(lock):
            sight = watch.look(path)
            running[name] = None if sight is None else sight.content
        elif path.name in present:
            undecided.add(name)
    silent = {name for name in undecided if _has_ended(watch.look(store.lease_file(folder, name)))}
    undecided -= silent
    end = time.monotonic() + BEATS_WATCHED * watch.seconds / leases.BEATS
    while undecided and time.monotonic() < end:
        time.sleep(min(0.2, watch.seconds / leases.BEATS / 4))
        for name in sorted(undecided):
            sight = watch.look(store.lease_file(folder, name))
            if sight is None or sight.alive:
                undecided.discard(name)
                running |= {} if sight is None else {name: sight.content}
    return running, silent | undecided


def _has_ended(sight: Sight | None) -> bool:
    """Whether a lease is of a process of this machine that is there no more."""
    if sight is None or sight.content.machine != leases.machine():
        return False
    try:
        os.kill(sight.content.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def records_of(folder: Path) -> dict[str, dict[str, Any]]:
    """The records of a folder by cell. A cell with a broken record counts as missing: it will run again."""
    records = {}
    for cell in reading.folders_with(folder, store.RECORD) if folder.is_dir() else ():
        try:
            records[cell.name] = store.read(cell)
        except (OSError, ValueError):
            continue
    return records


def _state(
    folder: Path,
    name: str,
    task: str,
    model: str,
    record: Mapping[str, Any] | None,
    running: Mapping[str, Content | None],
    silent: Collection[str],
) -> CellState:
    if name in running:
        return CellState(name, task, model, RUNNING, lease=running[name])
    if record is not None:
        seconds = (record.get("times") or {}).get("total")
        return CellState(name, task, model, record["status"], record.get("reason"), seconds)
    if name in silent:
        return CellState(name, task, model, STOPPED, "its worker shows no sign of life")
    saved = store.work_folder(folder, name).is_dir()
    return CellState(name, task, model, STOPPED if saved else MISSING)


def as_json(status: Status, verdicts: Mapping[str, str]) -> dict[str, Any]:
    """The status for programs. verdicts: by letter of the claim, so far."""
    cells = [{"cell": cell.name, "state": cell.state, "reason": cell.reason} for cell in status.cells]
    workers = [
        {
            "cell": cell.name,
            "host": cell.lease.host,
            "pid": cell.lease.pid,
            "job": cell.lease.job,
            "seconds": cell.lease.seconds,
            "progress": cell.lease.note,
        }
        for cell in status.cells
        if cell.lease is not None
    ]
    counts, left = status.counts, status.seconds_left
    return {
        "suite": status.suite,
        "counts": counts,
        "seconds_left": left,
        "claims": dict(verdicts),
        "cells": cells,
        "workers": workers,
    }


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
        for cell in of_state if state == RUNNING else of_state[:LISTED]:
            remark = f" {cell.remark}" if cell.lease else f": {cell.remark}" if cell.remark else ""
            written.append(f"  {state:9} {cell.name}{remark}")
        if len(of_state) > LISTED and state != RUNNING:
            written.append(f"  {state:9} and {len(of_state) - LISTED} more")
    left = status.seconds_left
    if left:
        together = f", {status.at_a_time} cells at a time" if status.at_a_time > 1 else ""
        end = f"until {datetime.now() + timedelta(seconds=left):%Y-%m-%d %H:%M}"
        when = end if RUNNING in status.counts else "nothing runs now"
        written.append(f"about {duration(left)} left ({when}){together}, by the times of the finished cells")
    if any(cell.state in store.FAILURES for cell in status.cells):
        again = "with --retry-failed" if status.suite else "by the command that ran them"
        written.append(f"cells that failed run again {again}")
    return written

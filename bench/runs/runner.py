"""One cell of a folder that several processes may share: claimed, run in a process of its own, and free again. No
torch."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.conf.compose import compose
from bench.conf.schema import Cell
from bench.errors import StorageError, UserError
from bench.records import store
from bench.runs.cell_claims import Claim, claimed
from bench.runs.display import Board
from bench.runs.record import new_record
from bench.runs.worker import Order, Stopped, Workers
from bench.system import files, locks
from bench.system.leases import Lost, Watch
from bench.training.progress import duration

EARLIER = "finished before"
"""The outcome of a cell that did not need to run."""

ELSEWHERE = "run elsewhere"
"""The outcome of a cell that another process is running. All other outcomes are the statuses of records."""


@dataclass(frozen=True)
class Job:
    """A cell and the overrides that a worker composes it from. adopted: see `bench.conf.compose.compose`."""

    cell: Cell
    overrides: tuple[str, ...]
    adopted: bool = False

    @classmethod
    def of(cls, overrides: Sequence[str], adopted: bool = False) -> Job:
        """Compose the cell of these overrides. Raises UserError."""
        return cls(compose(overrides, adopted), tuple(overrides), adopted)


class Runner:
    """Runs cells under `out`. Safe to use from several threads.

    suite, concurrent: for the records; suite None: a UserError of a cell is raised, not recorded. timeout: seconds a
    cell may take, None = no limit.
    """

    def __init__(
        self,
        out: Path,
        board: Board,
        workers: Workers,
        *,
        suite: str | None = None,
        concurrent: int = 1,
        timeout: float | None = None,
    ) -> None:
        self.out, self.board, self.workers = out, board, workers
        self.suite, self.concurrent, self.timeout = suite, concurrent, timeout
        self.watch = Watch()

    def run(self, job: Job) -> str:
        """Run a cell, unless another process has it, and return its outcome. Raises StorageError, and the UserError of
        a cell outside a suite."""
        name = job.cell.name
        with contextlib.ExitStack() as stack:
            try:
                with files.writing(self.out):
                    claim = stack.enter_context(claimed(self.out, name, self.watch))
            except locks.Busy:
                self.board.count(1, f"{name} is {ELSEWHERE}: another process is running it")
                return ELSEWHERE
            if store.finished(self.out, name):
                self.board.count(1, f"{name} {EARLIER}, by another process")
                return EARLIER
            return self.run_claimed(job, claim)

    def run_claimed(self, job: Job, claim: Claim) -> str:
        """As `run`, of a cell that is claimed already."""
        try:
            return self._run(job, claim)
        except Lost:
            self.board.end(job.cell.name, f"{ELSEWHERE}: another process has taken it over")
            return ELSEWHERE

    def _run(self, job: Job, claim: Claim) -> str:
        progress = self.board.start(job.cell.name)
        claim.note = lambda: progress.line
        started = time.monotonic()
        order = Order(job.overrides, str(self.out), self.suite, self.concurrent, job.adopted, claim.order)
        inherited = () if claim.lock is None else (claim.lock.fileno(),)
        try:
            status = self.workers.run(order, job.cell, progress, self.timeout, inherited, claim)
        except StorageError:
            raise
        except UserError as error:
            if self.suite is None:
                raise
            status = "failed"
            record = new_record(job.cell, self.suite, status, str(error), concurrent=self.concurrent)
            store.write(self.out, record, lease=claim.lease)
        except Stopped:
            return "stopped"
        reason = store.read(self.out / job.cell.name).get("reason")
        took = f"{status} in {duration(time.monotonic() - started)}"
        self.board.end(job.cell.name, f"{took}: {reason}" if reason else took)
        return status

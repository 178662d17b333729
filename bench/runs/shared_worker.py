"""A worker of a folder: claims the cells of its class in the folder's plan one after the other, and runs them.

Engines start it as `python -m bench.runs.shared_worker OUT KIND NUMBER WORKERS`, see `bench.runs.engines`. SIGTERM, or
the end of its standard input, stops it: the state of the running cell is saved, and the cell is free. It imports no
torch; the processes of cells do.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.errors import UserError
from bench.records import store
from bench.runs import plan as plans
from bench.runs.cell_claims import claimed
from bench.runs.display import Board
from bench.runs.fork_server import COMMAND as SERVER
from bench.runs.plan import Plan, PlannedCell
from bench.runs.runner import ELSEWHERE, Job, Runner
from bench.runs.worker import Workers
from bench.system import files, leases, locks

EXIT_OK, EXIT_FAILED, EXIT_REFUSED, EXIT_STOPPED = 0, 1, 2, 143


class Stop(BaseException):
    """The worker was told to end."""


class Queue:
    """The cells of one class that have no record yet, in this worker's order: each worker begins at another place.

    number: of the worker, from 0; workers: how many share the cells.
    """

    def __init__(self, out: Path, cells: list[PlannedCell], number: int, workers: int) -> None:
        own = deque(cells)
        own.rotate(-(len(cells) * number // workers))
        self.out, self._cells = out, {cell.name: cell for cell in own}

    def left(self) -> list[PlannedCell]:
        """Those that have not been run."""
        names = _names(self.out)
        for name, cell in list(self._cells.items()):
            if name in names and (cell.earlier is None or self.has_run(cell)):
                del self._cells[name]
        return list(self._cells.values())

    def has_run(self, cell: PlannedCell) -> bool:
        """See `plan.has_run`."""
        return plans.has_run(self.out, cell)

    def claimed_names(self) -> set[str]:
        """Cells that have a lease."""
        return {name.removesuffix(".lease") for name in _names(self.out / store.WORK) if name.endswith(".lease")}


def _names(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder))
    except FileNotFoundError:
        return set()


class Worker:
    """Runs cells of a queue until none is left that no living worker has."""

    def __init__(self, plan: Plan, out: Path, queue: Queue, runner: Runner) -> None:
        self.plan, self.out, self.queue, self.runner = plan, out, queue, runner
        self._raw = plans.path_of(out).read_bytes()

    def work(self) -> dict[str, str]:
        """Outcomes of the cells that this worker ran, by name. Raises UserError where the plan, the code or the
        configuration is another than it was."""
        outcomes: dict[str, str] = {}
        while left := self.queue.left():
            for cell in self._candidates(left):
                if (status := self._run(cell)) is not None:
                    outcomes[cell.name] = status
                    break
            else:
                if self._all_alive(left):
                    self.runner.board.say(f"cells left, which other workers run: {len(left)}")
                    break
                time.sleep(self.runner.watch.seconds / leases.BEATS)
        return outcomes

    def _candidates(self, left: list[PlannedCell]) -> Iterator[PlannedCell]:
        """First cells that nobody has claimed, then those whose worker may be dead."""
        taken = self.queue.claimed_names()
        yield from (cell for cell in left if cell.name not in taken)
        for cell in left:
            if cell.name in taken:
                sight = self.runner.watch.look(store.lease_file(self.out, cell.name))
                if sight is None or not sight.alive:
                    yield cell

    def _run(self, cell: PlannedCell) -> str | None:
        """The outcome of a cell; None where another worker has it, or has run it."""
        with contextlib.ExitStack() as stack:
            try:
                with files.writing(self.out):
                    claim = stack.enter_context(claimed(self.out, cell.name, self.runner.watch, wait=False))
            except locks.Busy:
                return None
            return None if self.queue.has_run(cell) else self.runner.run_claimed(self._job(cell), claim)

    def _job(self, cell: PlannedCell) -> Job:
        try:
            raw = plans.path_of(self.out).read_bytes()
        except FileNotFoundError:
            raw = b""  # another plan than this worker's
        if raw != self._raw:
            current = plans.read(self.out)
            if current is None or not current.covers(replace(self.plan, cells=(cell,))):
                raise UserError(
                    f"{plans.path_of(self.out)} has changed: the suite was submitted again, with other code or options"
                )
            self._raw = raw  # joined with more cells, for which other workers come
        job = Job.of(cell.overrides, self.plan.adopted)
        if job.cell.name != cell.name:
            raise UserError(
                f"the configuration here differs from the folder's: {cell.name} would be {job.cell.name}; "
                "submit the suite again"
            )
        return job

    def _all_alive(self, left: list[PlannedCell]) -> bool:
        """Whether the leases of all these cells have been renewed before this worker's eyes."""
        sights = [self.runner.watch.look(store.lease_file(self.out, cell.name)) for cell in left]
        return all(sight is not None and sight.alive for sight in sights)


def main() -> int:
    """Run a worker. Exit status: 0; 1 if a cell failed; 2 if the worker refuses; 143 if it was stopped."""
    _, folder, *numbers = sys.argv
    out, (kind, number, workers) = Path(folder), map(int, numbers)
    children = Workers(server=SERVER)
    try:
        _stop_on_signals()
        plan = plans.read(out)
        if plan is None:
            raise UserError(f"{out} has no plan; start workers with bench suite NAME --on ENGINE --out {out}")
        if plan.code != plans.code_identity():
            raise UserError(f"the code here differs from that which {out} was submitted with; submit the suite again")
        board = Board(sys.stderr, len(plan.of_kind(kind)))
        runner = Runner(out, board, children, suite=plan.suite, concurrent=plan.concurrent, timeout=plan.timeout)
        queue = Queue(out, plan.of_kind(kind), number, workers)
        outcomes = Worker(plan, out, queue, runner).work()
    except UserError as error:
        print(f"bench: {error}", file=sys.stderr, flush=True)
        return EXIT_REFUSED
    except Stop:
        print("bench: stopped; the cell's state is saved", file=sys.stderr, flush=True)
        return EXIT_STOPPED
    finally:
        children.close()
    ran = [status for status in outcomes.values() if status != ELSEWHERE]
    print(f"cells run by this worker: {len(ran)}", file=sys.stderr, flush=True)
    return EXIT_FAILED if any(status in store.FAILURES for status in ran) else EXIT_OK


def _stop_on_signals() -> None:
    """SIGTERM, and the end of standard input, raise Stop in the main thread, once."""
    stopped = threading.Event()

    def stop(*_: object) -> None:
        if not stopped.is_set():
            stopped.set()
            raise Stop

    signal.signal(signal.SIGTERM, stop)
    if hasattr(signal, "SIGUSR2"):
        # Slurm may send it to every process of a job before the time limit. The engine's process answers it with
        # SIGTERM to this one; the processes of cells inherit that it is ignored.
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal, for the engine's process

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())

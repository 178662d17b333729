"""Many cells, several at a time: finished ones are skipped, one that fails does not stop the rest. No torch here."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from bench.conf.compose import compose
from bench.conf.schema import Cell
from bench.errors import StorageError, UserError
from bench.records import store
from bench.runs.display import Board
from bench.runs.record import new_record
from bench.runs.worker import Order, Stopped, Workers
from bench.system import files, locks
from bench.system.environment import code, usable_cores
from bench.training.progress import duration

BEFORE = "finished before"
"""The outcome of a cell that did not need to run."""

ELSEWHERE = "run elsewhere"
"""The outcome of a cell that another process runs now. The other outcomes are the statuses of records."""

BAD = ("failed", "diverged", "timeout")
"""A suite runs such a cell again only where it is told to: it would most often fail again."""

PATIENCE = 5.0
"""Seconds to wait for a cell's lock: a child whose suite was killed needs a moment to end."""

REPORT = ("report.md", "report.html")


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


def how_many(threads: int, asked: int | None = None, cores: int | None = None) -> int:
    """How many cells of so many threads run at a time: as many as fit on the cores, or `asked`.

    Times and throughputs of cells that share cores are worth nothing, so more than fit is an error. One cell always
    runs, also where it has fewer cores than threads. Raises UserError naming the limit.
    """
    cores = usable_cores() if cores is None else cores
    limit = max(1, cores // threads)
    if asked is None:
        return limit
    if asked < 1:
        raise UserError(f"--jobs must be at least 1, got {asked}")
    if asked > limit:
        raise UserError(
            f"--jobs {asked} is too many: at {threads} threads a cell, the {cores} usable cores take at most {limit}"
        )
    return asked


def check_folder(out: Path) -> None:
    """Whether `out` can be a results folder: absent, empty, or one that bench wrote. Raises UserError where not."""
    files.check(out, "results", _known)


def _known(out: Path) -> bool:
    wrote = (out / store.WORK).is_dir() or any((out / name).is_file() for name in REPORT)
    return wrote or any(out.glob(f"*/{store.RECORD}"))


def run(
    jobs: Sequence[Job],
    out: Path,
    board: Board,
    *,
    at_a_time: int = 1,
    suite: str | None = None,
    timeout: float | None = None,
    retry: bool = True,
    workers: Workers | None = None,
) -> dict[str, str]:
    """Run the cells in the order given and return the outcome of each by name; afterwards each has its record.

    timeout: seconds a cell may take, None = no limit. retry: whether a cell that failed before is run again, from its
    saved state where it has one. A cell that another process runs is left to it. A KeyboardInterrupt ends all children,
    which save their states, and is passed on. Outside a suite (None) so does a UserError, for somebody is there to put
    the input right; a suite records it and goes on. StorageError ends either.
    """
    by_name = {job.cell.name: job for job in jobs}
    held = {name: found for name in by_name if (found := _held(out, name, board)) is not None}
    outcomes = {name: BEFORE for name, record in held.items() if record["status"] == "done"}
    bad = {name: record["status"] for name, record in held.items() if record["status"] in BAD and not retry}
    if outcomes:
        which = f"{len(outcomes)} cells" if len(outcomes) > 1 else next(iter(outcomes))
        board.count(len(outcomes), f"{which} {BEFORE}; to run a cell again, delete its folder in {out}")
        _tell_other_code([held[name] for name in outcomes], board)
    for name, status in bad.items():
        board.count(1, f"{name} {status} before: {held[name].get('reason')}; --retry-failed runs it again")
    outcomes |= bad
    todo = [job for name, job in by_name.items() if name not in outcomes]
    if not todo:
        return outcomes
    workers = Workers() if workers is None else workers
    concurrent = min(at_a_time, len(todo))
    new = [folder for folder in (out, *out.parents) if not folder.exists()]

    def work(job: Job) -> str:
        name = job.cell.name
        with contextlib.ExitStack() as stack:
            try:
                with files.writing(out):
                    lock = stack.enter_context(locks.alone(store.lock_file(out, name), PATIENCE))
            except locks.Busy:
                board.count(1, f"{name} is {ELSEWHERE}: another process has it; left to that one")
                return ELSEWHERE
            if store.finished(out, name):
                board.count(1, f"{name} {BEFORE}, by another process")
                return BEFORE
            return _run(job, lock.fileno())

    def _run(job: Job, lock: int) -> str:
        progress = board.start(job.cell.name)
        began = time.monotonic()
        order = Order(job.overrides, str(out), suite, concurrent, job.adopted)
        try:
            status = workers.run(order, job.cell, progress, timeout, (lock,))
        except StorageError:
            raise
        except UserError as error:
            if suite is None:
                raise
            status = "failed"
            store.write(out, new_record(job.cell, suite, status, str(error)))
        except Stopped:
            return "stopped"
        reason = store.read(out / job.cell.name).get("reason")
        took = f"{status} in {duration(time.monotonic() - began)}"
        board.end(job.cell.name, f"{took}: {reason}" if reason else took)
        return status

    try:
        with ThreadPoolExecutor(concurrent) as pool:
            futures = {pool.submit(work, job): job.cell.name for job in todo}
            waiting = set(futures)
            try:
                while waiting:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in done:
                        outcomes[futures[future]] = future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                workers.stop()
                raise
    finally:
        _tidy(out, new)
    return outcomes


def _held(out: Path, name: str, board: Board) -> dict | None:
    """The record of a cell that has run before; None where there is none, or none that is whole."""
    try:
        return store.read(out / name)
    except FileNotFoundError:
        return None
    except ValueError as error:
        board.say(f"{name} is run again: {error}")
        return None


def _tell_other_code(held: Sequence[Mapping[str, object]], board: Board) -> None:
    """Say how many of the finished cells other code has run: they stay, and are not the code's that runs now."""
    now = code()["commit"]
    other = Counter(
        commit for record in held if (commit := (record.get("code") or {}).get("commit")) not in (None, now)
    )
    if now is not None and other:
        named = ", ".join(f"{count} by {commit[:12]}" for commit, count in other.items())
        board.say(f"of these, run by other commits than this one ({now[:12]}): {named}; the report says so too")


def _tidy(out: Path, new: Sequence[Path]) -> None:
    """Leave no empty folder behind where nothing was run. new: folders that were not there before, `out` first."""
    for folder in (out / store.WORK, *new):
        with contextlib.suppress(OSError):
            folder.rmdir()


def summary(outcomes: Mapping[str, str]) -> str:
    """`5 cells: 3 done, 1 failed, 1 finished before`."""
    counts = Counter(outcomes.values())
    order = [status for status in (*store.STATUSES, BEFORE, ELSEWHERE) if counts[status]]
    cells = f"{len(outcomes)} cell" + ("s" if len(outcomes) != 1 else "")
    return f"{cells}: " + ", ".join(f"{counts[status]} {status}" for status in order)


def failed(outcomes: Mapping[str, str]) -> bool:
    """Whether a cell did not do what was asked of it. A skipped one, whose data is not to be had, is no failure."""
    return any(status in BAD for status in outcomes.values())

"""Many cells, several at a time: finished ones are skipped, one that fails does not stop the rest. No torch here."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from bench import records
from bench.blank import blank
from bench.display import Board
from bench.environment import usable_cores
from bench.errors import UserError
from bench.progress import duration
from bench.schema import Cell
from bench.worker import Order, Stopped, Workers

BEFORE = "finished before"
"""The outcome of a cell that did not need to run. The other outcomes are the statuses of records."""

BAD = ("failed", "diverged", "timeout")

REPORT = ("report.md", "report.html")


@dataclass(frozen=True)
class Job:
    """A cell and the overrides that make it, which is what a worker is given."""

    cell: Cell
    words: tuple[str, ...]


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
    above = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not above.is_dir():
        raise UserError(f"{above} is a file; a results folder is wanted: name another with --out (or out=)")
    if not os.access(above, os.W_OK | os.X_OK):
        raise UserError(f"{above} cannot be written to; name another results folder")
    if above != out or not any(out.iterdir()):
        return
    known = (out / records.WORK).is_dir() or any((out / name).is_file() for name in REPORT)
    if not known and not any(out.glob(f"*/{records.RECORD}")):
        raise UserError(f"{out} holds other things and no results; name an empty or a new folder")


def run(
    jobs: Sequence[Job],
    out: Path,
    board: Board,
    *,
    at_a_time: int = 1,
    suite: str | None = None,
    timeout: float | None = None,
    workers: Workers | None = None,
) -> dict[str, str]:
    """Run the cells in the order given and return the outcome of each by name; afterwards each has its record.

    timeout: seconds a cell may take, None = no limit. A KeyboardInterrupt ends all children and is passed on. Outside
    a suite (None) so does a UserError, for somebody is there to put the input right; a suite records it and goes on.
    """
    by_name = {job.cell.name: job for job in jobs}
    outcomes = {name: BEFORE for name in by_name if records.finished(out, name)}
    todo = [job for name, job in by_name.items() if name not in outcomes]
    if outcomes:
        which = f"{len(outcomes)} cells" if len(outcomes) > 1 else next(iter(outcomes))
        board.count(len(outcomes), f"{which} {BEFORE}; to run a cell again, delete its folder in {out}")
    if not todo:
        return outcomes
    workers = Workers() if workers is None else workers
    concurrent = min(at_a_time, len(todo))

    def work(job: Job) -> str:
        progress = board.start(job.cell.name)
        began = time.monotonic()
        order = Order(job.words, str(out), suite, concurrent)
        try:
            status = workers.run(order, job.cell, progress, timeout)
        except UserError as error:
            if suite is None:
                raise
            status = "failed"
            records.write(out, blank(job.cell, suite, status, str(error)))
        except Stopped:
            return "stopped"
        reason = records.read(out / job.cell.name).get("reason")
        took = f"{status} in {duration(time.monotonic() - began)}"
        board.end(job.cell.name, f"{took}: {reason}" if reason else took)
        return status

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
    return outcomes


def summary(outcomes: Mapping[str, str]) -> str:
    """`5 cells: 3 done, 1 failed, 1 finished before`."""
    counts = Counter(outcomes.values())
    order = [status for status in (*records.STATUSES, BEFORE) if counts[status]]
    cells = f"{len(outcomes)} cell" + ("s" if len(outcomes) != 1 else "")
    return f"{cells}: " + ", ".join(f"{counts[status]} {status}" for status in order)


def failed(outcomes: Mapping[str, str]) -> bool:
    """Whether a cell did not do what was asked of it. A skipped one, whose data is not to be had, is no failure."""
    return any(status in BAD for status in outcomes.values())

"""Run many cells, several at a time; finished cells are skipped, and a failed one does not stop the rest. No torch."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from bench.errors import StorageError, UserError
from bench.records import store
from bench.runs import trackers
from bench.runs.display import Board
from bench.runs.fork_server import COMMAND as SERVER
from bench.runs.runner import EARLIER, ELSEWHERE, Job, Runner
from bench.runs.worker import Workers
from bench.system import files
from bench.system.environment import code_version, usable_cores

REPORT = ("report.md", "report.html")


def too_few_cores(threads: int) -> str:
    """What to say before cells of this many threads run; "" where each thread has a core."""
    if threads <= (cores := usable_cores()):
        return ""
    few = f"bench: threads={threads}, but there are only {cores} usable cores"
    return f"{few}; cells run faster with threads={max(1, cores)}"


def concurrency(threads: int, jobs: int | None = None, cores: int | None = None) -> int:
    """How many cells of this many threads run at the same time: `jobs`, or as many as the cores take.

    More than the cores take is an error, because times of cells that share cores mean nothing. One cell always runs,
    even with more threads than cores. Raises UserError naming the limit.
    """
    cores = usable_cores() if cores is None else cores
    limit = max(1, cores // threads)
    if jobs is None:
        return limit
    if jobs < 1:
        raise UserError(f"--jobs must be at least 1, got {jobs}")
    if jobs > limit:
        each = f"{threads} thread{'s' if threads > 1 else ''} per cell"
        raise UserError(f"--jobs {jobs} is too many: with {each}, the {cores} usable cores take at most {limit}")
    return jobs


def check_folder(out: Path, written: bool = True) -> None:
    """Raises UserError where `out` cannot be a results folder: it must be absent, empty, or written by bench.

    written: False if it is only read."""
    files.check_folder(out, "results", _written_by_bench, written)


def _written_by_bench(out: Path) -> bool:
    started = (out / store.WORK).is_dir() or any((out / name).is_file() for name in REPORT)
    return started or any(out.glob(f"*/{store.RECORD}"))


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
    """Run the cells in this order and return the outcome of each by name. Afterwards each cell has its record.

    at_a_time: cells that run at the same time. timeout: seconds a cell may take, None = no limit. retry: whether a
    cell that failed earlier runs again, from its saved state where it has one. A cell that another process is running
    is left to that process. A KeyboardInterrupt ends all children, which save their states, and is raised again.
    Outside a suite (None) a UserError does the same, since somebody is there to correct the input; a suite records it
    and goes on. StorageError ends either."""
    todo, outcomes = left_to_run(jobs, out, board, retry)
    if not todo:
        return outcomes
    workers = Workers(server=SERVER if len(todo) > 1 else None) if workers is None else workers
    concurrent = min(at_a_time, len(todo))
    new = [folder for folder in (out, *out.parents) if not folder.exists()]
    runner = Runner(out, board, workers, suite=suite, concurrent=concurrent, timeout=timeout)

    try:
        with ThreadPoolExecutor(concurrent) as pool:
            futures = {pool.submit(runner.run, job): job.cell.name for job in todo}
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
        workers.close()
        _remove_empty(out, new)
    return outcomes


def left_to_run(jobs: Sequence[Job], out: Path, board: Board, retry: bool) -> tuple[list[Job], dict[str, str]]:
    """The cells that have to run, and the outcomes of the others by name. retry: see `run`. Raises StorageError for
    folders of cells that cannot be replaced, and UserError for a tracker that cannot be used."""
    trackers.chosen()
    by_name = {job.cell.name: job for job in jobs}
    earlier = {name: record for name in by_name if (record := _earlier_record(out, name, board)) is not None}
    outcomes = {name: EARLIER for name, record in earlier.items() if record["status"] == "done"}
    bad = {
        name: record["status"] for name, record in earlier.items() if record["status"] in store.FAILURES and not retry
    }
    if outcomes:
        cells = f"{len(outcomes)} cells" if len(outcomes) > 1 else next(iter(outcomes))
        board.count(len(outcomes), f"{cells} {EARLIER}; to run a cell again, delete its folder in {out}")
        _report_other_code([earlier[name] for name in outcomes], board)
    for name, status in bad.items():
        board.count(1, f"{name} {status} before: {earlier[name].get('reason')}; --retry-failed runs it again")
    outcomes |= bad
    todo = [job for name, job in by_name.items() if name not in outcomes]
    for job in todo:
        _check_cell_folder(out / job.cell.name)
    return todo, outcomes


def _check_cell_folder(folder: Path) -> None:
    """Raises StorageError for the folder of an earlier cell that cannot be replaced, before time is spent on the new
    one."""
    if os.path.lexists(folder) and not os.access(folder, os.W_OK | os.X_OK):
        raise StorageError(f"{folder} is not yours to write to; name another results folder")


def _earlier_record(out: Path, name: str, board: Board) -> dict[str, Any] | None:
    """The record of a cell that ran earlier; None where there is none, or only a broken one. Raises StorageError for
    one that may not be read."""
    if os.path.lexists(out / name) and not os.access(out / name, os.R_OK | os.X_OK):
        raise StorageError(f"{out / name} is not yours to read; name another results folder")
    try:
        return store.read(out / name)
    except FileNotFoundError:
        return None
    except ValueError as error:
        board.say(f"{name} is run again: {error}")
        return None


def _report_other_code(records: Sequence[Mapping[str, Any]], board: Board) -> None:
    """Write how many of the finished cells were run by other commits than this one. They are kept."""
    now = code_version()["commit"]
    other = Counter(
        commit for record in records if (commit := (record.get("code") or {}).get("commit")) not in (None, now)
    )
    if now is not None and other:
        commits = ", ".join(f"{count} by {str(commit)[:12]}" for commit, count in other.items())
        board.say(f"of these, run by other commits than this one ({str(now)[:12]}): {commits}; the report says so too")


def _remove_empty(out: Path, new: Sequence[Path]) -> None:
    """Remove the folders that stayed empty. new: folders that this run created, `out` first."""
    for folder in (out / store.WORK, *new):
        with contextlib.suppress(OSError):
            folder.rmdir()


def summary(outcomes: Mapping[str, str]) -> str:
    """`5 cells: 3 done, 1 failed, 1 finished before`."""
    counts = Counter(outcomes.values())
    order = [status for status in (*store.STATUSES, EARLIER, ELSEWHERE) if counts[status]]
    cells = f"{len(outcomes)} cell" + ("s" if len(outcomes) != 1 else "")
    return f"{cells}: " + ", ".join(f"{counts[status]} {status}" for status in order)


def failed(outcomes: Mapping[str, str]) -> bool:
    """Whether a cell did not do what was asked of it. A cell skipped for missing data is not a failure."""
    return any(status in store.FAILURES for status in outcomes.values())

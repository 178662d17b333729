"""How busy many workers of one folder are, and how often they call its file system.

    python -m tests.unit.cluster_use results/reference/cluster_use.md

Two hundred processes claim cells, renew leases and write records as `bench.runs.shared_worker` does; their cells sleep
for a minute and load no torch. strace counts the calls of some of them on the results folder. Takes six minutes.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import multiprocessing
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.conf.suites import Suite
from bench.records import store
from bench.runs import plan, shared_worker
from bench.runs.display import Board
from bench.runs.record import new_record
from bench.runs.runner import Job, Runner
from bench.system import environment, leases
from tests import commit

WORKERS, CELLS_EACH, SECONDS = 200, 5, 60.0
TRACED = 4
"""Workers whose calls are counted; the others are taken to be like them."""

CHANGES = ("mkdir", "rename", "unlink", "unlinkat", "rmdir")
"""Calls that change a folder; so does openat with O_CREAT."""


class Sleeper:
    """In the place of `bench.runs.worker.Workers`: a cell sleeps and leaves a record."""

    def __init__(self, record: dict, seconds: float) -> None:
        self.record, self.seconds = record, seconds
        self.spans: list[tuple[float, float]] = []

    def run(self, order, cell, progress, timeout, inherited, claim) -> str:
        begin = time.monotonic()
        progress.stage("train", 10, "steps")
        time.sleep(self.seconds)
        self.spans.append((begin, time.monotonic()))
        store.write(Path(order.out), self.record | {"cell": cell.name}, lease=claim.lease)
        return "done"


class SleepingWorker(shared_worker.Worker):
    """Composes no configuration, which takes a tenth of a second: two cores would compose for all workers here."""

    cells: dict[str, Job]

    def _job(self, cell: plan.PlannedCell) -> Job:
        assert plan.path_of(self.out).read_bytes() == self._raw
        return self.cells[cell.name]


@dataclass
class Use:
    """What was measured. busy: share of the workers' time in cells, until the last cell ends; wall: seconds until
    then; calls, changes: on the results folder, a second, all workers; gaps: seconds between two cells of a worker."""

    workers: int
    cells: int
    seconds: float
    busy: float
    wall: float
    calls: Counter[str]
    changes: float
    gaps: list[float]
    traced: int


def simulate(folder: Path, workers: int, cells_each: int, seconds: float, traced: int) -> Use:
    """Run the workers; raises AssertionError if a cell has no record, or two."""
    out = folder / "out"
    made = Job.of(("task=reverse", "budget=smoke"))
    names = [f"sleep-{number:06}" for number in range(workers * cells_each)]
    jobs = {name: replace(made, cell=_Named.of(made.cell, name)) for name in names}
    record = new_record(made.cell, "sleep", "done")
    plan.write(plan.make(Suite("sleep", "", 1, None, ()), list(jobs.values()), out), out)
    context = multiprocessing.get_context("fork")
    barrier, spans = context.Barrier(workers + 1), context.SimpleQueue()

    def work(number: int) -> None:
        current = plan.read(out)
        assert current is not None
        sleeper = Sleeper(record, seconds)
        runner = Runner(out, Board(io.StringIO(), len(jobs)), sleeper, suite="sleep")  # type: ignore[arg-type]
        queue = shared_worker.Queue(out, current.of_kind(0), number, workers)
        worker = SleepingWorker(current, out, queue, runner)
        worker.cells = jobs
        barrier.wait()
        worker.work()
        spans.put((os.getpid(), sleeper.spans))

    gc.freeze()
    processes = [context.Process(target=work, args=(number,)) for number in range(workers)]
    for process in processes:
        process.start()
    logs = [folder / f"trace.{number}" for number in range(traced)]
    every = max(1, workers // max(1, traced))
    tracers = [_trace(processes[number * every].pid, log) for number, log in enumerate(logs)]
    barrier.wait()
    begin = time.monotonic()
    by_worker = [spans.get()[1] for _ in processes]
    for process in processes:
        process.join()
    for tracer in tracers:
        tracer.communicate(timeout=60)
    flat = [span for each in by_worker for span in each]
    assert len(flat) == len(names), f"{len(flat)} runs of {len(names)} cells"
    assert all((out / name / store.RECORD).exists() for name in names)
    wall = max(end for _, end in flat) - begin
    lines = [line for log in logs for line in log.read_text(errors="replace").splitlines() if f"{out}" in line]
    calls = Counter(match[1] for line in lines if (match := re.search(r"(?:^|\s)(\w+)\(", line)))
    changes = sum(count for name, count in calls.items() if name in CHANGES) + sum("O_CREAT" in line for line in lines)
    gaps = [later[0] - before[1] for each in by_worker for before, later in zip(each, each[1:])]
    return Use(
        workers,
        len(names),
        seconds,
        sum(end - start for start, end in flat) / (workers * wall),
        wall,
        Counter({name: count / max(1, traced) / wall * workers for name, count in calls.items()}),
        changes / max(1, traced) / wall * workers,
        gaps,
        traced,
    )


class _Named:
    """A cell with another name than its values give it."""

    @staticmethod
    def of(cell, name: str):
        class Named(type(cell)):
            @property
            def name(self) -> str:
                return name

        return Named(**vars(cell))


def _trace(pid: int | None, log: Path) -> subprocess.Popen[bytes]:
    """strace of a process and its threads; returns when it is attached."""
    words = ["strace", "-f", "-y", "-qq", "-s", "0", "-e", "trace=%file,%desc", "-o", str(log), "-p", str(pid)]
    tracer = subprocess.Popen(words)
    while "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text():
        assert tracer.poll() is None, "strace may not attach here"
        time.sleep(0.01)
    return tracer


def page(use: Use) -> str:
    """The table as Markdown."""
    total = sum(use.calls.values())
    beats = use.workers * leases.BEATS / leases.duration()
    kinds = ", ".join(f"{name} {count:.0f}" for name, count in use.calls.most_common(8))
    gap = statistics.quantiles(use.gaps, n=20)[-1] if len(use.gaps) > 1 else 0.0
    median = statistics.median(use.gaps) if use.gaps else 0.0
    rows = (
        ("workers on one folder", f"{use.workers}"),
        ("cells, each of which sleeps", f"{use.cells:,}, {use.seconds:g} s"),
        ("time until the last cell ends", f"{use.wall:.1f} s"),
        ("**use**: share of the workers' time in cells", f"**{use.busy:.1%}**"),
        ("between two cells of a worker, median and 95th percentile", f"{median:.2f} and {gap:.2f} s"),
        ("renewals of leases a second", f"{beats:.0f}"),
        ("**calls of the file system a second**, all workers", f"**{total:.0f}**"),
        ("of these, that change a folder (create, rename, delete)", f"{use.changes:.0f}"),
        ("calls for each cell, renewals included", f"{total * use.wall / use.cells:.0f}"),
        ("the most frequent, a second", kinds),
    )
    return "\n".join(
        [
            "# Many workers on one folder",
            "",
            "Written by `python -m tests.unit.cluster_use`: processes that claim cells, renew leases and write",
            "records as workers of `bench suite NAME --on slurm` do, in real time. The cells sleep, without torch;",
            "a real one also writes states, curve, outputs and weights. Calls are those on the results folder",
            f"(strace of {use.traced} workers, times {use.workers // max(1, use.traced)}). A call on a shared file",
            "system may be none or several messages to its server.",
            "",
            f"{environment.cpu_name()}, {environment.usable_cores()} cores for all workers, local disk,",
            f"{platform.platform()}, Python {platform.python_version()},",
            f"commit {commit.name()}.",
            "",
            "| | |",
            "|---|--:|",
            *(f"| {name} | {value} |" for name, value in rows),
            "",
        ]
    )


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--each", type=int, default=CELLS_EACH, help="cells for each worker")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of a cell")
    parser.add_argument("--traced", type=int, default=TRACED)
    chosen = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        use = simulate(Path(folder), chosen.workers, chosen.each, chosen.seconds, chosen.traced)
    chosen.out.write_text(page(use), encoding="utf-8")
    print(json.dumps({"busy": use.busy, "wall": use.wall, "calls": use.calls.most_common(20)}))


if __name__ == "__main__":
    main(sys.argv[1:])

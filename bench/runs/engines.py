"""Start workers of a folder through submitit: on Slurm, or on this machine with submitit's local executor.

An engine starts workers, not cells (`bench.runs.shared_worker`): one array for each class of resources. What it starts
is a `WorkerJob`, the parent of one worker. On the signal before a time limit, the worker saves its cell and ends, and
the job is requeued. No torch here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import UserError
from bench.records import store
from bench.runs import plan as plans
from bench.runs.plan import Needs, Plan

SLURM, LOCAL = "slurm", "local"
ENGINES = (SLURM, LOCAL)
JOBS = "jobs"
"""Folder of submitit's files and of the logs of workers, in the folder's `store.WORK`."""

SIGNAL_DELAY = 120
"""Seconds between Slurm's signal and the time limit. Saving a state takes a step, a validation and a write."""

REQUEUES = 1000
"""How often a job that reached its time limit is requeued."""

STOP_SECONDS = 90.0
"""Seconds that a worker has to save its cell and to end."""


@dataclass(frozen=True)
class Array:
    """Workers of one class that were submitted. job: the engine's number of the array, or those of its parts."""

    kind: Needs
    cells: int
    minutes: int
    jobs: tuple[str, ...]


class WorkerJob:
    """One worker as a job of submitit. Calling it runs the worker to its end and returns its exit status."""

    def __init__(self, out: Path, kind: int, number: int, workers: int) -> None:
        self.words = (str(out), str(kind), str(number), str(workers))
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self) -> int:
        from bench.runs.worker import child_environment

        command = (sys.executable, "-P", "-m", "bench.runs.shared_worker", *self.words)
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, env=child_environment(1))
        try:
            # Not `wait`: it holds a lock while it waits, and the handler of a signal runs in between.
            while self._process.poll() is None:
                time.sleep(0.2)
        finally:
            self._stop()
        status = self._process.wait()
        if status not in (0, 1):
            sys.exit(status)  # the job fails, and is not requeued
        return status

    def checkpoint(self) -> Any:
        """submitit calls this at the signal before a time limit or a preemption, and requeues what it returns."""
        import submitit

        self._stop()
        return submitit.helpers.DelayedSubmission(WorkerJob(Path(self.words[0]), *map(int, self.words[1:])))

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_process": None}

    def _stop(self) -> None:
        """Let the worker save its cell and end; kill it if it does not."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        end = time.monotonic() + STOP_SECONDS
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        while _runs(process.pid):
            if time.monotonic() > end:
                process.kill()
                return
            time.sleep(0.05)


def _runs(pid: int) -> bool:
    """Whether a child of this process has not ended. Leaves its exit status for `Popen`."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


def submit(
    engine: str,
    plan: Plan,
    out: Path,
    *,
    workers: int,
    minutes: int | None = None,
    options: Mapping[str, str] | None = None,
) -> list[Array]:
    """Start workers, and return what was submitted. Does not wait for them.

    A plan of the folder that covers this one stays, so that workers that run already go on with it. workers: in all,
    shared out between the classes of the plan. minutes: time limit of a worker's job, None = see
    `plan.job_minutes`. options: further parameters of `sbatch`, such as partition. Raises UserError where submitit or
    Slurm is missing or refuses, and StorageError.
    """
    submitit = _submitit(engine)
    out = out.resolve()
    left = {cell.name for cell in plan.cells}
    current = plans.read(out)
    if current is not None and current.covers(plan):
        plan = current
    else:
        plans.write(plan, out)
    counts = [sum(cell.name in left for cell in plan.of_kind(kind)) for kind in range(len(plan.kinds))]
    arrays = []
    for kind, (needs, count, share) in enumerate(zip(plan.kinds, counts, plans.shares(plan.kinds, counts, workers))):
        if not count:
            continue
        limit = minutes if minutes is not None else plans.job_minutes(needs, count, share)
        jobs = [WorkerJob(out, kind, number, share) for number in range(share)]
        with _reported(engine), _detached(engine):
            executor = _executor(submitit, engine, out)
            executor.update_parameters(
                name=f"bench-{plan.suite}",
                timeout_min=limit,
                mem_gb=needs.memory,
                cpus_per_task=needs.cores,
                gpus_per_node=needs.gpus,
                **_slurm_options(options or {}),
            )
            with executor.batch():
                submitted = [executor.submit(job) for job in jobs]
        arrays.append(Array(needs, count, limit, tuple(job.job_id for job in submitted)))
    return arrays


def available(engine: str) -> None:
    """Raises UserError where an engine cannot be used here."""
    submitit = _submitit(engine)
    if engine == SLURM and submitit.SlurmExecutor.affinity() <= 0:
        raise UserError("this machine has no Slurm (no srun); submit from a login node, or use --on local")


def lines(engine: str, arrays: Sequence[Array], out: Path, suite: str) -> list[str]:
    """What was submitted, and how to watch and to cancel it."""
    shown = [
        f"{engine}: {len(array.jobs)} worker{'s' if len(array.jobs) > 1 else ''} for {array.cells} "
        f"cell{'s' if array.cells > 1 else ''} ({array.kind}; time limit {array.minutes} min): "
        + " ".join(dict.fromkeys(_number(engine, job) for job in array.jobs))
        for array in arrays
    ]
    every = " ".join(dict.fromkeys(_number(engine, job) for array in arrays for job in array.jobs))
    cancel = f"scancel {every}" if engine == SLURM else f"kill -INT {every}"
    return [
        *shown,
        f"logs:    {out / store.WORK / JOBS}",
        f"watch:   bench status {out}",
        f"cancel:  {cancel}",
        f"report:  bench suite {suite} --out {out}, when all cells have ended",
    ]


def _number(engine: str, job: str) -> str:
    return job.partition("_")[0] if engine == SLURM else job


def _submitit(engine: str) -> Any:
    try:
        import submitit
    except ImportError as error:
        raise UserError(f"--on {engine} needs submitit: pip install 'seq2seq-bench[slurm]'") from error
    return submitit


def _executor(submitit: Any, engine: str, out: Path) -> Any:
    folder = out / store.WORK / JOBS
    return submitit.AutoExecutor(
        str(folder), cluster=engine, slurm_max_num_timeout=REQUEUES, local_max_num_timeout=REQUEUES
    )


def _slurm_options(options: Mapping[str, str]) -> dict[str, Any]:
    more = {f"slurm_{key.replace('-', '_')}": value for key, value in options.items()}
    requeued = {"slurm_signal_delay_s": SIGNAL_DELAY, "slurm_additional_parameters": {"requeue": True}}
    return requeued | more


@contextlib.contextmanager
def _reported(engine: str) -> Iterator[None]:
    """Turns the errors of submitit and of the engine into one line."""
    try:
        yield
    except (NameError, ValueError, AssertionError) as error:
        raise UserError(f"--on {engine}: {' '.join(str(error).split())}") from error
    except (RuntimeError, subprocess.CalledProcessError) as error:
        last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise UserError(f"{engine} did not accept the workers: {last}") from error


@contextlib.contextmanager
def _detached(engine: str) -> Iterator[None]:
    """Within this context, processes that submitit starts on this machine keep neither the terminal nor a pipe of this
    process open, and can be interrupted."""
    if engine != LOCAL:
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdout.flush()
    sys.stderr.flush()
    streams = [(stream, os.dup(stream)) for stream in (0, 1, 2)]
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        for stream, _ in streams:
            os.dup2(nothing, stream)
        yield
    finally:
        for stream, copy in streams:
            os.dup2(copy, stream)
            os.close(copy)
        os.close(nothing)
        signal.signal(signal.SIGINT, previous)

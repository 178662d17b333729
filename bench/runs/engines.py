"""Start workers of a folder: through submitit on Slurm or on this machine, or on a Ray cluster.

An engine starts workers, not cells (`bench.runs.shared_worker`): one array for each class of resources. What it starts
is a `WorkerJob`, the parent of one worker. On Slurm's signal before a time limit, the worker saves its cell and ends,
and the job is requeued. Ray: `bench.runs.ray_arrays`. No torch here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import UserError, last_line
from bench.records import store
from bench.runs import plan as plans
from bench.runs import ray_arrays
from bench.runs.plan import Needs, Plan
from bench.runs.worker_job import WorkerJob

SLURM, LOCAL, RAY = "slurm", "local", "ray"
JOBS = "jobs"
"""Folder of submitit's files and of the logs of workers, in the folder's `store.WORK`."""

SIGNAL_DELAY = 120
"""Seconds between Slurm's signal and the time limit. Saving a state takes a step, a validation and a write."""

REQUEUES = 1000
"""How often a job that reached its time limit is requeued."""


@dataclass(frozen=True)
class Array:
    """Workers of one class that were submitted. minutes: the time limit of a job, None = none; jobs: the engine's
    number of each worker; waits: whether no node of the cluster is large enough now."""

    kind: Needs
    cells: int
    minutes: int | None
    jobs: tuple[str, ...]
    waits: bool = False

    def __str__(self) -> str:
        workers = f"{len(self.jobs)} worker{'s' if len(self.jobs) > 1 else ''}"
        cells = f"{self.cells} cell{'s' if self.cells > 1 else ''}"
        limit = "" if self.minutes is None else f"; time limit {self.minutes} min"
        return f"{workers} for {cells} ({self.kind}{limit})"


def submit(
    engine: str,
    plan: Plan,
    out: Path,
    *,
    workers: int,
    minutes: int | None = None,
    options: Mapping[str, str] | None = None,
    address: str | None = None,
) -> list[Array]:
    """Start workers, and return what was submitted. Does not wait for them.

    A plan of the folder that covers this one stays, so that workers that run already go on with it. workers: in all,
    shared out between the classes of the plan. minutes: time limit of a worker's job, None = see
    `plan.job_minutes`. options: further parameters of `sbatch`, such as partition. address: of a Ray cluster, see
    `ray_arrays.address_of`. Raises UserError where the engine is missing or refuses, and StorageError.
    """
    out = out.resolve()
    left = {cell.name for cell in plan.cells}
    current = plans.read(out)
    if current is not None and current.covers(plan):
        plan = current
    else:
        plans.write(plan, out)
    counts = [sum(cell.name in left for cell in plan.of_kind(kind)) for kind in range(len(plan.kinds))]
    shares = plans.shares(plan.kinds, counts, workers)
    classes = [
        (needs, count, [WorkerJob(out, kind, number, share) for number in range(share)])
        for kind, (needs, count, share) in enumerate(zip(plan.kinds, counts, shares))
        if count
    ]
    if engine == RAY:
        with ray_arrays.connected(address) as ray:
            logs = out / store.WORK / JOBS
            names = [ray_arrays.start(ray, plan.suite, jobs, needs, logs) for needs, _, jobs in classes]
            return [
                Array(needs, count, None, tuple(each), not ray_arrays.fits(ray, needs))
                for (needs, count, _), each in zip(classes, names)
            ]
    arrays = []
    for needs, count, jobs in classes:
        limit = minutes if minutes is not None else plans.job_minutes(needs, count, len(jobs))
        numbers = _submit(engine, jobs, needs, out, plan.suite, limit, options or {})
        arrays.append(Array(needs, count, limit, numbers))
    return arrays


def available(engine: str, address: str | None = None) -> None:
    """Raises UserError where an engine cannot be used here."""
    if engine == RAY:
        with ray_arrays.connected(address):
            return
    submitit = _submitit(engine)
    if engine == SLURM and submitit.SlurmExecutor.affinity() <= 0:
        raise UserError("this machine has no Slurm (no srun); submit from a login node, or use --on local")


def lines(engine: str, arrays: Sequence[Array], out: Path, suite: str, address: str | None = None) -> list[str]:
    """What was submitted, and how to watch and to cancel it."""
    numbers = [" ".join(dict.fromkeys(_number(engine, job) for job in array.jobs)) for array in arrays]
    every = " ".join(numbers)
    cancel = {
        SLURM: f"scancel {every}",
        LOCAL: f"kill -INT {every}",
        RAY: f"python -m bench.runs.ray_arrays {ray_arrays.address_of(address)} {every}",
    }[engine]
    return [
        *(f"{engine}: {array}: {number}" for array, number in zip(arrays, numbers)),
        *(f"waiting: no node of the cluster has {array.kind} now" for array in arrays if array.waits),
        f"logs:    {out / store.WORK / JOBS}",
        f"watch:   bench status {out}",
        f"cancel:  {cancel}",
        f"report:  bench suite {suite} --out {out}, when all cells have ended",
    ]


def _number(engine: str, job: str) -> str:
    """The number with which a job is cancelled."""
    return job if engine == LOCAL else job.rpartition("_")[0] or job


def _submitit(engine: str) -> Any:
    try:
        import submitit
    except ImportError as error:
        raise UserError(f"--on {engine} needs submitit: pip install 'seq2seq-bench[slurm]'") from error
    return submitit


def _submit(
    engine: str,
    jobs: Sequence[WorkerJob],
    needs: Needs,
    out: Path,
    suite: str,
    minutes: int,
    options: Mapping[str, str],
) -> tuple[str, ...]:
    """Submit workers of one class through submitit, and return the numbers of their jobs."""
    submitit = _submitit(engine)
    with _reported(engine), _detached(engine):
        executor = _executor(submitit, engine, out)
        executor.update_parameters(
            name=f"bench-{suite}",
            timeout_min=minutes,
            mem_gb=needs.memory,
            cpus_per_task=needs.cores,
            gpus_per_node=needs.gpus,
            **_slurm_options(options),
        )
        with executor.batch():
            submitted = [executor.submit(job) for job in jobs]
    return tuple(job.job_id for job in submitted)


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
        raise UserError(f"{engine} did not accept the workers: {last_line(error)}") from error


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

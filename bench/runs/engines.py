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
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import UserError, last_line
from bench.records import store
from bench.runs import plan as plans
from bench.runs import ray_arrays
from bench.runs.plan import Needs, Plan
from bench.runs.worker_job import WorkerJob
from bench.system import leases

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


class PartlyAccepted(UserError):
    """The engine refused workers of one class after it had accepted those of another."""


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

    A plan of the folder that has cells left is joined with this one, so that workers that run already go on. workers:
    in all, shared out between the classes of the plan. minutes: time limit of a worker's job, None = see
    `plan.job_minutes`. options: further parameters of `sbatch`, such as partition. address: of a Ray cluster, see
    `ray_arrays.address_of`. Raises UserError where the engine is missing or refuses, or the folder has cells left of
    another suite, and StorageError.
    """
    leases.duration()  # workers would refuse a wrong one, each in its log
    if engine == SLURM and minutes is not None and minutes * 60 <= SIGNAL_DELAY:
        raise UserError(
            f"--minutes {minutes} is too short: Slurm's signal comes {SIGNAL_DELAY // 60} minutes before the end"
        )
    out = out.resolve()
    left = {cell.name for cell in plan.cells}
    with _planned(plan, out) as plan:
        return _start(engine, plan, out, left, workers, minutes, options or {}, address)


@contextlib.contextmanager
def _planned(plan: Plan, out: Path) -> Iterator[Plan]:
    """The plan joined with that of the folder, and written. If the block fails, the folder's is as it was."""
    path, current = plans.path_of(out), plans.read(out)
    waiting = set() if current is None else {cell.name for cell in current.left(out)}
    if current is None or not waiting:
        joined = plan
    elif current.joins(plan):
        joined = current if current.covers(plan) else current.joined(plan)
    elif waiting <= {cell.name for cell in plan.cells}:
        joined = plan
    else:
        raise UserError(
            f"{out} has {len(waiting)} cells left of suite {current.suite}, submitted with other options; name "
            f"another folder, or delete {path} if they are unwanted"
        )
    if joined is current:
        yield joined
        return
    plans.write(joined, out)
    try:
        yield joined
    except PartlyAccepted:
        raise
    except BaseException:
        if current is None:
            path.unlink(missing_ok=True)
        else:
            plans.write(current, out)
        raise


def _start(
    engine: str,
    plan: Plan,
    out: Path,
    left: Container[str],
    workers: int,
    minutes: int | None,
    options: Mapping[str, str],
    address: str | None,
) -> list[Array]:
    """Start workers of a plan that is written. left: names of the cells that they are for."""
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
    arrays: list[Array] = []
    for needs, count, jobs in classes:
        limit = minutes if minutes is not None else plans.job_minutes(needs, count, len(jobs))
        try:
            numbers = _submit(engine, jobs, needs, out, plan.suite, limit, options)
        except UserError as error:
            if not arrays:
                raise
            raise PartlyAccepted(f"{error}; accepted before: {', '.join(map(str, arrays))}") from error
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


def lines(engine: str, arrays: Sequence[Array], out: Path, address: str | None = None) -> list[str]:
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
        f"report:  bench report {out}, when all cells have ended",
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
            **_slurm_options(submitit, options),
        )
        with executor.batch():
            submitted = [executor.submit(job) for job in jobs]
    return tuple(job.job_id for job in submitted)


def _executor(submitit: Any, engine: str, out: Path) -> Any:
    folder = out / store.WORK / JOBS
    return submitit.AutoExecutor(
        str(folder), cluster=engine, slurm_max_num_timeout=REQUEUES, local_max_num_timeout=REQUEUES
    )


def _slurm_options(submitit: Any, options: Mapping[str, str]) -> dict[str, Any]:
    """Options of sbatch as submitit takes them: those that it does not know are handed on as they are."""
    known = set(submitit.SlurmExecutor._valid_parameters()) - {"additional_parameters"}
    more: dict[str, Any] = {}
    handed: dict[str, object] = {"requeue": True}
    for key, value in options.items():
        name = key.replace("-", "_")
        typed = int(value) if value.isdecimal() else {"true": True, "false": False}.get(value.lower(), value)
        if name in known:
            more[f"slurm_{name}"] = [value] if name in ("setup", "srun_args") else typed
        else:
            handed[key] = typed
    return {"slurm_signal_delay_s": SIGNAL_DELAY, "slurm_additional_parameters": handed} | more


@contextlib.contextmanager
def _reported(engine: str) -> Iterator[None]:
    """Turns the errors of submitit and of the engine into one line."""
    try:
        yield
    except (NameError, TypeError, AttributeError, ValueError, AssertionError) as error:
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

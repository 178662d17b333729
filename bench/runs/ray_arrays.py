"""Arrays of workers on a running Ray cluster. No torch here.

An array is a detached actor without resources of its own, which outlives the command that makes it. It starts the
workers as tasks, and ends after them. Ray starts a task again elsewhere when its node dies, and the actor too, which
then starts its tasks again: a worker claims what is left.

python -m bench.runs.ray_arrays ADDRESS ARRAY ...   cancel arrays: their workers save their cells and end
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import UserError, last_line
from bench.runs.plan import Needs
from bench.runs.worker_job import WorkerJob

NAMESPACE = "bench"
"""Ray's namespace of the arrays."""

AUTO = "auto"
"""Address of the cluster that runs on this machine."""

RETRIES = 1000
"""How often a worker is started again whose node or process died."""

REACH_SECONDS = 10.0
"""Seconds for a connection to the port of a cluster. Ray itself would try for minutes."""

START_SECONDS = 120.0
"""Seconds in which an array begins. Its actor needs no resources, so it waits for nothing but a process."""


THREAD = "wait for workers"


class WorkerKilled(Exception):
    """A worker was ended by a signal from outside, such as that of the kernel when memory is short."""


def address_of(address: str | None) -> str:
    """The address of the cluster to use: that of `--address`, else of Ray's own RAY_ADDRESS, else AUTO."""
    return address or os.environ.get("RAY_ADDRESS") or AUTO


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """Ray, connected to a running cluster during the block. Raises UserError."""
    try:
        import ray
    except ImportError as error:
        raise UserError("--on ray needs Ray: pip install 'seq2seq-bench[ray]'") from error
    address = address_of(address)
    if address != AUTO:
        _reach(address)
    try:
        ray.init(address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
    except ConnectionError as error:
        if address != AUTO:
            raise UserError(f"no Ray cluster answers at {address}: {last_line(error)}") from error
        advice = "start one with `ray start --head`, or name one with --address HOST:6379"
        raise UserError(f"no Ray cluster runs on this machine; {advice}") from error
    except (ValueError, RuntimeError, SystemExit) as error:
        raise UserError(f"Ray at {address}: {last_line(error)}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def start(ray: Any, suite: str, jobs: Sequence[WorkerJob], kind: Needs, logs: Path) -> list[str]:
    """Start workers of one class as an array, and return their names: that of the array, and a number.

    logs: the folder for what the workers write to standard error. Raises UserError where the array does not begin.
    """
    name = f"{suite}-{secrets.token_hex(3)}"
    names = [f"{name}_{number}" for number in range(len(jobs))]
    logs.mkdir(parents=True, exist_ok=True)
    variables = {key: text for key, text in os.environ.items() if key.startswith("BENCH_")}
    options = {"name": name, "lifetime": "detached", "max_restarts": -1, "num_cpus": 0}
    array = ray.remote(WorkerArray).options(**options).remote(names, jobs, kind, logs, variables, Path.cwd())
    try:
        ray.get(array.begun.remote(), timeout=START_SECONDS)
    except ray.exceptions.RayError as error:
        with contextlib.suppress(ray.exceptions.RayError):
            ray.kill(array)
        raise UserError(f"Ray did not start the workers: {last_line(error)}") from error
    return names


def fits(ray: Any, kind: Needs) -> bool:
    """Whether a node of the cluster is large enough for a worker of this class, now."""
    needed = _resources(kind)
    keys = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return any(all(node.get(keys[key], 0) >= count for key, count in needed.items()) for node in nodes)


def cancel(ray: Any, name: str) -> bool:
    """Let the workers of an array save their cells and end. False if it has ended."""
    try:
        ray.get(ray.get_actor(name, namespace=NAMESPACE).cancel.remote())
    except (ValueError, ray.exceptions.RayActorError):
        return False
    return True


class WorkerArray:
    """The actor of one array. Runs in the cluster; its constructor runs again when its node has died."""

    def __init__(
        self,
        names: Sequence[str],
        jobs: Sequence[WorkerJob],
        kind: Needs,
        logs: Path,
        variables: Mapping[str, str],
        folder: Path,
    ) -> None:
        import ray

        self._own = ray.get_runtime_context().current_actor
        self._logs, self._cancelled = logs, False
        task, options = ray.remote(run_worker), {"max_retries": RETRIES, "retry_exceptions": [WorkerKilled]}
        self._tasks = {
            task.options(name=name, **options, **_resources(kind)).remote(
                job, name, logs, dict(variables), folder
            ): name
            for name, job in zip(names, jobs)
        }
        threading.Thread(target=self._wait, name=THREAD, daemon=True).start()

    def begun(self) -> bool:
        return True

    def cancel(self) -> None:
        import ray

        self._cancelled = True
        for task in self._tasks:
            ray.cancel(task)

    def _wait(self) -> None:
        """Wait for the tasks, and end this actor."""
        import ray

        left = list(self._tasks)
        while left:
            (ended, *_), left = ray.wait(left)
            try:
                ray.get(ended)
            except Exception as error:
                if not self._cancelled:
                    with _log(self._logs, self._tasks[ended]) as log:
                        log.write(f"bench: the worker could not be run: {last_line(error)}\n".encode())
        ray.kill(self._own)


def run_worker(job: WorkerJob, name: str, logs: Path, variables: Mapping[str, str], folder: Path) -> int:
    """The task of one worker. Returns its exit status. Raises WorkerKilled, upon which Ray starts it again.

    folder: the one in which the command was given, for relative paths of a task's files.
    """
    with contextlib.suppress(FileNotFoundError):
        os.chdir(folder)
    with _log(logs, name) as log:
        status = job.run(log, {**variables, "BENCH_JOB": name})
    if status < 0:
        raise WorkerKilled(f"the worker was killed by signal {-status}")
    return status


def _log(logs: Path, name: str) -> Any:
    return (logs / f"{name}.err").open("ab", buffering=0)


def _resources(kind: Needs) -> dict[str, int]:
    return {"num_cpus": kind.cores, "num_gpus": kind.gpus, "memory": kind.memory << 30}


def _reach(address: str) -> None:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"--address takes HOST:PORT or ray://HOST:PORT, got {address!r}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise UserError(f"no Ray cluster answers at {address}: {error}") from error


def main() -> int:
    if len(sys.argv) < 3:
        print("bench: usage: python -m bench.runs.ray_arrays ADDRESS ARRAY...", file=sys.stderr)
        return 2
    _, address, *names = sys.argv
    try:
        with connected(address) as ray:
            for name in names:
                print(f"{name}: {'cancelled' if cancel(ray, name) else 'has ended'}")
    except UserError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""One cell in a process of its own, so that peak memory is the cell's and a crash costs one cell. Both ends are here.

The parent writes one JSON line to the child's standard input and keeps the pipe open; the child answers with the lines
of `bench.runs.pipe.Pipe`. A child whose parent has died sees the pipe close and stops. The parent imports no torch.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.conf.schema import Cell
from bench.errors import StorageError, UserError
from bench.records import store
from bench.runs.pipe import Pipe, relay
from bench.runs.record import new_record
from bench.system.signals import Interrupted, Stop
from bench.training.progress import Progress

COMMAND = (sys.executable, "-P", "-m", "bench.runs.worker")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Read once, when the libraries behind numpy and torch are loaded: set them before the process starts."""

PINNING_VARIABLES = (
    *("OMP_PROC_BIND", "OMP_PLACES", "OMP_THREAD_LIMIT", "OMP_DYNAMIC"),
    *("GOMP_CPU_AFFINITY", "KMP_AFFINITY", "KMP_HW_SUBSET"),
)
"""Removed: they bind every child to the same first cores, or give it fewer threads than its record says."""

TAIL_BYTES = 8000
"""How many bytes of a dead child's standard error its record keeps."""

GRACE = 30.0
"""Seconds between SIGTERM and SIGKILL: enough for a step, a validation and saving the state."""

TERMINATED = 128 + signal.SIGTERM
"""Exit status of a child that ended after SIGTERM."""

TRACE = getattr(signal, "SIGUSR1", None)
"""Makes a child write its stack trace to standard error; None where the system has no such signal."""


@dataclass(frozen=True)
class Order:
    """One cell for a child to run. overrides, adopted: see `bench.conf.compose.compose`; concurrent: how many cells
    run at the same time."""

    overrides: tuple[str, ...]
    out: str
    suite: str | None = None
    concurrent: int = 1
    adopted: bool = False


class Stopped(Exception):
    """The cell did not finish, because `Workers.stop` was called."""


class Workers:
    """The running children, so that all can be stopped together. Safe to use from several threads."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = tuple(command)
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(
        self,
        order: Order,
        cell: Cell,
        progress: Progress,
        timeout: float | None = None,
        inherited: Sequence[int] = (),
    ) -> str:
        """Run a cell to its end and return its status. The cell then has a record, whatever happened.

        timeout: seconds, None = no limit. inherited: open files that the child inherits. Raises UserError where the
        child refused its input, StorageError where nothing can be written, Stopped after `stop`.
        """
        out = Path(order.out)
        started = time.monotonic()
        with tempfile.TemporaryFile() as errors:
            process = self._start(cell.threads, errors.fileno(), inherited)
            timed_out = threading.Event()

            def end_late_cell() -> None:
                timed_out.set()
                if TRACE is not None:
                    _signal(process, TRACE)
                _end(process)

            timer = threading.Timer(timeout if timeout is not None else 0.0, end_late_cell)
            timer.daemon = True
            if timeout is not None:
                timer.start()
            try:
                outcome = _converse(process, order, progress)
                code = process.wait()
            finally:
                timer.cancel()
                _end(process)
                _close(process)
                with self._lock:
                    self._running.discard(process)
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - TAIL_BYTES))
            tail = errors.read().decode("utf-8", "replace").strip()
        if self._stopped:
            raise Stopped
        if "full" in outcome:
            raise StorageError(outcome["full"])
        if "refused" in outcome:
            raise UserError(outcome["refused"])
        if "status" in outcome and store.finished(out, cell.name, [outcome["status"]]):
            return outcome["status"]
        seconds = time.monotonic() - started
        if timed_out.is_set():
            status, reason = "timeout", f"not finished after {timeout:g} seconds, the suite's limit for a cell"
        elif "status" in outcome:
            status, reason = "failed", f"the process reported {outcome['status']!r} and wrote no such record"
        else:
            status, reason = "failed", f"the process {death(code)} after {seconds:.0f} seconds"
        store.write(out, new_record(cell, order.suite, status, reason, tail or None, concurrent=order.concurrent))
        return status

    def stop(self) -> None:
        """End every child, and start no new one."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _signal(process, signal.SIGTERM)
        for process in running:
            _end(process)

    def _start(self, threads: int, errors: int, inherited: Sequence[int]) -> subprocess.Popen[str]:
        variables = child_environment(threads)
        with self._lock:
            if self._stopped:
                raise Stopped
            # A session of its own: Ctrl-C reaches only the parent, which then ends each child's whole process group.
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                env=variables,
                start_new_session=True,
                pass_fds=tuple(inherited),
            )
            self._running.add(process)
        return process


def child_environment(threads: int) -> dict[str, str]:
    """The environment variables of a child that imports this source tree and uses this many threads, on any core."""
    source = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (source, os.environ.get("PYTHONPATH")) if part)
    kept = {name: value for name, value in os.environ.items() if name not in PINNING_VARIABLES}
    return kept | {name: str(threads) for name in THREAD_VARIABLES} | {"PYTHONPATH": path}


def _converse(process: subprocess.Popen[str], order: Order, progress: Progress) -> Mapping[str, str]:
    """Send the order, repeat the child's events to `progress`, and return its last event, see `relay`."""
    outcome: dict[str, str] = {}
    assert process.stdin and process.stdout, "the child was started with pipes"
    try:
        process.stdin.write(json.dumps(asdict(order)) + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        pass  # it died before it read the order; its exit status and standard error say why
    for line in process.stdout:
        try:
            outcome |= relay(line, progress)
        except ValueError:
            progress.say(line.rstrip("\n"))
    return outcome


def death(code: int) -> str:
    """An exit status in words that follow `the process`."""
    if code >= 0:
        return f"ended with exit status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def _signal(process: subprocess.Popen[str], number: int) -> None:
    if process.returncode is None:
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # it has ended


def _end(process: subprocess.Popen[str]) -> None:
    """SIGTERM, then SIGKILL after GRACE seconds. Does nothing to a process that has ended."""
    _signal(process, signal.SIGTERM)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
        process.wait()


def _close(process: subprocess.Popen[str]) -> None:
    for pipe in filter(None, (process.stdin, process.stdout)):
        try:
            pipe.close()
        except BrokenPipeError:
            pass  # unread input of a child that died early


def _watch() -> None:
    """Stop this process when its parent closes the pipe or dies."""
    while os.read(0, 4096):  # not sys.stdin: its lock would be held at interpreter shutdown
        pass
    os._exit(1)


def main() -> int:
    """The child. Exit status 0 where the cell has its record, whatever its status; 2 for bad input and where nothing
    can be written; TERMINATED after SIGTERM."""
    stop = Stop()
    signal.signal(signal.SIGTERM, stop.request)
    faulthandler.enable()
    if TRACE is not None:
        faulthandler.register(TRACE)
    order = Order(**json.loads(sys.stdin.readline()))
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries print to standard error; the pipe carries only events
    threading.Thread(target=_watch, daemon=True).start()
    pipe = Pipe(events)
    try:
        from bench.conf.compose import compose
        from bench.runs.cell import run_cell

        cell = compose(order.overrides, order.adopted)
        out, suite = Path(order.out), order.suite
        status = run_cell(cell, out, suite=suite, concurrent=order.concurrent, progress=pipe, stop=stop)
    except Interrupted:
        return TERMINATED
    except StorageError as error:
        pipe.full(str(error))
        return 2
    except UserError as error:
        pipe.refuse(str(error))
        return 2
    pipe.end(status)
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # an orderly shutdown of torch takes a quarter of a second, and nothing is left to save

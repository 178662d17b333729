"""One cell in a process of its own, both ends: peak memory is the cell's, and a crash costs one cell.

The parent writes one JSON line to the child's standard input and keeps the pipe open; the child answers with the lines
of `bench.training.progress.Pipe`. A child whose parent has gone sees the pipe close and stops. The parent imports no torch.
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
"""Read once, when the libraries behind numpy and torch are loaded: they must be set before the process starts."""

TAIL_BYTES = 8000
"""How much of a dead child's standard error its record keeps."""

GRACE = 30.0
"""Seconds between asking a process to end and ending it: for a step, a validation and the saving of the state."""

ASKED = 128 + signal.SIGTERM
"""Exit status of a child that was asked to end and did."""

WHERE = getattr(signal, "SIGUSR1", None)
"""Makes a child write where it is to its standard error; None where the system has no such signal."""


@dataclass(frozen=True)
class Order:
    """One cell for a child to run. overrides, adopted: see `bench.conf.compose.compose`; concurrent: how many cells run at
    the same time."""

    overrides: tuple[str, ...]
    out: str
    suite: str | None = None
    concurrent: int = 1
    adopted: bool = False


class Stopped(Exception):
    """The cell did not end: `Workers.stop` was called."""


class Workers:
    """The children that run now, so that all can be ended at once. Safe to use from several threads."""

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
        """Run a cell to its end and return its status; afterwards its record is there, whatever happened.

        timeout: seconds, None = no limit. inherited: open files that the child has too. Raises UserError where the
        child refused its input, StorageError where nothing can be written, Stopped after `stop`.
        """
        out = Path(order.out)
        began = time.monotonic()
        with tempfile.TemporaryFile() as errors:
            process = self._start(cell.threads, errors.fileno(), inherited)
            late = threading.Event()

            def too_late() -> None:
                late.set()
                if WHERE is not None:
                    _signal(process, WHERE)
                _end(process)

            timer = threading.Timer(timeout if timeout is not None else 0.0, too_late)
            timer.daemon = True
            if timeout is not None:
                timer.start()
            try:
                said = _converse(process, order, progress)
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
        if said.get("full") is not None:
            raise StorageError(said["full"])
        if said.get("refused") is not None:
            raise UserError(said["refused"])
        if said.get("status") is not None and store.finished(out, cell.name, [said["status"]]):
            return said["status"]
        seconds = time.monotonic() - began
        if late.is_set():
            status, reason = "timeout", f"not finished after {timeout:g} seconds, the suite's limit for a cell"
        elif said.get("status") is not None:
            status, reason = "failed", f"the process reported {said['status']!r} and wrote no such record"
        else:
            status, reason = "failed", f"the process {death(code)} after {seconds:.0f} seconds"
        store.write(out, new_record(cell, order.suite, status, reason, tail or None, concurrent=order.concurrent))
        return status

    def stop(self) -> None:
        """End every child, and start no more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _signal(process, signal.SIGTERM)
        for process in running:
            _end(process)

    def _start(self, threads: int, errors: int, inherited: Sequence[int]) -> subprocess.Popen[str]:
        variables = surroundings(threads)
        with self._lock:
            if self._stopped:
                raise Stopped
            # A session of its own: Ctrl-C reaches the parent alone, which then ends each child's whole group.
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


def surroundings(threads: int) -> dict[str, str]:
    """The environment of a child that imports this very code and has so many threads."""
    source = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (source, os.environ.get("PYTHONPATH")) if part)
    return os.environ | {name: str(threads) for name in THREAD_VARIABLES} | {"PYTHONPATH": path}


def _converse(process: subprocess.Popen[str], order: Order, progress: Progress) -> Mapping[str, str]:
    """Give the order, repeat what comes back to `progress`, and return the last words: `status` or `refused`."""
    said: dict[str, str] = {}
    try:
        process.stdin.write(json.dumps(asdict(order)) + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        pass  # died before it could listen; its exit status and standard error say why
    for line in process.stdout:
        try:
            said |= relay(line, progress)
        except ValueError:
            progress.say(line.rstrip("\n"))
    return said


def death(code: int) -> str:
    """What an exit status says of a process: the words after `the process`."""
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
            pass  # already gone


def _end(process: subprocess.Popen[str]) -> None:
    """Ask, wait, then do not ask. Nothing happens to a process that has ended."""
    _signal(process, signal.SIGTERM)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
        process.wait()


def _close(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        try:
            pipe.close()
        except BrokenPipeError:
            pass  # what was left for a child that died early


def _watch() -> None:
    """Stop this process when its parent closes the pipe, by will or by dying."""
    while os.read(0, 4096):  # not sys.stdin, whose lock a waiting thread would hold when the interpreter shuts down
        pass
    os._exit(1)


def main() -> int:
    """The child. Exit status 0 where the cell has its record, whatever the status in it; 2 for bad input and for what
    cannot be written; ASKED where it was asked to end."""
    stop = Stop()
    signal.signal(signal.SIGTERM, stop.ask)
    faulthandler.enable()
    if WHERE is not None:
        faulthandler.register(WHERE)
    order = Order(**json.loads(sys.stdin.readline()))
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print goes to standard error; the pipe is for events alone
    threading.Thread(target=_watch, daemon=True).start()
    pipe = Pipe(events)
    try:
        from bench.conf.compose import compose
        from bench.runs.cell import run_cell

        cell = compose(order.overrides, order.adopted)
        settings = {"suite": order.suite, "concurrent": order.concurrent, "progress": pipe, "stop": stop}
        status = run_cell(cell, Path(order.out), **settings)
    except Interrupted:
        return ASKED
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
    os._exit(status)  # taking torch apart in order takes a quarter of a second, and nothing is left to save

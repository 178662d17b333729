"""One cell in a process of its own, so that peak memory is the cell's and a crash costs one cell. This is the parent's
end; the child's is `bench.runs.child`.

The parent writes one JSON line to the child's standard input and keeps the pipe open; the child answers with the lines
of `bench.runs.pipe.Pipe`. A child whose parent has died sees the pipe close and stops. The parent imports no torch.

Where several cells follow one another, their processes are forked from a server that has imported torch once, see
`bench.runs.fork_server`: a fresh process spends seconds of every cell on imports. A cell on a GPU, a single cell, and
every cell after the server has failed start a fresh process. Nothing else depends on which it is.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import IO, Protocol

from bench.conf.schema import Cell
from bench.errors import StorageError, UserError
from bench.records import store
from bench.runs import fork_server
from bench.runs.cell_claims import Claim
from bench.runs.child import TERMINATED, TRACE, Order
from bench.runs.fork_server import ForkServer
from bench.runs.pipe import relay
from bench.runs.record import new_record
from bench.system import torchrun
from bench.training.progress import Progress

COMMAND = (sys.executable, "-P", "-m", "bench.runs.child")
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


class Process(Protocol):
    """A running child: a `subprocess.Popen` or a `fork_server.ForkedProcess`."""

    pid: int
    returncode: int | None

    @property
    def stdin(self) -> IO[str] | None: ...

    @property
    def stdout(self) -> IO[str] | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


class Stopped(Exception):
    """The cell did not finish, because `Workers.stop` was called, or another process that trains it with torchrun
    stopped."""


class Workers:
    """The running children, so that all can be stopped together. Safe to use from several threads."""

    def __init__(self, command: Sequence[str] = COMMAND, server: Sequence[str] | None = None) -> None:
        """command: of a fresh process. server: command of the fork servers that start cells on the CPU, where the
        system can; None = every cell is a fresh process. `close` must follow."""
        self._command = tuple(command)
        self._server_command = server if fork_server.SUPPORTED else None
        self._servers: dict[tuple[tuple[str, str], ...], ForkServer] = {}
        self._lock = threading.Lock()
        self._running: set[Process] = set()
        self._stopped = False

    def run(
        self,
        order: Order,
        cell: Cell,
        progress: Progress,
        timeout: float | None = None,
        inherited: Sequence[int] = (),
        claim: Claim | None = None,
    ) -> str:
        """Run a cell to its end and return its status. The cell then has a record, whatever happened.

        timeout: seconds, None = no limit. inherited: open files that the child inherits. claim: of the cell; its lease
        is kept while the child is alive and not suspended. Raises UserError where the child refused its input,
        StorageError where nothing can be written, Stopped after `stop`, and Lost where another process has taken over
        the cell.
        """
        out = Path(order.out)
        started = time.monotonic()
        torchrun.passed_on()
        with tempfile.TemporaryFile() as errors:
            process = self._start(cell, errors.fileno(), inherited)
            if claim is not None:
                claim.follow(process.pid, partial(_signal, process, signal.SIGKILL))
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
                if claim is not None:
                    claim.follow(None)
                with self._lock:
                    self._running.discard(process)
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - TAIL_BYTES))
            tail = errors.read().decode("utf-8", "replace").strip()
        if self._stopped:
            raise Stopped
        lease = None
        if claim is not None:
            lease = claim.lease
            claim.check(finished="status" in outcome)
        if code == TERMINATED and torchrun.size() > 1:
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
        store.write(
            out, new_record(cell, order.suite, status, reason, tail or None, concurrent=order.concurrent), lease=lease
        )
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
        self.close()

    def close(self) -> None:
        """End the fork servers. To be called when no child is running."""
        with self._lock:
            servers, self._servers = list(self._servers.values()), {}
            self._server_command = None
        for server in servers:
            server.close()

    def _start(self, cell: Cell, errors: int, inherited: Sequence[int]) -> Process:
        variables = child_environment(cell.threads)
        server = self._server(variables) if cell.device == "cpu" else None
        # Not under the lock: the first child waits for the server's imports, and `stop` must not wait for those.
        forked = server.start(errors, inherited) if server else None
        with self._lock:
            if not self._stopped:
                process = forked or self._fresh(variables, errors, inherited)
                self._running.add(process)
                return process
        if forked:
            _end(forked)
            _close(forked)
        raise Stopped

    def _server(self, variables: Mapping[str, str]) -> ForkServer | None:
        """The server whose children have these environment variables, and so this number of threads."""
        key = tuple(sorted(variables.items()))
        with self._lock:
            if self._stopped or self._server_command is None:
                return None
            if key not in self._servers:
                self._servers[key] = ForkServer(variables, self._server_command)
            return self._servers[key]

    def _fresh(self, variables: Mapping[str, str], errors: int, inherited: Sequence[int]) -> Process:
        # A session of its own: Ctrl-C reaches only the parent, which then ends each child's whole process group.
        return subprocess.Popen(
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


def child_environment(threads: int) -> dict[str, str]:
    """The environment variables of a child that imports this source tree and uses this many threads, on any core."""
    source = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (source, os.environ.get("PYTHONPATH")) if part)
    kept = {name: value for name, value in os.environ.items() if name not in PINNING_VARIABLES}
    return kept | {name: str(threads) for name in THREAD_VARIABLES} | {"PYTHONPATH": path}


def _converse(process: Process, order: Order, progress: Progress) -> Mapping[str, str]:
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
    if code == fork_server.UNKNOWN:
        return "and its fork server ended"
    if code >= 0:
        return f"ended with exit status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def _signal(process: Process, number: int) -> None:
    if process.returncode is None:
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # it has ended


def _end(process: Process) -> None:
    """SIGTERM, then SIGKILL after GRACE seconds. Does nothing to a process that has ended."""
    _signal(process, signal.SIGTERM)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
        process.wait()


def _close(process: Process) -> None:
    for pipe in filter(None, (process.stdin, process.stdout)):
        try:
            pipe.close()
        except BrokenPipeError:
            pass  # unread input of a child that died early

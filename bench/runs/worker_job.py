"""The parent of one worker, as a job of an engine. No torch here."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

STOP_SECONDS = 90.0
"""Seconds that a worker has to save its cell and to end."""


class WorkerJob:
    """One worker as a job. submitit calls it."""

    def __init__(self, out: Path, kind: int, number: int, workers: int) -> None:
        self.words = (str(out), str(kind), str(number), str(workers))
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self) -> int:
        status = self.run()
        if status not in (0, 1):
            sys.exit(status)  # the job fails, and is not requeued
        return status

    def run(self, log: IO[bytes] | None = None, variables: Mapping[str, str] | None = None) -> int:
        """Run the worker to its end, and return its exit status.

        log: where its standard error goes, None = to this process's. variables: of the environment, beside this
        process's own.
        """
        from bench.runs.worker import child_environment

        command = (sys.executable, "-P", "-m", "bench.runs.shared_worker", *self.words)
        environment = child_environment(1) | dict(variables or {})
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log, env=environment)
        try:
            # Not `wait`: it holds a lock while it waits, and the handler of a signal runs in between.
            while self._process.poll() is None:
                time.sleep(0.2)
        finally:
            self._stop()
        return self._process.wait()

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

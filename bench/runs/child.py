"""The child's end of a cell: it reads its order from standard input and answers with the lines of
`bench.runs.pipe.Pipe`.

The other end is `bench.runs.worker`. Torch is imported after the order is read, or before, by a fork server.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from bench.errors import StorageError, UserError
from bench.runs.pipe import Pipe
from bench.system import torchrun
from bench.system.leases import Lease, Lost
from bench.system.signals import Interrupted, Stop

TERMINATED = 128 + signal.SIGTERM
"""Exit status of a child that ended after SIGTERM."""

TRACE = getattr(signal, "SIGUSR1", None)
"""Makes a child write its stack trace to standard error; None where the system has no such signal."""


@dataclass(frozen=True)
class Order:
    """One cell for a child to run. overrides, adopted: see `bench.conf.compose.compose`; concurrent: how many cells
    run at the same time; lease: path and token of the parent's lease, see `bench.system.leases`."""

    overrides: tuple[str, ...]
    out: str
    suite: str | None = None
    concurrent: int = 1
    adopted: bool = False
    lease: tuple[str, str] | None = None


def main() -> int:
    """Run one cell. Exit status 0 where the cell has its record, whatever its status; 2 for bad input and where
    nothing can be written; TERMINATED after SIGTERM, and where another process has taken over the cell."""
    stop = Stop()
    signal.signal(signal.SIGTERM, stop.request)
    faulthandler.enable()
    if TRACE is not None:
        faulthandler.register(TRACE)
    line = sys.stdin.readline()
    order = Order(**json.loads(line))
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries print to standard error; the pipe carries only events
    threading.Thread(target=_watch, daemon=True).start()
    pipe = Pipe(events)
    try:
        from bench.conf.compose import compose
        from bench.runs.cell import run_cell

        if torchrun.size() > 1:
            torchrun.announce(line)
        cell = compose(order.overrides, order.adopted)
        out, suite = Path(order.out), order.suite
        lease = None if order.lease is None else Lease(Path(order.lease[0]), order.lease[1])
        status = run_cell(cell, out, suite=suite, concurrent=order.concurrent, progress=pipe, stop=stop, lease=lease)
    except Lost:
        return TERMINATED
    except Interrupted as reason:
        if str(reason):
            pipe.say(str(reason))
        return TERMINATED
    except StorageError as error:
        pipe.full(str(error))
        return 2
    except UserError as error:
        pipe.refuse(str(error))
        return 2
    pipe.end(status)
    return 0


def run() -> NoReturn:
    """Run one cell and end this process with the exit status of `main`, or 1 after an unexpected error."""
    try:
        status = main()
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # an orderly shutdown of torch takes a quarter of a second, and nothing is left to save


def _watch() -> None:
    """Stop this process when its parent closes the pipe or dies."""
    while os.read(0, 4096):  # not sys.stdin: its lock would be held at interpreter shutdown
        pass
    os._exit(1)


if __name__ == "__main__":
    run()

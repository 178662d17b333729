"""Processes 1, 2, ... that torchrun started for a command: they take part in the cell that process 0 runs.

Process 0 reads the command line, claims the cell, and has a process of its own for it, as without torchrun. That
process announces its order (`bench.runs.child.Order`), and the followers run the same cell. They write nothing, and
print an error only if process 0 does not fail too: what goes wrong in all processes, process 0 says and records.
"""

from __future__ import annotations

import json
import signal
import sys
import time
import traceback
from pathlib import Path

from bench.errors import UserError
from bench.runs.child import TERMINATED, Order
from bench.system import torchrun
from bench.system.signals import Interrupted, Stop

PATIENCE = 20.0
"""Seconds that process 0 has to report an error that all processes meet. Then torchrun ends the others."""


def main() -> int:
    """Take part in a cell, if there is one. Exit status: 0; TERMINATED after SIGTERM; 2 for bad input and 1 for an
    unexpected error, both of this process alone. torchrun ends all processes when one fails."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    line = torchrun.announcement()
    if not line:
        return 0
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop.request)
    try:
        try:
            _run(Order(**json.loads(line)), stop)
        except UserError as error:
            return _report(f"bench: process {torchrun.rank()}: {error}", 2)
        except Exception:
            return _report(traceback.format_exc().rstrip(), 1)
    except Interrupted:
        return TERMINATED if stop.requested else 0
    return 0


def _run(order: Order, stop: Stop) -> None:
    from bench.conf.compose import compose
    from bench.runs.cell import run_cell

    run_cell(compose(order.overrides, order.adopted), Path(order.out), suite=order.suite, stop=stop)


def _report(text: str, status: int) -> int:
    time.sleep(PATIENCE)
    print(text, file=sys.stderr, flush=True)
    return status

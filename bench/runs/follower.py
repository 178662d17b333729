"""Processes 1, 2, ... that torchrun started for a command: they take part in the cell that process 0 runs.

Process 0 reads the command line, claims the cell, and has a process of its own for it, as without torchrun. That
process announces its order (`bench.runs.child.Order`), and the followers run the same cell. They print and write
nothing: what goes wrong in all processes, process 0 says and records.
"""

from __future__ import annotations

import json
import signal
import traceback
from pathlib import Path

from bench.errors import UserError
from bench.runs.child import TERMINATED, Order
from bench.system import torchrun
from bench.system.signals import Interrupted, Stop


def main() -> int:
    """Take part in a cell, if there is one. Exit status: TERMINATED after SIGTERM, else 0: torchrun ends all processes
    when one fails, and process 0 has a record to write."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    line = torchrun.announcement()
    if not line:
        return 0
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop.request)
    try:
        from bench.conf.compose import compose
        from bench.runs.cell import run_cell

        order = Order(**json.loads(line))
        run_cell(compose(order.overrides, order.adopted), Path(order.out), suite=order.suite, stop=stop)
    except Interrupted:
        return TERMINATED if stop.requested else 0
    except UserError:
        return 0
    except Exception:
        traceback.print_exc()
    return 0

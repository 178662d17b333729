"""One measurement in a process of its own, both ends: peak memory is its own, and a crash costs one row.

The parent writes the order as one JSON line to the child's standard input; the child answers with one JSON object on
standard output. The parent imports no torch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict

from bench.diagnostics.profile.plan import Order
from bench.errors import UserError
from bench.records.profile_rows import KILLED, Row, unmeasured
from bench.runs.worker import death, surroundings

COMMAND = (sys.executable, "-P", "-m", "bench.diagnostics.profile.process")

START_SECONDS = 60.0
"""For starting, building the model and measuring the machine, beside the time that an order gives to measuring."""


def measured(order: Order, threads: int, command: Sequence[str] = COMMAND, start: float = START_SECONDS) -> Row:
    """The order's row, whatever becomes of its process. A process that takes more than `start` and twice the order's
    seconds is ended. Raises UserError where the child refused its input."""
    limit = start + 2 * order.seconds
    said = json.dumps(asdict(order))
    # `run` ends the child where time is up and where Ctrl-C interrupts the wait.
    try:
        done = subprocess.run(
            command, input=said, capture_output=True, encoding="utf-8", env=surroundings(threads), timeout=limit
        )
    except subprocess.TimeoutExpired:
        return _died(order, f"not finished after {limit:.0f} seconds, the limit of a measurement")
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return _died(order, _death(done.returncode, done.stderr))
    if "refused" in answer:
        raise UserError(answer["refused"])
    return answer["row"]


def _died(order: Order, reason: str) -> Row:
    return unmeasured(order.arm, order.length, order.what, KILLED, reason)


def _death(code: int, errors: str) -> str:
    last = errors.strip().rpartition("\n")[2] if code >= 0 else ""
    return f"the process {death(code)}" + (f": {last}" if last else "")


def main() -> int:
    """The child. Exit status 0 where there is a row, whatever its status; 2 for bad input."""
    order = Order(**json.loads(sys.stdin.readline()))
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print goes to standard error; standard output is for the answer alone
    try:
        from bench.diagnostics.profile.measure import measure

        said = {"row": measure(order)}
    except UserError as error:
        said = {"refused": str(error)}
    with answer:
        json.dump(said, answer, allow_nan=False)
    return 2 if "refused" in said else 0


if __name__ == "__main__":
    sys.exit(main())

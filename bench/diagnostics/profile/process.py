"""One measurement in a process of its own, so that its peak memory is its own and a crash costs one row.

Parent and child are both here. The parent writes the request as one JSON line to the child's standard input; the child
answers with one JSON object on standard output. The parent imports no torch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict

from bench.diagnostics.profile.plan import Request
from bench.errors import UserError
from bench.records.profile_rows import KILLED, Row, unmeasured
from bench.runs.worker import child_environment, death

COMMAND = (sys.executable, "-P", "-m", "bench.diagnostics.profile.process")

START_SECONDS = 60.0
"""Seconds for start-up, building the model and measuring the machine, in addition to the measurement's own limit."""


def measure_in_process(
    request: Request, threads: int, command: Sequence[str] = COMMAND, start: float = START_SECONDS
) -> Row:
    """Run the measurement in a child process and return its row; a child that dies gives a row of status KILLED.

    A child that takes longer than `start` plus twice the request's seconds is ended. Raises UserError if the child
    rejects the request.
    """
    limit = start + 2 * request.seconds
    # `run` also ends the child on a timeout and on Ctrl-C.
    try:
        child = subprocess.run(
            command,
            input=json.dumps(asdict(request)),
            capture_output=True,
            encoding="utf-8",
            env=child_environment(threads),
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        return _killed(request, f"not finished after {limit:.0f} seconds, the limit of a measurement")
    try:
        answer = json.loads(child.stdout)
    except ValueError:
        return _killed(request, _cause_of_death(child.returncode, child.stderr))
    if "refused" in answer:
        raise UserError(answer["refused"])
    return answer["row"]


def _killed(request: Request, reason: str) -> Row:
    return unmeasured(request.arm, request.length, request.quantity, KILLED, reason)


def _cause_of_death(code: int, errors: str) -> str:
    last_line = errors.strip().rpartition("\n")[2] if code >= 0 else ""
    return f"the process {death(code)}" + (f": {last_line}" if last_line else "")


def main() -> int:
    """The child. Exit status: 0 if there is a row, whatever its status; 2 if the request is invalid."""
    request = Request(**json.loads(sys.stdin.readline()))
    # Standard output carries the answer alone; what libraries print goes to standard error.
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    answer: dict[str, object]
    try:
        from bench.diagnostics.profile.measure import measure

        answer = {"row": measure(request)}
    except UserError as error:
        answer = {"refused": str(error)}
    with output:
        json.dump(answer, output, allow_nan=False)
    return 2 if "refused" in answer else 0


if __name__ == "__main__":
    sys.exit(main())

"""What a suite does after its cells: commands of `bench`, one at a time, in processes of their own, so that nothing
runs beside them. No torch here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.conf.suites import Step
from bench.runs.worker import child_environment


def run(steps: Sequence[Step], out: Path, threads: int) -> list[str]:
    """Run the steps whose file is not there yet, and return a line on each that failed.

    threads: of each process. The steps write below `out`; what they print goes to standard error.
    """
    failures = []
    for step in steps:
        target = out / step.makes
        if target.exists():
            continue
        print(f"bench {step.command}", file=sys.stderr, flush=True)
        words = [sys.executable, "-P", "-m", "bench", *step.words, "--out", str(target.parent)]
        status = subprocess.run(words, env=child_environment(threads), stdout=sys.stderr, check=False).returncode
        if status != 0 or not target.exists():
            failures.append(f"bench {step.command} ended with exit status {status} and without {step.makes}")
    return failures

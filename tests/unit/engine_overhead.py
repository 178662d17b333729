"""How much longer two workers of an engine take than `bench suite --jobs 2`: the same cells, in turns.

    python -m tests.unit.engine_overhead results/reference/engine_overhead.md

The time is that from the command to the last record, with the start of all processes. The Ray cluster, two nodes of a
core each, runs before. Takes ten minutes of two idle cores, and needs the extras `slurm` and `ray`.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.records import store
from bench.system import environment
from tests import commit
from tests.reliability.ray_nodes import RayNodes

CELLS = ("quick", "--only", "reverse", "--seeds", "101-102")
ROUNDS = 3
WITHIN = 600.0
"""Seconds after which a run is given up."""

JOBS = "--jobs 2"


def seconds(words: Sequence[str], out: Path, cells: int | None) -> float:
    """From the command's start until it has ended and every cell has a record. cells: None if the command runs them
    itself. Raises RuntimeError if the command fails or the cells do not end."""
    begin = time.monotonic()
    command = [sys.executable, "-P", "-m", "bench", "suite", *CELLS, "--no-report", *words, "--out", str(out)]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(ended.stderr)
    while cells is not None and len(list(out.glob(f"*/{store.RECORD}"))) < cells:
        if time.monotonic() - begin > WITHIN:
            raise RuntimeError(f"not all cells of {out} ended within {WITHIN:.0f} s")
        time.sleep(0.05)
    return time.monotonic() - begin


def measure(folder: Path, rounds: int) -> tuple[dict[str, list[float]], int]:
    """Seconds of each round by engine, and the number of cells. Raises RuntimeError; see `seconds`."""
    times: dict[str, list[float]] = {}
    cells = None
    with RayNodes() as nodes:
        engines = {
            JOBS: ["--jobs", "2"],
            "--on local --workers 2": ["--on", "local", "--workers", "2"],
            "--on ray --workers 2": ["--on", "ray", "--workers", "2", "--address", nodes.address],
        }
        for number in range(rounds):
            names = list(engines)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                out = folder / f"{len(times.get(name, []))}{name.replace(' ', '')}"
                if cells is None:  # the first run says how many there are
                    taken = seconds(engines[name], out, None)
                    cells = len(list(out.glob(f"*/{store.RECORD}")))
                else:
                    taken = seconds(engines[name], out, None if name == JOBS else cells)
                times.setdefault(name, []).append(taken)
                print(f"round {number + 1}: {name}: {taken:.1f} s", file=sys.stderr, flush=True)
    assert cells is not None
    return times, cells


def page(times: dict[str, list[float]], cells: int) -> str:
    """The table as Markdown. The overhead is the median of the ratios of the rounds."""
    lines = [
        "# Two workers of each engine beside `--jobs 2`",
        "",
        f"Written by `python -m tests.unit.engine_overhead`: `bench suite {' '.join(CELLS)}`, {cells} cells, in",
        f"{len(times[JOBS])} rounds, engines in turns. Seconds are those from the command to the last record, with",
        "the start of all processes. The Ray cluster, two nodes of a core each on this machine, runs before.",
        "",
        f"{environment.cpu_name()}, {environment.usable_cores()} cores, {platform.platform()},",
        f"Python {platform.python_version()}, commit {commit.name()}.",
        "",
        f"| engine | {' | '.join(f'round {i + 1}, s' for i in range(len(times[JOBS])))} | beside `{JOBS}` |",
        f"|---|{'--:|' * (len(times[JOBS]) + 1)}",
    ]
    for name, each in times.items():
        ratio = statistics.median(own / base for own, base in zip(each, times[JOBS], strict=True)) - 1
        cell = "" if name == JOBS else f"**{ratio:+.1%}**"
        lines.append(f"| `{name}` | {' | '.join(f'{taken:.1f}' for taken in each)} | {cell} |")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        times, cells = measure(Path(folder), chosen.rounds)
    chosen.out.write_text(page(times, cells), encoding="utf-8")


if __name__ == "__main__":
    main()

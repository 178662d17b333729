"""`bench suite --on`: start workers for the cells that are left, and return."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from bench.cli import EXIT_OK
from bench.conf.suites import Suite
from bench.errors import UserError
from bench.runs import engines, plan, suite
from bench.runs.display import Board

WORKERS = 8
"""Workers that `bench suite --on` starts by default, if there are as many cells."""


def slurm_options(partition: str | None, words: Sequence[str]) -> dict[str, str]:
    """Options of sbatch by name. Raises UserError."""
    options = {} if partition is None else {"partition": partition}
    for word in words:
        key, equals, value = word.partition("=")
        if not key or not equals or not value:
            raise UserError(f"--slurm takes KEY=VALUE, such as account=physics; got {word[:80]!r}")
        if key in options:
            raise UserError(f"the Slurm option {key[:80]} is given twice; give it once")
        options[key] = value
    return options


def submit(
    engine: str,
    chosen: Suite,
    out: Path,
    adopted: bool,
    retry: bool,
    timeout: float | None,
    workers: int | None,
    minutes: int | None,
    options: Mapping[str, str],
    address: str | None,
) -> int:
    """Start workers for the cells of a suite that are left."""
    engines.available(engine, address)
    jobs = [suite.Job.of(overrides, adopted) for overrides in chosen.cells]
    left, outcomes = suite.left_to_run(jobs, out, Board(sys.stderr, len(jobs)), retry)
    if not left:
        click.echo(f"{suite.summary(outcomes)}; nothing is left to run")
        return EXIT_OK
    count = min(len(left), WORKERS if workers is None else workers)
    concurrent = count if engine == engines.LOCAL else 1
    planned = plan.make(chosen, left, out, adopted=adopted, timeout=timeout, concurrent=concurrent)
    arrays = engines.submit(engine, planned, out, workers=count, minutes=minutes, options=options, address=address)
    for line in engines.lines(engine, arrays, out, address):
        click.echo(line)
    return EXIT_OK

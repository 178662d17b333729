"""Commands that measure: models on random tokens, and what trained cells read."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.cli import BAD, GOOD, PATH, RUNS
from bench.diagnostics.profile import defaults
from bench.errors import UserError
from bench.records.reach_rows import EXAMPLES


@click.command()
@click.argument("settings", nargs=-1)
@click.option("--models", metavar="A,B", help=f"Arms.  [default: {','.join(defaults.ARMS)}]")
@click.option("--lengths", metavar="N,M", help="Of source and target, in tokens.  [default: 16,32,...,4096]")
@click.option("--what", metavar="A,B", help="Of forward, train, greedy, beam5, latency.  [default: all]")
@click.option("--out", type=PATH, default=RUNS / "profile", show_default=True, help="The folder.")
@click.option("--threads", type=int, metavar="N", help="CPU threads; all usable cores if not given.")
@click.option("--tokens", default=defaults.TOKENS, show_default=True, help="Source tokens in a batch.")
@click.option("--repeats", default=defaults.REPEATS, show_default=True, help="Calls after the warm-up, at most.")
@click.option("--budget-seconds", default=defaults.SECONDS, show_default=True, help="For one measurement, at most.")
def profile(
    settings: tuple[str, ...],
    models: str | None,
    lengths: str | None,
    what: str | None,
    out: Path,
    threads: int | None,
    tokens: int,
    repeats: int,
    budget_seconds: float,
) -> int:
    """Measure speed, memory and use of the machine by length, on random tokens.

    SETTINGS choose size and device (task=multi30k budget=multi30k_cpu if not given). What is measured is kept, so that
    the same command goes on where it was stopped. Exit status 1 where nothing could be measured.
    """
    from bench.diagnostics.profile import session
    from bench.diagnostics.profile.plan import planned
    from bench.records.profile_rows import MEASURED
    from bench.report.profile_page import build
    from bench.runs.display import Board

    plan = planned(settings, models, lengths, what, threads, tokens, repeats, budget_seconds)
    session.check_folder(out)
    found = session.run(plan, out, Board(sys.stderr, len(plan.cells) * len(plan.lengths)))
    measured = sum(row["status"] == MEASURED for row in found)
    click.echo(f"{measured} of {len(found)} measured: {build(out)}")
    return GOOD if measured else BAD


@click.command()
@click.option("--run", "runs", multiple=True, type=PATH, help="A cell's folder; repeatable.")
@click.option("--all", "results", type=PATH, help="Instead: a results folder, for all its cells.")
@click.option("--split", metavar="NAME", help="Test split.  [default: each task's first]")
@click.option("--examples", default=EXAMPLES, show_default=True, help="Examples of the split, at most.")
def reach(runs: tuple[Path, ...], results: Path | None, split: str | None, examples: int) -> int:
    """Find how far back trained cells reach, and write it into their folders.

    Where the gradient of an output goes, by the distance of the source token, and what accuracy is left when the source
    beyond a distance is another example's. `bench report` draws both. What is there already is not done again.
    """
    from bench.diagnostics.reach import session
    from bench.runs.display import board

    if bool(runs) == (results is not None):
        raise UserError("name cells with --run DIR, or a results folder with --all DIR")
    todo = {folder: session.asked(folder, split, examples) for folder in runs}
    if results is not None:
        todo, others = session.of_results(results, split, examples)
        for line in others:
            click.echo(f"bench: left out: {line}", err=True)
    with board(sys.stderr, len(todo)) as shown:
        found = session.run(todo, shown, going_on=results is not None)
    for line in session.told(found):
        click.echo(line)
    return GOOD

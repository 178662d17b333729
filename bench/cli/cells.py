"""Commands that run cells, and make a report of them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.cli import BAD, GOOD, PATH, RUNS
from bench.errors import UserError

RETRY = "Run again what failed, diverged or ran out of time before."


@click.command()
@click.argument("settings", nargs=-1)
@click.option("-m", "--multirun", is_flag=True, help="Run every combination of comma-separated values.")
@click.option("--cfg", type=click.Choice(["job", "hydra", "all"]), help="Print the configuration and run nothing.")
@click.option("--resolve", is_flag=True, help="With --cfg: interpolations replaced by their values.")
def run(settings: tuple[str, ...], multirun: bool, cfg: str | None, resolve: bool) -> int:
    """Train and score one cell: bench run task=recall model=lstm_dot seed=2.

    SETTINGS are Hydra overrides; out=DIR names the results folder. A cell that is finished is not run again.
    With -m: bench run -m model=transformer,lstm_dot seed=1,2,3.
    """
    from bench.cli import hydra_run
    from bench.runs import suite

    if resolve and cfg is None:
        raise UserError("--resolve goes with --cfg")
    if cfg is not None:
        if multirun:
            raise UserError("--cfg shows one configuration; leave out --multirun")
        hydra_run.show(settings, ["--cfg", cfg, *(["--resolve"] if resolve else [])])
        return GOOD
    outcomes = hydra_run.run(settings, multirun)
    if multirun:
        click.echo(suite.summary(outcomes))
    return BAD if suite.failed(outcomes) else GOOD


@click.command("suite")
@click.argument("name")
@click.option("--jobs", type=int, metavar="N", help="Cells at a time; as many as the cores take if not given.")
@click.option("--out", type=PATH, help="The results folder.  [default: results/runs/NAME]")
@click.option("--only", metavar="TASK,TASK", help="The tasks to run; all of the suite's if not given.")
@click.option("--retry-failed", is_flag=True, help=RETRY)
@click.option(
    "--cell-timeout",
    type=click.IntRange(1, 10**7),
    metavar="S",
    help="Seconds a cell may take; those of the suite's own `cell_timeout`, or no limit, if not given.",
)
@click.option("--no-report", is_flag=True, help="Leave the report as it is.")
def suite_command(
    name: str,
    jobs: int | None,
    out: Path | None,
    only: str | None,
    retry_failed: bool,
    cell_timeout: int | None,
    no_report: bool,
) -> int:
    """Run all cells of a suite and write its report.

    Finished cells are skipped, so that the same command goes on where it was stopped; so are those that failed, unless
    --retry-failed is given. Exit status 1 where a cell failed, diverged or ran out of time, now or before.
    """
    from bench.conf import schema, suites
    from bench.runs import suite
    from bench.runs.display import board
    from bench.system.environment import usable_cores

    chosen = suites.load(name, only)
    out = RUNS / name if out is None else out
    suite.check_folder(out)
    at_a_time = suite.how_many(chosen.threads, jobs)
    if chosen.threads > usable_cores():
        click.echo(
            f"bench: a cell of {name} has {chosen.threads} threads and there are {usable_cores()} usable cores: "
            "one cell at a time, and slower than meant",
            err=True,
        )
    cells = [suite.Job(schema.compose(words), words) for words in chosen.cells]
    with board(sys.stderr, len(cells)) as shown:
        timeout = chosen.cell_timeout if cell_timeout is None else cell_timeout
        options = {"at_a_time": at_a_time, "timeout": timeout, "retry": retry_failed}
        outcomes = suite.run(cells, out, shown, suite=name, **options)
    click.echo(suite.summary(outcomes))
    if not no_report:
        _write_report(out)
    return BAD if suite.failed(outcomes) else GOOD


@click.command("tune")
@click.argument("name")
@click.option(
    "--try",
    "asked",
    multiple=True,
    metavar="KEY=V,V",
    help="Values to try; several options are combined.  [default: optim.lr=1e-3,2e-3,4e-3,8e-3]",
)
@click.option(
    "--seed",
    "seeds",
    type=click.IntRange(min=0),
    multiple=True,
    metavar="N",
    help="Of the trials; several are averaged.  [default: 101]",
)
@click.option("--only", metavar="TASK,TASK", help="The tasks to tune; all of the suite's if not given.")
@click.option("--retry-failed", is_flag=True, help=RETRY)
@click.option("--jobs", type=int, metavar="N", help="Cells at a time; as many as the cores take if not given.")
@click.option("--out", type=PATH, help="The folder.  [default: results/runs/tune-NAME]")
@click.option("--adopt", is_flag=True, help="Put the choices into bench/conf/tuned, where suites read them.")
def tune_command(
    name: str,
    asked: tuple[str, ...],
    seeds: tuple[int, ...],
    only: str | None,
    retry_failed: bool,
    jobs: int | None,
    out: Path | None,
    adopt: bool,
) -> int:
    """Try the same settings for every arm of a suite and choose on validation; no test set is touched.

    Every trial is a cell with the suite's whole budget; finished ones and those that failed are skipped, so that the
    same command goes on where it was stopped. Writes tuning.md, tuning.csv and tuned/TASK.yaml. Exit status 1 where a
    trial failed.
    """
    from bench.conf import suites
    from bench.runs import suite, tune
    from bench.runs.display import board

    chosen = suites.load(name, only)
    out = RUNS / f"tune-{name}" if out is None else out
    suite.check_folder(out)
    axes = tune.tried(asked)
    at_a_time = suite.how_many(chosen.threads, jobs)
    trials = tune.trials(chosen, axes, seeds or (tune.SEED,))
    with board(sys.stderr, len(trials)) as shown:
        options = {"at_a_time": at_a_time, "retry": retry_failed}
        outcomes = suite.run([trial.job for trial in trials], out, shown, suite=name, **options)
    click.echo(suite.summary(outcomes))
    paths = tune.write(tune.results(trials, out), out, axes)
    click.echo(str(out / tune.PAGE))
    for path in tune.adopt(paths) if adopt else ():
        click.echo(f"changed {path}")
    return BAD if suite.failed(outcomes) else GOOD


@click.command()
@click.argument("folder", type=PATH)
@click.option("--out", type=PATH, help="Where to.  [default: the folder itself]")
@click.option("--lang", metavar="A,B", default="en", show_default=True, help="Languages of the pages: en, zh.")
def report(folder: Path, out: Path | None, lang: str) -> int:
    """Write the report of a results folder and print its path.

    Pages (report.html, report.md; in Chinese report.zh.html and report.zh.md), all scores (results.csv,
    results.parquet), verdicts.json, and every table and figure in tables/ (CSV and LaTeX) and figures/ (SVG and PNG).
    """
    _write_report(folder, out, lang)
    return GOOD


def _write_report(folder: Path, out: Path | None = None, lang: str = "en") -> None:
    from bench.analysis import messages
    from bench.report import exports
    from bench.report.page import build

    page = build(folder, out, messages.chosen(lang))
    if not (page.parent / exports.PARQUET).exists():
        click.echo(f"bench: {exports.NO_PARQUET}", err=True)
    click.echo(str(page))

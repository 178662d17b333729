"""Commands that run cells and report on them: `bench run`, `suite`, `tune` and `report`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bench.cli import EXIT_FAILED, EXIT_OK, PATH, RUNS, is_given
from bench.errors import UserError
from bench.system import torchrun

RETRY_HELP = "Run cells again that failed, diverged or ran out of time before."
JOBS_HELP = "Cells to run at the same time.  [default: as many as fit on the cores]"
FOLDER_HELP = "Results folder.  [default: results/runs/{}NAME]"
LANGUAGE_HELP = "Languages of the pages: en, zh."


@click.command()
@click.argument("settings", nargs=-1)
@click.option("-m", "--multirun", is_flag=True, help="Run every combination of comma-separated values.")
@click.option("--cfg", type=click.Choice(["job", "hydra", "all"]), help="Print the configuration and run nothing.")
@click.option("--resolve", is_flag=True, help="With --cfg: replace interpolations by their values.")
def run(settings: tuple[str, ...], multirun: bool, cfg: str | None, resolve: bool) -> int:
    """Train and score one cell, or several with -m.

    \b
    bench run task=recall model=lstm_dot seed=2
    bench run -m model=transformer,lstm_dot seed=1,2,3

    SETTINGS are Hydra overrides, key=value. out=DIR chooses the results folder; each cell gets its own folder in it,
    with its record, outputs and weights. Settings stored with `bench tune --adopt` apply. A finished cell is not run
    again; an interrupted one continues, and a failed one is retried.

    Exit status: 0 if every cell finished; 1 if a cell failed, diverged or ran out of time; 2 for invalid input.
    """
    from bench.cli import hydra_run
    from bench.runs import suite

    if resolve and cfg is None:
        raise UserError("--resolve needs --cfg")
    if cfg is not None:
        if multirun:
            raise UserError("--cfg prints one configuration; leave out --multirun")
        hydra_run.show(settings, ["--cfg", cfg, *(["--resolve"] if resolve else [])])
        return EXIT_OK
    outcomes = hydra_run.run(settings, multirun)
    if multirun:
        click.echo(suite.summary(outcomes))
    return EXIT_FAILED if suite.failed(outcomes) else EXIT_OK


@click.command("suite")
@click.argument("name")
@click.option("--jobs", type=int, metavar="N", help=JOBS_HELP)
@click.option("--out", type=PATH, help=FOLDER_HELP.format(""))
@click.option("--only", metavar="TASK,TASK", help="Tasks to run.  [default: all of the suite]")
@click.option("--seeds", metavar="N-M", help="Seeds in place of the suite's own: 11-13 or 4,7,9.")
@click.option("--retry-failed", is_flag=True, help=RETRY_HELP)
@click.option(
    "--cell-timeout",
    type=click.IntRange(1, 10**7),
    metavar="S",
    help="Maximum seconds for each cell.  [default: the suite's `cell_timeout`, or no limit]",
)
@click.option("--adopted", is_flag=True, help="Apply the settings that you stored with `bench tune --adopt`.")
@click.option("--lang", metavar="A,B", default="en", show_default=True, help=LANGUAGE_HELP)
@click.option("--no-report", is_flag=True, help="Do not write the report.")
@click.option("--on", "engine", type=click.Choice(["slurm", "local", "ray"]), help="Start workers there, and return.")
@click.option(
    "--workers", type=click.IntRange(1, 10_000), metavar="N", help="With --on: number of workers.  [default: 8]"
)
@click.option(
    "--minutes",
    type=click.IntRange(1, 10**6),
    metavar="N",
    help="With --on slurm or local: time limit of a worker's job.",
)
@click.option("--partition", metavar="NAME", help="With --on slurm: partition of the jobs.")
@click.option(
    "--slurm",
    "slurm_options",
    multiple=True,
    metavar="KEY=VALUE",
    help="With --on slurm: an option of sbatch; repeatable.",
)
@click.option(
    "--address",
    metavar="HOST:PORT",
    help="With --on ray: the cluster.  [default: RAY_ADDRESS, or that of this machine]",
)
def suite_command(
    name: str,
    jobs: int | None,
    out: Path | None,
    only: str | None,
    seeds: str | None,
    retry_failed: bool,
    cell_timeout: int | None,
    adopted: bool,
    lang: str,
    no_report: bool,
    engine: str | None,
    workers: int | None,
    minutes: int | None,
    partition: str | None,
    slurm_options: tuple[str, ...],
    address: str | None,
) -> int:
    """Run all cells of a suite, write its report and print the verdicts.

    `bench list suites` lists the suites. Each cell gets a folder in the results folder, and the report is written
    beside them. Finished cells are skipped: run the same command again to continue after an interruption. Cells that
    failed before are skipped too, unless --retry-failed is given.

    With --on, workers on other machines run the cells (see "Beyond one machine" in bench/README.md). The command
    returns when they are submitted, and writes no report; the same command without --on does.

    Exit status: 0 if every cell finished; 1 if a cell failed, diverged or ran out of time, now or before; 2 for
    invalid input. With --on: 0 if the workers are submitted, or no cell is left to run.
    """
    from bench.analysis import messages
    from bench.cli import submitting
    from bench.conf import suites
    from bench.runs import requested, steps, suite
    from bench.runs.display import board

    torchrun.check_alone("bench suite")
    messages.parse_languages(lang)  # a mistake is said before the cells run, not after them
    options = submitting.slurm_options(partition, slurm_options)
    for option, value, accepted, advice in (
        ("--workers", workers, ("slurm", "local", "ray"), "it needs --on"),
        ("--minutes", minutes, ("slurm", "local"), "it needs --on slurm or --on local"),
        ("--partition or --slurm", options or None, ("slurm",), "it needs --on slurm"),
        ("--address", address, ("ray",), "it needs --on ray"),
        ("--jobs", jobs, (None,), "--on takes --workers"),
        ("--lang", lang if is_given("lang") else None, (None,), "--on writes no report; `bench report` does"),
        ("--no-report", no_report or None, (None,), "--on writes no report"),
    ):
        if value is not None and engine not in accepted:
            raise UserError(f"{option} does not apply here; {advice}")
    chosen = suites.load(name, only, seeds)
    out = RUNS / name if out is None else out
    suite.check_folder(out)
    timeout = chosen.cell_timeout if cell_timeout is None else cell_timeout
    if engine is not None:
        return submitting.submit(
            engine, chosen, out, adopted, retry_failed, timeout, workers, minutes, options, address
        )
    at_a_time = suite.concurrency(chosen.threads, jobs)
    if slow := suite.too_few_cores(chosen.threads):
        click.echo(slow, err=True)
    jobs_to_run = [suite.Job.of(overrides, adopted) for overrides in chosen.cells]
    requested.add(out, [job.cell for job in jobs_to_run])
    with board(sys.stderr, len(jobs_to_run)) as progress:
        outcomes = suite.run(
            jobs_to_run, out, progress, at_a_time=at_a_time, suite=name, timeout=timeout, retry=retry_failed
        )
    click.echo(suite.summary(outcomes))
    failures = steps.run(chosen.steps, out, chosen.threads) if only is None else []
    for failure in failures:
        click.echo(f"bench: {failure}", err=True)
    if not no_report:
        write_report([out], out, lang)
    return EXIT_FAILED if failures or suite.failed(outcomes) else EXIT_OK


@click.command("tune")
@click.argument("name")
@click.option(
    "--try",
    "grid_options",
    multiple=True,
    metavar="KEY=V,V",
    help="Values to try; repeat the option to try all combinations.  [default: optim.lr=1e-3,2e-3,4e-3,8e-3]",
)
@click.option(
    "--seed",
    "seeds",
    type=click.IntRange(min=0),
    multiple=True,
    metavar="N",
    help="Seed of the trials; repeat the option to average over seeds.  [default: 101]",
)
@click.option(
    "--halving",
    is_flag=True,
    help="Try all settings with a quarter of the passes, and the best third of each arm, at least two, with all.",
)
@click.option("--only", metavar="TASK,TASK", help="Tasks to tune.  [default: all of the suite]")
@click.option("--retry-failed", is_flag=True, help=RETRY_HELP)
@click.option("--jobs", type=int, metavar="N", help=JOBS_HELP)
@click.option("--out", type=PATH, help=FOLDER_HELP.format("tune-"))
@click.option(
    "--adopt",
    is_flag=True,
    help="Store the choices in your own folder of settings (BENCH_TUNED, or ~/.config/seq2seq-bench/tuned).",
)
def tune_command(
    name: str,
    grid_options: tuple[str, ...],
    seeds: tuple[int, ...],
    halving: bool,
    only: str | None,
    retry_failed: bool,
    jobs: int | None,
    out: Path | None,
    adopt: bool,
) -> int:
    """Choose settings for every arm of a suite on validation.

    Every arm gets the same trials. Each trial is a cell with the suite's full budget, and the lowest validation loss
    wins; test sets are not used. With --halving, a first round has a quarter of the passes, each trial with its whole
    schedule, and decides which trials get the full budget. Writes tuning.md, tuning.csv and tuned/TASK.yaml into the
    results folder. Finished trials are skipped: run the same command again to continue after an interruption. Trials
    that failed before are skipped too, unless --retry-failed is given.

    Exit status: 0 if every trial finished; 1 if a trial failed, diverged or ran out of time, now or before; 2 for
    invalid input.
    """
    from bench.conf import suites
    from bench.runs import suite, tune
    from bench.runs.display import board

    torchrun.check_alone("bench tune")
    chosen = suites.load(name, only)
    out = RUNS / f"tune-{name}" if out is None else out
    suite.check_folder(out)
    grid = tune.parse_grid(grid_options)
    at_a_time = suite.concurrency(chosen.threads, jobs)
    planned = tune.trials(chosen, grid, seeds or (tune.SEED,))

    def run(trials: Sequence[tune.Trial]) -> dict[str, str]:
        with board(sys.stderr, len(trials)) as progress:
            jobs_to_run = [trial.job for trial in trials]
            return suite.run(jobs_to_run, out, progress, at_a_time=at_a_time, suite=name, retry=retry_failed)

    if halving:
        first = tune.first_round(planned)
        outcomes = run(first)
        last = tune.second_round(planned, first, out)
        outcomes |= run(last)
        trials = [*first, *last]
    else:
        outcomes, trials = run(planned), planned
    click.echo(suite.summary(outcomes))
    paths = tune.write(tune.rows_of(trials, out), out, grid)
    click.echo(str(out / tune.PAGE))
    for path in tune.adopt(paths) if adopt else ():
        click.echo(f"changed {path}")
    return EXIT_FAILED if suite.failed(outcomes) else EXIT_OK


@click.command()
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, help="Folder for the report; several results folders need it.  [default: DIR]")
@click.option("--lang", metavar="A,B", default="en", show_default=True, help=LANGUAGE_HELP)
@click.option(
    "--first-page", is_flag=True, help="Only the first page; it leads to the pages that the folders have themselves."
)
def report(folders: tuple[Path, ...], out: Path | None, lang: str, first_page: bool) -> int:
    """Write the report of results folders, and print the verdicts and its path.

    The first page, report.html, gives a verdict on each claim; tasks/ has a page for each task, details.html the rest.
    report.md and details.md are the same as text; Chinese pages are report.zh.html and so on. All scores are in
    results.csv and results.parquet, the verdicts in verdicts.json, every table in tables/ (CSV and LaTeX) and every
    figure in figures/ (SVG and PNG).

    Several folders give one report, which says where each number comes from:

    \b
    bench report results/runs/quick results/runs/faq --out results/runs/all

    Exit status: 0 on success; 2 for invalid input.
    """
    if len(folders) > 1 and out is None:
        raise UserError("name a folder for the report of several results folders: --out DIR")
    out = folders[0] if out is None else out
    if first_page and out.resolve() in [folder.resolve() for folder in folders]:
        raise UserError(f"--first-page would remove the other pages of {out}; name another folder: --out DIR")
    write_report(folders, out, lang, first_page)
    return EXIT_OK


def write_report(folders: Sequence[Path], out: Path, lang: str, first_page: bool = False) -> None:
    """Write the report, and print the verdicts in the first language and the page's path. Standard error says so if
    results.parquet cannot be written."""
    from bench.analysis import messages
    from bench.cli import verdict_lines
    from bench.report import exports
    from bench.report.page import build_pool

    languages = messages.parse_languages(lang)
    report = build_pool(folders, out, languages, first_page)
    if not first_page and not (report.page.parent / exports.PARQUET).exists():
        click.echo(f"bench: {exports.NO_PARQUET}", err=True)
    for line in verdict_lines.lines(report.verdicts, languages[0], verdict_lines.wants_colour(sys.stdout)):
        click.echo(line, color=True)
    click.echo(str(report.page))

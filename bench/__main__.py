"""The command line. Nothing slow is imported before a command needs it, so that help comes at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from bench import __version__
from bench.errors import UserError
from bench.profile import defaults
from bench.reach.rows import EXAMPLES

GOOD, BAD, WRONG, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses: fine; a cell or a file is not as it should be; the input is wrong; Ctrl-C."""

LISTED = {"tasks": "task", "models": "model", "budgets": "budget", "suites": "suite"}

RUNS = Path("results") / "runs"


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bench")
@click.pass_context
def cli(context: click.Context) -> None:
    """Measure how a Transformer differs from RNN, LSTM and GRU.

    `bench suite quick` runs the default suite and writes its report.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@cli.command()
@click.argument("settings", nargs=-1)
@click.option("-m", "--multirun", is_flag=True, help="Run every combination of comma-separated values.")
@click.option("--cfg", type=click.Choice(["job", "hydra", "all"]), help="Print the configuration and run nothing.")
@click.option("--resolve", is_flag=True, help="With --cfg: interpolations replaced by their values.")
def run(settings: tuple[str, ...], multirun: bool, cfg: str | None, resolve: bool) -> int:
    """Train and score one cell: bench run task=recall model=lstm_dot seed=2.

    SETTINGS are Hydra overrides; out=DIR names the results folder. A cell that is finished is not run again.
    With -m: bench run -m model=transformer,lstm_dot seed=1,2,3.
    """
    from bench import suite
    from bench.cli import hydra_run

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


@cli.command("suite")
@click.argument("name")
@click.option("--jobs", type=int, metavar="N", help="Cells at a time; as many as the cores take if not given.")
@click.option("--out", type=click.Path(path_type=Path), help="The results folder.  [default: results/runs/NAME]")
@click.option("--only", metavar="TASK,TASK", help="The tasks to run; all of the suite's if not given.")
@click.option("--no-report", is_flag=True, help="Leave the report as it is.")
def suite_command(name: str, jobs: int | None, out: Path | None, only: str | None, no_report: bool) -> int:
    """Run all cells of a suite and write its report.

    Finished cells are skipped, so that the same command goes on where it was stopped. Exit status 1 where a cell
    failed, diverged or ran out of time.
    """
    from bench import schema, suite
    from bench.display import board
    from bench.environment import usable_cores

    chosen = schema.load_suite(name, only)
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
        outcomes = suite.run(cells, out, shown, at_a_time=at_a_time, suite=name, timeout=chosen.timeout)
    click.echo(suite.summary(outcomes))
    if not no_report:
        _write_report(out)
    return BAD if suite.failed(outcomes) else GOOD


@cli.command("tune")
@click.argument("name")
@click.option("--try", "asked", multiple=True, metavar="KEY=V,V", help="Values to try; several options are combined.  [default: optim.lr=1e-3,2e-3,4e-3,8e-3]")
@click.option("--seed", "seeds", type=click.IntRange(min=0), multiple=True, metavar="N", help="Of the trials; several are averaged.  [default: 101]")
@click.option("--only", metavar="TASK,TASK", help="The tasks to tune; all of the suite's if not given.")
@click.option("--jobs", type=int, metavar="N", help="Cells at a time; as many as the cores take if not given.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder.  [default: results/runs/tune-NAME]")
@click.option("--adopt", is_flag=True, help="Put the choices into bench/conf/tuned, where suites read them.")
def tune_command(
    name: str,
    asked: tuple[str, ...],
    seeds: tuple[int, ...],
    only: str | None,
    jobs: int | None,
    out: Path | None,
    adopt: bool,
) -> int:
    """Try the same settings for every arm of a suite and choose on validation; no test set is touched.

    Every trial is a cell with the suite's whole budget; finished ones are skipped, so that the same command goes on where
    it was stopped. Writes tuning.md, tuning.csv and tuned/TASK.yaml. Exit status 1 where a trial failed.
    """
    from bench import schema, suite, tune
    from bench.display import board

    chosen = schema.load_suite(name, only)
    out = RUNS / f"tune-{name}" if out is None else out
    suite.check_folder(out)
    axes = tune.tried(asked)
    at_a_time = suite.how_many(chosen.threads, jobs)
    trials = tune.trials(chosen, axes, seeds or (tune.SEED,))
    with board(sys.stderr, len(trials)) as shown:
        outcomes = suite.run([trial.job for trial in trials], out, shown, at_a_time=at_a_time, suite=name)
    click.echo(suite.summary(outcomes))
    paths = tune.write(tune.results(trials, out), out, axes)
    click.echo(str(out / tune.PAGE))
    for path in tune.adopt(paths) if adopt else ():
        click.echo(f"changed {path}")
    return BAD if suite.failed(outcomes) else GOOD


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
def report(folder: Path) -> int:
    """Write the report of a results folder and print its path."""
    _write_report(folder)
    return GOOD


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
def score(folder: Path) -> int:
    """Score the outputs of a results folder's finished cells again.

    What a record says is checked against its outputs; metrics that its task has got since are added to it, and `bench
    report` shows them. Exit status 2 where a score does not come out as recorded; that record stays as it is.
    """
    from bench import rescoring

    folders, others = rescoring.cells(folder)
    for line in others:
        click.echo(f"bench: left out: {line}", err=True)
    for cell in folders:
        confirmed, added = rescoring.rescore(cell)
        click.echo(f"{cell.name}: {confirmed} scores confirmed, added: {', '.join(added) or 'nothing'}")
    return GOOD


def _write_report(folder: Path) -> None:
    from bench.report.page import build

    click.echo(str(build(folder)))


@cli.command()
@click.argument("settings", nargs=-1)
@click.option("--models", metavar="A,B", help=f"Arms.  [default: {','.join(defaults.ARMS)}]")
@click.option("--lengths", metavar="N,M", help="Of source and target, in tokens.  [default: 16,32,...,4096]")
@click.option("--what", metavar="A,B", help="Of forward, train, greedy, beam5, latency.  [default: all]")
@click.option("--out", type=click.Path(path_type=Path), default=RUNS / "profile", show_default=True, help="The folder.")
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
    from bench.display import Board
    from bench.profile import session
    from bench.profile.plan import planned
    from bench.profile.rows import MEASURED
    from bench.report.profile import build

    plan = planned(settings, models, lengths, what, threads, tokens, repeats, budget_seconds)
    session.check_folder(out)
    found = session.run(plan, out, Board(sys.stderr, len(plan.cells) * len(plan.lengths)))
    measured = sum(row["status"] == MEASURED for row in found)
    click.echo(f"{measured} of {len(found)} measured: {build(out)}")
    return GOOD if measured else BAD


@cli.command("list")
@click.argument("what", required=False, type=click.Choice([*LISTED, "model"]))
@click.argument("name", required=False)
@click.argument("settings", nargs=-1)
@click.option("--table", is_flag=True, help="With model: all of them side by side, as Markdown.")
def list_command(what: str | None, name: str | None, settings: tuple[str, ...], table: bool) -> int:
    """Name the tasks, models, budgets and suites there are, one a line.

    bench list model NAME [SETTINGS] prints a model's card: layers, shapes, parameters, FLOPs, state, papers, at the
    size that SETTINGS give it (task=multi30k budget=multi30k_cpu if not given).
    """
    if what == "model":
        return _list_models(name, settings, table)
    if name is not None or table:
        raise UserError("only a model has more to list: bench list model NAME, or bench list model --table")
    from bench import schema

    for heading, group in LISTED.items():
        if what not in (None, heading):
            continue
        found = schema.choices(group)
        if what is None:
            click.echo(f"{heading}:")
        width = max(map(len, found), default=0)
        for entry, description in found.items():
            click.echo(f"{'' if what else '  '}{entry:{width}}  {description}".rstrip())
    return GOOD


def _list_models(name: str | None, settings: tuple[str, ...], table: bool) -> int:
    """The card of one model, or the table of all."""
    from bench import cards, schema
    from bench.report import arms

    if table:
        words = settings if name is None else (name, *settings)
        click.echo(cards.table(cards.card(model, words) for model in arms.ordered(schema.choices("model"))), nl=False)
    elif name is None:
        raise UserError(f"which model? there are {', '.join(schema.choices('model'))}; or all with --table")
    else:
        click.echo(cards.text(cards.card(name, settings)))
    return GOOD


@cli.group(no_args_is_help=False)
def data() -> None:
    """Fetch and check the corpora; measure the generated tasks."""


@data.command()
@click.argument("name", required=False)
def fetch(name: str | None) -> int:
    """Have the corpora (or the one named) at hand: in the cache, in a mirror, else by HTTPS into the cache."""
    from bench.data import corpora

    for line in corpora.fetch(name):
        click.echo(line)
    return GOOD


@data.command()
@click.argument("name", required=False)
def check(name: str | None) -> int:
    """Compare every file with its checksum. Exit status 1 where one is missing or broken."""
    from bench.data import corpora

    good = True
    for fine, line in corpora.check(name):
        click.echo(line)
        good = good and fine
    return GOOD if good else BAD


@data.command()
@click.argument("names", nargs=-1)
@click.option("--budgets", metavar="A,B", help="Presets.  [default: quick, standard and paper]")
@click.option("--out", type=click.Path(path_type=Path), help="Write the table here, and not to standard output.")
def generators(names: tuple[str, ...], budgets: str | None, out: Path | None) -> int:
    """Make the data of the generated tasks (or of those named) and tell how much there is, how fast it is made and
    whether its splits are apart: a Markdown table, a row for each task and preset.

    All of them take a quarter of an hour. Exit status 1 where a preset asks for more than there is.
    """
    from bench import generators as measuring
    from bench.display import Board

    orders = measuring.ordered(names, budgets)
    if out is not None:
        _check_writable(out)
    rows = list(measuring.measured(orders, Board(sys.stderr, len(orders))))
    if out is None:
        click.echo(measuring.table(rows), nl=False)
    else:
        out.write_text(measuring.table(rows), encoding="utf-8")
        click.echo(str(out))
    return GOOD if all(row.reason is None for row in rows) else BAD


def _check_writable(file: Path) -> None:
    """Raises UserError where a file cannot be written, before hours of work for it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        new = not file.exists()
        file.open("a").close()
        if new:
            file.unlink()  # work that is stopped shall leave no empty file
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from error


@cli.command()
@click.option("--run", "run_folder", required=True, type=click.Path(path_type=Path), help="A finished cell's folder.")
@click.option("--beam", type=int, default=5, show_default=True, help="Hypotheses kept; 1 is greedy.")
def translate(run_folder: Path, beam: int) -> int:
    """Translate standard input line by line with a trained cell."""
    from bench.translation import translate as translations

    for line in translations(run_folder, _lines(), beam=beam):
        click.echo(line)
    return GOOD


@cli.command()
@click.option("--run", "runs", multiple=True, type=click.Path(path_type=Path), help="A cell's folder; repeatable.")
@click.option("--all", "results", type=click.Path(path_type=Path), help="Instead: a results folder, for all its cells.")
@click.option("--split", metavar="NAME", help="Test split.  [default: each task's first]")
@click.option("--examples", default=EXAMPLES, show_default=True, help="Examples of the split, at most.")
def reach(runs: tuple[Path, ...], results: Path | None, split: str | None, examples: int) -> int:
    """Find how far back trained cells reach, and write it into their folders.

    Where the gradient of an output goes, by the distance of the source token, and what accuracy is left when the source
    beyond a distance is another example's. `bench report` draws both. What is there already is not done again.
    """
    from bench.display import board
    from bench.reach import session

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


def _lines() -> Iterator[str]:
    """Standard input as it comes. Raises UserError for bytes that are not UTF-8."""
    sys.stdin.reconfigure(encoding="utf-8", errors="strict")
    try:
        yield from sys.stdin
    except UnicodeDecodeError as error:
        raise UserError(f"standard input is not UTF-8: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status. What a user can put right is one line on standard error."""
    try:
        return cli.main(arguments, prog_name="bench", standalone_mode=False) or GOOD
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        where = f"; see {context.command_path} --help" if context is not None else ""
        _complain(error.format_message().rstrip(".") + where)
        return WRONG
    except UserError as error:
        _complain(str(error))
        return WRONG
    except (KeyboardInterrupt, click.Abort):
        _complain("stopped; run the same command again to go on from here")
        return INTERRUPTED


def _complain(message: str) -> None:
    click.echo(f"bench: {' '.join(message.split())}", err=True)


if __name__ == "__main__":
    sys.exit(main())

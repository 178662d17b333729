"""Commands that measure models and look at the machine: `bench profile`, `bench reach`, `bench article` and `bench
doctor`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli import EXIT_FAILED, EXIT_OK, PATH, RUNS, is_given
from bench.diagnostics.profile import defaults
from bench.errors import UserError
from bench.records.reach_rows import EXAMPLES

if TYPE_CHECKING:
    from bench.diagnostics.profile.plan import Plan


@click.command()
@click.argument("settings", nargs=-1)
@click.option("--models", metavar="A,B", help=f"Arms to measure.  [default: {','.join(defaults.ARMS)}]")
@click.option("--lengths", metavar="N,M", help="Lengths of source and target in tokens.  [default: 16,32,...,4096]")
@click.option(
    "--what",
    "quantities",
    metavar="A,B",
    help="Quantities to measure: forward, train, greedy, beam5, latency.  [default: all]",
)
@click.option("--out", type=PATH, default=RUNS / "profile", show_default=True, help="Folder of the profile.")
@click.option("--threads", type=int, metavar="N", help="CPU threads.  [default: all usable cores]")
@click.option(
    "--tokens", default=defaults.TOKENS, show_default=True, metavar="N", help="Maximum source tokens in a batch."
)
@click.option(
    "--repeats",
    default=defaults.REPEATS,
    show_default=True,
    metavar="N",
    help="Maximum number of calls after the warm-up.",
)
@click.option(
    "--budget-seconds",
    default=defaults.SECONDS,
    show_default=True,
    metavar="S",
    help="Maximum seconds for one measurement.",
)
@click.option(
    "--rounds",
    type=int,
    metavar="N",
    help="Measure every arm once in each of N rounds, in random order, and print the ratios of their times.",
)
def profile(
    settings: tuple[str, ...],
    models: str | None,
    lengths: str | None,
    quantities: str | None,
    out: Path,
    threads: int | None,
    tokens: int,
    repeats: int,
    budget_seconds: float,
    rounds: int | None,
) -> int:
    """Measure speed, memory and utilisation by sequence length.

    Measures the arms on batches of random tokens, each measurement in a process of its own. SETTINGS (key=value)
    choose size and device. [default: task=multi30k budget=multi30k_cpu]

    Writes profile.md, profile.csv, profile.json, points/ and figures/ into the folder. Finished measurements are kept:
    run the same command again to continue after an interruption.

    With --rounds, all arms run in one process, so that the ratio of two arms is free of the machine's drift. Writes
    rounds.csv and prints the ratio of the Transformer's time, or the first arm's, to that of each other arm, with a 95
    % interval over rounds. Run nothing else meanwhile.

    Exit status: 0 if at least one measurement succeeded; 1 if none did; 2 for invalid input.
    """
    from bench.diagnostics.profile import session
    from bench.diagnostics.profile.plan import make_plan
    from bench.records.profile_rows import MEASURED
    from bench.report.profile_page import build
    from bench.runs.display import Board

    plan = make_plan(settings, models, lengths, quantities, threads, tokens, repeats, budget_seconds)
    session.check_folder(out)
    if rounds is not None:
        for option in ("repeats", "budget_seconds"):
            if is_given(option):
                raise UserError(
                    f"--{option.replace('_', '-')} does not apply with --rounds, which has its own number of calls"
                )
        return _rounds(plan, rounds, out)
    rows = session.run(plan, out, Board(sys.stderr, len(plan.cells) * len(plan.lengths)))
    measured = sum(row["status"] == MEASURED for row in rows)
    click.echo(f"{measured} of {len(rows)} measured: {build(out)}")
    return EXIT_OK if measured else EXIT_FAILED


def _rounds(plan: Plan, rounds: int, out: Path) -> int:
    """Measure in rounds, write rounds.csv, and print the ratios."""
    from bench.analysis.cost_ratios import cost_ratios
    from bench.diagnostics.profile.rounds import check, measure_rounds
    from bench.records import cost_rounds
    from bench.records.profile_rows import QUANTITIES
    from bench.runs.display import board

    check(rounds)
    with board(sys.stderr, 1) as progress:
        rows = measure_rounds(plan, rounds, progress.start("rounds"))
        progress.end("rounds", f"{rounds} at each length")
    cost_rounds.write(out, rows)
    for each in cost_ratios(rows, next(iter(plan.cells))):
        click.echo(
            f"{QUANTITIES[each.what]}, length {each.length}: {each.first} / {each.second} {each.ratio:.2f} "
            f"({each.low:.2f} to {each.high:.2f}, {each.rounds} rounds)"
        )
    click.echo(f"{len(rows)} calls timed: {out / cost_rounds.TABLE}")
    return EXIT_OK


@click.command()
@click.option("--run", "runs", multiple=True, type=PATH, help="Folder of a trained cell; repeatable.")
@click.option("--all", "results", type=PATH, help="Results folder: probe all its cells (instead of --run).")
@click.option("--split", metavar="NAME", help="Test split to probe.  [default: the first of each task]")
@click.option(
    "--examples", default=EXAMPLES, show_default=True, metavar="N", help="Maximum number of examples of the split."
)
def reach(runs: tuple[Path, ...], results: Path | None, split: str | None, examples: int) -> int:
    """Measure how far back trained cells use their source.

    Two probes by distance of the source token: the gradient of an output with respect to the token, and the accuracy
    that is left when another example's tokens replace the source beyond a distance.

    Writes reach.csv into the folder of each cell and prints a table; `bench report` draws both curves. A cell probed
    before with the same options is not probed again.

    Exit status: 0 on success; 2 for invalid input, or if no cell can be probed.
    """
    from bench.diagnostics.reach import session
    from bench.runs.display import board

    if bool(runs) == (results is not None):
        raise UserError("name cells with --run DIR, or a results folder with --all DIR")
    settings = {folder: session.settings_for(folder, split, examples) for folder in runs}
    if results is not None:
        settings, messages = session.settings_for_all(results, split, examples)
        for message in messages:
            click.echo(f"bench: left out: {message}", err=True)
    with board(sys.stderr, len(settings)) as progress:
        reaches = session.run(settings, progress, skip_unusable=results is not None)
    for line in session.summary(reaches):
        click.echo(line)
    return EXIT_OK


@click.command()
@click.option("--out", type=PATH, default=RUNS / "article", show_default=True, help="Folder of the files.")
@click.option("--trials", is_flag=True, help="Run the learning-rate trials again instead.")
def article(out: Path, trials: bool) -> int:
    """Compare the article's training recipe with cross-entropy.

    A class with the article's printed call is trained with mean squared error on one-hot targets, and with
    cross-entropy: the same initial weights, batches and steps, three seeds, on `reverse`. Half a minute on one core.
    Writes article.csv and article.json; files of the same settings and code are kept. --trials writes
    article_trials.yaml instead: both recipes at every learning rate (three times as long).

    Exit status: 0 on success; 2 for invalid input, or if the files cannot be written.
    """
    from bench.diagnostics import article as recipes
    from bench.records import article_rows
    from bench.runs.display import board

    with board(sys.stderr, 1) as progress:
        if trials:
            path = recipes.run_trials(out, progress.start("article"))
            progress.end("article", "all trials ended")
            click.echo(str(path))
            return EXIT_OK
        measured = recipes.run(out, progress.start("article"))
        progress.end("article", "measured")
    for recipe in article_rows.RECIPES:
        accuracies = measured.final_accuracies(recipe)
        click.echo(
            f"{recipe}: {sum(accuracies) / len(accuracies):.1%} of validation tokens after {measured.facts.steps} "
            f"steps ({min(accuracies):.1%} to {max(accuracies):.1%}, {len(accuracies)} seeds)"
        )
    click.echo(str(out / article_rows.TABLE))
    return EXIT_OK


@click.command()
@click.option("--check", "check_all", is_flag=True, help="Check the checksums of large corpus files too.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(check_all: bool, as_json: bool) -> int:
    """Show what this machine offers, with advice where something is missing.

    Code and commit, torch and GPUs, cores and memory with their limits, fonts, corpora, optional libraries, BLEU's
    tokenisers, and the cache. Writes nothing and uses no network.

    Exit status: 0, whatever is missing.
    """
    import json
    from dataclasses import asdict

    from bench.diagnostics import doctor as examination

    findings = list(examination.examine(check_all))
    if as_json:
        click.echo(json.dumps([asdict(each) for each in findings], indent=1, ensure_ascii=False))
        return EXIT_OK
    for line in examination.lines(findings):
        click.echo(line)
    return EXIT_OK

"""Commands about what cells answer: new lines, scores again, files for other programs, tests of a difference."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from bench.cli import GOOD, PATH
from bench.errors import UserError

SEED, RESAMPLES, TRIALS = 12345, 1000, 10000
"""Of significance tests: those of sacrebleu's own command."""

DRAWS = click.IntRange(1, 100_000)
"""How many draws a test may have: sacrebleu holds all at once, 8 bytes for each of them and each segment."""


@click.command()
@click.option("--run", "run_folder", required=True, type=PATH, help="A finished cell's folder.")
@click.option("--beam", type=int, default=5, show_default=True, help="Hypotheses kept; 1 is greedy.")
def translate(run_folder: Path, beam: int) -> int:
    """Translate standard input line by line with a trained cell.

    Of a line of more than 8,191 tokens the beginning is translated, and standard error says so.
    """
    from bench.runs.translate import translate as translations

    def say(line: str) -> None:
        click.echo(f"bench: {line}", err=True)

    for line in translations(run_folder, _lines(), beam=beam, say=say):
        click.echo(line)
    return GOOD


@click.command("hypotheses")
@click.argument("folder", type=PATH)
@click.option("--out", type=PATH, help="Where to.  [default: hypotheses, beside the cells]")
def hypotheses_command(folder: Path, out: Path | None) -> int:
    """Write what a cell answered, or every cell of a results folder, as plain text that sacrebleu and compare-mt read.

    A folder for each cell, and in it SPLIT.source, SPLIT.reference and SPLIT.SEARCH, one line an example: sacrebleu
    CELL/test.reference -i */test.greedy. A file that is there and says something else is not overwritten.
    """
    from bench.records import hypotheses

    written, left_out = hypotheses.write(folder, out)
    for line in left_out:
        click.echo(f"bench: left out: {line}", err=True)
    for place, names in written.items():
        click.echo(f"{place}: {' '.join(names)}")
    return GOOD


@click.command()
@click.argument("first", metavar="DIR_A", type=PATH)
@click.argument("second", metavar="DIR_B", type=PATH)
@click.option("--split", metavar="NAME", help="Test split.  [default: the first]")
@click.option("--search", default="greedy", show_default=True, help="Or beam5, as records call it.")
@click.option("--metric", metavar="A,B", help="Of bleu, chrf.  [default: both]")
@click.option("--seed", type=click.IntRange(min=1), default=SEED, show_default=True, help="sacrebleu knows no seed 0.")
@click.option("--resamples", type=DRAWS, default=RESAMPLES, show_default=True, help="Of the bootstrap.")
@click.option("--trials", type=DRAWS, default=TRIALS, show_default=True, help="Of the randomisation.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def significance(
    first: Path,
    second: Path,
    split: str | None,
    search: str,
    metric: str | None,
    seed: int,
    resamples: int,
    trials: int,
    as_json: bool,
) -> int:
    """Test whether two cells differ on a test set: paired bootstrap and approximate randomisation over segments.

    Both are sacrebleu's own. They are about two trained systems; about architectures see `bench report`, over seeds.
    """
    import json
    from dataclasses import asdict

    from bench.analysis import significance as testing

    metrics = () if metric is None else metric.split(",")
    found = testing.compare(
        first, second, split=split, search=search, metrics=metrics, seed=seed, resamples=resamples, trials=trials
    )
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1, ensure_ascii=False))
    else:
        for line in testing.told(found):
            click.echo(line)
    return GOOD


@click.command()
@click.argument("folder", type=PATH)
def score(folder: Path) -> int:
    """Score the outputs of a results folder's finished cells again.

    What a record says is checked against its outputs; metrics that its task has got since and sanity flags that outputs
    show are added to it, and `bench report` shows them. Exit status 2 where a score does not come out as recorded; that
    record stays as it is.
    """
    from bench.runs import rescore

    folders, others = rescore.cells(folder)
    for line in others:
        click.echo(f"bench: left out: {line}", err=True)
    for cell in folders:
        confirmed, added = rescore.rescore(cell)
        click.echo(f"{cell.name}: {confirmed} scores confirmed, added: {', '.join(added) or 'nothing'}")
    return GOOD


def _lines() -> Iterator[str]:
    """Standard input as it comes. Raises UserError for bytes that are not UTF-8."""
    sys.stdin.reconfigure(encoding="utf-8", errors="strict")
    try:
        yield from sys.stdin
    except UnicodeDecodeError as error:
        raise UserError(f"standard input is not UTF-8: {error}") from error

"""Commands on the outputs of cells: `bench translate`, `hypotheses`, `significance` and `score`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from bench.cli import EXIT_OK, PATH
from bench.errors import UserError

SEED, RESAMPLES, TRIALS = 12345, 1000, 10000
"""Defaults of significance tests, the same as in sacrebleu's own command."""

DRAWS = click.IntRange(1, 100_000)
"""Allowed number of draws. sacrebleu keeps all draws in memory, 8 bytes for each draw and segment."""


@click.command()
@click.option("--run", "run_folder", required=True, type=PATH, help="Folder of a trained cell.")
@click.option("--beam", type=int, default=5, show_default=True, help="Beam size; 1 is greedy search.", metavar="N")
def translate(run_folder: Path, beam: int) -> int:
    """Translate standard input line by line with a trained cell.

    Reads and writes UTF-8. Prints one translation for each line, at once; only a line feed ends a line.
    Text is normalised as training text of your own is: NFC, without invisible characters. A line of more than 8,191
    tokens is cut off there. Messages about both are on standard error.

    Exit status: 0 on success; 2 for invalid input.
    """
    from bench.runs.translate import translate as translations

    def warn(message: str) -> None:
        click.echo(f"bench: {message}", err=True)

    for line in translations(run_folder, _lines(), beam=beam, say=warn):
        click.echo(f"{line}\n".encode(), nl=False)  # bytes: UTF-8 whatever the locale is
    return EXIT_OK


@click.command("generate")
@click.option("--run", "run_folder", required=True, type=PATH, help="Folder of a trained language model.")
@click.option("--prompt", required=True, help="The beginning of the text.")
@click.option(
    "--tokens", type=click.IntRange(1, 10**6), default=300, show_default=True, metavar="N", help="Tokens to write."
)
@click.option(
    "--temperature", type=float, default=1.0, show_default=True, metavar="T",
    help="Below 1: more probable text; 0: always the most probable token.",
)  # fmt: skip
@click.option(
    "--top-k", type=int, default=0, show_default=True, metavar="K", help="Only the K most probable tokens; 0: all."
)
@click.option(
    "--top-p", type=float, default=1.0, show_default=True, metavar="P",
    help="Only the most probable tokens with probability P together; 1: all.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True, metavar="N", help="Seed.")
def generate_command(
    run_folder: Path, prompt: str, tokens: int, temperature: float, top_k: int, top_p: float, seed: int
) -> int:
    """Write text with a trained language model.

    Prints the prompt and what follows, as it is drawn. The same seed gives the same text.

    \b
    bench run task=shakespeare model=transformer_stack out=results/runs/plays
    bench generate --run results/runs/plays/CELL --prompt "ROMEO:"

    Exit status: 0 on success; 2 for invalid input.
    """
    from bench.evaluation.sampling import Sampling
    from bench.runs.generate import generate

    try:
        sampling = Sampling(temperature, top_k, top_p)
    except ValueError as error:
        raise UserError(str(error)) from error
    pieces = generate(
        run_folder,
        prompt,
        tokens=tokens,
        sampling=sampling,
        seed=seed,
        say=lambda line: click.echo(f"bench: {line}", err=True),
    )
    for piece in pieces:
        click.echo(piece.encode(), nl=False)  # bytes: UTF-8 whatever the locale is
        sys.stdout.flush()
    click.echo()
    return EXIT_OK


@click.command("hypotheses")
@click.argument("folder", type=PATH)
@click.option("--out", type=PATH, help="Folder for the files.  [default: hypotheses, beside the cells]")
def hypotheses_command(folder: Path, out: Path | None) -> int:
    """Write outputs as plain text for sacrebleu and compare-mt.

    FOLDER is a cell's folder, or a results folder for all its cells. Writes a folder for each cell with SPLIT.source,
    SPLIT.reference and SPLIT.SEARCH, one line for each example:

    \b
    sacrebleu CELL/test.reference -i */test.greedy

    An existing file with other content is not overwritten.

    Exit status: 0 on success; 2 for invalid input.
    """
    from bench.records import hypotheses

    written, messages = hypotheses.write(folder, out)
    for message in messages:
        click.echo(f"bench: left out: {message}", err=True)
    for cell_folder, names in written.items():
        click.echo(f"{cell_folder}: {' '.join(names)}")
    return EXIT_OK


@click.command()
@click.argument("first", metavar="DIR_A", type=PATH)
@click.argument("second", metavar="DIR_B", type=PATH)
@click.option("--split", metavar="NAME", help="Test split.  [default: the first]")
@click.option(
    "--search", default="greedy", show_default=True, metavar="NAME", help="Search of the outputs: greedy or beam5."
)
@click.option("--metric", metavar="A,B", help="Metrics to test: bleu, chrf.  [default: both]")
@click.option(
    "--seed",
    type=click.IntRange(min=1),
    default=SEED,
    show_default=True,
    metavar="N",
    help="Seed; sacrebleu has no seed 0.",
)
@click.option(
    "--resamples", type=DRAWS, default=RESAMPLES, show_default=True, metavar="N", help="Bootstrap resamples."
)
@click.option("--trials", type=DRAWS, default=TRIALS, show_default=True, metavar="N", help="Randomisation trials.")
@click.option("--json", "as_json", is_flag=True, help="Print the tests as JSON.")
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
    """Test whether two trained cells differ on a test set.

    DIR_A and DIR_B are the cells' folders. Runs sacrebleu's paired bootstrap and approximate randomisation over
    segments. The tests compare two trained systems. To compare architectures, use `bench report`, which tests over
    seeds.

    Exit status: 0 on success, whether or not the cells differ; 2 for invalid input.
    """
    import json
    from dataclasses import asdict

    from bench.analysis import significance as testing

    metrics = () if metric is None else metric.split(",")
    comparison = testing.compare(
        first, second, split=split, search=search, metrics=metrics, seed=seed, resamples=resamples, trials=trials
    )
    if as_json:
        click.echo(json.dumps(asdict(comparison), indent=1, ensure_ascii=False))
    else:
        for line in testing.lines(comparison):
            click.echo(line)
    return EXIT_OK


@click.command()
@click.argument("folder", type=PATH)
def score(folder: Path) -> int:
    """Score the stored outputs of finished cells again.

    Checks each record's scores against the cell's outputs. Adds to the record the metrics that its task has gained
    since, and the sanity flags that follow from the outputs; `bench report` shows them.

    Exit status: 0 on success; 2 for invalid input, or if a score differs from the recorded one (that record is not
    changed).
    """
    from bench.runs import rescore

    folders, messages = rescore.scorable(folder)
    for message in messages:
        click.echo(f"bench: left out: {message}", err=True)
    for cell in folders:
        result = rescore.rescore(cell)
        left = f", {result.unchecked} not checked (computed by another program or version)" if result.unchecked else ""
        added = ", ".join(result.added) or "nothing"
        click.echo(f"{cell.name}: {result.confirmed} scores confirmed{left}, added: {added}")
    return EXIT_OK


def _lines() -> Iterator[str]:
    """The lines of standard input, as they arrive. Raises UserError for bytes that are not UTF-8 text."""
    from bench.data.text import stream_lines

    if sys.stdin is None:
        raise UserError("standard input is closed; give the text there: bench translate --run CELL < FILE")
    yield from stream_lines(sys.stdin.buffer, "standard input")

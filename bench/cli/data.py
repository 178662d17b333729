"""`bench data`: corpora, and the generators of synthetic tasks."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.cli import EXIT_FAILED, EXIT_OK, PATH
from bench.errors import UserError


@click.group(no_args_is_help=False)
def data() -> None:
    """Fetch and check corpora; measure data generators."""


@data.command()
@click.argument("name", required=False)
def fetch(name: str | None) -> int:
    """Fetch all corpora, or the one named.

    Looks for each file in the cache, then in the mirror, and else downloads it over HTTPS into the cache. Verifies the
    checksums and prints one line for each file. Without NAME, corpora that this project has not tested are left out.

    Exit status: 0 on success; 2 for an unknown name, or if a file cannot be obtained.
    """
    from bench.data.corpora import registry

    for line in registry.fetch(name):
        click.echo(line)
    return EXIT_OK


@data.command()
@click.argument("name", required=False)
def check(name: str | None) -> int:
    """Check local corpus files against their checksums.

    Prints one line for each file of every corpus, or of the one named. Does not use the network.

    Exit status: 0 if all files are intact; 1 if one is missing or broken; 2 for an unknown name. Without NAME, a
    corpus with no local file counts as intact.
    """
    from bench.data.corpora import registry

    intact = True
    for ok, line in registry.check(name):
        click.echo(line)
        intact = intact and ok
    return EXIT_OK if intact else EXIT_FAILED


@data.command()
@click.argument("names", nargs=-1)
@click.option("--budgets", metavar="A,B", help="Budgets whose presets are measured.  [default: quick,standard,paper]")
@click.option("--out", type=PATH, help="File for the table.  [default: standard output]")
def generators(names: tuple[str, ...], budgets: str | None, out: Path | None) -> int:
    """Measure the speed and overlap of generated data.

    Generates the data of every synthetic task, or of those named, and writes a Markdown table with one row for each
    task and preset: examples, tokens, tokens a second, distinct sources, and held-out sources that also occur in
    training. All tasks together take about 15 minutes.

    Exit status: 0 on success; 1 if a preset needs more data than its task can generate; 2 for invalid input.
    """
    from bench.diagnostics import generators as diagnostics
    from bench.runs.display import Board

    presets = diagnostics.select_presets(names, budgets)
    if out is not None:
        _check_writable(out)
    rows = list(diagnostics.measure_all(presets, Board(sys.stderr, len(presets))))
    table = diagnostics.render_table(rows)
    if out is None:
        click.echo(table, nl=False)
    else:
        out.write_text(table, encoding="utf-8")
        click.echo(str(out))
    return EXIT_OK if all(row.reason is None for row in rows) else EXIT_FAILED


def _check_writable(file: Path) -> None:
    """Raises UserError if the file cannot be written, before the time for its content is spent."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        new = not file.exists()
        file.open("a").close()
        if new:
            file.unlink()  # an interrupted command leaves no empty file
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from error

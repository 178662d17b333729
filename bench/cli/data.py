"""`bench data`: corpora and generated tasks."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.cli import BAD, GOOD, PATH
from bench.errors import UserError


@click.group(no_args_is_help=False)
def data() -> None:
    """Fetch and check the corpora; measure the generated tasks."""


@data.command()
@click.argument("name", required=False)
def fetch(name: str | None) -> int:
    """Have the corpora (or the one named) at hand: in the cache, in a mirror, else by HTTPS into the cache."""
    from bench.data.corpora import registry

    for line in registry.fetch(name):
        click.echo(line)
    return GOOD


@data.command()
@click.argument("name", required=False)
def check(name: str | None) -> int:
    """Compare every file with its checksum. Exit status 1 where one is missing or broken."""
    from bench.data.corpora import registry

    good = True
    for fine, line in registry.check(name):
        click.echo(line)
        good = good and fine
    return GOOD if good else BAD


@data.command()
@click.argument("names", nargs=-1)
@click.option("--budgets", metavar="A,B", help="Presets.  [default: quick, standard and paper]")
@click.option("--out", type=PATH, help="Write the table here, and not to standard output.")
def generators(names: tuple[str, ...], budgets: str | None, out: Path | None) -> int:
    """Make the data of the generated tasks (or of those named) and tell how much there is, how fast it is made and
    whether its splits are apart: a Markdown table, a row for each task and preset.

    All of them take a quarter of an hour. Exit status 1 where a preset asks for more than there is.
    """
    from bench.diagnostics import generators as measuring
    from bench.runs.display import Board

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

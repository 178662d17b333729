"""`bench ledger`: every published number beside our committed results."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli import EXIT_OK, PATH
from bench.errors import UserError

REFERENCE = Path("results") / "reference"


@click.command("ledger")
@click.argument("folders", metavar="[DIR...]", nargs=-1, type=PATH)
@click.option(
    "--out", type=PATH, help="Folder for the two files; named folders need it.  [default: results/reference]"
)
def ledger_command(folders: tuple[Path, ...], out: Path | None) -> int:
    """Write every published number with our results beside it.

    Writes published.md and published.csv: claims, source, protocol, the published number, our mean, range and best
    seed, whether ours is in the band of the number, and what differs. Misses are rows like hits; numbers that nothing
    of ours speaks to are marked as not run. The page begins with the definition of the band.

    Reads the results folders DIR, by default all in results/reference that hold records.

    Exit status: 0 on success, whatever is in or out; 2 for invalid input, with nothing written.
    """
    if folders and out is None:
        raise UserError("name a folder for the ledger of these results folders: --out DIR")

    from bench.report import ledger_page

    out = REFERENCE if out is None else out
    every = ledger_page.build(folders or ledger_page.default_folders(REFERENCE), out)
    click.echo(ledger_page.summary(every))
    click.echo(str(out / ledger_page.PAGE))
    return EXIT_OK

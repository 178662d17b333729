"""`bench status`: the state of a results folder."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli import EXIT_OK, PATH
from bench.conf import files
from bench.errors import UserError


@click.command("status")
@click.argument("folder", type=PATH)
@click.option("--suite", "name", metavar="NAME", help="Suite whose cells belong there.  [default: from the records]")
@click.option("--seeds", metavar="N-M", help="As in bench suite.")
@click.option("--json", "as_json", is_flag=True, help="Print the status as JSON.")
def status_command(folder: Path, name: str | None, seeds: str | None, as_json: bool) -> int:
    """Show which cells of a results folder are done, running, failed or missing.

    Also who runs which cell and how fast, on this machine and on others, when the rest will be done, by the times of
    the finished cells, and which claims are decided so far. Nothing is written; cells may be running meanwhile.

    Exit status: 0 on success, whatever the status; 2 for invalid input.
    """
    import json

    from bench.analysis.claims import judge
    from bench.conf import suites
    from bench.records import store
    from bench.runs import plan, requested, status, suite

    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; name one that `bench suite` or `bench run` wrote")
    suite.check_folder(folder, written=False)
    records = status.records_of(folder)
    planned = None if name or seeds else plan.read(folder)
    requested_cells = {} if name or seeds else requested.read(folder)
    requested_cells |= {} if planned is None else {cell.name: (cell.task, cell.model) for cell in planned.cells}
    recorded = status.suite_of(records) if planned is None else planned.suite
    name = name or (recorded if recorded in files.choices("suite") else None)
    chosen = None if name is None else suites.load(name, seeds=seeds)
    jobs = [] if chosen is None or requested_cells else [suite.Job.of(overrides) for overrides in chosen.cells]
    at_a_time = 1 if chosen is None else suite.concurrency(chosen.threads)
    current = status.read(folder, records, jobs, name, at_a_time, requested_cells)
    verdicts: list[judge.Verdict] = []
    try:
        verdicts = judge.verdicts(store.load(folder)) if current.counts.get("done") else []
    except (UserError, OSError) as error:
        click.echo(f"no claims: {error}", err=True)
    if as_json:
        click.echo(json.dumps(status.as_json(current, {each.letter: each.verdict for each in verdicts}), indent=1))
        return EXIT_OK
    for line in status.lines(current):
        click.echo(line)
    if verdicts:
        click.echo("claims so far: " + ", ".join(f"{each.letter} {each.verdict}" for each in verdicts))
    return EXIT_OK

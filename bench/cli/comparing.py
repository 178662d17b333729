"""`bench compare`: two results folders side by side; `bench verify`: a results folder and its cells run again."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.cli import EXIT_FAILED, EXIT_OK, PATH, RUNS
from bench.cli.cells import JOBS_HELP
from bench.cli.outputs import RESAMPLES, SEED, TRIALS
from bench.errors import UserError
from bench.system import torchrun


@click.command()
@click.argument("first", metavar="DIR_A", type=PATH)
@click.argument("second", metavar="DIR_B", type=PATH)
@click.option("--segments", is_flag=True, help="Also test pairs of translation cells over segments (slow).")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare(first: Path, second: Path, segments: bool, as_json: bool) -> int:
    """Compare two results folders.

    Prints which verdicts differ, what only one folder has, which configurations changed, and which scores differ.
    Scores are compared for each setting, arm, split, search and metric that both have, and tested over seeds if there
    are enough, with Holm's correction over all tests. Speeds are compared only if both were measured on the same
    machine.

    Exit status: 0 on success, whether or not the folders differ; 2 for invalid input.
    """
    import json
    from dataclasses import asdict

    from bench.analysis.compare import sets, words

    comparison = sets.compare(first, second, by_segment=segments, seed=SEED, resamples=RESAMPLES, trials=TRIALS)
    if as_json:
        click.echo(json.dumps(asdict(comparison), indent=1, ensure_ascii=False, allow_nan=False))
    else:
        for line in words.lines(comparison):
            click.echo(line)
    return EXIT_OK


@click.command("verify")
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--cells", type=click.IntRange(1), default=3, show_default=True, metavar="N", help="Cells to run again.")
@click.option("--jobs", type=int, metavar="N", help=JOBS_HELP)
@click.option("--out", type=PATH, help="Folder for the new cells.  [default: results/runs/verify-DIR]")
def verify_command(folder: Path, cells: int, jobs: int | None, out: Path | None) -> int:
    """Run finished cells of a results folder again and compare them with their records.

    Each of the cells is of another arm, as far as there are arms. The same code on the same kind of machine gives the
    same bits. Otherwise the headline score has to lie where one more seed of the arm would, with 99 %. The new cells
    lie in a folder of their own; run the same command again to continue after an interruption.

    Exit status: 0 if every cell has the same bits or lies within the spread; 1 if one does not, or has no other seed
    to compare with; 2 for invalid input.
    """
    from bench.runs import suite, verify
    from bench.runs.display import board

    torchrun.check_alone("bench verify")
    suite.check_folder(folder, written=False)
    out = RUNS / f"verify-{folder.resolve().name}" if out is None else out
    suite.check_folder(out)
    if out.resolve() == folder.resolve():
        raise UserError(f"--out {out} is the folder whose cells are run again; name another one")
    chosen = [verify.job_of(record) for record in verify.choose(folder, cells)]
    verify.check_earlier(out, [job.cell.name for job in chosen])
    threads = max(job.cell.threads for job in chosen)
    with board(sys.stderr, len(chosen)) as progress:
        suite.run(chosen, out, progress, at_a_time=suite.concurrency(threads, jobs))
    checks = verify.compare(folder, out, [job.cell.name for job in chosen])
    for check in checks:
        click.echo(str(check))
    return EXIT_OK if all(check.outcome in (verify.SAME, verify.WITHIN) for check in checks) else EXIT_FAILED

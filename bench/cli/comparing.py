"""`bench compare`: two results folders side by side."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli import EXIT_OK, PATH
from bench.cli.outputs import RESAMPLES, SEED, TRIALS


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

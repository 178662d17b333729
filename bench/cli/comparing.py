"""The command about two results folders."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli import GOOD, PATH
from bench.cli.outputs import RESAMPLES, SEED, TRIALS


@click.command()
@click.argument("first", metavar="DIR_A", type=PATH)
@click.argument("second", metavar="DIR_B", type=PATH)
@click.option("--segments", is_flag=True, help="Test pairs of translating cells over segments too (slow).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(first: Path, second: Path, segments: bool, as_json: bool) -> int:
    """Put two results folders side by side: what only one has, what was changed, which scores differ.

    Settings, arms, splits, searches and metrics that both have are compared, over seeds where there are enough, with
    Holm's correction over all of them; speeds only where the machine is the same.
    """
    import json
    from dataclasses import asdict

    from bench.analysis.compare import sets, words

    found = sets.compare(first, second, by_segment=segments, seed=SEED, resamples=RESAMPLES, trials=TRIALS)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1, ensure_ascii=False, allow_nan=False))
    else:
        for line in words.told(found):
            click.echo(line)
    return GOOD

"""The verdicts of a suite that was run with several sets of seeds, as a table. No tests of its own.

`python -m tests.unit.stability OUT.md DIR DIR DIR`; the folders hold the records of `bench suite NAME --seeds ...`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.analysis import results_table
from bench.analysis.claims import judge
from bench.analysis.claims.judge import REFUTED, SUPPORTED, Verdict
from bench.system.files import replacing


def table(folders: Sequence[Path]) -> str:
    """Markdown: one row a claim, one column a folder; how many words are equal, and whether one turned round."""
    records = [results_table.read(folder) for folder in folders]
    verdicts = [judge.verdicts(each) for each in records]
    seeds = [sorted({int(seed) for seed in each.cells["seed"].dropna()}) for each in records]
    heads = ["claim", *(f"seeds {', '.join(map(str, each))}" for each in seeds), "same word"]
    rows = [row(of_claim) for of_claim in zip(*verdicts, strict=True)]
    equal = sum(len({each.verdict for each in of_claim}) == 1 for of_claim in zip(*verdicts, strict=True))
    turned = [of_claim[0].letter for of_claim in zip(*verdicts, strict=True) if turns(of_claim)]
    summary = (
        f"The same suite with {len(folders)} disjoint sets of seeds, each run once: {equal} of {len(rows)} words are "
        f"equal in all, and {len(turned)} turned from supported to refuted or back. Made by "
        "`python -m tests.unit.stability`."
    )
    lines = ["# Verdicts with other seeds", "", summary, ""]
    lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(cells) + " |" for cells in rows]
    lines += ["", "What each run says:", ""]
    for of_claim in zip(*verdicts, strict=True):
        lines += [f"- {of_claim[0].letter}"]
        lines += [f"  - {', '.join(map(str, own))}: {each.sentence}" for own, each in zip(seeds, of_claim)]
    return "\n".join(lines) + "\n"


def row(of_claim: Sequence[Verdict]) -> list[str]:
    words = [each.verdict for each in of_claim]
    return [of_claim[0].letter, *words, "yes" if len(set(words)) == 1 else "no"]


def turns(of_claim: Sequence[Verdict]) -> bool:
    """Whether one run supports what another refutes."""
    return {SUPPORTED, REFUTED} <= {each.verdict for each in of_claim}


if __name__ == "__main__":
    target, *names = map(Path, sys.argv[1:])
    with replacing(target) as building:
        building.write_text(table(names), encoding="utf-8")

"""The complete comparison of two results folders."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.analysis import results_table, significance
from bench.analysis.claims import judge
from bench.analysis.compare import pairs, scores, segments
from bench.analysis.compare.pairs import Change
from bench.analysis.compare.scores import Score, Speed
from bench.analysis.compare.segments import SegmentTest
from bench.analysis.evidence import Evidence
from bench.analysis.signatures import RECORDED

SCHEMA = 1
"""Version of the JSON; it increases when a key changes its meaning or disappears."""


@dataclass(frozen=True)
class Comparison:
    """Two folders compared; pairs are first and second folder.

    statuses: number of cells of each status. only: what the other folder lacks. not_compared: scores that were
    computed in different ways or are undefined. unlike: arms whose speeds were measured on different machines.
    segments: None unless requested. left_out: why cells were not tested over segments. verdicts: letter of a claim and
    the words of both.
    """

    schema: int
    folders: tuple[str, str]
    statuses: tuple[dict[str, int], dict[str, int]]
    only: tuple[list[str], list[str]]
    changes: list[Change]
    scores: list[Score]
    speeds: list[Speed]
    unlike: list[str]
    segments: list[SegmentTest] | None
    left_out: list[str]
    not_compared: list[str]
    verdicts: list[tuple[str, str, str]]


def compare(
    first: Path, second: Path, *, by_segment: bool = False, seed: int, resamples: int, trials: int
) -> Comparison:
    """Compare two results folders. by_segment: also test pairs of cells over segments; seed, resamples (of the
    bootstrap) and trials (of the randomisation) are for these tests.

    Raises UserError if a folder has no results or a record cannot be read.
    """
    one, other = (Evidence(results_table.read(folder)) for folder in (first, second))
    matched = pairs.settings(one, other)
    inverse = {theirs: ours for ours, theirs in matched.items()}
    ours, theirs = pairs.sides(one, other, matched)
    cells = (
        ours.cells({setting: str(setting) for setting in one.cells["setting"]}),
        theirs.cells({setting: str(inverse.get(setting, setting)) for setting in other.cells["setting"]}),
    )
    tests: list[SegmentTest] | None = None
    left_out: list[str] = []
    if by_segment:
        translated = set(one.scores["cell"][one.scores[RECORDED].isin(significance.METRICS)])
        both = {
            key: (cells[0][key]["cell"], cells[1][key]["cell"])
            for key in cells[0]
            if key in cells[1] and cells[0][key]["cell"] in translated
        }
        tests, left_out = segments.compare_segments(first, second, both, seed=seed, resamples=resamples, trials=trials)
    in_both, not_compared = scores.scores(ours, theirs, matched)
    ratios, unlike = scores.speeds(ours, theirs, matched)
    return Comparison(
        schema=SCHEMA,
        folders=(str(first), str(second)),
        statuses=(dict(Counter(one.cells["status"])), dict(Counter(other.cells["status"]))),
        only=(
            pairs.only(cells[0], cells[1]) + scores.only(ours, theirs, matched),
            pairs.only(cells[1], cells[0]) + scores.only(theirs, ours, inverse),
        ),
        changes=pairs.changes(*cells),
        scores=in_both,
        speeds=ratios,
        unlike=unlike,
        segments=tests,
        left_out=left_out,
        not_compared=not_compared,
        verdicts=[
            (verdict.letter, verdict.verdict, its_twin.verdict)
            for verdict, its_twin in zip(judge.verdicts_from(one), judge.verdicts_from(other), strict=True)
        ],
    )

"""The whole comparison of two results folders."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.analysis import significance, tidy
from bench.analysis.compare import pairs, scores, segments
from bench.analysis.compare.pairs import Change
from bench.analysis.compare.scores import Score, Speed
from bench.analysis.evidence import Evidence

SCHEMA = 1
"""Of the JSON; raised when a key changes its meaning or goes."""


@dataclass(frozen=True)
class Comparison:
    """folders; statuses: how many cells of each. only: what one folder has and the other has not, first and second.
    unlike: arms whose speeds were measured on unlike machines. segments: None where not asked for; left_out: why
    cells were not tested over segments."""

    schema: int
    folders: tuple[str, str]
    statuses: tuple[dict[str, int], dict[str, int]]
    only: tuple[list[str], list[str]]
    changes: list[Change]
    scores: list[Score]
    speeds: list[Speed]
    unlike: list[str]
    segments: list[segments.Tested] | None
    left_out: list[str]


def compare(
    first: Path, second: Path, *, by_segment: bool = False, seed: int, resamples: int, trials: int
) -> Comparison:
    """Two results folders side by side. by_segment: test pairs of cells over segments too, with this seed, so many
    resamples of the bootstrap and trials of the randomisation.

    Raises UserError where a folder holds no results or a record cannot be read.
    """
    read = [Evidence(tidy.read(folder)) for folder in (first, second)]
    matched = pairs.settings(*read)
    back = {other: one for one, other in matched.items()}
    ours, theirs = pairs.sides(*read, matched)
    cells = (
        ours.cells({setting: str(setting) for setting in read[0].cells["setting"]}),
        theirs.cells({setting: str(back.get(setting, setting)) for setting in read[1].cells["setting"]}),
    )
    found, left_out = None, []
    if by_segment:
        translated = set(read[0].scores["cell"][read[0].scores["metric"].isin(significance.METRICS)])
        both = {
            key: (cells[0][key]["cell"], cells[1][key]["cell"])
            for key in cells[0]
            if key in cells[1] and cells[0][key]["cell"] in translated
        }
        found, left_out = segments.tested(first, second, both, seed=seed, resamples=resamples, trials=trials)
    ratios, unlike = scores.speeds(ours, theirs, matched)
    return Comparison(
        schema=SCHEMA,
        folders=(str(first), str(second)),
        statuses=tuple(dict(Counter(evidence.cells["status"])) for evidence in read),
        only=(
            pairs.only(cells[0], cells[1]) + scores.only(ours, theirs, matched),
            pairs.only(cells[1], cells[0]) + scores.only(theirs, ours, back),
        ),
        changes=pairs.changes(*cells),
        scores=scores.scores(ours, theirs, matched),
        speeds=ratios,
        unlike=unlike,
        segments=found,
        left_out=left_out,
    )

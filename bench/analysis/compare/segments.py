"""Tests over segments of the cells that two results folders both have (see `bench.analysis.significance`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.analysis import significance
from bench.analysis.compare.pairs import Key
from bench.analysis.stats import holm
from bench.errors import UserError
from bench.records import hypotheses


@dataclass(frozen=True)
class SegmentTest:
    """Tests of two trained cells on one split under one search. bootstrap_p, randomisation_p: of the paired bootstrap
    and the paired approximate randomisation, each corrected by Holm over all tests of its kind in this comparison."""

    cell: str
    split: str
    search: str
    metric: str
    first: float
    second: float
    segments: int
    differing: int
    bootstrap_p: float
    randomisation_p: float
    signatures: tuple[str, str]


def compare_segments(
    first: Path, second: Path, pairs: Mapping[Key, tuple[str, str]], *, seed: int, resamples: int, trials: int
) -> tuple[list[SegmentTest], list[str]]:
    """Tests of every split, search and metric of `significance.METRICS` that both cells of a pair have, and a sentence
    on everything that was left out. pairs: names of the cells in the two folders."""
    rows: list[SegmentTest] = []
    left_out: list[str] = []
    for key, (one, other) in pairs.items():
        cells = first / one, second / other
        try:
            outputs = [hypotheses.read_cell(cell) for cell in cells]
        except UserError as error:
            left_out.append(f"{key}: {error}")
            continue
        for split, search in (place for place in outputs[0] if place in outputs[1]):
            try:
                comparison = significance.compare(
                    *cells, split=split, search=search, seed=seed, resamples=resamples, trials=trials
                )
            except UserError as error:
                left_out.append(f"{key}, {split}, {search}: {error}")
                continue
            rows += [_row(str(key), comparison, row) for row in comparison.tested]
            left_out += [f"{key}, {split}, {search}, {reason}" for reason in comparison.left_out]
    return _corrected(rows), left_out


def _row(cell: str, comparison: significance.CellComparison, test: significance.MetricTest) -> SegmentTest:
    return SegmentTest(
        cell=cell,
        split=comparison.split,
        search=comparison.search,
        metric=test.metric,
        first=test.first,
        second=test.second,
        segments=comparison.segments,
        differing=comparison.differing,
        bootstrap_p=test.bootstrap_p,
        randomisation_p=test.randomisation_p,
        signatures=(test.bootstrap_signature, test.randomisation_signature),
    )


def _corrected(rows: Sequence[SegmentTest]) -> list[SegmentTest]:
    bootstrap, randomisation = holm([row.bootstrap_p for row in rows]), holm([row.randomisation_p for row in rows])
    return [
        replace(row, bootstrap_p=one, randomisation_p=other)
        for row, one, other in zip(rows, bootstrap, randomisation, strict=True)
    ]

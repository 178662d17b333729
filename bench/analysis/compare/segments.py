"""Pairs of cells that two results folders both have, tested over segments of their test sets (`bench.analysis.significance`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.analysis import significance
from bench.analysis.compare.pairs import Key
from bench.analysis.stats import holm
from bench.errors import UserError
from bench.records import hypotheses


@dataclass(frozen=True)
class Tested:
    """Two trained cells on one split under one search. p of the paired bootstrap and of the paired approximate
    randomisation, each corrected by Holm over all of this comparison's."""

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


def tested(
    first: Path, second: Path, pairs: Mapping[Key, tuple[str, str]], *, seed: int, resamples: int, trials: int
) -> tuple[list[Tested], list[str]]:
    """Every split, search and metric of `significance.METRICS` that both cells of a pair have; and, in words, what was
    left out. pairs: the names of the two folders' cells."""
    found: list[Tested] = []
    left_out: list[str] = []
    for key, (one, other) in pairs.items():
        cells = first / one, second / other
        try:
            answered = [hypotheses.of_cell(cell) for cell in cells]
        except UserError as error:
            left_out.append(f"{key}: {error}")
            continue
        for split, search in (place for place in answered[0] if place in answered[1]):
            try:
                compared = significance.compare(
                    *cells, split=split, search=search, seed=seed, resamples=resamples, trials=trials
                )
            except UserError as error:
                left_out.append(f"{key}, {split}, {search}: {error}")
                continue
            found += [_of(str(key), compared, row) for row in compared.tested]
    return _corrected(found), left_out


def _of(cell: str, compared: significance.Compared, row: significance.Tested) -> Tested:
    return Tested(
        cell, compared.split, compared.search, row.metric, row.first, row.second, compared.segments, compared.differing,
        row.bootstrap_p, row.randomisation_p, (row.bootstrap_signature, row.randomisation_signature),
    )  # fmt: skip


def _corrected(rows: Sequence[Tested]) -> list[Tested]:
    columns: Iterable[list[float]] = (
        holm([getattr(row, name) for row in rows]) for name in ("bootstrap_p", "randomisation_p")
    )
    return [
        replace(row, bootstrap_p=one, randomisation_p=other) for row, one, other in zip(rows, *columns, strict=True)
    ]

"""One trained cell probed: from its folder to the rows of its `reach.csv`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from bench.analysis import stats
from bench.diagnostics.reach import probe
from bench.errors import UserError
from bench.records.reach_rows import CONSTANT, GRADIENT, NORM, REPLACEMENT, TYPICAL, WITHIN, Reach, Row, Settings
from bench.runs import trained
from bench.training.progress import Progress, Silent

RESAMPLES = 2000
"""Of a bootstrap over examples: there are many examples, and many distances."""


def measure(folder: Path, settings: Settings, progress: Progress | None = None) -> Reach:
    """Probe the cell in the folder on its own device, or on the CPU where that is not here.

    Raises UserError where there is no trained cell, no such split, or other data than the cell was trained on.
    """
    progress = progress or Silent()
    progress.stage("load", 0, "steps")
    cell = trained.load(folder)
    about = trained.record(folder).get("data")
    recorded = about.get("checksums") if isinstance(about, Mapping) else None
    if recorded and recorded != cell.data.checksums:
        raise UserError(f"the data of {folder} are made otherwise since it was trained; run the cell again")
    if settings.split not in cell.data.tests:
        raise UserError(f"{folder} has no split {settings.split!r}; there are {', '.join(cell.data.tests)}")
    device = "cuda" if cell.cell.config["device"] == "cuda" and torch.cuda.is_available() else "cpu"
    model, split = cell.model.to(device), cell.data.tests[settings.split]
    position = cell.task.answer_position
    examples = probe.chosen(split, settings.examples, position)
    lenders = probe.partners(split, examples, settings.partners)
    distances = probe.grid(examples.longest)
    found = [Row(CONSTANT, 0, probe.constant(cell.data.train, split, position), None, None, len(split))]
    progress.stage("gradient", 1, "passes")
    norms = probe.gradient_norms(model, examples, device=device)
    progress.advance(1)
    found += gradient_rows(norms, examples, distances)
    progress.stage("replace", len(distances), "distances")
    shares = probe.kept_up_to(model, split, examples, distances, lenders, device=device)
    for number, (k, share) in enumerate(zip(distances, shares, strict=True), start=1):
        found.append(_averaged(REPLACEMENT, k, share))
        progress.advance(number)
    return Reach(settings, tuple(found))


def gradient_rows(norms: np.ndarray, examples: probe.Examples, distances: Sequence[int]) -> list[Row]:
    """GRADIENT, TYPICAL, NORM and WITHIN at the distances, which begin with 0: no token is so near. norms: see
    `probe.gradient_norms`. An example whose gradient is zero everywhere has no shares."""
    edges = np.asarray(distances)
    count, bins = len(examples.rows), len(edges) - 1
    example = np.repeat(np.arange(count), examples.lengths)
    place = example * bins + np.searchsorted(edges, examples.distances) - 1
    sums = np.bincount(place, norms, minlength=count * bins).reshape(count, bins)
    tokens = np.bincount(place, minlength=count * bins).reshape(count, bins)
    with np.errstate(invalid="ignore"):
        norm = sums / tokens  # NaN where an example has no token
        share = sums / sums.sum(axis=1, keepdims=True)
        each = share / tokens
    within = share[~np.isnan(share).any(axis=1)].cumsum(axis=1).clip(max=1.0)
    rows = []
    for what, row, values in ((GRADIENT, _averaged, each), (TYPICAL, _quartiles, each), (NORM, _quartiles, norm)):
        columns = [column[~np.isnan(column)] for column in values.T]
        rows += [row(what, k, column) for k, column in zip(distances[1:], columns, strict=True) if len(column)]
    if len(within):
        rows += [_averaged(WITHIN, k, column) for k, column in zip(distances[1:], within.T, strict=True)]
    return rows


def _quartiles(what: str, k: int, values: np.ndarray) -> Row:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return Row(what, k, float(middle), float(low), float(high), len(values))


def _averaged(what: str, k: int, values: np.ndarray) -> Row:
    interval = stats.bootstrap_mean(values, resamples=RESAMPLES)
    return Row(what, k, float(values.mean()), *(interval or (None, None)), len(values))

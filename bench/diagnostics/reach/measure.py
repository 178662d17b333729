"""Probes one trained cell: from its folder to the rows of its `reach.csv`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from bench.analysis import stats
from bench.diagnostics.reach import probe
from bench.diagnostics.reach.prefixes import to_one_answer
from bench.errors import UserError
from bench.records.reach_rows import CONSTANT, GRADIENT, NORM, REPLACEMENT, TYPICAL, WITHIN, ProbeSettings, Reach, Row
from bench.runs import trained
from bench.training.progress import Progress, Silent
from models.interface import SequenceModel

RESAMPLES = 2000
"""Resamples of a bootstrap over examples. Fewer than elsewhere, because there is one bootstrap for each distance."""


def measure(folder: Path, settings: ProbeSettings, progress: Progress | None = None) -> Reach:
    """Probe the cell in the folder on its own device, or on the CPU if that device is absent.

    Raises UserError if the folder has no trained cell, if the cell has no such split, or if the data differ from the
    data that the cell was trained on.
    """
    progress = progress or Silent()
    progress.stage("load", 0, "steps")
    loaded = trained.load(folder)
    recorded_data = trained.record(folder).get("data")
    checksums = recorded_data.get("checksums") if isinstance(recorded_data, Mapping) else None
    if checksums and checksums != loaded.data.checksums:
        raise UserError(f"the data of {folder} differ from those it was trained on; run the cell again")
    if settings.split not in loaded.data.tests:
        raise UserError(f"{folder} has no split {settings.split!r}; there are {', '.join(loaded.data.tests)}")
    device = "cuda" if loaded.cell.device == "cuda" and torch.cuda.is_available() else "cpu"
    model, split = loaded.model.to(device), loaded.data.tests[settings.split]
    position = loaded.task.answer_position
    constant = probe.constant_accuracy(loaded.data.train, split, None if split.one_stack else position)
    count = len(split)
    if isinstance(model, SequenceModel):
        if not model.causal:
            raise UserError(
                f"{folder} holds one stack with causal=false, whose answers have no distance; probe another"
            )
        split, position = to_one_answer(split, probe.SEED), None
    examples = probe.sample_examples(split, settings.examples, position)
    partners = probe.draw_partners(split, examples, settings.partners)
    distances = probe.distance_grid(examples.max_distance)
    rows = [Row(CONSTANT, 0, constant, None, None, count)]
    progress.stage("gradient", 1, "passes")
    norms = probe.gradient_norms(model, examples, device=device)
    progress.advance(1)
    rows += gradient_rows(norms, examples, distances)
    progress.stage("replace", len(distances), "distances")
    accuracies = probe.replacement_accuracy(model, split, examples, distances, partners, device=device)
    for number, (k, accuracy) in enumerate(zip(distances, accuracies, strict=True), start=1):
        rows.append(_mean_row(REPLACEMENT, k, accuracy))
        progress.advance(number)
    return Reach(settings, tuple(rows))


def gradient_rows(norms: np.ndarray, examples: probe.Examples, distances: Sequence[int]) -> list[Row]:
    """The rows GRADIENT, TYPICAL, NORM and WITHIN at each distance.

    norms: (M,), as returned by `probe.gradient_norms`. distances: start with 0, at which there is no token. An example
    with no gradient at all has no shares, and counts for NORM only.
    """
    edges = np.asarray(distances)
    count, bins = len(examples.indices), len(edges) - 1
    example = np.repeat(np.arange(count), examples.lengths)
    bin_index = example * bins + np.searchsorted(edges, examples.distances) - 1
    sums = np.bincount(bin_index, norms, minlength=count * bins).reshape(count, bins)
    tokens = np.bincount(bin_index, minlength=count * bins).reshape(count, bins)
    with np.errstate(invalid="ignore"):
        norm = sums / tokens  # NaN where an example has no token at these distances
        share = sums / sums.sum(axis=1, keepdims=True)
        token_share = share / tokens
    within = share[~np.isnan(share).any(axis=1)].cumsum(axis=1).clip(max=1.0)
    rows = []
    for what, make_row, values in (
        (GRADIENT, _mean_row, token_share),
        (TYPICAL, _quartile_row, token_share),
        (NORM, _quartile_row, norm),
    ):
        columns = [column[~np.isnan(column)] for column in values.T]
        rows += [make_row(what, k, column) for k, column in zip(distances[1:], columns, strict=True) if len(column)]
    if len(within):
        rows += [_mean_row(WITHIN, k, column) for k, column in zip(distances[1:], within.T, strict=True)]
    return rows


def _quartile_row(what: str, k: int, values: np.ndarray) -> Row:
    """Median and quartiles."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return Row(what, k, float(middle), float(low), float(high), len(values))


def _mean_row(what: str, k: int, values: np.ndarray) -> Row:
    """Mean and 95 % bootstrap interval."""
    low, high = stats.bootstrap_mean(values.tolist(), resamples=RESAMPLES) or (None, None)
    return Row(what, k, float(values.mean()), low, high, len(values))

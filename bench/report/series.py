"""The numbers behind figures and tables, as tidy frames: finished cells only, one setting at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import pandas as pd

from bench.analysis.evidence import MEMORIES, WORKS, Evidence
from bench.analysis.messages import Text
from bench.analysis.missing_values import column, is_present
from bench.analysis.settings import Setting
from bench.analysis.stats import bootstrap_mean
from bench.data.script import WORDS
from bench.report import labels

KEYS = ["task", "budget_name", "arm", "seed", "cell"]
MEBI = 2**20
"""Bytes of a mebibyte."""

PARAMETERS, STATE, PAIRS = "parameters", "state", "pairs"
SIZES = {PARAMETERS: "parameters.total", STATE: "memory.state_bytes", PAIRS: "data.counts.train_kept"}
"""Sizes of a cell's model and, in translation, of its training text, and the facts of its record that hold them."""

POINTS = "points"
"""The unit of corpus scores of translations: BLEU, chrF."""


def chance(evidence: Evidence, setting: Setting, metric: str) -> float | None:
    """The score of guessing by a metric, where the records know it."""
    value: Any = evidence.fact(setting, f"data.chance.{metric}")
    return float(value) if is_present(value) else None


def headline_by_seed(evidence: Evidence, setting: Setting) -> pd.DataFrame:
    """Scores by the headline metric: one row per cell and split."""
    _, metric, search = evidence.headline(setting)
    rows = evidence.select(setting, metric=metric, search=search)
    return rows[[*KEYS, "split", "search", "metric", "unit", "value", "n"]].reset_index(drop=True)


def with_means(table: pd.DataFrame, keys: Sequence[str], value: str) -> pd.DataFrame:
    """Rows of single cells with four added columns: the `mean` over all rows with equal keys, its 95 % interval over
    seeds (`low`, `high`), and the number of `seeds`."""
    keys = list(keys)
    means = over_seeds(table[keys].assign(value=table[value], n=1), keys)
    return table.merge(means[[*keys, "mean", "low", "high", "seeds"]], on=keys, how="left")


def by_axis(
    evidence: Evidence, setting: Setting, axis: str, metric: str, search: str, trusted: bool = False
) -> pd.DataFrame:
    """Means over seeds: one row per arm, split and place on the axis. trusted: only cells that pass the gates."""
    rows = evidence.select(setting, metric=metric, search=search, axis=axis, trusted=trusted)
    keys = ["task", "budget_name", "arm", "split", "search", "metric", "unit", "at"]
    order = {split: place for place, split in enumerate(evidence.splits(setting))}
    return over_seeds(rows, keys).sort_values(
        ["split", "arm", "at"], key=lambda s: s.map(order) if s.name == "split" else s
    )


def over_seeds(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Means over seeds.

    rows: columns `keys`, `value` and `n` (examples behind the value); one row per cell for each combination of keys.
    Returns one row per combination: `mean`, its 95 % bootstrap interval (`low`, `high`; NaN with one seed), `min`,
    `max`, the number of `seeds`, and `examples`, the mean of `n`.
    """
    groups = rows.groupby(keys, sort=False, dropna=False)
    table = groups.agg(
        mean=("value", "mean"), min=("value", "min"), max=("value", "max"), seeds=("value", "size"),
        examples=("n", "mean"),
    ).reset_index()  # fmt: skip
    cache: dict[tuple, tuple[float, float]] = {}  # many positions have equal values, for example all correct
    intervals = []
    for values in groups["value"].agg(tuple):
        if values not in cache:
            finite = [value for value in values if math.isfinite(value)]
            cache[values] = bootstrap_mean(finite) or (math.nan, math.nan)
        intervals.append(cache[values])
    bounds = pd.DataFrame(intervals, columns=["low", "high"], index=table.index, dtype=float)
    return pd.concat([table[[*keys, "mean"]], bounds, table[["min", "max", "seeds", "examples"]]], axis=1)


def learning(evidence: Evidence, setting: Setting) -> pd.DataFrame:
    """Learning curves: one row per cell and validation. flops: matrix-product FLOPs of training so far, at the average
    cost of a target token in this training; NaN where the record lacks it."""
    cells = evidence.finished(setting).set_index("cell")
    rows = evidence.curves[evidence.curves["cell"].isin(cells.index)]
    flops, tokens = (
        pd.to_numeric(column(cells, name), errors="coerce")
        for name in ("flops.training_total", "budget.target_tokens")
    )
    rows = rows.assign(flops=rows["cell"].map(flops / tokens.where(tokens > 0)) * rows["target_tokens"])
    columns = [*KEYS, "step", "target_tokens", "flops", "seconds", "train_loss", "valid_loss"]
    return rows[columns].dropna(subset=["valid_loss"]).reset_index(drop=True)


def against_size(evidence: Evidence, setting: Setting) -> pd.DataFrame:
    """Headline scores on the first split with the sizes of the model, and the number of training pairs where it is
    known: one row per cell."""
    table = headline_by_seed(evidence, setting)
    table = table[table["split"] == next(iter(evidence.splits(setting)), None)].copy()
    cells = evidence.finished(setting).set_index("cell")
    table["target"] = setting.target
    for size, name in SIZES.items():
        numbers = pd.to_numeric(column(cells, name), errors="coerce").reindex(table["cell"])
        if size != PAIRS or numbers.notna().any():
            table[size] = numbers.values
    return table.reset_index(drop=True)


def speeds(evidence: Evidence, setting: Setting) -> pd.DataFrame:
    """Median speeds: one row per cell and type of work. Unit: target tokens per second."""
    names = {f"throughput.{work}.median": labels.part(work) for work in WORKS}
    table = _melt(evidence.finished(setting), names, "tokens_per_second")
    return table[table["tokens_per_second"] > 0].reset_index(drop=True)


def memory(evidence: Evidence, setting: Setting) -> pd.DataFrame:
    """Memory peaks: one row per cell and place (process, GPU). Unit: MiB."""
    names = {peak: labels.part(place) for place, peak in MEMORIES.items()}
    table = _melt(evidence.finished(setting), names, "mebibytes")
    return table.assign(mebibytes=table["mebibytes"] / MEBI)


def _melt(cells: pd.DataFrame, names: dict[str, Text], value: str) -> pd.DataFrame:
    """Columns of cells as rows with the column's label in `what`. Missing numbers are left out."""
    parts = [
        cells[KEYS].assign(what=text, **{value: pd.to_numeric(column(cells, name), errors="coerce")})
        for name, text in names.items()
    ]
    return pd.concat(parts, ignore_index=True).dropna(subset=[value]).reset_index(drop=True)


def translation_metrics(evidence: Evidence, setting: Setting) -> list[str]:
    """Metrics in points, in the order of the records; empty unless the task is a translation."""
    return [metric for metric in evidence.metrics(setting) if evidence.unit(setting, metric) == POINTS]


def length_unit(evidence: Evidence, setting: Setting) -> str:
    """The unit of a source's length where the task translates text (`words`, `characters`); else ""."""
    recorded = evidence.fact(setting, "data.language.length_unit")
    return str(recorded or (WORDS if translation_metrics(evidence, setting) else ""))


def translation_searches(evidence: Evidence, setting: Setting) -> list[str]:
    """Searches that translations were decoded with: greedy, then beam search."""
    scores = evidence.select(setting)
    names = set(scores[scores["unit"] == POINTS]["search"])
    return [search for search in evidence.searches(setting) if search in names]


def length_measures(evidence: Evidence, setting: Setting) -> list[tuple[str, str]]:
    """Metric and search of the additional figures against source length: every metric in points, by beam search where
    it was run. The headline has a figure already and is left out."""
    last = translation_searches(evidence, setting)[-1:]
    pairs = product(translation_metrics(evidence, setting), last)
    return [pair for pair in pairs if pair != evidence.headline(setting)[1:]]


def phenomena(evidence: Evidence, setting: Setting) -> pd.DataFrame:
    """Scores of linguistic phenomena in a setting."""
    return evidence.phenomena[evidence.phenomena["setting"] == setting]


def by_distance(evidence: Evidence, setting: Setting, kind: str, split: str) -> pd.DataFrame:
    """Phenomenon scores over seeds: one row per phenomenon, arm and bin of distances (1, 2-3, 4-7, 8-15, ...). `at`
    is the lower edge of the bin."""
    rows = phenomena(evidence, setting)
    rows = rows[(rows["kind"] == kind) & (rows["split"] == split) & rows["axis"].notna()]
    rows = rows.assign(at=[distance_bin(int(at)) for at in rows["at"]], right=rows["value"] * rows["n"])
    keys = ["task", "budget_name", "arm", "split", "phenomenon", "kind", "at"]
    cells = rows.groupby([*keys, "cell"], sort=False)[["right", "n"]].sum().reset_index()
    cells["value"] = cells["right"] / cells["n"]
    return over_seeds(cells, keys).sort_values(["phenomenon", "arm", "at"]).reset_index(drop=True)


def distance_bin(distance: int) -> int:
    """Lower edge of the bin of a distance: the largest power of two that is not above it.

    >>> [distance_bin(distance) for distance in (1, 2, 3, 4, 7, 8)]
    [1, 2, 2, 4, 4, 8]
    """
    return 1 << (max(1, distance).bit_length() - 1)

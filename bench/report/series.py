"""The numbers behind each figure as tidy tables: finished cells only, one setting at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from bench.analysis.evidence import MEMORIES, WORKS, Evidence, Setting, column
from bench.analysis.stats import bootstrap_mean
from bench.report import labels

KEYS = ["task", "budget_name", "arm", "seed", "cell"]
MEBI = 2**20


def every_seed(evidence: Evidence, setting: Setting) -> pd.DataFrame:
    """Headline metric: a row a cell and split."""
    _, metric, search = evidence.headline(setting)
    rows = evidence.select(setting, metric=metric, search=search)
    return rows[[*KEYS, "split", "search", "metric", "unit", "value", "n"]].reset_index(drop=True)


def with_means(table: pd.DataFrame, keys: Sequence[str], value: str) -> pd.DataFrame:
    """Rows of one cell each, and on each the `mean` of the rows with the same keys, its 95 % interval over seeds
    (`low`, `high`) and their number (`seeds`)."""
    keys = list(keys)
    means = over_seeds(table[keys].assign(value=table[value], n=1), keys)
    return table.merge(means[[*keys, "mean", "low", "high", "seeds"]], on=keys, how="left")


def by_axis(evidence: Evidence, setting: Setting, axis: str, metric: str, search: str) -> pd.DataFrame:
    """A row an arm, split and place on the axis, over seeds; examples: in one cell's mean."""
    rows = evidence.select(setting, metric=metric, search=search, axis=axis)
    keys = ["task", "budget_name", "arm", "split", "search", "metric", "unit", "at"]
    order = {split: place for place, split in enumerate(evidence.splits(setting))}
    return over_seeds(rows, keys).sort_values(
        ["split", "arm", "at"], key=lambda s: s.map(order) if s.name == "split" else s
    )


def over_seeds(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Of rows with a `value` and its `n`, one a cell for each value of `keys`: mean over seeds, its 95 % bootstrap
    interval (`low`, `high`; empty with one seed), range, how many seeds there are, and the examples that one cell's
    number is of, on average."""
    groups = rows.groupby(keys, sort=False, dropna=False)
    table = groups.agg(
        mean=("value", "mean"), min=("value", "min"), max=("value", "max"), seeds=("value", "size"),
        examples=("n", "mean"),
    ).reset_index()  # fmt: skip
    found: dict[tuple, tuple[float, float]] = {}  # many places have equal values, such as all right
    intervals = []
    for values in groups["value"].agg(tuple):
        if values not in found:
            finite = [value for value in values if math.isfinite(value)]
            found[values] = bootstrap_mean(finite) or (math.nan, math.nan)
        intervals.append(found[values])
    bounds = pd.DataFrame(intervals, columns=["low", "high"], index=table.index, dtype=float)
    return pd.concat([table[[*keys, "mean"]], bounds, table[["min", "max", "seeds", "examples"]]], axis=1)


def learning(evidence: Evidence, setting: Setting) -> pd.DataFrame:
    """A row a cell and validation. flops: of the matrix products of training so far, a target token as many as over the
    whole training; missing where the record does not say."""
    cells = evidence.finished(setting).set_index("cell")
    rows = evidence.curves[evidence.curves["cell"].isin(cells.index)]
    whole, tokens = (
        pd.to_numeric(column(cells, name), errors="coerce")
        for name in ("flops.training_total", "budget.target_tokens")
    )
    rows = rows.assign(flops=rows["cell"].map(whole / tokens.where(tokens > 0)) * rows["target_tokens"])
    kept = [*KEYS, "step", "target_tokens", "flops", "seconds", "train_loss", "valid_loss"]
    return rows[kept].dropna(subset=["valid_loss"]).reset_index(drop=True)


def against_parameters(evidence: Evidence, setting: Setting) -> pd.DataFrame:
    """Headline metric on the first split: a row a cell."""
    table = every_seed(evidence, setting)
    table = table[table["split"] == next(iter(evidence.splits(setting)), None)].copy()
    cells = evidence.finished(setting).set_index("cell")
    table["target"] = setting.target
    table["parameters"] = (
        pd.to_numeric(column(cells, "parameters.total"), errors="coerce").reindex(table["cell"]).values
    )
    return table.reset_index(drop=True)


def speeds(evidence: Evidence, setting: Setting) -> pd.DataFrame:
    """Medians of a cell: a row a cell and kind of work."""
    names = {f"throughput.{work}.median": labels.part(work) for work in WORKS}
    table = _long(evidence.finished(setting), names, "tokens_per_second")
    return table[table["tokens_per_second"] > 0].reset_index(drop=True)


def memory(evidence: Evidence, setting: Setting) -> pd.DataFrame:
    """Peaks of a cell: a row a cell and kind of memory."""
    names = {column_name: labels.part(place) for place, column_name in MEMORIES.items()}
    table = _long(evidence.finished(setting), names, "mebibytes")
    return table.assign(mebibytes=table["mebibytes"] / MEBI)


def _long(cells: pd.DataFrame, names: dict[str, str], value: str) -> pd.DataFrame:
    """Columns of cells as rows, those without a number left out."""
    parts = [
        cells[KEYS].assign(what=text, **{value: pd.to_numeric(column(cells, name), errors="coerce")})
        for name, text in names.items()
    ]
    return pd.concat(parts, ignore_index=True).dropna(subset=[value]).reset_index(drop=True)

"""All scores of a results folder as one tidy table, for `bench.load` and `results.csv`. Does not import torch."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.analysis.evidence import Evidence
from bench.analysis.missing_values import column, is_present
from bench.analysis.signatures import RECORDED
from bench.records import pool, store

TEXT, WHOLE, REAL = "text", "whole", "real"
"""Kinds of columns: str or None as objects; Int64; float64. They do not depend on the folder."""

SCORE_COLUMNS = {
    "split": TEXT, "search": TEXT, "metric": TEXT, "value": REAL, "unit": TEXT, "n": WHOLE, "axis": TEXT, "at": REAL,
    "signature": TEXT,
}  # fmt: skip

CELL_COLUMNS = {
    "seed": ("seed", WHOLE),
    "suite": ("suite", TEXT),
    "task": ("task", TEXT),
    "setting": ("setting", TEXT),
    "arm": ("arm", TEXT),
    "model": ("model", TEXT),
    "budget_name": ("budget_name", TEXT),
    "doubt": ("doubt", TEXT),
    "parameters": ("parameters.total", WHOLE),
    "mismatch": ("match.mismatch", REAL),
    "width": ("match.width", WHOLE),
    "flops_per_token": ("flops.forward_per_target_token", REAL),
    "training_flops": ("flops.training_total", REAL),
    "steps": ("budget.steps", WHOLE),
    "target_tokens": ("budget.target_tokens", WHOLE),
    "valid_loss": ("selection.value", REAL),
    "train_seconds": ("times.train", REAL),
    "train_tokens_per_second": ("throughput.train.median", REAL),
    "decode_tokens_per_second": ("throughput.decode.median", REAL),
    "decode_one_tokens_per_second": ("throughput.decode_one.median", REAL),
    "peak_rss_bytes": ("memory.peak_rss_bytes", WHOLE),
    "peak_gpu_bytes": ("memory.peak_gpu_bytes", WHOLE),
    "device": ("environment.device", TEXT),
    "cpu": ("environment.cpu", TEXT),
    "gpu": ("environment.gpu", TEXT),
    "threads": ("environment.threads", WHOLE),
    "concurrent_cells": ("environment.concurrent_cells", WHOLE),
    "version": ("code.version", TEXT),
    "commit": ("code.commit", TEXT),
}
"""Columns that are equal in all rows of a cell: the dotted key of the record, and the kind."""

IDENTITY = ("suite", "task", "setting", "arm", "model", "budget_name", "seed")
COLUMNS = ("cell", *IDENTITY, *SCORE_COLUMNS, "chance", *(name for name in CELL_COLUMNS if name not in IDENTITY))


def load(folder: Path | str) -> pd.DataFrame:
    """A row for each score of a finished cell, with the columns COLUMNS; results/README.md describes them. An
    undefined score has no value.

    Cells that did not finish have no rows; `bench.records.load(folder).cells` lists them with reasons. Raises
    UserError if the folder has no results or a record cannot be read."""
    return table(Evidence(read(Path(folder))))


def read(folder: Path) -> store.Records:
    """The records in a folder. Raises UserError if there are none or one cannot be read."""
    return pool.read([folder]).records


def table(evidence: Evidence) -> pd.DataFrame:
    """The tidy table, in the order of cells and of their records."""
    every = [part for part in (evidence.scores, evidence.phenomena, evidence.undefined) if len(part)]
    scores = pd.concat(every or [evidence.scores]).sort_index().reset_index(drop=True)
    scores["metric"] = scores[RECORDED]
    cells = evidence.cells.drop_duplicates("cell")
    of_cells = pd.DataFrame({name: _of_kind(column(cells, key), kind) for name, (key, kind) in CELL_COLUMNS.items()})
    chances = {metric: _of_kind(column(cells, f"data.chance.{metric}"), REAL) for metric in set(scores["metric"])}
    position = pd.Series(range(len(cells)), index=cells["cell"])[scores["cell"]]
    parts = {name: _of_kind(scores[name], kind) for name, kind in SCORE_COLUMNS.items()}
    parts |= {name: values.reset_index(drop=True) for name, values in of_cells.iloc[position].items()}
    parts["cell"] = _of_kind(scores["cell"], TEXT)
    chance = [chances[metric][place] for metric, place in zip(scores["metric"], position, strict=True)]
    parts["chance"] = pd.Series(chance, dtype=float)
    return pd.DataFrame({name: parts[name] for name in COLUMNS})


def _of_kind(values: pd.Series, kind: str) -> pd.Series:
    if kind == TEXT:
        return pd.Series([str(value) if is_present(value) else None for value in values], dtype=object)
    numbers = pd.to_numeric(values, errors="coerce").astype(float).reset_index(drop=True)
    return numbers.round().astype("Int64") if kind == WHOLE else numbers

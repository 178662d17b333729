"""All scores of a results folder as one tidy table: `bench.load` returns it, `results.csv` holds it. No torch here."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.analysis.evidence import Evidence, column, is_present
from bench.errors import UserError
from bench.records import store

TEXT, WHOLE, REAL = "text", "whole", "real"
"""Kinds of columns: objects that are str or None; Int64; float64. The same in every folder, whatever it holds."""

OF_SCORES = {
    "split": TEXT, "search": TEXT, "metric": TEXT, "value": REAL, "unit": TEXT, "n": WHOLE, "axis": TEXT, "at": REAL,
    "signature": TEXT,
}  # fmt: skip

OF_CELLS = {
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
"""Columns that are the same in all rows of a cell: the record's key, dots for nesting, and the kind."""

IDENTITY = ("suite", "task", "setting", "arm", "model", "budget_name", "seed")
COLUMNS = ("cell", *IDENTITY, *OF_SCORES, "chance", *(name for name in OF_CELLS if name not in IDENTITY))


def load(folder: Path | str) -> pd.DataFrame:
    """A row for each finished cell and score of a results folder, in COLUMNS; results/README.md describes them.

    Cells that did not finish have no scores and no rows; `bench.records.load(folder).cells` has them, with reasons.
    Raises UserError where the folder holds no results or a record cannot be read.
    """
    return table(Evidence(read(Path(folder))))


def read(folder: Path) -> store.Records:
    """The records under a folder. Raises UserError where there are none, or one cannot be read."""
    try:
        return store.load(folder)
    except (FileNotFoundError, ValueError) as error:
        raise UserError(" ".join(str(error).split())) from error


def table(evidence: Evidence) -> pd.DataFrame:
    """The tidy table of what has been read; in the order of cells and of their records."""
    scores = pd.concat([evidence.scores, evidence.phenomena]).sort_index().reset_index(drop=True)
    cells = evidence.cells.drop_duplicates("cell")
    every = pd.DataFrame({name: _of_kind(column(cells, key), kind) for name, (key, kind) in OF_CELLS.items()})
    chances = {metric: _of_kind(column(cells, f"data.chance.{metric}"), REAL) for metric in set(scores["metric"])}
    place = pd.Series(range(len(cells)), index=cells["cell"])[scores["cell"]]
    parts = {name: _of_kind(scores[name], kind) for name, kind in OF_SCORES.items()}
    parts |= {name: values.reset_index(drop=True) for name, values in every.iloc[place].items()}
    parts["cell"] = _of_kind(scores["cell"], TEXT)
    chance = [chances[metric][where] for metric, where in zip(scores["metric"], place, strict=True)]
    parts["chance"] = pd.Series(chance, dtype=float)
    return pd.DataFrame({name: parts[name] for name in COLUMNS})


def _of_kind(values: pd.Series, kind: str) -> pd.Series:
    if kind == TEXT:
        return pd.Series([str(value) if is_present(value) else None for value in values], dtype=object)
    numbers = pd.to_numeric(values, errors="coerce").astype(float).reset_index(drop=True)
    return numbers.round().astype("Int64") if kind == WHOLE else numbers

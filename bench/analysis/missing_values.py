"""Values of the records' table: missing values, columns that a folder may lack, nested configurations."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import Any

import pandas as pd


def is_present(value: object) -> bool:
    """Whether a table cell has a value: neither None nor NaN."""
    return not (value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)))


def column(table: pd.DataFrame, name: str) -> pd.Series:
    """A column, or missing values if no record has it."""
    return table[name] if name in table else pd.Series([None] * len(table), index=table.index, dtype=object)


def option(config: object, *path: str) -> Any:
    """A value of the nested configuration, or None."""
    for key in path:
        config = config.get(key) if isinstance(config, Mapping) else None
    return config


def flatten(config: object, prefix: str = "") -> dict[str, Any]:
    """A nested configuration as dotted names; empty if none was recorded."""
    if not isinstance(config, Mapping):
        return {}
    options: dict[str, Any] = {}
    for key, value in config.items():
        options.update(flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value})
    return options


def column_mean(cells: pd.DataFrame, name: str) -> float | None:
    """Mean of a column of the records' table over its numbers; None if there are none."""
    values = pd.to_numeric(column(cells, name), errors="coerce").dropna()
    return statistics.fmean(values) if len(values) else None

"""A benchmark of sequence-to-sequence models: the same data, harness and budget for every family."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

__version__ = "0.1.0"


def load(folder: Path | str) -> pd.DataFrame:
    """All scores of a results folder as one tidy table; see `bench.analysis.results_table.load`.

    >>> bench.load("results/reference/faq").query("metric == 'bleu'")  # doctest: +SKIP
    """
    from bench.analysis import (
        results_table,  # pandas is slow to load, and every process of a suite imports this package
    )

    return results_table.load(folder)

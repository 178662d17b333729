"""SHA256SUMS of a results folder: its files that were measured, in the form that `sha256sum -c` checks.

Weights are left out, since they may lie on another disk, and so is what `bench report` makes of the others."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bench.records import article_rows, cost_rounds, store

NAME = "SHA256SUMS"
OF_CELL = (store.RECORD, store.CURVE, store.OUTPUTS, store.ATTENTION)
BESIDE = {store.PROFILE: (cost_rounds.TABLE,), article_rows.FOLDER: (article_rows.FACTS, article_rows.TABLE)}
"""What the steps after a suite's cells measure, by their folder."""


def table(results: Path) -> str:
    """A line for each measured file: its SHA-256 and its path in the folder. Raises the errors of
    `store.cell_folders`, and OSError for a file that cannot be read."""
    files = [folder / name for folder in store.cell_folders(results) for name in OF_CELL]
    files += [results / folder / name for folder, names in BESIDE.items() for name in names]
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(results).as_posix()}\n"
        for path in sorted(files)
        if path.is_file()
    )

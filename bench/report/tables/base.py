"""What every table of the report is made of: rows of cells, each with its text and the value that it is sorted by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.comparisons import format_score
from bench.analysis.messages import Message, Text
from bench.analysis.missing_values import is_present
from bench.analysis.stats import summary
from bench.records.pool import FOLDER

NONE = "-"
"""Text of a cell without a value."""

IDENTITY = ("task", "arm", "budget", "seed")
"""Columns that identify a cell of the suite, by the names of their texts. Where several results folders are pooled,
`folder` follows."""


@dataclass(frozen=True)
class Cell:
    """text: as shown; key: the number or text that the column is sorted by."""

    text: str | Text
    key: float | str


@dataclass(frozen=True)
class Table:
    """name: of its files, without ending; title, note: sentences; columns: heads; numeric: indices of the columns that
    are set flush right."""

    name: str
    title: Text
    note: Text
    columns: list[str | Text]
    rows: list[list[Cell]]
    numeric: frozenset[int] = frozenset()

    def with_columns(self, places: Sequence[int], note: Text) -> Table:
        """The table with these columns alone, in this order, and another note. Its file has all of them."""
        rows = [[row[place] for place in places] for row in self.rows]
        numeric = frozenset(new for new, old in enumerate(places) if old in self.numeric)
        return Table(self.name, self.title, note, [self.columns[place] for place in places], rows, numeric)

    def without_empty_columns(self) -> Table:
        """The table without columns that have no value in any row."""
        filled = [place for place in range(len(self.columns)) if any(row[place].text != NONE for row in self.rows)]
        return self.with_columns(filled, self.note)


Row = Sequence[Cell | str]
"""A row as it is written in code: plain text is sorted by itself."""


def table(name: str, title: Text, note: Text, columns: Sequence[str], rows: Iterable[Row]) -> Table:
    """A table. A column whose filled cells are all sorted by numbers is numeric."""
    cells = [[cell if isinstance(cell, Cell) else _plain(cell) for cell in row] for row in rows]
    numeric = frozenset(
        place
        for place in range(len(columns))
        if (keys := [row[place].key for row in cells if row[place].text != NONE])
        and all(isinstance(key, float) for key in keys)
    )
    return Table(name, title, note, list(columns), cells, numeric)


def _plain(text: str) -> Cell:
    """Plain text, sorted by itself; NONE is an empty cell, which is sorted last."""
    return Cell(text, "" if text == NONE else text)


def columns(*names: str) -> list[str]:
    """Heads of columns, by the names of their texts."""
    return [Message(f"columns.{name}") for name in names]


def number_cell(value: object, text: str = "{:,.0f}", scale: float = 1.0) -> Cell:
    """A number times `scale` in a format, or NONE if the value is no number."""
    number: Any = pd.to_numeric(value, errors="coerce") if is_present(value) else None
    if not is_present(number):
        return Cell(NONE, "")
    scaled = float(number) * scale
    return Cell(text.format(scaled), scaled)


def mean_cell(values: Iterable[float], unit: str) -> Cell:
    """Mean over seeds, its 95 % bootstrap interval in brackets, and the range in parentheses."""
    seeds = summary(list(values))
    if seeds is None:
        return Cell(NONE, "")
    mean = format_score(seeds.mean, unit)
    if seeds.interval is None:
        return Cell(Message("tables.one_seed", mean=mean), seeds.mean)
    low, high = (format_score(end, unit) for end in seeds.interval)
    return Cell(
        f"{mean} [{low}, {high}] ({format_score(seeds.min, unit)}-{format_score(seeds.max, unit)})", seeds.mean
    )


def identity_columns(cells: pd.DataFrame) -> list[str]:
    """Heads of the columns that identify a cell. cells: the records' table."""
    return columns(*IDENTITY, *([FOLDER] if FOLDER in cells else []))


def identity_cells(row: Mapping[str, Any]) -> list[Cell | str]:
    """The columns `identity_columns` for a row of the records' table."""
    seed = Cell(f"{row['seed']:g}", float(row["seed"])) if is_present(row["seed"]) else Cell(NONE, "")
    return [row["task"], row["arm"], row["budget_name"], seed, *([row[FOLDER]] if FOLDER in row else [])]


def one_line(value: object) -> str:
    """Any value as text on one line, or NONE."""
    return " ".join(str(value).split()) if is_present(value) else NONE

"""The name and hash of every cell of every suite, and of every committed record: `python -m tests.cell_table` writes
`tests/cells.csv`. A change of a name there makes a finished cell unfinished, so it must be on purpose."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from bench.conf import files, schema, suites
from bench.conf.compose import compose

TABLE = Path(__file__).with_name("cells.csv")
REFERENCE = Path(__file__).resolve().parents[1] / "results" / "reference"
COLUMNS = ("source", "settings", "name", "hash")


def suite_rows() -> list[tuple[str, ...]]:
    """One row for each cell of each suite: the suite, the cell's settings, its name and its hash."""
    rows = []
    for name in files.choices("suite"):
        for words in suites.load(name).cells:
            cell = compose(words)
            rows.append((name, " ".join(words), cell.name, cell.hash))
    return rows


def record_rows() -> list[tuple[str, ...]]:
    """One row for each record under `results/reference`, with the name and hash of the cell its configuration
    makes."""
    rows = []
    for path in sorted(REFERENCE.glob("*/*/record.json")):
        config = json.loads(path.read_text(encoding="utf-8"))["config"]
        cell = schema.checked({"out": "."} | config)
        rows.append((path.parent.parent.name, path.parent.name, cell.name, cell.hash))
    return rows


def read() -> list[tuple[str, ...]]:
    with TABLE.open(newline="", encoding="utf-8") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


def write() -> None:
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *suite_rows(), *record_rows()])


if __name__ == "__main__":
    write()

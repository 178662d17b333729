"""Which cells `bench suite` was told to run in a folder, for `bench status`. No torch here."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from bench.conf.schema import Cell
from bench.records import store
from bench.system.files import write_json, writing

FILE = "requested.json"


def add(out: Path, cells: Iterable[Cell]) -> None:
    """Note these cells beside those of earlier calls. Raises StorageError."""
    noted = read(out) | {cell.name: (cell.task, cell.model) for cell in cells}
    path = out / store.WORK / FILE
    with writing(path):
        write_json(path, noted)


def read(out: Path) -> dict[str, tuple[str, str]]:
    """Task and model of every noted cell by name; empty where nothing is noted, or where the file is broken: it only
    helps to say what is missing."""
    try:
        content = json.loads((out / store.WORK / FILE).read_bytes())
        return {str(name): (str(task), str(model)) for name, (task, model) in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}

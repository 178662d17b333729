"""Suites of cells, read from files: `conf/suite/NAME.yaml`. No torch here.

A file opens with a line that describes it, and has the threads of a cell, seconds a cell may take (`cell_timeout`,
optional) and `cells`, a list of settings. A setting that has a list of values stands for one cell with each of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import yaml

from bench import sections
from bench.conf import schema, tuned_settings
from bench.errors import UserError

KEYS = ("threads", "cell_timeout", "cells")


@dataclass(frozen=True)
class Suite:
    """cells: the overrides of each. threads: of a cell; cell_timeout: seconds it may take, None = no limit."""

    name: str
    description: str
    threads: int
    cell_timeout: float | None
    cells: tuple[tuple[str, ...], ...]


def load(name: str, only: str | None = None) -> Suite:
    """A suite by name; only: the tasks to keep of it, with commas between. Raises UserError for an unknown one, and where
    the file is no suite."""
    known = schema.choices("suite")
    if name not in known:
        raise UserError(f"unknown suite {name!r}; there are {', '.join(known)}")
    content = _content(tuned_settings.CONF / "suite" / f"{name}.yaml")
    threads = content.get("threads", 1)
    cells = [(*words, f"threads={threads}") for grid in content["cells"] for words in _words(grid)]
    if only is not None:
        tasks = dict.fromkeys(tuned_settings.chosen(words)["task"] for words in cells)
        for task in only.split(","):
            if task not in tasks:
                raise UserError(f"suite {name} has no task {task!r}; it has {', '.join(tasks)}")
        cells = [words for words in cells if tuned_settings.chosen(words)["task"] in only.split(",")]
    return Suite(name, known[name], threads, content.get("cell_timeout"), tuple(cells))


def _words(grid: Mapping[str, object]) -> list[list[str]]:
    """Every combination of the values of one entry of `cells`, as words."""
    axes = [value if isinstance(value, list) else [value] for value in grid.values()]
    return [[f"{key}={_written(value)}" for key, value in zip(grid, values)] for values in product(*axes)]


def _written(value: object) -> object:
    return "null" if value is None else value


def _content(path: Path) -> dict:
    """What a suite's file holds. Raises UserError, one line that names the file, where it is no suite."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(f"{path}: no YAML ({' '.join(str(error).split())[:200]})") from error
    if wrong := _wrong(content):
        raise UserError(f"{path}: {wrong}")
    return content


def _wrong(content: object) -> str | None:
    """What about a file's content is not as in a suite, None where all is."""
    if not isinstance(content, dict) or "cells" not in content:
        return "no suite: `cells` is missing"
    for key in content:
        if key not in KEYS:
            return f"a suite has no {key!r:.100}; it has {', '.join(KEYS)}"
    threads, timeout, cells = (content.get(key) for key in KEYS)
    if "threads" in content and (type(threads) is not int or not 1 <= threads <= sections.MOST_THREADS):
        return f"threads must be a whole number from 1 to {sections.MOST_THREADS}, got {threads!r:.100}"
    if timeout is not None and (type(timeout) not in (int, float) or not 0 < timeout < math.inf):
        return f"cell_timeout must be seconds above 0, got {timeout!r:.100}"
    if not isinstance(cells, list) or not cells:
        return f"cells must be a list of settings, got {cells!r:.100}"
    for number, grid in enumerate(cells, start=1):
        if not isinstance(grid, dict) or not grid:
            return f"entry {number} of cells must have settings, KEY: VALUE or KEY: [VALUE, VALUE]; got {grid!r:.100}"
        for key, value in grid.items():
            values = value if isinstance(value, list) else [value]
            if not isinstance(key, str) or not values or not all(_scalar(each) for each in values):
                return (
                    f"entry {number} of cells: {key!r:.100} must have a value or a list of values, got {value!r:.100}"
                )
    return None


def _scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)

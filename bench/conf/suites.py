"""Suites of cells, read from files: `conf/suite/NAME.yaml`. No torch here.

A file opens with a one-line description and has the keys `threads` (of a cell), `cell_timeout` (seconds a cell may
take, optional), `cells`, a list of settings, `then` (optional), a list of commands to run after the cells, and `needs`
(optional), what a cell needs on a cluster. A setting with a list of values stands for one cell for each value.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from bench.conf import checks, files, tuned_settings
from bench.errors import UserError

KEYS = ("threads", "cell_timeout", "cells", "then", "needs")
STEP_KEYS = {"run", "makes"}
NEEDS, OF_TASKS = ("memory", "minutes"), "tasks"
"""Keys of `needs`: GiB and minutes of a cell; under `tasks`, the same for the cells of single tasks."""


@dataclass(frozen=True)
class Step:
    """A command of `bench` that a suite runs after its cells, without its name and `--out`. makes: the file that it
    writes, below the results folder; if it exists, the step is done."""

    command: str
    makes: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.command)


@dataclass(frozen=True)
class Suite:
    """cells: the overrides of each cell; steps: after the cells. threads: of a cell; cell_timeout: seconds it may
    take, None = no limit; needs: as in the file, see NEEDS."""

    name: str
    description: str
    threads: int
    cell_timeout: float | None
    cells: tuple[tuple[str, ...], ...]
    steps: tuple[Step, ...] = ()
    needs: Mapping[str, Any] = field(default_factory=dict)

    def needed(self, task: str) -> dict[str, float]:
        """What the file says that a cell of this task needs: any of NEEDS."""
        of_task = self.needs.get(OF_TASKS, {}).get(task, {})
        return {key: each[key] for key in NEEDS for each in (self.needs, of_task) if key in each}


SEED = "seed="
NUMBER = r"(?:0|[1-9]\d{0,8})"
"""A seed as --seeds takes it: 1,000 is a slip, not two seeds."""

MAX_SEEDS = 1000
"""Seeds that one range of --seeds may name."""


def load(name: str, only: str | None = None, seeds: str | None = None) -> Suite:
    """A shipped suite by name. only: see `read`. seeds: see `with_seeds`; None: the suite's own.

    Raises UserError for an unknown suite, and the errors of `read` and `with_seeds`.
    """
    known = files.choices("suite")
    if name not in known:
        raise UserError(f"unknown suite {name!r}; there are {', '.join(known)}")
    suite = read(files.CONF / "suite" / f"{name}.yaml", only)
    return suite if seeds is None else with_seeds(suite, seeds)


def with_seeds(suite: Suite, seeds: str) -> Suite:
    """The suite with other seeds: its lowest seed becomes the first of these, and so on. If they are more or fewer
    than the suite's, every cell runs with each of them.

    seeds: `11-13` or `4,7,9`. Raises UserError for another text.
    """
    new = _parse_seeds(seeds)
    old = sorted({int(each.removeprefix(SEED)) for cell in suite.cells for each in cell if each.startswith(SEED)})
    if len(new) != len(old):
        distinct = dict.fromkeys(
            tuple(SEED if each.startswith(SEED) else each for each in cell) for cell in suite.cells
        )
        cells = [
            tuple(f"{SEED}{seed}" if each == SEED else each for each in cell) for cell in distinct for seed in new
        ]
        return replace(suite, cells=tuple(dict.fromkeys(cells)))
    by_old = {f"{SEED}{before}": f"{SEED}{after}" for before, after in zip(old, new)}
    return replace(suite, cells=tuple(tuple(by_old.get(each, each) for each in cell) for cell in suite.cells))


def _parse_seeds(text: str) -> list[int]:
    if match := re.fullmatch(f"({NUMBER})-({NUMBER})", text):
        first, last = int(match[1]), int(match[2])
        if last - first >= MAX_SEEDS:
            raise UserError(f"--seeds {text} names {last - first + 1:,} seeds; at most {MAX_SEEDS:,} are allowed")
        seeds = list(range(first, last + 1))
    elif re.fullmatch(f"{NUMBER}(,{NUMBER})*", text):
        seeds = sorted({int(each) for each in text.split(",")})
    else:
        seeds = []
    if not seeds:
        raise UserError(f"--seeds takes a range or a list, such as 11-13 or 4,7,9; got {text!r:.100}")
    return seeds


def read(path: Path, only: str | None = None) -> Suite:
    """The suite of a file. only: the tasks to keep, separated by commas. Raises UserError for an unknown task, and for
    a file that is not a suite."""
    content = _content(path)
    threads = content.get("threads", 1)
    cells = [(*overrides, f"threads={threads}") for grid in content["cells"] for overrides in _overrides(grid)]
    if only is not None:
        tasks = dict.fromkeys(tuned_settings.groups_of(overrides)["task"] for overrides in cells)
        for task in only.split(","):
            if task not in tasks:
                raise UserError(f"suite {path.stem} has no task {task!r}; it has {', '.join(tasks)}")
        cells = [each for each in cells if tuned_settings.groups_of(each)["task"] in only.split(",")]
    steps = tuple(Step(each["run"], each["makes"]) for each in content.get("then", ()))
    return Suite(
        path.stem,
        files.description(path),
        threads,
        content.get("cell_timeout"),
        tuple(cells),
        steps,
        content.get("needs") or {},
    )


def _overrides(grid: Mapping[str, object]) -> list[list[str]]:
    """Every combination of the values of one entry of `cells`, as overrides."""
    axes = [value if isinstance(value, list) else [value] for value in grid.values()]
    return [[f"{key}={_as_text(value)}" for key, value in zip(grid, values)] for values in product(*axes)]


def _as_text(value: object) -> object:
    return "null" if value is None else value


def _content(path: Path) -> dict:
    """The content of a suite's file. Raises UserError, one line that names the file, for a file that is not a
    suite."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split())[:200]})") from error
    if fault := _fault(content):
        raise UserError(f"{path}: {fault}")
    return content


def _fault(content: object) -> str | None:
    """The first thing that makes a file's content invalid as a suite; None where it is valid."""
    if not isinstance(content, dict) or "cells" not in content:
        return "not a suite: `cells` is missing"
    for key in content:
        if key not in KEYS:
            return f"a suite has no {key!r:.100}; it has {', '.join(KEYS)}"
    threads, timeout, cells, then, needs = (content.get(key) for key in KEYS)
    if needs is not None and (fault := _fault_of_needs(needs)):
        return fault
    if "threads" in content and (type(threads) is not int or not 1 <= threads <= checks.MAX_THREADS):
        return f"threads must be a whole number from 1 to {checks.MAX_THREADS}, got {threads!r:.100}"
    if timeout is not None and (type(timeout) not in (int, float) or not 0 < timeout < math.inf):
        return f"cell_timeout must be seconds above 0, got {timeout!r:.100}"
    if not isinstance(cells, list) or not cells:
        return f"cells must be a list of settings, got {cells!r:.100}"
    steps = then if isinstance(then, list) else [] if then is None else [then]
    for step in steps:
        if not isinstance(step, dict) or set(step) != STEP_KEYS or not all(isinstance(v, str) for v in step.values()):
            return f"an entry of then must have run: COMMAND and makes: FILE, got {step!r:.100}"
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


def _fault_of_needs(needs: object, place: str = "needs") -> str | None:
    if not isinstance(needs, dict):
        return f"{place} must have memory (GiB) or minutes, got {needs!r:.100}"
    for key, value in needs.items():
        if key == OF_TASKS and place == "needs":
            if not isinstance(value, dict):
                return f"needs.tasks must have the needs of tasks by name, got {value!r:.100}"
            for task, of_task in value.items():
                if fault := _fault_of_needs(of_task, f"needs.tasks.{task!s:.100}"):
                    return fault
        elif key not in NEEDS:
            return f"{place} has no {key!r:.100}; it has {', '.join(NEEDS)}"
        elif type(value) not in (int, float) or not 0 < value < math.inf:
            return f"{place}.{key} must be a number above 0, got {value!r:.100}"
    return None


def _scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)

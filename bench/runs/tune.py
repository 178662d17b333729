"""Tuning: the same trials for every arm of a suite, the best chosen on validation; no test set is touched. No
torch."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from bench.conf import tuned_settings
from bench.conf.suites import Suite
from bench.conf.tuned_settings import Choice, Choices
from bench.errors import UserError
from bench.records import store
from bench.runs.suite import Job
from bench.system.files import replacing, writing
from bench.system.markdown import table as markdown_table
from bench.training.config import CARRIED

DEFAULT_GRID = {"optim.lr": ("1e-3", "2e-3", "4e-3", "8e-3")}
"""The settings that are tried by default."""

SEED = 101
"""The default seed of trials. The cells of a suite have other seeds, so that no reported run was
selected for a lucky seed."""

TUNABLE = ("model", "optim", "budget")
"""The groups whose settings can be tried. The others name the data, the machine or the run."""

FIRST, LAST = "first", "last"
"""The rounds of halving. Without it all trials are in the last one."""

FIRST_SHARE, KEPT, LEAST_KEPT = 0.25, 1 / 3, 2
"""Halving: the share of the passes that the first round has, and the share of an arm's settings that go on, rounded
up, and the fewest."""

TABLE, PAGE, CHOICES = "tuning.csv", "tuning.md", "tuned"
COLUMNS = ("task", "options", "budget", "arm", "round", "settings", "seed", "status", "valid_loss", "chosen")
NOTE = (
    "Every arm had the same trials, each with its whole schedule. The lowest validation loss is chosen (nats a "
    "target token, or squared error; mean over the seeds of the trials, and over the suite's options of the task and "
    "sizes of the model), at the checkpoint that validation selects. No test set was touched. A choice at the edge of "
    "the grid is marked: a better one may lie beyond it."
)

Grid = Mapping[str, Sequence[str]]
"""The values to try of each setting."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Trial:
    """One cell of the search.

    overrides: of the suite's cell, without a seed; settings: the values that are tried; round: LAST, or FIRST for a
    trial with a share of the passes, which then stand first in its settings."""

    overrides: tuple[str, ...]
    settings: tuple[str, ...]
    seed: int
    job: Job
    round: str = LAST

    @property
    def group(self) -> tuple[str, str, str]:
        """Task, budget and arm."""
        groups = tuned_settings.groups_of(self.overrides)
        return groups["task"], groups["budget"], tuned_settings.arm_of(self.overrides)

    @property
    def options(self) -> str:
        """What cells of one group differ in beside the seed, separated by spaces: options of the task, the size."""
        return " ".join(override for override in self.overrides if override.startswith(("task.", "match.target=")))

    @property
    def label(self) -> str:
        """The settings, separated by spaces."""
        return " ".join(self.settings)

    def shortened(self) -> Trial:
        """The same trial in the first round of halving: with FIRST_SHARE of its passes."""
        passes = f"budget.epochs={self.job.cell.training.epochs * FIRST_SHARE:g}"
        words = (word for word in self.overrides if not _sets(word, "budget.epochs"))
        job = Job.of((*words, passes, *self.settings, f"seed={self.seed}", "evaluate=false"))
        return replace(self, settings=(passes, *self.settings), job=job, round=FIRST)


def parse_grid(options: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The grid from options like `optim.lr=1e-3,2e-3`; DEFAULT_GRID where there are none. Raises UserError."""
    grid: dict[str, tuple[str, ...]] = {}
    for option in options:
        key, _, values = option.partition("=")
        listed = tuple(value for value in values.split(",") if value)
        if not key or not listed:
            raise UserError(f"--try {option!r}: write a setting with values, for example optim.lr=1e-3,2e-3")
        if key in grid:
            raise UserError(f"--try names {key} twice")
        if len(set(listed)) < len(listed):
            raise UserError(f"--try {option!r} names a value twice")
        if key == "budget.batching" and CARRIED in listed and len(listed) > 1:
            raise UserError(
                f"--try {option!r}: a loss with the state carried over cannot be compared with one without"
            )
        if key.partition(".")[0].lstrip("+~") not in TUNABLE:
            raise UserError(f"--try {key}: tuning chooses settings of {', '.join(TUNABLE)} alone")
        grid[key] = listed
    return grid or dict(DEFAULT_GRID)


def trials(suite: Suite, grid: Grid, seeds: Sequence[int] = (SEED,)) -> list[Trial]:
    """Every combination of the grid's values for every arm of the suite. Raises UserError for an invalid setting, and
    for a seed that is named twice."""
    if len(set(seeds)) < len(seeds):
        raise UserError("--seed names a seed twice")
    arms = dict.fromkeys(
        tuple(override for override in overrides if not _sets(override, "seed")) for overrides in suite.cells
    )
    planned = []
    for overrides in arms:
        for key in grid:
            if any(_sets(override, key) for override in overrides):
                raise UserError(f"suite {suite.name} sets {key} itself in {' '.join(overrides)}; it cannot be tried")
        for values, seed in product(product(*grid.values()), seeds):
            settings = tuple(f"{key}={value}" for key, value in zip(grid, values, strict=True))
            job = Job.of((*overrides, *settings, f"seed={seed}", "evaluate=false"))
            planned.append(Trial(overrides, settings, seed, job))
    return planned


def first_round(planned: Sequence[Trial]) -> list[Trial]:
    """The planned trials, shortened. Raises UserError where the passes are tried themselves, and where all trials of
    an arm would go on."""
    if any(_sets(setting, "budget.epochs") for trial in planned for setting in trial.settings):
        raise UserError("--halving shortens budget.epochs; it cannot be tried too")
    if len({trial.label for trial in planned}) <= LEAST_KEPT:
        raise UserError(f"--halving keeps the best {LEAST_KEPT} of each arm; try more values, or leave it out")
    return [trial.shortened() for trial in planned]


def second_round(planned: Sequence[Trial], first: Sequence[Trial], out: Path) -> list[Trial]:
    """Of the planned trials those that get all passes: of each arm, those whose shortened ones (`first`, in the same
    order) ended at the lowest losses in the records under `out`, and those that have already run with every seed and
    option: of one that lacks some, the mean would be of easier or luckier cells."""
    rows = rows_of(first, out)
    kept: list[Trial] = []
    for group in dict.fromkeys(_group(row) for row in rows):
        own = [(trial, row) for trial, row in zip(planned, rows, strict=True) if _group(row) == group]
        losses = _losses([row for _, row in own])
        ranked = sorted((label for label in losses if math.isfinite(losses[label])), key=lambda label: losses[label])
        going_on = set(ranked[: max(LEAST_KEPT, math.ceil(len(losses) * KEPT))])
        unfinished = {trial.label for trial, _ in own if not store.finished(out, trial.job.cell.name, store.STATUSES)}
        kept += [trial for trial, row in own if row["settings"] in going_on or trial.label not in unfinished]
    return kept


def rows_of(finished: Sequence[Trial], out: Path) -> list[Row]:
    """A row for each trial, columns as in COLUMNS, read from the records under `out`."""
    rows = []
    for trial in finished:
        record = store.read(out / trial.job.cell.name)
        loss = (record.get("selection") or {}).get("value") if record["status"] == "done" else None
        task, budget, arm = trial.group
        rows.append(
            {
                "task": task,
                "options": trial.options,
                "budget": budget,
                "arm": arm,
                "round": trial.round,
                "settings": trial.label,
                "seed": trial.seed,
                "status": record["status"],
                "valid_loss": loss,
                "chosen": False,
            }
        )
    return rows


def choose(rows: Sequence[Row]) -> dict[str, Choices]:
    """The choices by task, budget and arm; marks the rows of the chosen trials. An arm whose trials all failed has
    none.

    Of equal losses the first counts, so that the order of the values decides.
    """
    choices: dict[str, Choices] = {}
    for group in dict.fromkeys(_group(row) for row in rows):
        own = [row for row in rows if _group(row) == group]
        losses = _losses(own)
        last = dict.fromkeys(row["settings"] for row in own if row["round"] == LAST)
        best = min(last, key=lambda label: losses[label], default="")
        if not best or math.isinf(losses[best]):
            continue
        for row in own:
            row["chosen"] = row["settings"] == best
        settings = dict(setting.split("=", 1) for setting in best.split())
        rounded = {label: None if math.isinf(loss) else float(f"{loss:.6g}") for label, loss in losses.items()}
        task, budget, arm = group
        choice = Choice({key: _number(value) for key, value in settings.items()}, rounded)
        choices.setdefault(task, {}).setdefault(budget, {})[arm] = choice
    return choices


def write(rows: Sequence[Row], out: Path, grid: Grid) -> dict[str, Path]:
    """Write the table, the page and the choices of each task under `out`; returns the path of each task's choices."""
    choices = choose(rows)
    with (out / TABLE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"chosen": int(row["chosen"])} for row in rows)
    (out / PAGE).write_text(page(rows, choices, grid), encoding="utf-8")
    (out / CHOICES).mkdir(exist_ok=True)
    paths = {task: out / CHOICES / f"{task}.yaml" for task in choices}
    for task, path in paths.items():
        path.write_text(tuned_settings.as_yaml(task, choices[task]), encoding="utf-8")
    return paths


def adopt(paths: Mapping[str, Path], folder: Path | None = None) -> list[Path]:
    """Store choices in the user's folder, or another, and return the files changed.

    They replace earlier choices for the same budget and arm; other arms, and settings that were not tried, stay as
    they are. Raises StorageError where the folder cannot be written."""
    folder = tuned_settings.user_folder() if folder is None else folder
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for task, path in paths.items():
        merged = tuned_settings.choices_for(task, folder)
        for budget, arms in tuned_settings.choices_for(task, path.parent).items():
            stored = merged.setdefault(budget, {})
            for arm, choice in arms.items():
                earlier = stored[arm].set if arm in stored else {}
                stored[arm] = Choice(earlier | choice.set, choice.trials)
        target = folder / path.name
        with replacing(target) as new:
            new.write_text(tuned_settings.as_yaml(task, merged), encoding="utf-8")
        changed.append(target)
    return changed


def page(rows: Sequence[Row], choices: Mapping[str, Choices], grid: Grid) -> str:
    """All trials as Markdown: a row for each arm, a column for each combination of settings."""
    labels = list(dict.fromkeys(row["settings"] for row in rows))
    table: list[list[str]] = []
    for task, budget, arm in dict.fromkeys(_group(row) for row in rows):
        choice = choices.get(task, {}).get(budget, {}).get(arm)
        if choice is None:
            table.append([task, budget, f"`{arm}`", *["failed"] * len(labels), "none"])
            continue
        losses = [_cell_text(choice.trials, label) for label in labels]
        settings = " ".join(
            f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}" for key, value in choice.set.items()
        )
        edge = " (edge)" if _at_edge(choice, grid) else ""
        table.append([task, budget, f"`{arm}`", *losses, settings + edge])
    heads = ["task", "budget", "arm", *labels, "chosen"]
    return "\n".join(["# Trials", "", NOTE, "", *markdown_table(heads, table, range(3, 3 + len(labels))), ""])


def _group(row: Row) -> tuple[str, str, str]:
    return row["task"], row["budget"], row["arm"]


def _at_edge(choice: Choice, grid: Grid) -> bool:
    """Whether a chosen number is the lowest or the highest of several that were tried. Of two, each is."""
    for key, values in grid.items():
        numbers = [number for value in values if isinstance(number := _number(value), int | float)]
        if 2 <= len(numbers) == len(values) and choice.set[key] in (min(numbers), max(numbers)):
            return True
    return False


def _sets(override: str, key: str) -> bool:
    return override.partition("=")[0].lstrip("+~") == key


def _mean(losses: Sequence[float | None]) -> float:
    """Infinite where one of the runs has no loss."""
    finite = [loss for loss in losses if loss is not None]
    return sum(finite) / len(finite) if len(finite) == len(losses) else math.inf


def _cell_text(trials: Mapping[str, float | None], label: str) -> str:
    """A loss in the table; empty for a trial that did not go on to the last round."""
    if label not in trials:
        return ""
    loss = trials[label]
    return "failed" if loss is None else f"{loss:.4g}"


def _losses(rows: Sequence[Row]) -> dict[str, float]:
    """The mean loss of each combination of settings."""
    labels = dict.fromkeys(row["settings"] for row in rows)
    return {label: _mean([row["valid_loss"] for row in rows if row["settings"] == label]) for label in labels}


def _number(text: str) -> int | float | str:
    """The number that a text stands for, a whole one as such, or the text itself."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text

"""The same trials for every arm of a suite, the best chosen on validation; no test set is touched. No torch here."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from bench.conf import schema, tuned_settings
from bench.conf.suites import Suite
from bench.errors import UserError
from bench.records import store
from bench.runs.suite import Job
from bench.system.files import replacing

TRIED = {"optim.lr": ("1e-3", "2e-3", "4e-3", "8e-3")}
"""What is tried where nobody says otherwise."""

SEED = 101
"""Of the trials; seeds of a suite's cells are others, so that the run that is reported was not chosen for its luck."""

TABLE, PAGE, CHOICES = "tuning.csv", "tuning.md", "tuned"
COLUMNS = ("task", "budget", "arm", "settings", "seed", "status", "valid_loss", "chosen")
NOTE = (
    "Every arm had the same trials, each with the suite's whole budget. Chosen is the lowest validation loss (nats a "
    "target token, or squared error; mean over the seeds of the trials), at the checkpoint that validation selects. No "
    "test set was touched. A choice at the edge of what was tried is marked: beyond it there may be something better."
)


@dataclass(frozen=True)
class Trial:
    """One cell of the search. words: of the suite's cell, without a seed; settings: what is tried."""

    words: tuple[str, ...]
    settings: tuple[str, ...]
    seed: int
    job: Job

    @property
    def place(self) -> tuple[str, str, str]:
        """Task, budget and arm."""
        group = tuned_settings.chosen(self.words)
        return group["task"], group["budget"], tuned_settings.arm_of(self.words)

    @property
    def told(self) -> str:
        """The settings in one word or more."""
        return " ".join(self.settings)


def tried(asked: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """`optim.lr=1e-3,2e-3` and others like it as keys with values. Raises UserError for words of another form."""
    found: dict[str, tuple[str, ...]] = {}
    for word in asked:
        key, _, values = word.partition("=")
        listed = tuple(value for value in values.split(",") if value)
        if not key or not listed:
            raise UserError(f"--try {word!r}: write a setting with values, for example optim.lr=1e-3,2e-3")
        if key in found:
            raise UserError(f"--try names {key} twice")
        found[key] = listed
    return found or dict(TRIED)


def trials(suite: Suite, axes: Mapping[str, Sequence[str]], seeds: Sequence[int] = (SEED,)) -> list[Trial]:
    """Every combination of the values for every arm of the suite. Raises UserError for a setting that cannot be."""
    arms = dict.fromkeys(tuple(word for word in words if not _is(word, "seed")) for words in suite.cells)
    found = []
    for words in arms:
        for key in axes:
            if any(_is(word, key) for word in words):
                raise UserError(f"suite {suite.name} sets {key} itself in {' '.join(words)}; it cannot be tried")
        for values, seed in product(product(*axes.values()), seeds):
            settings = tuple(f"{key}={value}" for key, value in zip(axes, values, strict=True))
            whole = (*words, *settings, f"seed={seed}", "evaluate=false")
            found.append(Trial(words, settings, seed, Job(schema.compose(whole), whole)))
    return found


def results(done: Sequence[Trial], out: Path) -> list[dict[str, object]]:
    """A row a trial, columns as in COLUMNS, read from the records under `out`."""
    rows = []
    for trial in done:
        record = store.read(out / trial.job.cell.name)
        loss = (record.get("selection") or {}).get("value") if record["status"] == "done" else None
        task, budget, arm = trial.place
        rows.append(
            {"task": task, "budget": budget, "arm": arm, "settings": trial.told, "seed": trial.seed,
             "status": record["status"], "valid_loss": loss, "chosen": False}
        )  # fmt: skip
    return rows


def choose(rows: Sequence[dict[str, object]]) -> dict[str, dict[str, dict[str, tuned_settings.Choice]]]:
    """Task, budget, arm: the choice; the rows of the chosen trials are marked. An arm whose every trial failed has none.

    Of equal trials the first is taken, so that the order of the values decides.
    """
    found: dict[str, dict[str, dict[str, tuned_settings.Choice]]] = {}
    places = dict.fromkeys((row["task"], row["budget"], row["arm"]) for row in rows)
    for place in places:
        own = [row for row in rows if (row["task"], row["budget"], row["arm"]) == place]
        losses = {told: _mean([row["valid_loss"] for row in own if row["settings"] == told])
                  for told in dict.fromkeys(row["settings"] for row in own)}  # fmt: skip
        best = min(losses, key=lambda told: losses[told])
        if math.isinf(losses[best]):
            continue
        for row in own:
            row["chosen"] = row["settings"] == best
        values = dict(word.split("=", 1) for word in best.split())
        numbers = {told: None if math.isinf(loss) else float(f"{loss:.6g}") for told, loss in losses.items()}
        task, budget, arm = place
        choice = tuned_settings.Choice({key: _value(value) for key, value in values.items()}, numbers)
        found.setdefault(task, {}).setdefault(budget, {})[arm] = choice
    return found


def write(rows: Sequence[dict[str, object]], out: Path, axes: Mapping[str, Sequence[str]]) -> dict[str, Path]:
    """Put table, page and the choices of each task under `out`; returns the path of each task's choices."""
    choices = choose(rows)
    with (out / TABLE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"chosen": int(row["chosen"])} for row in rows)
    (out / PAGE).write_text(page(rows, choices, axes), encoding="utf-8")
    (out / CHOICES).mkdir(exist_ok=True)
    paths = {task: out / CHOICES / f"{task}.yaml" for task in choices}
    for task, path in paths.items():
        path.write_text(tuned_settings.written(task, choices[task]), encoding="utf-8")
    return paths


def adopt(paths: Mapping[str, Path]) -> list[Path]:
    """Put choices in the place of earlier ones for the same budget and arm; what was not tried, and other arms, stay as
    they are. Returns the files changed."""
    changed = []
    for task, path in paths.items():
        held = tuned_settings.held_for(task)
        for budget, arms in tuned_settings.held_for(task, path.parent).items():
            kept = held.setdefault(budget, {})
            for arm, choice in arms.items():
                earlier = kept[arm].set if arm in kept else {}
                kept[arm] = tuned_settings.Choice(earlier | choice.set, choice.trials)
        target = tuned_settings.FOLDER / path.name
        with replacing(target) as building:
            building.write_text(tuned_settings.written(task, held), encoding="utf-8")
        changed.append(target)
    return changed


def page(
    rows: Sequence[dict[str, object]],
    choices: Mapping[str, Mapping[str, Mapping[str, tuned_settings.Choice]]],
    axes: Mapping[str, Sequence[str]],
) -> str:
    """All trials as Markdown: a row an arm, a column a combination of settings."""
    told = list(dict.fromkeys(row["settings"] for row in rows))
    lines = ["# Trials", "", NOTE, "", f"| task | budget | arm | {' | '.join(told)} | chosen |"]
    lines.append(f"|---|---|---|{'---:|' * len(told)}---|")
    for task, budget, arm in dict.fromkeys((row["task"], row["budget"], row["arm"]) for row in rows):
        choice = choices.get(task, {}).get(budget, {}).get(arm)
        if choice is None:
            lines.append(f"| {task} | {budget} | `{arm}` |{' failed |' * len(told)} none |")
            continue
        losses = ["failed" if choice.trials[one] is None else f"{choice.trials[one]:.4g}" for one in told]
        picked = " ".join(f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"
                          for key, value in choice.set.items())  # fmt: skip
        edge = " (edge)" if _at_edge(choice, axes) else ""
        lines.append(f"| {task} | {budget} | `{arm}` | {' | '.join(losses)} | {picked}{edge} |")
    return "\n".join(lines) + "\n"


def _at_edge(choice: tuned_settings.Choice, axes: Mapping[str, Sequence[str]]) -> bool:
    """Whether a number that was chosen is the lowest or the highest of at least three that were tried."""
    for key, values in axes.items():
        numbers = [_value(value) for value in values]
        if len(numbers) >= 3 and all(isinstance(number, float) for number in numbers):
            if choice.set[key] in (min(numbers), max(numbers)):
                return True
    return False


def _is(word: str, key: str) -> bool:
    return word.partition("=")[0].lstrip("+~") == key


def _mean(losses: Sequence[float | None]) -> float:
    """Infinite where one of the runs has no loss."""
    return math.inf if any(loss is None for loss in losses) else sum(losses) / len(losses)


def _value(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text

"""What was chosen on validation for each arm on each task: one file a task, `conf/tuned/TASK.yaml`.

A file holds, for a budget (or `any`) and an arm, the settings chosen and all trials they were chosen from:

    quick:
      lstm_none model.encoder=uni:
        set: {optim.lr: 2.0e-3}
        trials: {optim.lr=1e-3: 0.52, optim.lr=2e-3: 0.31}

An arm is its name, followed by the options of the model it was tried with, where that is a variant. What is chosen for a
variant lies over what is for its arm, and a budget's over that of any. Chosen settings stand behind what a user says and
before everything else. No torch and no Hydra here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

import yaml

from bench.errors import UserError

CONF = Path(str(resources.files("bench"))) / "conf"
FOLDER = CONF / "tuned"
ANY = "any"
"""Instead of a budget: for all that have no entry of their own."""

GROUPS = ("task", "model", "budget")


@dataclass(frozen=True)
class Choice:
    """set: the chosen settings; trials: the settings of each trial with its validation loss."""

    set: dict[str, object]
    trials: dict[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part, values in (("set", self.set), ("trials", self.trials)):
            if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
                raise TypeError(f"{part} must have settings and their values, got {values!r:.100}")


def arm_of(words: Sequence[str]) -> str:
    """The arm that the words of a cell make: `lstm_none model.encoder=uni`. Words about its width count too."""
    options = sorted(word for word in words if word.startswith("model."))
    return " ".join([chosen(words)["model"], *options])


def chosen(words: Sequence[str]) -> dict[str, str]:
    """Which task, model and budget the words choose, or the configuration does where they do not say."""
    found = dict(_defaults())
    for word in words:
        key, _, value = word.partition("=")
        if key in GROUPS:
            found[key] = value
    return found


def choice(words: Sequence[str]) -> Choice | None:
    """What was chosen for the arm that the words make, with the trials of the last choice among those that apply."""
    group = chosen(words)
    held = _held(FOLDER / f"{group['task']}.yaml")
    found: Choice | None = None
    for budget in (ANY, group["budget"]):
        for arm in dict.fromkeys((group["model"], arm_of(words))):
            if (over := held.get(budget, {}).get(arm)) is not None:
                found = over if found is None else Choice(found.set | over.set, over.trials or found.trials)
    return found


def before(words: Sequence[str]) -> tuple[str, ...]:
    """The chosen settings as words, without those that the words give themselves."""
    found = choice(words)
    given = {word.partition("=")[0].lstrip("+~") for word in words}
    return () if found is None else tuple(f"{key}={value}" for key, value in found.set.items() if key not in given)


def written(task: str, held: Mapping[str, Mapping[str, Choice]]) -> str:
    """A task's file as text."""
    lines = [f"# Chosen on validation for {task}: budget, arm, settings, and every trial with its validation loss"]
    for budget, arms in held.items():
        lines.append(f"{budget}:")
        for arm, found in arms.items():
            lines += [f"  {arm}:", f"    set: {_flow(found.set)}"]
            lines += [f"    trials: {_flow(found.trials)}"] if found.trials else []
    return "\n".join(lines) + "\n"


def held_for(task: str, folder: Path | None = None) -> dict[str, dict[str, Choice]]:
    """All that a task's file holds, in FOLDER or another: budget, arm, choice. Raises UserError for a file that is none."""
    folder = FOLDER if folder is None else folder
    return {budget: dict(arms) for budget, arms in _held(folder / f"{task}.yaml").items()}


@cache
def _held(path: Path) -> dict[str, dict[str, Choice]]:
    if not path.exists():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return {
            str(budget): {str(arm): Choice(**about) for arm, about in arms.items()} for budget, arms in content.items()
        }
    except (OSError, yaml.YAMLError, AttributeError, TypeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is not what `bench tune` writes: {reason}") from error


@cache
def _defaults() -> tuple[tuple[str, str], ...]:
    content = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))
    given = {key: value for entry in content["defaults"] if isinstance(entry, dict) for key, value in entry.items()}
    return tuple((group, given[group]) for group in GROUPS)


def _flow(values: Mapping[str, object]) -> str:
    return yaml.safe_dump(dict(values), default_flow_style=True, sort_keys=False, width=10_000).strip()

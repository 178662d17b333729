"""Settings chosen on validation for each arm on each task: one file a task, `conf/tuned/TASK.yaml`.

A file holds, for a budget (or `any`) and an arm, the chosen settings and all trials they were chosen from:

    quick:
      lstm_none model.encoder=uni:
        set: {optim.lr: 2.0e-3}
        trials: {optim.lr=1e-3: 0.52, optim.lr=2e-3: 0.31}

An arm is its name, followed by the model options it was tuned with if it is a variant. A variant's settings override
its arm's, and a budget's override those of `any`. The user's overrides come after the chosen settings, and everything
else comes before them.

A second folder of the same form holds the settings that a user adopted with `bench tune --adopt`: `user_folder()`. It
is read after the shipped one, and only where `adopted` is true: `bench run` reads it, a suite only with --adopted. No
torch and no Hydra here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bench.conf.files import CONF
from bench.errors import UserError
from bench.system import paths

FOLDER = CONF / "tuned"

ANY = "any"
"""In place of a budget: applies to all budgets."""

GROUPS = ("task", "model", "budget")

Choices = dict[str, dict[str, "Choice"]]
"""The content of one file: budget, arm, choice."""


@dataclass(frozen=True)
class Choice:
    """set: the chosen settings; trials: the settings of each trial with its validation loss."""

    set: dict[str, Any]
    trials: dict[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part, values in (("set", self.set), ("trials", self.trials)):
            if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
                raise TypeError(f"{part} must map settings to values, got {values!r:.100}")


def user_folder() -> Path:
    """The folder of the user's adopted settings: `$BENCH_TUNED`, else `seq2seq-bench/tuned` under `$XDG_CONFIG_HOME`
    or `~/.config`. It need not exist. Raises UserError where there is no home folder."""
    return paths.user_folder("seq2seq-bench/tuned", "BENCH_TUNED", "XDG_CONFIG_HOME", ".config", "adopted settings")


def arm_of(overrides: Sequence[str]) -> str:
    """The arm that a cell's overrides select, with its model options: `lstm_none model.encoder=uni`."""
    return _arm(groups_of(overrides)["model"], *(word for word in overrides if word.startswith("model.")))


def _arm(model: str, *options: str) -> str:
    """An arm's one name, whatever the order and spelling of its options."""
    return " ".join([model, *sorted(map(_canonical, options))])


def _canonical(override: str) -> str:
    """An override with the one spelling of its value that files of choices have.

    >>> _canonical("model.causal=true"), _canonical("model.dropout=0.10"), _canonical("model.positions='none'")
    ('model.causal=True', 'model.dropout=0.1', 'model.positions=none')
    """
    key, equals, value = override.partition("=")
    word = value.strip().strip("'\"")
    if word.lower() in ("true", "false", "null"):
        word = "null" if word.lower() == "null" else word.capitalize()
    else:
        with suppress(ValueError):
            number = float(word)
            word = str(int(number)) if number.is_integer() else repr(number)
    return f"{key}{equals}{word}"


def groups_of(overrides: Sequence[str]) -> dict[str, str]:
    """The task, model and budget that the overrides select, or the default ones."""
    groups = dict(_defaults())
    for override in overrides:
        key, _, value = override.partition("=")
        if key in GROUPS:
            groups[key] = value
    return groups


def choice(overrides: Sequence[str], adopted: bool = False) -> Choice | None:
    """The settings chosen for the arm that the overrides select, with the trials of the last choice that applies.

    adopted: whether the user's folder is read too. Raises UserError for a file that is not one of choices.
    """
    merged: Choice | None = None
    for folder in (FOLDER, user_folder()) if adopted else (FOLDER,):
        for later in _applicable(folder, overrides):
            merged = later if merged is None else Choice(merged.set | later.set, later.trials or merged.trials)
    return merged


def _applicable(folder: Path, overrides: Sequence[str]) -> list[Choice]:
    """The choices in a folder that apply to the arm that the overrides select; each overrides those before it."""
    groups = groups_of(overrides)
    choices = _choices(folder / f"{groups['task']}.yaml")
    arms = dict.fromkeys((groups["model"], arm_of(overrides)))
    entries = (choices.get(budget, {}).get(arm) for budget in (ANY, groups["budget"]) for arm in arms)
    return [entry for entry in entries if entry is not None]


def overrides_for(overrides: Sequence[str], adopted: bool = False) -> tuple[str, ...]:
    """The chosen settings as overrides, without those that the given overrides set themselves. See `choice`."""
    chosen = choice(overrides, adopted)
    keys = {override.partition("=")[0].lstrip("+~") for override in overrides}
    return () if chosen is None else tuple(f"{key}={value}" for key, value in chosen.set.items() if key not in keys)


def adopted_file(overrides: Sequence[str]) -> Path | None:
    """The user's file with settings for the arm that the overrides select; None where there is none."""
    folder = user_folder()
    return folder / f"{groups_of(overrides)['task']}.yaml" if _applicable(folder, overrides) else None


def as_yaml(task: str, choices: Mapping[str, Mapping[str, Choice]]) -> str:
    """The content of a task's file."""
    lines = [f"# Chosen on validation for {task}: budget, arm, settings, and every trial with its validation loss"]
    for budget, arms in choices.items():
        lines.append(f"{budget}:")
        for arm, chosen in arms.items():
            lines += [f"  {arm}:", f"    set: {_flow(chosen.set)}"]
            lines += [f"    trials: {_flow(chosen.trials)}"] if chosen.trials else []
    return "\n".join(lines) + "\n"


def choices_for(task: str, folder: Path | None = None) -> Choices:
    """All choices of a task's file, in FOLDER or another; empty where there is no file. Raises UserError for a file
    that is not one of choices."""
    folder = FOLDER if folder is None else folder
    return {budget: dict(arms) for budget, arms in _choices(folder / f"{task}.yaml").items()}


def _choices(path: Path) -> Choices:
    try:
        return _parsed(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error


@cache
def _parsed(path: Path, changed: int) -> Choices:
    """changed: the time of the file's last change, so that a changed file is read again."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return {
            str(budget): {_arm(*str(arm).split()): Choice(**entry) for arm, entry in arms.items()}
            for budget, arms in content.items()
        }
    except (OSError, yaml.YAMLError, AttributeError, TypeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is not a file that `bench tune` writes: {reason}") from error


@cache
def _defaults() -> tuple[tuple[str, str], ...]:
    content = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))
    defaults = {key: value for entry in content["defaults"] if isinstance(entry, dict) for key, value in entry.items()}
    return tuple((group, defaults[group]) for group in GROUPS)


def _flow(values: Mapping[str, object]) -> str:
    return yaml.safe_dump(dict(values), default_flow_style=True, sort_keys=False, width=10_000).strip()

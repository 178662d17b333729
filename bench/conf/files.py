"""The configuration files that ship with the project: where they are, and what each group offers. No Hydra here."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import yaml

CONF = Path(str(resources.files("bench"))) / "conf"

SIZE_DEFAULTS = {"task": "multi30k", "budget": "multi30k_cpu"}
"""The task and budget that decide the size of an arm where the user names none."""

STACK_SIZE_DEFAULTS = {"task": "word_problem", "budget": "quick"}
"""The same of an arm of one stack."""


def choices(group: str) -> dict[str, str]:
    """The configurations of a group by name, each with the one-line description its file opens with."""
    paths = sorted((CONF / group).glob("*.yaml"), key=lambda path: path.stem)
    return {path.stem: description(path) for path in paths}


def description(path: Path) -> str:
    """The line that a configuration file opens with."""
    first_line = path.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0]
    return first_line.removeprefix("#").strip()


def targets(group: str) -> dict[str, str]:
    """The class of each configuration of a group, as a dotted path."""
    paths = ((name, CONF / group / f"{name}.yaml") for name in choices(group))
    return {name: str(yaml.safe_load(path.read_text(encoding="utf-8"))["_target_"]) for name, path in paths}


def papers(model: str) -> tuple[str, ...]:
    """The papers that a model's file names in its `# Paper:` lines."""
    lines = (CONF / "model" / f"{model}.yaml").read_text(encoding="utf-8").splitlines()
    return tuple(line.removeprefix("# Paper:").strip() for line in lines if line.startswith("# Paper:"))


def with_size_defaults(overrides: Sequence[str], one_stack: bool = False) -> tuple[str, ...]:
    """The overrides, preceded by the size defaults that they do not set themselves. one_stack: of which contract."""
    keys = {override.partition("=")[0] for override in overrides}
    defaults = STACK_SIZE_DEFAULTS if one_stack else SIZE_DEFAULTS
    return (*(f"{key}={value}" for key, value in defaults.items() if key not in keys), *overrides)

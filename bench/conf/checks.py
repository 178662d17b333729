"""Checks of a configuration's sections, before anything is built from them: keys, names, classes and numbers."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import yaml

from bench.conf.files import CONF
from bench.errors import UserError

SECTIONS = ("task", "model", "budget", "match", "optim", "search")
"""Keys that have keys of their own."""

NAME = re.compile(r"\w[\w.+-]{0,99}")
"""Allowed names of tasks, models and budgets: they become part of a folder's name."""

KEY = re.compile(r"[\w.@/:~+-]{1,200}")
"""Allowed keys of an override, before its `=`."""

LARGEST = 2**63 - 1
"""The largest whole number that tables can hold."""

MAX_THREADS = 1024

BUDGET_LIMITS = {"parameters": 10**11, "epochs": 100_000, "batch_tokens": 10**7, "validations": 100_000}
"""The largest values of a budget. Larger ones are typing errors: all epochs are planned, and each batch is held, as a
whole."""

PACKAGES = {"task": "bench.tasks.", "model": "models."}
"""The package that a section's class must come from."""


Kind = TypeVar("Kind")


@cache
def _shipped() -> dict[str, Any]:
    """The content of `config.yaml`, without its groups."""
    return yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))


def check_keys(config: Mapping[str, Any]) -> None:
    """Raises UserError for an unknown key, and for a required key that was removed."""
    known = {*_shipped(), *SECTIONS} - {"defaults"}
    for key in config:
        if key not in known:
            raise UserError(f"there is no setting {key!r}; `bench run --cfg job` lists the settings")
    check_sections(config)
    if "reference_model" in config["match"]:
        raise UserError("match.reference_model is filled in automatically; set match.reference=NAME instead")
    required: dict[str, tuple[str, ...]] = {"": tuple(sorted(known))}
    required |= dict.fromkeys(("task", "model"), ("name", "_target_"))
    required |= {section: tuple(_shipped()[section]) for section in ("match", "optim", "search")}
    for section, keys in required.items():
        for key in keys:
            if key not in (config[section] if section else config):
                raise UserError(f"{section}{'.' if section else ''}{key} was removed, but it is required")
    tokens, limit = config["search"]["batch_tokens"], BUDGET_LIMITS["batch_tokens"]
    if isinstance(tokens, bool) or (isinstance(tokens, int) and tokens > limit):
        raise UserError(f"search.batch_tokens must be a whole number, at most {limit:,}; got {tokens!r}")


def check_sections(config: Mapping[str, Any]) -> None:
    """Raises UserError where a section is not a mapping."""
    for section in SECTIONS:
        if not isinstance(config.get(section), Mapping):
            raise UserError(f"{section} has keys of its own, write {section}.KEY=VALUE; got {config.get(section)!r}")


def check_names(config: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises UserError for a name of a task, a model or a budget that would lead out of the results folder."""
    for section in ("task", "model", "budget"):
        name = config[section].get("name")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise UserError(f"{section}.name: {name!r} cannot be part of a folder's name; leave it unchanged")


def class_of(target: str, kind: type[Kind]) -> type[Kind]:
    """The class that `_target_` names. Raises UserError where it does not exist or is not a subclass of `kind`."""
    module, _, name = target.rpartition(".")
    try:
        cls = getattr(importlib.import_module(module), name)
    except Exception as error:  # importing a module can raise anything
        raise UserError(f"_target_: there is no {target!r} ({error})") from error
    if not (isinstance(cls, type) and issubclass(cls, kind)):
        raise UserError(f"_target_: {target} is not a {kind.__name__}")
    return cls


def check_ours(config: Mapping[str, Any]) -> None:
    """For a configuration from a results folder, which somebody else may have written: only this project's modules may
    be imported for it. Raises UserError for a class of another module, KeyError where none is named."""
    sections = {"task": config.get("task"), "model": config.get("model")}
    sections["match.reference_model"] = (config.get("match") or {}).get("reference_model")
    for place, section in sections.items():
        if section is None:
            continue
        package, target = PACKAGES["task" if place == "task" else "model"], section["_target_"]
        if not (isinstance(target, str) and target.startswith(package)):
            raise UserError(f"{place}._target_ must be a class in {package.rstrip('.')}, got {target!r:.80}")


def as_characters(value: Any) -> Any:
    """A value for OmegaConf, in which `${` means nothing: it may be part of a file's name."""
    if isinstance(value, dict):
        return {key: as_characters(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_characters(each) for each in value]
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if isinstance(value, str) else value


def check_numbers(values: Mapping[str, Any], section: str) -> None:
    """Raises UserError for a number that no setting can have: infinite, not a number, or too large for a table."""
    for key, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{section}.{key} must be a finite number, got {value}")
        if isinstance(value, int) and not -LARGEST <= value <= LARGEST:
            raise UserError(f"{section}.{key} must be at most {LARGEST}, got {value}")

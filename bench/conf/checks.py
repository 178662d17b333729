"""What the sections of a configuration must be like before anything is made of them: their keys and names, the
classes they name, and numbers that can be held."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Mapping
from functools import cache

import yaml

from bench.conf.tuned_settings import CONF
from bench.errors import UserError

SECTIONS = ("task", "model", "budget", "match", "optim", "search")
"""Keys that have keys of their own."""

NAME = re.compile(r"\w[\w.+-]{0,99}")
"""What a task, a model or a budget may be called: it becomes a part of a folder's name."""

KEY = re.compile(r"[\w.@/:~+-]{1,200}")
"""What stands before the `=` of a word."""

LARGEST = 2**63 - 1
"""Of whole numbers: what tables can hold."""

MOST_THREADS = 1024

MOST = {"parameters": 10**11, "epochs": 100_000, "batch_tokens": 10**7, "validations": 100_000}
"""Of what a budget has. More is a slip of the hand: every epoch is planned, and every batch held, as a whole."""


@cache
def _shipped() -> dict:
    """What `config.yaml` says itself, without its groups."""
    return yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))


def check_keys(config: Mapping[str, object]) -> None:
    """Raises UserError for a key that there is not, or that was taken out and is needed."""
    known = {*_shipped(), *SECTIONS} - {"defaults"}
    for key in config:
        if key not in known:
            raise UserError(f"there is no setting {key!r}; `bench run --cfg job` shows those there are")
    check_sections(config)
    if "reference_model" in config["match"]:
        raise UserError("match.reference_model is filled in; say match.reference=NAME")
    needed = {"": sorted(known), **dict.fromkeys(("task", "model"), ("name", "_target_"))}
    needed |= {section: tuple(_shipped()[section]) for section in ("match", "optim", "search")}
    for section, keys in needed.items():
        for key in keys:
            if key not in (config[section] if section else config):
                raise UserError(f"{section}{'.' if section else ''}{key} was taken out, and is needed")
    tokens = config["search"]["batch_tokens"]
    if isinstance(tokens, bool) or (isinstance(tokens, int) and tokens > MOST["batch_tokens"]):
        raise UserError(
            f"search.batch_tokens must be a whole number, at most {MOST['batch_tokens']:,}; got {tokens!r}"
        )


def check_sections(config: Mapping[str, object]) -> None:
    for section in SECTIONS:
        if not isinstance(config.get(section), Mapping):
            raise UserError(f"{section} has keys of its own, write {section}.KEY=VALUE; got {config.get(section)!r}")


def check_names(config: Mapping[str, Mapping]) -> None:
    """Raises UserError for the name of a task, a model or a budget that would lead out of the results folder."""
    for section in ("task", "model", "budget"):
        name = config[section].get("name")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise UserError(f"{section}.name: {name!r} cannot be a part of a folder's name; leave it as it is")


def class_of(config: Mapping[str, object], kind: type) -> type:
    """The class that a section's `_target_` names. Raises UserError where it is not one of this kind."""
    target = str(config.get("_target_"))
    module, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # a module that is imported may say anything
        raise UserError(f"_target_: there is no {target!r} ({error})") from error
    if not (isinstance(found, type) and issubclass(found, kind)):
        raise UserError(f"_target_: {target} is no {kind.__name__}")
    return found


HOMES = {"task": "bench.tasks.", "model": "models."}
"""The packages that the classes of a record's sections are of."""


def check_ours(config: Mapping[str, Mapping]) -> None:
    """For a configuration that comes from a results folder, not from whoever runs the command: no module but ours is to
    be imported for it. Raises UserError for a class of another one, KeyError where none is named."""
    sections = {"task": config.get("task"), "model": config.get("model")}
    sections["match.reference_model"] = (config.get("match") or {}).get("reference_model")
    for place, section in sections.items():
        if section is None:
            continue
        home, target = HOMES["task" if place == "task" else "model"], section["_target_"]
        if not (isinstance(target, str) and target.startswith(home)):
            raise UserError(f"{place}._target_ must be a class of {home.rstrip('.')}, got {target!r:.80}")


def check_numbers(values: Mapping[str, object], where: str) -> None:
    """Raises UserError for what no setting is: endless, not a number, or too large for a table."""
    for key, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{where}.{key} must be a finite number, got {value}")
        if isinstance(value, int) and not -LARGEST <= value <= LARGEST:
            raise UserError(f"{where}.{key} must be at most {LARGEST}, got {value}")

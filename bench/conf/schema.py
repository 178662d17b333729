"""The types of a configuration: budget, match, model and cell, and how a resolved configuration becomes a checked
cell."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, make_dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bench.conf import checks, compat, files
from bench.errors import UserError
from bench.evaluation.search_config import Search, SearchConfig
from bench.records.matching import RULES
from bench.system import paths
from bench.tasks.base import Task
from bench.training.config import TrainingBudget, TrainingConfig

UNHASHED = ("out",)
"""Keys that cannot change a result."""

TRAINING_KEYS = tuple(each.name for each in fields(TrainingBudget))
"""Keys of the section `budget` that are part of the training configuration."""

Typed = TypeVar("Typed")
Config = Mapping[str, Any]
"""A section of a configuration, or all of it: plain values from YAML, not yet checked."""


@dataclass(frozen=True, kw_only=True)
class Budget(TrainingBudget):
    """What every arm gets alike: a size, and a length of training."""

    name: str
    parameters: int  # trainable values of every arm; not used where model.width is set

    def __post_init__(self) -> None:
        for name, most in checks.BUDGET_LIMITS.items():
            if not 0 < getattr(self, name) <= most:
                raise ValueError(f"budget.{name} must be above 0 and at most {most:,}, got {getattr(self, name)}")


@dataclass(frozen=True)
class Match:
    """What is made equal between the arms, by solving for each arm's width."""

    rule: str  # what is counted: one of bench.records.matching.RULES
    target: float | None  # how much of it every arm gets; None: see `relative`
    reference: str  # the arm whose size is the target where `relative`
    tolerance: float  # largest relative distance from the target

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"match.rule must be one of {', '.join(RULES)}; got {self.rule!r}")
        if self.reference not in files.choices("model"):
            known = ", ".join(files.choices("model"))
            raise ValueError(f"match.reference must be one of {known}; got {self.reference!r}")
        if not 0 <= self.tolerance < math.inf:
            raise ValueError(f"match.tolerance must be at least 0 and finite, got {self.tolerance}")
        if self.target is None:
            return
        if not 0 < self.target < math.inf:
            raise ValueError(f"match.target must be above 0 and finite, or null; got {self.target}")
        if self.exact_width and not self.target.is_integer():
            raise ValueError(f"match.target must be a whole number where match.rule is width, got {self.target}")

    @property
    def relative(self) -> bool:
        """Whether the target is the size, by the rule, of the reference arm at `budget.parameters`. Otherwise the
        target is `target`, or `budget.parameters` itself where the rule is `params`."""
        return self.target is None and self.rule != "params"

    @property
    def exact_width(self) -> bool:
        """Whether the target is a width that the arm must have exactly."""
        return self.target is not None and self.rule == "width"


@dataclass(frozen=True)
class ModelConfig:
    """An arm: its name, its class as a dotted path, its width (None: solved for), and the class's other options."""

    name: str
    target: str
    width: int | None
    options: Mapping[str, Any]

    @classmethod
    def of_section(cls, section: Config) -> ModelConfig:
        """From the section `model`. Raises UserError for a width that is not a whole number above 0."""
        width = section["width"]
        if width is not None and (not isinstance(width, int) or isinstance(width, bool) or width < 1):
            raise UserError(f"model.width must be a whole number above 0, or null to solve for it; got {width!r}")
        options = {key: value for key, value in options_of(section).items() if key != "width"}
        return cls(section["name"], str(section["_target_"]), width, options)


@dataclass(frozen=True)
class Cell:
    """One (task, model, budget, seed), with every value resolved and checked. `name` is its folder.

    `config` is the resolved configuration as a dictionary, for the hash and the record; code reads the typed fields.
    """

    task: str
    model: str
    budget: str
    seed: int
    threads: int
    config: dict[str, Any]
    hash: str
    arm: ModelConfig = field(compare=False)
    match: Match = field(compare=False)
    reference: ModelConfig | None = field(compare=False)  # the arm whose size is the target, where match.relative
    parameters: int = field(compare=False)  # budget.parameters
    training: TrainingConfig = field(compare=False)
    search: SearchConfig = field(compare=False)
    device: str = field(compare=False)
    evaluate: bool = field(compare=False)  # False: stop after training; no test set is touched
    out: Path = field(compare=False)  # the results folder; the cell gets a folder in it
    tuning: dict[str, Any] | None = field(default=None, compare=False)
    """The settings chosen for the arm on validation, and the trials behind them; not part of the hash."""

    @property
    def name(self) -> str:
        return f"{self.task}-{self.model}-{self.budget}-s{self.seed}-{self.hash[:8]}"

    def make_task(self) -> Task:
        """A new instance of the cell's task."""
        return build_task(self.config["task"])


def checked(resolved: Config) -> Cell:
    """The cell of a resolved configuration, also of a record's. Raises UserError for an invalid value."""
    config = dict(resolved)
    checks.check_sections(config)
    for key, least, most in (("seed", 0, checks.LARGEST), ("threads", 1, checks.MAX_THREADS)):
        if not isinstance(config[key], int) or isinstance(config[key], bool):
            raise UserError(f"{key} must be a whole number, got {config[key]!r}")
        if config[key] < least:
            raise UserError(f"{key} must be at least {least}, got {config[key]}")
        if config[key] > most:
            raise UserError(f"{key} must be at most {most}, got {config[key]}")
    if isinstance(config["out"], bool) or not isinstance(config["out"], str | int | float):
        raise UserError(f"out must be a folder, got {config['out']!r}")
    config["out"] = str(paths.parse(str(config["out"])))
    checks.check_names(config)
    if not isinstance(config.setdefault("evaluate", True), bool):
        raise UserError(f"evaluate must be true or false, got {config['evaluate']!r}")
    if config["device"] not in ("cpu", "cuda"):
        raise UserError(f"device must be cpu or cuda, got {config['device']!r}")
    budget = typed(Budget, config["budget"], "budget")
    match = typed(Match, {key: value for key, value in config["match"].items() if key != "reference_model"}, "match")
    reference = config["match"].get("reference_model")
    config["budget"] = vars(budget)
    config["match"] = config["match"] | vars(match)
    training, search = training_config(config["optim"], budget), search_config(config["search"])
    config = compat.without(config)
    task = build_task(config["task"])
    config["task"] = config["task"] | {key: getattr(task, key) for key in config["task"] if hasattr(task, key)}
    hashed = {key: value for key, value in config.items() if key not in UNHASHED}
    hashed["task"] = task.hashed_options(config["task"])
    return Cell(
        task=config["task"]["name"],
        model=config["model"]["name"],
        budget=config["budget"]["name"],
        seed=config["seed"],
        threads=config["threads"],
        config=config,
        hash=hashlib.sha256(json.dumps(hashed, sort_keys=True, default=list).encode()).hexdigest(),
        arm=ModelConfig.of_section(config["model"]),
        match=match,
        reference=None if reference is None else ModelConfig.of_section(reference),
        parameters=budget.parameters,
        training=training,
        search=search,
        device=config["device"],
        evaluate=config["evaluate"],
        out=Path(config["out"]),
    )


def build_task(section: Config) -> Task:
    """The task that a section `task` describes. Raises UserError."""
    return typed(checks.class_of(str(section.get("_target_")), Task), options_of(section), "task")


def training_config(optim: Config, budget: Budget) -> TrainingConfig:
    """The training configuration from the section `optim` and the budget. Raises UserError."""
    config = typed(TrainingConfig, {**optim, **{key: getattr(budget, key) for key in TRAINING_KEYS}}, "optim")
    try:
        config.check_used()
    except ValueError as error:
        raise UserError(str(error)) from error
    return config


def search_config(section: Config) -> SearchConfig:
    """The decoding configuration from the section `search`. Raises UserError."""
    options = dict(section)
    batch_tokens, penalty = options.pop("batch_tokens"), options.pop("length_penalty")
    if not isinstance(batch_tokens, int) or batch_tokens < 1:
        raise UserError(f"search.batch_tokens must be a whole number above 0, got {batch_tokens!r}")
    penalties = penalty if isinstance(penalty, list) else [penalty]
    searches = [typed(Search, options | {"length_penalty": each}, "search") for each in penalties]
    if isinstance(penalty, list):
        setting = f"search.length_penalty={penalty}"
        if len(penalty) < 2 or len(set(searches)) < len(searches):
            raise UserError(f"{setting}: list two or more different numbers to choose from, or write one number alone")
        if searches[0].beam == 1:
            raise UserError(f"{setting}: greedy search does not use it; set search.beam=5, or write one number alone")
    greedy = typed(Search, options | {"length_penalty": penalties[0], "beam": 1}, "search")
    return SearchConfig(greedy, tuple(search for search in searches if search.beam > 1), batch_tokens)


def typed(cls: type[Typed], values: Config, section: str) -> Typed:
    """An instance of a dataclass, after its field types have been applied. Raises UserError naming the key."""
    try:
        merged = OmegaConf.merge(OmegaConf.structured(cls), checks.as_characters(dict(values)))
        checks.check_numbers(cast("dict[str, Any]", OmegaConf.to_container(merged)), section)
        return cast(Typed, OmegaConf.to_object(merged))
    except OmegaConfBaseException as error:
        raise UserError(one_line(error, section)) from error
    except (ValueError, OverflowError) as error:
        raise UserError(str(error)) from error


def typed_options(model: Any, values: Config, section: str, filled_in: Sequence[str]) -> dict[str, Any]:
    """The options of a model's `of_width`, after its annotations have been applied. `filled_in` names the arguments
    that the caller adds.

    Where `of_width` ends in `**options`, it passes them to the constructor, whose options count too. Raises UserError
    for a key that neither has, or a value of another type.
    """
    options: dict[str, tuple] = {}
    for function in (model.of_width, *(vars(base)["__init__"] for base in model.__mro__ if "__init__" in vars(base))):
        parameters = inspect.signature(function, eval_str=True).parameters.values()
        for p in parameters:
            if p.default is not p.empty and p.name not in filled_in:
                options.setdefault(p.name, (p.name, p.annotation, p.default))
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return dict(vars(typed(make_dataclass("Options", list(options.values())), values, section)))


def options_of(section: Config) -> dict[str, Any]:
    """A section without its class and name."""
    return {key: value for key, value in section.items() if key not in ("_target_", "name")}


def one_line(error: Exception, section: str = "") -> str:
    """The first lines of a message of Hydra or OmegaConf, as one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not re.match(r"(object_type|reference_type|To append|full_key)\b", line)]
    key = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("full_key:")), "")
    place = ".".join(part for part in (section, key) if part)
    message = "; ".join(kept) or type(error).__name__
    message = re.sub(
        r"Invalid value assigned: \w+ is not a ListConfig, list or tuple\.", "write a list, as [A,B]", message
    )
    if message.startswith("Could not override"):
        message = f"{message.rstrip('.')}: there is no such key; `bench run --cfg job` lists the settings"
    return f"{place}: {message}" if place else message

"""From words on the command line to a checked cell: Hydra composes, the types of tasks and settings decide."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, make_dataclass, replace

import hydra
from hydra import compose as hydra_compose
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bench import sections
from bench.conf import compat, tuned_settings
from bench.errors import UserError
from bench.records.matching import RULES
from bench.system import paths
from bench.tasks.base import Task

CONF = tuned_settings.CONF
GROUPS = ("task", "model", "budget", "suite")
UNHASHED = ("out",)
"""Keys that cannot change a result."""

OF_ONE_ARM = re.compile(r"[+~]*model(_task)?[@.=]")
"""Words that say which arm a cell has, or change that arm alone: the reference of `match` does without them."""


@dataclass
class Budget:
    """What every arm gets alike."""

    name: str
    parameters: int  # trainable values of every arm; a model.width given by hand is not solved for
    epochs: float  # passes over the training data
    batch_tokens: int  # rows times longest side, padding included
    validations: int
    batching: str = "length"  # or mixed: see bench/training/config.py, Settings
    patience: int | None = None  # stop after so many validations in a row without a new lowest loss; null: never

    def __post_init__(self) -> None:
        for name, most in sections.MOST.items():
            if not 0 < getattr(self, name) <= most:
                raise ValueError(f"budget.{name} must be above 0 and at most {most:,}, got {getattr(self, name)}")


@dataclass
class Match:
    """What is made equal between the arms, by solving for each one's width."""

    rule: str  # what is counted: one of bench.records.matching.RULES
    target: float | None  # how much of it every arm is to have; None: see `relative`
    reference: str  # the arm whose size is the target where `relative`
    tolerance: float  # share by which an arm may miss the target

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"match.rule must be one of {', '.join(RULES)}; got {self.rule!r}")
        if self.reference not in choices("model"):
            raise ValueError(f"match.reference must be one of {', '.join(choices('model'))}; got {self.reference!r}")
        if not 0 <= self.tolerance < math.inf:
            raise ValueError(f"match.tolerance must be at least 0 and finite, got {self.tolerance}")
        if self.target is None:
            return
        if not 0 < self.target < math.inf:
            raise ValueError(f"match.target must be above 0 and finite, or null; got {self.target}")
        if self.rule == "width" and not self.target.is_integer():
            raise ValueError(f"match.target must be a whole number where match.rule is width, got {self.target}")

    @property
    def relative(self) -> bool:
        """Whether the target is what the reference has by the rule when it meets `budget.parameters`. Where not, it is
        given, or `budget.parameters` itself."""
        return self.target is None and self.rule != "params"


@dataclass(frozen=True)
class Cell:
    """One (task, model, budget, seed), with every value resolved. `name` is its folder."""

    task: str
    model: str
    budget: str
    seed: int
    threads: int
    config: dict
    hash: str = field(default="")
    tuning: dict | None = field(default=None, compare=False)
    """What was chosen for the arm on validation, and from which trials; no part of the hash."""

    @property
    def name(self) -> str:
        return f"{self.task}-{self.model}-{self.budget}-s{self.seed}-{self.hash[:8]}"


def choices(group: str) -> dict[str, str]:
    """The shipped configurations of a group, with the one line each file opens with."""
    found = {}
    for path in sorted((CONF / group).glob("*.yaml"), key=lambda path: path.stem):
        first = path.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0]
        found[path.stem] = first.removeprefix("#").strip()
    return found


SIZE = {"task": "multi30k", "budget": "multi30k_cpu"}
"""What decides the sizes of an arm where nobody says otherwise."""


def sized(words: Sequence[str]) -> tuple[str, ...]:
    """The words, after those of SIZE for what they do not say themselves."""
    given = {word.partition("=")[0] for word in words}
    return (*(f"{key}={value}" for key, value in SIZE.items() if key not in given), *words)


def papers(model: str) -> tuple[str, ...]:
    """The papers a model's file names in its `# Paper:` lines."""
    lines = (CONF / "model" / f"{model}.yaml").read_text(encoding="utf-8").splitlines()
    return tuple(line.removeprefix("# Paper:").strip() for line in lines if line.startswith("# Paper:"))


def compose(overrides: Sequence[str] = ()) -> Cell:
    """The cell that these `key=value` words describe, all values checked.

    Raises UserError: one line that names the key or value that is wrong and what there is instead.
    """
    for word in overrides:
        if "=" not in word:
            raise UserError(f"{word!r} is not a setting; write key=value, for example seed=2")
        group, _, value = word.partition("=")
        if not sections.KEY.fullmatch(group):
            raise UserError(
                f"{group[:80]!r} is not the name of a setting; `bench run --cfg job` shows those there are"
            )
        if group in GROUPS and "," not in value and value not in choices(group):
            raise UserError(f"unknown {group} {value!r}; there are {', '.join(choices(group))}")
    given, overrides = overrides, settings(overrides)
    config = _composed(overrides)
    sections.check_keys(config)
    match = typed(Match, config["match"], "match")
    if match.relative:
        others = [word for word in overrides if not OF_ONE_ARM.match(word)]
        config["match"]["reference_model"] = _composed(settings([*others, f"model={match.reference}"]))["model"]
    found = tuned_settings.choice(given)
    return replace(checked(config), tuning=None if found is None else asdict(found))


def settings(words: Sequence[str]) -> tuple[str, ...]:
    """The words behind what was chosen for their arm on validation. Raises UserError for a file of choices that is none."""
    return (*tuned_settings.before(words), *words)


def _composed(overrides: Sequence[str]) -> dict:
    """The resolved configuration, nothing checked but its keys. Raises UserError."""
    try:
        GlobalHydra.instance().clear()
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            composed = hydra_compose("config", overrides=list(overrides))
        return OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_plain(error)) from error


def checked(config: dict) -> Cell:
    """The cell of a resolved configuration, also of a record's. Raises UserError for a value that cannot be."""
    config = dict(config)
    sections.check_sections(config)
    for key, least, most in (("seed", 0, sections.LARGEST), ("threads", 1, sections.MOST_THREADS)):
        if not isinstance(config[key], int) or isinstance(config[key], bool):
            raise UserError(f"{key} must be a whole number, got {config[key]!r}")
        if config[key] < least:
            raise UserError(f"{key} must be at least {least}, got {config[key]}")
        if config[key] > most:
            raise UserError(f"{key} must be at most {most}, got {config[key]}")
    if isinstance(config["out"], bool) or not isinstance(config["out"], str | int | float):
        raise UserError(f"out must be a folder, got {config['out']!r}")
    config["out"] = str(paths.typed(str(config["out"])))
    sections.check_names(config)
    if not isinstance(config.setdefault("evaluate", True), bool):
        raise UserError(f"evaluate must be true or false, got {config['evaluate']!r}")
    if config["device"] not in ("cpu", "cuda"):
        raise UserError(f"device must be cpu or cuda, got {config['device']!r}")
    config["budget"] = vars(typed(Budget, config["budget"], "budget"))
    asked = {key: value for key, value in config["match"].items() if key != "reference_model"}
    config["match"] = config["match"] | vars(typed(Match, asked, "match"))
    config = compat.without(config)
    task = build_task(config["task"])
    config["task"] = config["task"] | {key: getattr(task, key) for key in config["task"] if hasattr(task, key)}
    hashed = {key: value for key, value in config.items() if key not in UNHASHED}
    digest = hashlib.sha256(json.dumps(hashed, sort_keys=True, default=list).encode()).hexdigest()
    return Cell(
        task=config["task"]["name"],
        model=config["model"]["name"],
        budget=config["budget"]["name"],
        seed=config["seed"],
        threads=config["threads"],
        config=config,
        hash=digest,
    )


def build_task(config: Mapping[str, object]):
    """The task that a `task` section describes. Raises UserError."""
    return typed(sections.class_of(config, Task), _options(config), "task")


def typed(cls: type, values: Mapping[str, object], where: str):
    """An instance of a dataclass, after its field types have been applied. Raises UserError naming the key."""
    try:
        merged = OmegaConf.merge(OmegaConf.structured(cls), dict(values))
        sections.check_numbers(OmegaConf.to_container(merged), where)
        return OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise UserError(_plain(error, where)) from error
    except (ValueError, OverflowError) as error:
        raise UserError(str(error)) from error


def typed_options(model: type, values: Mapping[str, object], where: str, given: Sequence[str]) -> dict[str, object]:
    """The options of a model's `of_width` after its annotations have been applied; `given` are filled in later.

    Where `of_width` ends in `**options`, it hands them to the constructor, whose options count too. Raises UserError
    for a key that neither has or a value of another type.
    """
    fields: dict[str, tuple] = {}
    for function in (model.of_width, *(vars(base)["__init__"] for base in model.__mro__ if "__init__" in vars(base))):
        parameters = inspect.signature(function, eval_str=True).parameters.values()
        for p in parameters:
            if p.default is not p.empty and p.name not in given:
                fields.setdefault(p.name, (p.name, p.annotation, p.default))
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return vars(typed(make_dataclass("Options", list(fields.values())), values, where))


def _options(config: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in config.items() if key not in ("_target_", "name")}


def model_options(config: Mapping[str, object]) -> dict[str, object]:
    """What of a `model` section goes to the model's `of_width`."""
    return {key: value for key, value in _options(config).items() if key != "width"}


def _plain(error: Exception, where: str = "") -> str:
    """The first lines of Hydra's or OmegaConf's message as one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not re.match(r"(object_type|reference_type|To append|full_key)\b", line)]
    key = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("full_key:")), "")
    place = ".".join(part for part in (where, key) if part)
    message = "; ".join(kept) or type(error).__name__
    if message.startswith("Could not override"):
        message = f"{message.rstrip('.')}: there is no such key; `bench run --cfg job` shows those there are"
    return f"{place}: {message}" if place else message

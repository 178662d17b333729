"""From words on the command line to a checked cell: Hydra composes, the types of tasks and settings decide."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, make_dataclass, replace
from functools import cache
from itertools import product

import hydra
from hydra import compose as hydra_compose
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bench import later, paths, tuned
from bench.errors import UserError
from bench.matching import RULES
from bench.tasks.base import Task

CONF = tuned.CONF
GROUPS = ("task", "model", "budget", "suite")
UNHASHED = ("out",)
"""Keys that cannot change a result."""

SECTIONS = ("task", "model", "budget", "match", "optim", "search")
"""Keys that have keys of their own."""

NAME = re.compile(r"\w[\w.+-]{0,99}")
"""What a task, a model or a budget may be called: it becomes a part of a folder's name."""

KEY = re.compile(r"[\w.@/:~+-]{1,200}")
"""What stands before the `=` of a word."""

LARGEST = 2**63 - 1
"""Of whole numbers: what tables can hold."""

MOST_THREADS = 1024

OF_ONE_ARM = re.compile(r"[+~]*model(_task)?[@.=]")
"""Words that say which arm a cell has, or change that arm alone: the reference of `match` does without them."""


MOST = {"parameters": 10**11, "epochs": 100_000, "batch_tokens": 10**7, "validations": 100_000}
"""Of what a budget has. More is a slip of the hand: every epoch is planned, and every batch held, as a whole."""


@dataclass
class Budget:
    """What every arm gets alike."""

    name: str
    parameters: int  # trainable values of every arm; a model.width given by hand is not solved for
    epochs: float  # passes over the training data
    batch_tokens: int  # rows times longest side, padding included
    validations: int
    batching: str = "length"  # or mixed: see bench/recipe.py, Settings
    patience: int | None = None  # stop after so many validations in a row without a new lowest loss; null: never

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            if not 0 < getattr(self, name) <= most:
                raise ValueError(f"budget.{name} must be above 0 and at most {most:,}, got {getattr(self, name)}")


@dataclass
class Match:
    """What is made equal between the arms, by solving for each one's width."""

    rule: str  # what is counted: one of bench.matching.RULES
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


@dataclass(frozen=True)
class Suite:
    """cells: the overrides of each. threads: of a cell; cell_timeout: seconds it may take, None = no limit."""

    name: str
    description: str
    threads: int
    cell_timeout: float | None
    cells: tuple[tuple[str, ...], ...]


def choices(group: str) -> dict[str, str]:
    """The shipped configurations of a group, with the one line each file opens with."""
    found = {}
    for path in sorted((CONF / group).glob("*.yaml"), key=lambda path: path.stem):
        first = path.read_text(encoding="utf-8").split("\n", 1)[0]
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
        if not KEY.fullmatch(group):
            raise UserError(f"{group[:80]!r} is not the name of a setting; `bench run --cfg job` shows those there are")
        if group in GROUPS and "," not in value and value not in choices(group):
            raise UserError(f"unknown {group} {value!r}; there are {', '.join(choices(group))}")
    given, overrides = overrides, settings(overrides)
    config = _composed(overrides)
    _check_keys(config)
    match = typed(Match, config["match"], "match")
    if match.relative:
        others = [word for word in overrides if not OF_ONE_ARM.match(word)]
        config["match"]["reference_model"] = _composed(settings([*others, f"model={match.reference}"]))["model"]
    found = tuned.choice(given)
    return replace(checked(config), tuning=None if found is None else asdict(found))


def settings(words: Sequence[str]) -> tuple[str, ...]:
    """The words behind what was chosen for their arm on validation. Raises UserError for a file of choices that is none."""
    try:
        return (*tuned.before(words), *words)
    except ValueError as error:
        raise UserError(str(error)) from error


def _composed(overrides: Sequence[str]) -> dict:
    """The resolved configuration, nothing checked but its keys. Raises UserError."""
    try:
        GlobalHydra.instance().clear()
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            composed = hydra_compose("config", overrides=list(overrides))
        return OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_plain(error)) from error


@cache
def _shipped() -> dict:
    """What `config.yaml` says itself, without its groups."""
    return OmegaConf.to_container(OmegaConf.load(CONF / "config.yaml"))


def _check_keys(config: Mapping[str, object]) -> None:
    """Raises UserError for a key that there is not, or that was taken out and is needed."""
    known = {*_shipped(), *SECTIONS} - {"defaults"}
    for key in config:
        if key not in known:
            raise UserError(f"there is no setting {key!r}; `bench run --cfg job` shows those there are")
    _check_sections(config)
    if "reference_model" in config["match"]:
        raise UserError("match.reference_model is filled in; say match.reference=NAME")
    needed = {"": sorted(known), **{name: ("name", "_target_") for name in ("task", "model")}}
    needed |= {section: tuple(_shipped()[section]) for section in ("match", "optim", "search")}
    for section, keys in needed.items():
        for key in keys:
            if key not in (config[section] if section else config):
                raise UserError(f"{section}{'.' if section else ''}{key} was taken out, and is needed")
    tokens = config["search"]["batch_tokens"]
    if isinstance(tokens, bool) or isinstance(tokens, int) and tokens > MOST["batch_tokens"]:
        raise UserError(f"search.batch_tokens must be a whole number, at most {MOST['batch_tokens']:,}; got {tokens!r}")


def _check_sections(config: Mapping[str, object]) -> None:
    for section in SECTIONS:
        if not isinstance(config.get(section), Mapping):
            raise UserError(f"{section} has keys of its own, write {section}.KEY=VALUE; got {config.get(section)!r}")


def check_names(config: Mapping[str, Mapping]) -> None:
    """Raises UserError for the name of a task, a model or a budget that would lead out of the results folder."""
    for section in GROUPS[:3]:
        name = config[section].get("name")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise UserError(f"{section}.name: {name!r} cannot be a part of a folder's name; leave it as it is")


def checked(config: dict) -> Cell:
    """The cell of a resolved configuration, also of a record's. Raises UserError for a value that cannot be."""
    config = dict(config)
    _check_sections(config)
    for key, least, most in (("seed", 0, LARGEST), ("threads", 1, MOST_THREADS)):
        if not isinstance(config[key], int) or isinstance(config[key], bool):
            raise UserError(f"{key} must be a whole number, got {config[key]!r}")
        if config[key] < least:
            raise UserError(f"{key} must be at least {least}, got {config[key]}")
        if config[key] > most:
            raise UserError(f"{key} must be at most {most}, got {config[key]}")
    if isinstance(config["out"], bool) or not isinstance(config["out"], str | int | float):
        raise UserError(f"out must be a folder, got {config['out']!r}")
    config["out"] = str(paths.typed(str(config["out"])))
    check_names(config)
    if not isinstance(config.setdefault("evaluate", True), bool):
        raise UserError(f"evaluate must be true or false, got {config['evaluate']!r}")
    if config["device"] not in ("cpu", "cuda"):
        raise UserError(f"device must be cpu or cuda, got {config['device']!r}")
    config["budget"] = vars(typed(Budget, config["budget"], "budget"))
    asked = {key: value for key, value in config["match"].items() if key != "reference_model"}
    config["match"] = config["match"] | vars(typed(Match, asked, "match"))
    config = later.without(config)
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
    return typed(class_of(config, Task), _options(config), "task")


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
    be imported for it. Raises UserError for a class of another one."""
    sections = {"task": config.get("task"), "model": config.get("model")}
    sections["match.reference_model"] = (config.get("match") or {}).get("reference_model")
    for place, section in sections.items():
        home, target = HOMES["task" if place == "task" else "model"], (section or {}).get("_target_")
        if section is not None and not (isinstance(target, str) and target.startswith(home)):
            raise UserError(f"{place}._target_ must be a class of {home.rstrip('.')}, got {target!r:.80}")


def typed(cls: type, values: Mapping[str, object], where: str):
    """An instance of a dataclass, after its field types have been applied. Raises UserError naming the key."""
    try:
        merged = OmegaConf.merge(OmegaConf.structured(cls), dict(values))
        _check_numbers(OmegaConf.to_container(merged), where)
        return OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise UserError(_plain(error, where)) from error
    except (ValueError, OverflowError) as error:
        raise UserError(str(error)) from error


def _check_numbers(values: Mapping[str, object], where: str) -> None:
    """Raises UserError for what no setting is: endless, not a number, or too large for a table."""
    for key, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{where}.{key} must be a finite number, got {value}")
        if isinstance(value, int) and not -LARGEST <= value <= LARGEST:
            raise UserError(f"{where}.{key} must be at most {LARGEST}, got {value}")


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


@cache
def load_suite(name: str, only: str | None = None) -> Suite:
    """A suite by name; only: the tasks to keep of it, with commas between. Raises UserError for an unknown one."""
    known = choices("suite")
    if name not in known:
        raise UserError(f"unknown suite {name!r}; there are {', '.join(known)}")
    content = OmegaConf.to_container(OmegaConf.load(CONF / "suite" / f"{name}.yaml"))
    threads = content.get("threads", 1)
    cells = []
    for grid in content["cells"]:
        axes = [value if isinstance(value, list) else [value] for value in grid.values()]
        for values in product(*axes):
            words = [f"{key}={value}" for key, value in zip(grid, values, strict=True)]
            cells.append((*words, f"threads={threads}"))
    if only is not None:
        tasks = dict.fromkeys(tuned.chosen(words)["task"] for words in cells)
        for task in only.split(","):
            if task not in tasks:
                raise UserError(f"suite {name} has no task {task!r}; it has {', '.join(tasks)}")
        cells = [words for words in cells if tuned.chosen(words)["task"] in only.split(",")]
    return Suite(name, known[name], threads, content.get("cell_timeout"), tuple(cells))

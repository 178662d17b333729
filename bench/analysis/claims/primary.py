"""The primary comparisons: which comparisons decide each claim, read from `primary.yaml` beside this module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources

import yaml

from bench.analysis import arms
from bench.analysis.settings import Setting

KEY, QUALIFIES, BESIDE, EXPLORATORY = "key", "qualifies", "beside", "exploratory"
ROLES = (KEY, QUALIFIES, BESIDE, EXPLORATORY)
"""KEY decides the word; QUALIFIES may make it qualified; BESIDE never changes it. EXPLORATORY is tested by itself."""

SCORE, FAR, GROWTH, COST = "score", "far", "growth", "cost"
MEASURES = (SCORE, FAR, GROWTH, COST)

SHORTEST, LONGEST = "shortest", "longest"
EVERY_TASK, TRANSLATION = "*", "translation"
ABOVE, NOT_ABOVE = "above", "not above"
PAIRS = ALL_PAIRS, FEWER_PAIRS = "all", "fewer"


@dataclass(frozen=True)
class Arm:
    """A model with options, as `primary.yaml` names it: `transformer positions=none`."""

    model: str
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Arm:
        """Raises ValueError for a text of another form."""
        model, *options = text.split() or [""]
        pairs = [option.partition("=") for option in options]
        if not model or "=" in model or not all(name and value for name, _, value in pairs):
            raise ValueError(f"{text!r} is not a model and its options, such as `transformer positions=none`")
        return cls(model, tuple((name, value) for name, _, value in pairs))

    def __str__(self) -> str:
        return " ".join([self.model, *(f"{name}={value}" for name, value in self.options)])

    def matches(self, model: str, config: Mapping[str, object]) -> bool:
        """Whether a cell is of this arm. config: the `model` section of its configuration."""
        return model == self.model and all(str(config.get(name)) == value for name, value in self.options)


@dataclass(frozen=True)
class Primary:
    """An entry of `primary.yaml`; see its head for the fields. "" for what is not named."""

    role: str
    first: Arm
    second: Arm
    task: str = ""
    measure: str = SCORE
    split: str = ""
    metric: str = ""
    axis: str = "distance"
    search: str = "greedy"
    what: str = ""
    length: str = ""
    expects: str = ABOVE
    pairs: str = ALL_PAIRS

    @classmethod
    def parse(cls, entry: Mapping[str, str]) -> Primary:
        """Raises ValueError for an entry of another form."""
        names = {field.name for field in fields(cls)}
        needed = {"role", "first", "second"} | ({"what", "length"} if entry.get("measure") == COST else {"task"})
        for name in sorted(needed - set(entry)) + sorted(set(entry) - names):
            raise ValueError(f"{name}: {'missing' if name in needed else 'unknown'} in {dict(entry)}")
        texts = {name: str(value) for name, value in entry.items()}
        allowed = {"role": ROLES, "measure": MEASURES, "expects": (ABOVE, NOT_ABOVE), "pairs": PAIRS}
        for name, words in allowed.items():
            if texts.get(name, words[0]) not in words:
                raise ValueError(f"{name}: {texts[name]} is none of {', '.join(words)}")
        length = texts.get("length", LONGEST)
        if length not in (SHORTEST, LONGEST) and not length.isdecimal():
            raise ValueError(f"length: {length} is neither a number nor {SHORTEST} nor {LONGEST}")
        first, second = (Arm.parse(texts.pop(name)) for name in ("first", "second"))
        return cls(first=first, second=second, **texts)

    def serves_task(self, task: str, is_translation: bool, fewer_pairs: bool) -> bool:
        """Whether the entry speaks of a task. fewer_pairs: whether it is trained on a part of its pairs."""
        if fewer_pairs is not (self.pairs == FEWER_PAIRS):
            return False
        return self.task in (EVERY_TASK, arms.base(task)) or (self.task == TRANSLATION and is_translation)


@dataclass(frozen=True)
class PrimaryList:
    """budgets: names of budgets, none for all that no other list serves; alone: whether it alone decides a claim
    of which its key comparison was run; claims: letter -> entries in order."""

    name: str
    budgets: tuple[str, ...]
    alone: bool
    claims: Mapping[str, tuple[Primary, ...]]


@cache
def lists() -> tuple[PrimaryList, ...]:
    """The lists of `primary.yaml`, the one without budgets last."""
    text = (resources.files("bench.analysis.claims") / "primary.yaml").read_text(encoding="utf-8")
    return tuple(
        PrimaryList(
            name,
            tuple(section.pop("budgets", ())),
            section.pop("alone", False),
            {letter: tuple(map(Primary.parse, entries)) for letter, entries in section.items()},
        )
        for name, section in yaml.safe_load(text).items()
    )


def list_of(setting: Setting) -> PrimaryList:
    """The list that serves a setting."""
    return list_of_budget(arms.base(setting.budget))


def list_of_budget(budget: str) -> PrimaryList:
    """The list that serves the settings of a budget."""
    return next(each for each in lists() if budget in each.budgets or not each.budgets)

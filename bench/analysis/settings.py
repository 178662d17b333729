"""Settings: what must be equal before two arms may be compared.

A setting is a task with its options, a budget, the rule and target by which arms are matched, and a device. Scores of
different settings are never averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from bench.analysis import own_text
from bench.analysis.messages import Message, Text
from bench.analysis.missing_values import is_present, option
from bench.analysis.naming import digest, file_name, slug
from bench.records.matching import RULES

BUDGET_OPTIONS = (
    *("budget.epochs", "budget.batch_tokens", "budget.batching", "budget.validations", "budget.patience"),
    "search.",
)
"""Options in which two budgets of one name may differ. The matching rule and target are parts of the setting
itself."""


PROFILE = "profile"
"""In place of a task: costs of a profile, whose length takes the place of the budget."""


@dataclass(frozen=True, order=True)
class Setting:
    """target: what every arm is matched to by the rule, -1 if not recorded; rule: one of
    bench.records.matching.RULES."""

    task: str
    budget: str
    target: int
    device: str
    rule: str = "params"
    mark: str = field(default="", compare=False)  # part of file names if another setting would have the same

    def __str__(self) -> str:
        return str(self.text)

    @property
    def text(self) -> Text:
        """The whole setting in words."""
        if self.task == PROFILE:
            return Message("setting.profile", length=self.budget, device=self.device)
        words = {"task": self.task, "budget": self.budget, "device": self.device}
        return (
            Message("setting.full", aim=self.aim, **words)
            if self.target >= 0
            else Message("setting.no_target", **words)
        )

    @property
    def aim(self) -> Text:
        """The target in words: `200,000 parameters`."""
        if self.target < 0:
            return Message("setting.not_recorded")
        return Message(f"matched.{self.rule}.amount", count=f"{self.target:,}")

    @property
    def slug(self) -> str:
        """The setting in file names."""
        rule = [] if self.rule == "params" else [self.rule]
        target = [str(self.target)] if self.target >= 0 else []
        name = file_name(*map(slug, [self.task, self.budget, *rule, *target, self.device]))
        return f"{name}-{self.mark}" if self.mark else name


def add_settings(cells: pd.DataFrame, configs: Sequence[Mapping[str, object]]) -> None:
    """Add the columns `task_label`, `setting` and `arm` to the records' table of cells.

    configs: the flat configuration of each cell. Where cells of one name differ in options (a sweep), the label or arm
    names these options in brackets. Texts of users are compared by their contents.
    """
    configs = own_text.with_labels(configs)
    tasks, budgets, models = (list(cells[name]) for name in ("task", "budget_name", "model"))
    cells["task_label"] = _with_swept_options(tasks, list(zip(tasks, budgets)), configs, ("task.",))
    pairs = list(zip(cells["task_label"], budgets))
    labels = _with_swept_options(budgets, pairs, configs, BUDGET_OPTIONS)
    rows = cells.to_dict("records")
    cells["setting"] = _with_marks([_setting(row, label) for row, label in zip(rows, labels)])
    groups = list(zip(cells["setting"], models))
    cells["arm"] = _with_swept_options(models, groups, configs, ("model.", "optim."))


def _setting(row: Mapping, budget: str) -> Setting:
    rule, target = row.get("match.rule"), row.get("match.target")
    if not is_present(rule):
        rule = option(row["config"], "match", "rule")
    rule = rule if rule in RULES else "params"
    if not is_present(target):
        target = option(row["config"], "match", "target")
    if not is_present(target) and rule == "params":
        target = option(row["config"], "budget", "parameters")
    device = row.get("environment.device")
    if not is_present(device):
        device = option(row["config"], "device")
    number = round(target) if isinstance(target, int | float) and is_present(target) else -1
    device = str(device) if is_present(device) else "device unknown"
    return Setting(row["task_label"], budget, number, device, rule)


def _with_marks(settings: list[Setting]) -> list[Setting]:
    """The same settings, with a mark on those whose file names would be equal, also if only upper and lower case
    differ."""
    by_slug: dict[str, set[Setting]] = {}
    for setting in settings:
        by_slug.setdefault(setting.slug.casefold(), set()).add(setting)
    return [replace(one, mark=digest(repr(one))) if len(by_slug[one.slug.casefold()]) > 1 else one for one in settings]


def _with_swept_options(
    names: list[str], groups: Sequence[object], configs: Sequence[Mapping[str, object]], prefixes: tuple[str, ...]
) -> list[str]:
    """The names, and in brackets the options with these prefixes in which the configurations of one group differ."""
    labels = list(names)
    members: dict[object, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    for places in members.values():
        recorded = [configs[place] for place in places if configs[place]]
        keys = dict.fromkeys(key for config in recorded for key in config if key.startswith(prefixes))
        swept = [key for key in keys if len({repr(config.get(key)) for config in recorded}) > 1]
        swept = _without_chosen(swept, recorded)
        for place in places if swept else []:
            options = ", ".join(_option(key, configs[place].get(key)) for key in swept)
            labels[place] = f"{names[place]} [{options}]"
    return labels


def _without_chosen(swept: list[str], configs: Sequence[Mapping[str, object]]) -> list[str]:
    """The swept options without those of the optimiser that the others determine: the learning rate that was chosen
    for each variant of an arm."""
    others = [key for key in swept if not key.startswith("optim.")]
    variants, all_variants = (
        {tuple(repr(config.get(key)) for key in keys) for config in configs} for keys in (others, swept)
    )
    return others if len(variants) == len(all_variants) else swept


def _option(key: str, value: object) -> str:
    """An option in a label; a text is named without its key."""
    return str(value) if key == own_text.TEXT else f"{key.rpartition('.')[2]}={value}"

"""Records made ready for comparison: cells grouped into settings, arms named, doubtful cells marked.

A setting is what has to be equal before two arms may be compared: task with its options, budget, what the arms are
matched by and at how much of it, and device. Scores of different settings never meet in one mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from bench.analysis import arms, gates
from bench.analysis.messages import Message, Text
from bench.analysis.naming import digest, file_name, slug
from bench.metrics import LESS_IS_BETTER, LITERATURE
from bench.records import phenomena
from bench.records.matching import RULES
from bench.records.store import Records

MACHINE = ("environment.cpu", "environment.threads", "environment.gpu", "environment.concurrent_cells")
"""What has to be equal before two speeds may be compared."""

WORKS = ("train", "decode", "decode_one")
"""Kinds of work whose throughput is measured."""

MEMORIES = {"process": "memory.peak_rss_bytes", "gpu": "memory.peak_gpu_bytes"}
"""Columns of peak memory by where it is."""


BUDGET_OPTIONS = (
    *("budget.epochs", "budget.batch_tokens", "budget.batching", "budget.validations", "budget.patience"),
    "search.",
)
"""What makes two budgets of one name different ones; what is matched is a part of the setting by itself."""


@dataclass(frozen=True, order=True)
class Setting:
    """task, budget, target (what every arm is to have by the rule, -1 where not recorded), device, rule (one of
    bench.records.matching.RULES)."""

    task: str
    budget: str
    target: int
    device: str
    rule: str = "params"
    mark: str = field(default="", compare=False)  # of its file names, where another setting would have the same

    def __str__(self) -> str:
        return str(self.text)

    @property
    def text(self) -> Text:
        """All of it."""
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
        """For file names."""
        rule = [] if self.rule == "params" else [self.rule]
        target = [str(self.target)] if self.target >= 0 else []
        name = file_name(*map(slug, [self.task, self.budget, *rule, *target, self.device]))
        return f"{name}-{self.mark}" if self.mark else name


def is_present(value: object) -> bool:
    """Whether a cell of a table holds something: neither None nor NaN."""
    return not (value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not math.isnan(value)


def column(table: pd.DataFrame, name: str) -> pd.Series:
    """A column, or missing values where no record has it."""
    return table[name] if name in table else pd.Series([None] * len(table), index=table.index, dtype=object)


def option(config: object, *path: str) -> object:
    """A value of the nested configuration, or None."""
    for key in path:
        config = config.get(key) if isinstance(config, Mapping) else None
    return config


def flatten(config: object, prefix: str = "") -> dict[str, object]:
    """A nested configuration as dotted names."""
    if not isinstance(config, Mapping):
        return {}  # no configuration was recorded
    found: dict[str, object] = {}
    for key, value in config.items():
        found.update(flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value})
    return found


class Headline(NamedTuple):
    """The split, metric and search that a setting is judged by: the first of each, "" where there is none."""

    split: str
    metric: str
    search: str


class Evidence:
    """All a report or a rule asks of records.

    cells: the records' table with `setting`, `arm`, `doubt` (a sentence, or "" where the cell may enter a verdict) and
    `label` (what has to be said beside it, or ""). readings: cell -> each sanity gate's answer; see bench.analysis.gates.
    scores: finished cells' scores with `setting`, `arm` and `doubt`; curves likewise, for cells of every status.
    phenomena: likewise, with `phenomenon` and `kind` (see bench.records.phenomena). They are of the same outputs as scores, looked
    at word by word, so they count as no comparisons of their own and are not among scores. Tables that it hands out are
    kept and handed out again: nobody changes one.
    """

    def __init__(self, records: Records) -> None:
        cells = records.cells.copy()
        for name in ("cell", "task", "model", "budget_name", "seed", "status", "reason", "config"):
            cells[name] = column(cells, name)
        for name in ("task", "model", "budget_name", "status"):
            cells[name] = [str(value) if is_present(value) else "unknown" for value in cells[name]]
        configs = [flatten(config) for config in cells["config"]]
        tasks, budgets, models = (list(cells[name]) for name in ("task", "budget_name", "model"))
        cells["task_label"] = _told_apart(tasks, list(zip(tasks, budgets)), configs, ("task.",))
        pairs = list(zip(cells["task_label"], budgets))
        cells["budget_label"] = _told_apart(budgets, pairs, configs, BUDGET_OPTIONS)
        cells["setting"] = _marked([_setting(row) for row in cells.to_dict("records")])
        cells["arm"] = _told_apart(models, list(zip(cells["setting"], models)), configs, ("model.", "optim."))
        self.gate_results = gates.look(cells, records.scores, records.curves)
        for name, excludes in (("doubt", True), ("label", False)):
            cells[name] = [gates.reasons(self.gate_results.get(cell, ()), excludes) for cell in cells["cell"]]
        unfinished = cells["status"] != "done"
        cells.loc[unfinished, "doubt"] = "status " + cells.loc[unfinished, "status"]
        self.cells = cells
        more = cells[["cell", "setting", "arm", "doubt"]]
        scores = records.scores[records.scores["status"] == "done"].copy()
        for name in ("value", "n", "at"):
            scores[name] = pd.to_numeric(scores[name], errors="coerce")
        scores = scores.dropna(subset=["value"]).merge(more, on="cell", how="inner")
        parts = [phenomena.parts(str(name)) for name in scores["metric"]]
        of_words = pd.Series([part is not None for part in parts], index=scores.index, dtype=bool)
        # Rules select from these hundreds of times, and pandas' own kind of text is slow to compare and to take.
        scores = scores.astype({name: object for name in scores if isinstance(scores[name].dtype, pd.StringDtype)})
        self.scores = scores[~of_words]
        self.phenomena = scores[of_words].assign(
            phenomenon=[part[0] for part in parts if part], kind=[part[1] for part in parts if part]
        )
        self.curves = records.curves.merge(more, on="cell", how="inner")
        self._found: dict[tuple, pd.DataFrame] = {}
        self._seeds: dict[tuple[int, str], tuple[pd.DataFrame, dict[str, dict[int, float]]]] = {}
        self._scores = {setting: rows for setting, rows in self.scores.groupby("setting", sort=False)}
        self._finished_cells = {setting: rows for setting, rows in self.done.groupby("setting", sort=False)}

    @cached_property
    def _of_task(self) -> dict[str, set[Setting]]:
        found: dict[str, set[Setting]] = {}
        for setting in self.cells["setting"]:
            found.setdefault(setting.task, set()).add(setting)
        return found

    @cached_property
    def done(self) -> pd.DataFrame:
        return self.cells[self.cells["status"] == "done"]

    def settings(self) -> list[Setting]:
        """Settings with a finished cell, in order."""
        return sorted(self._finished_cells)

    def name(self, setting: Setting) -> str | Text:
        """The task alone where that tells a setting from the others, else everything."""
        return setting.task if len(self._of_task[setting.task]) == 1 else setting.text

    def finished(self, setting: Setting, trusted: bool = False) -> pd.DataFrame:
        """Finished cells of a setting; trusted: only those that pass the sanity gates."""
        if (setting, trusted) not in self._found:
            cells = self._finished_cells.get(setting, self.cells.iloc[:0])
            self._found[setting, trusted] = self.trusted(cells) if trusted else cells
        return self._found[setting, trusted]

    def trusted(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows of cells that pass the sanity gates."""
        keep = (rows["doubt"] == "").to_numpy()
        return rows if keep.all() else rows[keep]

    def arms(self, setting: Setting, *kinds: str, trusted: bool = False) -> list[str]:
        """Arms with a finished cell in the fixed order, of these kinds or of all."""
        return [
            arm for arm in arms.ordered(self.finished(setting, trusted)["arm"]) if not kinds or arms.kind(arm) in kinds
        ]

    def select(
        self, setting: Setting, split: str | None = None, metric: str | None = None, search: str | None = None,
        axis: str | None = None, trusted: bool = False,
    ) -> pd.DataFrame:  # fmt: skip
        """Scores of a setting. axis None: whole splits only."""
        key = (setting, split, metric, search, axis, trusted)
        if key not in self._found:
            rows = self._scores.get(setting, self.scores.iloc[:0])
            rows = self.trusted(rows) if trusted else rows
            keep = (rows["axis"].isna() if axis is None else rows["axis"] == axis).to_numpy()
            for name, wanted in (("split", split), ("metric", metric), ("search", search)):
                if wanted is not None:
                    keep = keep & (rows[name] == wanted).to_numpy()
            self._found[key] = rows[keep]
        return self._found[key]

    def splits(self, setting: Setting) -> list[str]:
        """Test splits in the order of the records: the first is the in-distribution one."""
        return list(dict.fromkeys(self.select(setting)["split"]))

    def searches(self, setting: Setting) -> list[str]:
        """Greedy first: it is the search every task and arm has."""
        found = dict.fromkeys(self.select(setting)["search"])
        return sorted(found, key=lambda name: (name != "greedy", str(name)))

    def metrics(self, setting: Setting) -> list[str]:
        """Metrics that a verdict or a figure may rest on, in the order of the records: the first is the headline. Of
        the two kinds of BLEU only sacreBLEU's default is one."""
        return [name for name in dict.fromkeys(self.select(setting)["metric"]) if not name.startswith(LITERATURE)]

    def headline(self, setting: Setting) -> Headline:
        """What a setting is judged by."""
        every = self.splits(setting), self.metrics(setting), self.searches(setting)
        return Headline(*(next(iter(names), "") for names in every))

    def axes(self, setting: Setting) -> list[str]:
        """Axes that scores are broken down by, in the order of the records: the first is the one the task controls."""
        found = self._scores.get(setting, self.scores.iloc[:0])["axis"]
        return list(dict.fromkeys(found.dropna()))

    def unit(self, setting: Setting, metric: str) -> str:
        """`share`, `points`, or one of bench.metrics.LESS_IS_BETTER."""
        units = self.select(setting, metric=metric)["unit"]
        return str(units.iloc[0]) if len(units) and is_present(units.iloc[0]) else ""

    def by_seed(self, rows: pd.DataFrame, arm: str, value: str = "value") -> dict[int, float]:
        """seed -> value of one arm's rows; the mean where a seed has several."""
        if (id(rows), value) not in self._seeds:
            self._seeds[id(rows), value] = (
                rows,
                _by_arm_and_seed(rows, value),
            )  # the rows too, so that their id stays theirs
        return self._seeds[id(rows), value][1].get(arm, {})

    def merit(self, rows: pd.DataFrame, arm: str, unit: str) -> dict[int, float]:
        """`by_seed`, with the sign that makes more better: errors are turned around."""
        sign = -1.0 if unit in LESS_IS_BETTER else 1.0
        return {seed: sign * value for seed, value in self.by_seed(rows, arm).items()}

    def fact(self, setting: Setting, name: str) -> object:
        """A fact that all cells of a setting share (`data.chance.bleu`): the first one recorded, or None."""
        return next((value for value in column(self.finished(setting), name) if is_present(value)), None)

    def config_value(self, setting: Setting, *path: str) -> object:
        """A value of the configuration that all cells of a setting share, or None."""
        return next(
            (value for config in self.finished(setting)["config"] if is_present(value := option(config, *path))), None
        )

    def same_machine(self, setting: Setting) -> bool:
        """Whether speeds and memory of this setting were measured under equal conditions."""
        rows = self.finished(setting)
        return all(len({str(value) for value in column(rows, name)}) <= 1 for name in MACHINE)


def _by_arm_and_seed(rows: pd.DataFrame, value: str) -> dict[str, dict[int, float]]:
    """arm -> seed -> value, as `Evidence.by_seed`. In plain Python: the rows are few, and asked for hundreds of times."""
    found: dict[str, dict[int, list[float]]] = {}
    for arm, seed, number in zip(*(each.tolist() for each in (rows["arm"], rows["seed"], column(rows, value)))):
        if _is_number(seed) and _is_number(number):
            found.setdefault(arm, {}).setdefault(int(seed), []).append(float(number))
    return {
        arm: {seed: math.fsum(seeds[seed]) / len(seeds[seed]) for seed in sorted(seeds)}
        for arm, seeds in found.items()
    }


def _setting(row: Mapping[str, object]) -> Setting:
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
    return Setting(row["task_label"], row["budget_label"], number, device, rule)


def _marked(settings: list[Setting]) -> list[Setting]:
    """The same settings, those marked whose names of files would be those of another one, also where capital letters are
    the same as small ones."""
    several: dict[str, set[Setting]] = {}
    for setting in settings:
        several.setdefault(setting.slug.casefold(), set()).add(setting)
    return [replace(one, mark=digest(repr(one))) if len(several[one.slug.casefold()]) > 1 else one for one in settings]


def _told_apart(names: list[str], groups: list[object], configs: list[dict], prefixes: tuple[str, ...]) -> list[str]:
    """Names as they are; where one group holds several configurations (a sweep), with what tells those apart."""
    told = list(names)
    places_of: dict[object, list[int]] = {}
    for place, group in enumerate(groups):
        places_of.setdefault(group, []).append(place)
    for places in places_of.values():
        known = [configs[place] for place in places if configs[place]]
        keys = dict.fromkeys(key for config in known for key in config if key.startswith(prefixes))
        swept = [key for key in keys if len({repr(config.get(key)) for config in known}) > 1]
        for place in places if swept else []:
            options = ", ".join(f"{key.rpartition('.')[2]}={configs[place].get(key)}" for key in swept)
            told[place] = f"{names[place]} [{options}]"
    return told

"""Records made ready for comparison: cells grouped by setting, arms named, cells that fail sanity gates marked."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.analysis import arms, gates, signatures
from bench.analysis.messages import Text
from bench.analysis.missing_values import column, flatten, is_present, option
from bench.analysis.settings import Setting, add_settings
from bench.metrics import DESCRIPTIVE, LESS_IS_BETTER, LITERATURE, comparable
from bench.records import phenomena
from bench.records.store import Records

MACHINE = (
    *("environment.cpu", "environment.threads", "environment.gpu", "environment.concurrent_cells"),
    "environment.ranks",
)
"""Columns that must be equal before two speeds may be compared."""

POSITION = "position"
"""The axis of a language model's losses by the number of tokens read in the window."""

WORKS = ("train", "decode", "decode_one")
"""Kinds of work whose throughput is measured."""

MEMORIES = {"process": "memory.peak_rss_bytes", "gpu": "memory.peak_gpu_bytes"}
"""Columns of peak memory by where it is."""


class Headline(NamedTuple):
    """The split, metric and search that a setting is judged by: the first of each, "" if there is none."""

    split: str
    metric: str
    search: str


class PassedOver(NamedTuple):
    """A metric without value, why, and the metric that the setting is judged by instead."""

    metric: str
    reason: object
    headline: str


class Evidence:
    """The records of a folder, as reports and rules query them.

    cells: the records' table with `setting`, `arm`, `doubt` (why the cell may not enter a verdict, "" if it may) and
    `label` (a remark that changes no verdict, or ""). gate_results: cell -> the result of each sanity gate; see
    `bench.analysis.gates`. scores: scores of finished cells with `setting`, `arm` and `doubt`. curves: the same for
    cells of every status. undefined: rows that have a `reason` in place of a value. phenomena: scores of
    phenomena, with `phenomenon` and `kind` (see `bench.records.phenomena`). They are not among scores, because they
    look at single words of the same outputs and would count one result twice.

    Scores of a setting that were computed in different ways are different metrics: see `bench.analysis.signatures`.

    rounds: of the profile in rounds.

    Tables are cached and shared: nobody may change one.
    """

    def __init__(self, records: Records) -> None:
        self.rounds = list(records.rounds)
        cells = records.cells.copy()
        for name in ("cell", "task", "model", "budget_name", "seed", "status", "reason", "config"):
            cells[name] = column(cells, name)
        for name in ("task", "model", "budget_name", "status"):
            cells[name] = [str(value) if is_present(value) else "unknown" for value in cells[name]]
        add_settings(cells, [flatten(config) for config in cells["config"]])
        self.gate_results = gates.check_cells(cells, records.scores, records.curves)
        for name, excludes in (("doubt", True), ("label", False)):
            cells[name] = [gates.reasons(self.gate_results.get(cell, ()), excludes) for cell in cells["cell"]]
        unfinished = cells["status"] != "done"
        cells.loc[unfinished, "doubt"] = "status " + cells.loc[unfinished, "status"]
        self.cells = cells
        marks = cells[["cell", "setting", "arm", "doubt"]]
        scores = records.scores[records.scores["status"] == "done"].copy()
        for name in ("value", "n", "at"):
            scores[name] = pd.to_numeric(scores[name], errors="coerce")
        has_reason = np.array([is_present(reason) for reason in column(scores, "reason")], dtype=bool)
        scores = signatures.separated(scores[scores["value"].notna() | has_reason].merge(marks, on="cell"))
        self.undefined, scores = scores[scores["value"].isna()], scores[scores["value"].notna()]
        parts = [phenomena.parse_metric(str(name)) for name in scores[signatures.RECORDED]]
        of_words = pd.Series([part is not None for part in parts], index=scores.index, dtype=bool)
        # Rules select rows hundreds of times, and pandas' own string type compares and selects slowly.
        scores = scores.astype({name: object for name in scores if isinstance(scores[name].dtype, pd.StringDtype)})
        self.scores = scores[~of_words]
        self.phenomena = scores[of_words].assign(
            phenomenon=[part[0] for part in parts if part], kind=[part[1] for part in parts if part]
        )
        self.curves = records.curves.merge(marks, on="cell")
        self._tables: dict[tuple, pd.DataFrame] = {}
        self._seeds: dict[tuple[int, str], tuple[pd.DataFrame, dict[str, dict[int, float]]]] = {}
        self._scores = _by_setting(self.scores)
        self._finished = _by_setting(self.done)

    @cached_property
    def _settings_of_task(self) -> dict[str, set[Setting]]:
        settings: dict[str, set[Setting]] = {}
        for setting in self.cells["setting"]:
            settings.setdefault(setting.task, set()).add(setting)
        return settings

    @cached_property
    def done(self) -> pd.DataFrame:
        """Finished cells."""
        return self.cells[self.cells["status"] == "done"]

    def settings(self) -> list[Setting]:
        """Settings with a finished cell, in order."""
        return sorted(self._finished)

    def name(self, setting: Setting) -> str | Text:
        """The task alone if no other setting has it, else the whole setting."""
        return setting.task if len(self._settings_of_task[setting.task]) == 1 else setting.text

    def finished(self, setting: Setting, trusted: bool = False) -> pd.DataFrame:
        """Finished cells of a setting; trusted: only those that pass the sanity gates."""
        if (setting, trusted) not in self._tables:
            cells = self._finished.get(setting, self.cells.iloc[:0])
            self._tables[setting, trusted] = self.trusted(cells) if trusted else cells
        return self._tables[setting, trusted]

    def trusted(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows of cells that pass the sanity gates."""
        keep = (rows["doubt"] == "").to_numpy()
        return rows if keep.all() else rows[keep]

    def arms(self, setting: Setting, *kinds: str, trusted: bool = False) -> list[str]:
        """Arms with a finished cell, in the fixed order; kinds: only these, all by default."""
        names = arms.ordered(self.finished(setting, trusted)["arm"])
        return [arm for arm in names if not kinds or arms.kind(arm) in kinds]

    def select(
        self, setting: Setting, split: str | None = None, metric: str | None = None, search: str | None = None,
        axis: str | None = None, trusted: bool = False,
    ) -> pd.DataFrame:  # fmt: skip
        """Scores of a setting. split, metric, search: None for all; axis None: whole splits only; of positions in a
        window, the last range is joined to the one before it if it is short."""
        key = (setting, split, metric, search, axis, trusted)
        if key not in self._tables:
            rows = self._scores.get(setting, self.scores.iloc[:0])
            rows = self.trusted(rows) if trusted else rows
            keep = (rows["axis"].isna() if axis is None else rows["axis"] == axis).to_numpy()
            for name, wanted in (("split", split), ("metric", metric), ("search", search)):
                if wanted is not None:
                    keep = keep & (rows[name] == wanted).to_numpy()
            self._tables[key] = _with_joined_end(rows[keep]) if axis == POSITION else rows[keep]
        return self._tables[key]

    def splits(self, setting: Setting) -> list[str]:
        """Test splits in the order of the records: the first is in-distribution."""
        return list(dict.fromkeys(self.select(setting)["split"]))

    def searches(self, setting: Setting) -> list[str]:
        """Searches, greedy first, because every task and arm has it."""
        names = dict.fromkeys(self.select(setting)["search"])
        return sorted(names, key=lambda name: (name != "greedy", str(name)))

    def metrics(self, setting: Setting) -> list[str]:
        """Metrics for verdicts and figures, in the order of the records. Literature-style BLEU is not one of them, nor
        is what only describes outputs."""
        scores = self.select(setting)
        names = dict.fromkeys(scores["metric"][~scores["unit"].isin(DESCRIPTIVE)])
        return [name for name in names if not name.startswith(LITERATURE)]

    def headline(self, setting: Setting) -> Headline:
        """The split, metric and search that a setting is judged by: the first of each. A metric that is undefined on
        the split, or that was computed in several ways, is passed over."""
        split, search = (next(iter(names), "") for names in (self.splits(setting), self.searches(setting)))
        names = self.metrics(setting)
        on_split = set(self.select(setting, split)["metric"])
        alike = [name for name in names if name in on_split and not signatures.is_separated(name)]
        return Headline(split, next(iter(alike or names), ""), search)

    def passed_over(self, setting: Setting) -> list[PassedOver]:
        """Metrics that stand before the headline in the records but are undefined on its split."""
        split, metric, _ = self.headline(setting)
        rows = self.undefined[(self.undefined["setting"] == setting) & self.undefined["axis"].isna()]
        rows = rows[(rows["split"] == split) & ~rows["unit"].isin(DESCRIPTIVE)]
        reasons = dict(zip(rows["metric"], rows["reason"]))
        return [PassedOver(name, why, metric) for name, why in reasons.items() if not name.startswith(LITERATURE)]

    def signature(self, setting: Setting) -> str:
        """How the headline was computed, as from `bench.metrics.comparable`; "" if not recorded."""
        texts = self.select(setting, *self.headline(setting))["signature"]
        return next((comparable(text) for text in texts if is_present(text)), "")

    def axes(self, setting: Setting) -> list[str]:
        """Axes of scores in the order of the records: the first is the one that the task controls."""
        axes = self._scores.get(setting, self.scores.iloc[:0])["axis"]
        return list(dict.fromkeys(axes.dropna()))

    def unit(self, setting: Setting, metric: str) -> str:
        """`share`, `points`, one of bench.metrics.LESS_IS_BETTER or of DESCRIPTIVE; "" if not recorded."""
        units = self.select(setting, metric=metric)["unit"]
        return str(units.iloc[0]) if len(units) and is_present(units.iloc[0]) else ""

    def by_seed(self, rows: pd.DataFrame, arm: str, value: str = "value") -> dict[int, float]:
        """seed -> value of one arm's rows; the mean if a seed has several."""
        if (id(rows), value) not in self._seeds:
            # The rows are kept too, so that no other table gets their id.
            self._seeds[id(rows), value] = rows, _by_arm_and_seed(rows, value)
        return self._seeds[id(rows), value][1].get(arm, {})

    def merit(self, rows: pd.DataFrame, arm: str, unit: str) -> dict[int, float]:
        """`by_seed` with errors negated, so that more is better."""
        sign = -1.0 if unit in LESS_IS_BETTER else 1.0
        return {seed: sign * value for seed, value in self.by_seed(rows, arm).items()}

    def fact(self, setting: Setting, name: str) -> Any:
        """A fact that all cells of a setting share (`data.chance.bleu`): the first one recorded, or None."""
        return next((value for value in column(self.finished(setting), name) if is_present(value)), None)

    def config_value(self, setting: Setting, *path: str) -> Any:
        """A value of the configuration that all cells of a setting share, or None."""
        values = (option(config, *path) for config in self.finished(setting)["config"])
        return next((value for value in values if is_present(value)), None)

    def same_machine(self, setting: Setting) -> bool:
        """Whether speeds and memory of this setting were measured under equal conditions."""
        return measured_alike(self.finished(setting))


def ran_beside_others(cells: pd.DataFrame) -> bool:
    """Whether any of these cells ran while another one did, which makes it slower."""
    return bool((pd.to_numeric(column(cells, "environment.concurrent_cells"), errors="coerce") > 1).any())


def measured_alike(*cells: pd.DataFrame) -> bool:
    """Whether speeds and memory of all these cells were measured under equal conditions."""
    return all(len({str(value) for rows in cells for value in column(rows, name)}) <= 1 for name in MACHINE)


def _with_joined_end(rows: pd.DataFrame) -> pd.DataFrame:
    """Losses by position whose last range joins the one before it where it has fewer than half as many tokens: in a
    window of 512, the token at position 512 is no range of its own. The joined value is the mean over all tokens."""
    joined, gone = rows.copy(), []
    for _, own in rows.groupby(["cell", "split", "metric", "search"], sort=False, dropna=False):
        ends = own.sort_values("at").tail(2)
        before, last = ends.index[0], ends.index[-1]
        if ends["n"][last] < ends["n"][before] / 2:
            total = ends["n"].sum()
            joined.loc[before, ["value", "n"]] = (ends["value"] * ends["n"]).sum() / total, total
            gone.append(last)
    return joined.drop(index=gone)


def _by_setting(rows: pd.DataFrame) -> dict[Setting, pd.DataFrame]:
    return dict(iter(rows.groupby("setting", sort=False)))


def _by_arm_and_seed(rows: pd.DataFrame, value: str) -> dict[str, dict[int, float]]:
    """arm -> seed -> value, as `Evidence.by_seed`. In plain Python, because it runs hundreds of times on few rows."""
    values: dict[str, dict[int, list[float]]] = {}
    for arm, seed, number in zip(*(each.tolist() for each in (rows["arm"], rows["seed"], column(rows, value)))):
        if _is_number(seed) and _is_number(number):
            values.setdefault(arm, {}).setdefault(int(seed), []).append(float(number))
    return {
        arm: {seed: math.fsum(seeds[seed]) / len(seeds[seed]) for seed in sorted(seeds)}
        for arm, seeds in values.items()
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not math.isnan(value)

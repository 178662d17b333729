"""Every published number beside our results, misses included: is ours in the band of the number?

A result of ours is one arm in one setting. All its finished cells count, also those that a sanity gate doubts; cells
without a score are counted beside them. What of the seeds is compared, and which values are in the band, is defined in
`bench.analysis.published_score`. The numbers come from the records alone."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from bench.analysis import arms
from bench.analysis.evidence import Evidence
from bench.analysis.missing_values import column, column_mean, is_present, option
from bench.analysis.published import IN_LEDGER
from bench.analysis.published_score import BEST, MEDIAN, VALID, OwnScore, PublishedScore
from bench.analysis.settings import Setting
from bench.analysis.solved import FULL_MARKS, is_solved
from bench.metrics import LESS_IS_BETTER, LOSS
from bench.records.pool import FOLDER
from bench.records.store import FAILURES

IN, OUT, OTHER, NO_SCORE, NOT_RUN = "in", "out", "other set-up", "no score", "not run"
"""Outcomes: ours is in the band or outside, is of another protocol, ended without a score, or does not exist."""


@dataclass(frozen=True)
class OwnResult:
    """Our result beside a published number, in the published unit.

    folders: results folders of its cells; values: score by seed, empty if every cell failed; solved: seeds that solve
    the task, None for a score without such a line; without_score: cells that failed or lack the score; doubted: cells
    that fail a sanity gate; other: options in which its protocol is another one, each as (name, ours, theirs); steps:
    of training, mean over cells; parameters: mean over cells.
    """

    folders: tuple[str, ...]
    setting: Setting
    arm: str
    values: dict[int, float]
    less_is_better: bool
    solved: int | None
    without_score: int
    doubted: int
    other: tuple[tuple[str, object, object], ...]
    steps: float | None
    parameters: float | None

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values.values())

    @property
    def best(self) -> tuple[int, float]:
        """The best seed and its score."""
        choose = min if self.less_is_better else max
        return choose(self.values.items(), key=lambda item: item[1])

    def compared(self, statistic: str) -> float:
        """MEAN, MEDIAN or BEST of the seeds."""
        if statistic == BEST:
            return self.best[1]
        return statistics.median(self.values.values()) if statistic == MEDIAN else self.mean


@dataclass(frozen=True)
class Entry:
    """A published number with one result of ours, or with None."""

    published: PublishedScore
    own: OwnResult | None

    @property
    def outcome(self) -> str:
        """IN, OUT, OTHER, NO_SCORE or NOT_RUN."""
        if self.own is None:
            return NOT_RUN
        band = self.published.band
        if self.own.other or band is None:
            return OTHER
        if not self.own.values:
            return NO_SCORE
        return IN if self.own.compared(self.published.compared) in band else OUT


def entries(evidence: Evidence, name: str) -> list[Entry]:
    """One entry for each published number and result of ours, in the order of `bench.analysis.published`.

    Results by another protocol only where there is none by the published one, and of these the ones that differ in
    the fewest options. name: of the results folder, if there is one.
    """
    every = []
    for published in IN_LEDGER:
        own = [
            each
            for score in (published.ours, published.stack)
            if score is not None
            for each in _results(evidence, published, score, name)
        ]
        fewest = min((len(each.other) for each in own), default=0)
        every += [Entry(published, each) for each in own if len(each.other) == fewest] or [Entry(published, None)]
    return every


def _results(evidence: Evidence, published: PublishedScore, score: OwnScore, name: str) -> Iterator[OwnResult]:
    """Our results like a published number, by setting and arm."""
    cells = evidence.cells
    tasks = [arms.base(setting.task) == score.task for setting in cells["setting"]]
    for (setting, arm), rows in cells[tasks].groupby(["setting", "arm"], sort=True):
        config = rows["config"].iloc[0]
        pair = (option(config, "task", "source"), option(config, "task", "target"))
        if arms.base(arm) not in score.arms or (score.languages is not None and pair != score.languages):
            continue
        scores = _scores(evidence, rows, score)
        values = evidence.by_seed(scores, arm)
        if not values and not rows["status"].isin(FAILURES).any():
            continue
        unit = str(scores["unit"].iloc[0]) if values else ""
        same = {} if published.protocol is None else published.protocol.same
        recorded = {key: option(config, *key.split(".")) for key in same}
        yield OwnResult(
            tuple(dict.fromkeys(rows[FOLDER])) if FOLDER in rows else (name,),
            setting, arm,
            {seed: value * score.times for seed, value in values.items()},
            unit in LESS_IS_BETTER,
            _solved(values.values(), unit, score.metric, evidence, setting) if values else None,
            len(rows) - len(scores),
            int((scores["doubt"] != "").sum()),
            tuple((key, recorded[key], theirs) for key, theirs in same.items() if recorded[key] != theirs),
            column_mean(rows, "budget.steps"),
            column_mean(rows, "parameters.total"),
        )  # fmt: skip


def _scores(evidence: Evidence, cells: pd.DataFrame, score: OwnScore) -> pd.DataFrame:
    """The scores of these cells, one row each, with `arm`, `seed`, `value`, `unit` and `doubt`."""
    if score.split == VALID:
        done = cells[cells["status"] == "done"]
        rows = done.assign(
            value=pd.to_numeric(column(done, "selection.value"), errors="coerce"), unit=LESS_IS_BETTER[1]
        )
        return rows[rows["value"].notna()]
    rows = evidence.scores[evidence.scores["cell"].isin(cells["cell"]) & evidence.scores["axis"].isna()]
    wanted = (rows["split"] == score.split) & (rows["metric"] == score.metric) & (rows["search"] == score.search)
    return rows[wanted]


def _solved(values: Iterable[float], unit: str, metric: str, evidence: Evidence, setting: Setting) -> int | None:
    """How many seeds solve the task: shares, and errors of which chance is known. A loss has no such line."""
    chance = evidence.fact(setting, f"data.chance.{metric}")
    if metric == LOSS or unit == "points" or (unit not in FULL_MARKS and not is_present(chance)):
        return None
    return sum(is_solved(value, float(chance) if is_present(chance) else 0.0, unit) for value in values)

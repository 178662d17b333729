"""The published numbers of a claim, and our scores of the same kind beside them."""

from __future__ import annotations

from dataclasses import dataclass

from bench.analysis import arms
from bench.analysis.evidence import Evidence, Setting
from bench.analysis.messages import Joined, Message, Text
from bench.analysis.published import PUBLISHED, OwnScore, PublishedScore
from bench.analysis.stats import summary
from bench.report.tables.base import NONE, Table, columns, table


@dataclass(frozen=True)
class Own:
    """Our score of one arm in one setting, in the published unit; low, high: of the seeds."""

    setting: str
    arm: str
    mean: float
    low: float
    high: float
    seeds: int

    @property
    def text(self) -> Text:
        words = {"arm": self.arm, "mean": f"{self.mean:.4g}", "setting": self.setting}
        if self.seeds == 1:
            return Message("published.own.one", **words)
        return Message("published.own.many", low=f"{self.low:.4g}", high=f"{self.high:.4g}", seeds=self.seeds, **words)


@dataclass(frozen=True)
class Beside:
    """ours: empty where the records hold no score of the kind."""

    published: PublishedScore
    ours: list[Own]


def beside(evidence: Evidence, letter: str) -> list[Beside]:
    """What is published on a claim, in the order of `bench.analysis.published`."""
    rows = [row for row in PUBLISHED if letter in row.claims]
    return [Beside(row, [] if row.ours is None else _own(evidence, row.ours)) for row in rows]


def table_of(letter: str, found: list[Beside]) -> Table | None:
    """A row a published number; None where nothing is."""
    rows = [
        [each.published.what, each.published.system, each.published.number,
         Joined((own.text for own in each.ours), "reasons") or NONE,
         each.published.source, each.published.differs]
        for each in found
    ]  # fmt: skip
    if not rows:
        return None
    heads = columns("what", "system", "published", "ours", "source", "differs")
    return table(
        f"published-{letter}", Message("published.title", letter=letter), Message("published.beside"), heads, rows
    )


def _own(evidence: Evidence, wanted: OwnScore) -> list[Own]:
    found = []
    for setting in evidence.settings():
        if arms.base(setting.task) != wanted.task or not _translates(evidence, setting, wanted.languages):
            continue
        rows = evidence.select(setting, wanted.split, wanted.metric, wanted.search, trusted=True)
        for arm in arms.ordered(rows["arm"]):
            values = [value * wanted.times for value in evidence.by_seed(rows, arm).values()]
            if arms.base(arm) in wanted.arms and (seen := summary(values)) is not None:
                found.append(Own(evidence.name(setting), arm, seen.mean, seen.min, seen.max, seen.n))
    return found


def _translates(evidence: Evidence, setting: Setting, languages: tuple[str, str] | None) -> bool:
    sides = tuple(evidence.config_value(setting, "task", side) for side in ("source", "target"))
    return languages is None or sides == languages

"""Published numbers with our scores of the same kind beside them: by claim, and BLEU on Multi30k."""

from __future__ import annotations

from dataclasses import dataclass

from bench.analysis import arms, published
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Message, Text, one_or_many, search_name
from bench.analysis.published import PUBLISHED
from bench.analysis.published_score import OwnScore, PublishedScore
from bench.analysis.settings import Setting
from bench.analysis.stats import summary
from bench.metrics import LITERATURE
from bench.report.tables.base import NONE, Cell, Row, Table, columns, mean_cell, number_cell, one_line, table


@dataclass(frozen=True)
class OurScore:
    """Our score of one arm in one setting, in the published unit. low, high: range over seeds."""

    setting: str
    arm: str
    mean: float
    low: float
    high: float
    seeds: int

    @property
    def text(self) -> Text:
        """The score for readers."""
        names = {"arm": self.arm, "mean": f"{self.mean:.4g}", "setting": self.setting}
        if self.seeds == 1:
            return Message("published.own.one", **names)
        return Message("published.own.many", low=f"{self.low:.4g}", high=f"{self.high:.4g}", seeds=self.seeds, **names)


@dataclass(frozen=True)
class PublishedRow:
    """A published number and our scores of its kind. ours: empty if the records hold none."""

    published: PublishedScore
    ours: list[OurScore]


def of_claim(evidence: Evidence, letter: str) -> list[PublishedRow]:
    """The published numbers about a claim, in the order of `bench.analysis.published`."""
    rows = [row for row in PUBLISHED if letter in row.claims]
    return [PublishedRow(row, [] if row.ours is None else _our_scores(evidence, row.ours)) for row in rows]


def table_of(letter: str, numbers: list[PublishedRow]) -> Table | None:
    """The published numbers that stand beside a score of ours, or are about the claim itself. The rest, of tasks or
    arms that were not run, are counted. None if none is left."""
    shown = [row for row in numbers if row.ours or row.published.ours is None]
    rows: list[Row] = [
        [row.published.what, row.published.system, row.published.number,
         Joined((score.text for score in row.ours), "reasons") or NONE,
         row.published.source, row.published.differs]
        for row in shown
    ]  # fmt: skip
    if not rows:
        return None
    heads = columns("what", "system", "published", "ours", "source", "differs")
    note: Text = Message("published.beside")
    if len(shown) < len(numbers):
        note = Joined([note, one_or_many("published.not_run", len(numbers) - len(shown))], "sentences")
    return table(f"published-{letter}", Message("published.title", letter=letter), note, heads, rows)


def multi30k(evidence: Evidence) -> Table | None:
    """Published and our BLEU on Multi30k, with a column for each of the two kinds of BLEU; None if the records hold no
    such task."""
    settings = [setting for setting in evidence.settings() if arms.base(setting.task) == "multi30k"]
    if not settings:
        return None
    rows: list[Row] = [
        [
            Message("tables.literature.theirs", system=row.system, source=row.source),
            "-".join(row.ours.languages or ()) if row.ours else NONE,
            number_cell(row.number, "{:.2f}"),
            Cell(NONE, ""),
            row.differs,
        ]
        for row in published.MULTI30K
    ]
    for setting in settings:
        source, target = (one_line(evidence.config_value(setting, "task", side)) for side in ("source", "target"))
        for search in evidence.searches(setting):
            scores = evidence.select(setting, "test_2016_flickr", search=search)
            kinds = [scores[scores["metric"] == metric] for metric in (LITERATURE + target, "bleu")]
            note = Message(
                "tables.literature.notes", search=search_name(search), budget=setting.budget, aim=setting.aim
            )
            for arm in arms.ordered(kinds[-1]["arm"]):
                means = [mean_cell(kind[kind["arm"] == arm]["value"], "points") for kind in kinds]
                rows.append([Message("tables.literature.ours", arm=arm), f"{source}-{target}", *means, note])
    heads = columns("system", "direction", "literature_bleu", "sacrebleu", "notes")
    return table("literature", Message("tables.literature.title"), Message("published.note"), heads, rows)


def _our_scores(evidence: Evidence, ours: OwnScore) -> list[OurScore]:
    """Our scores that match a published number, by cells that pass the sanity gates."""
    scores = []
    for setting in evidence.settings():
        if arms.base(setting.task) != ours.task or not _translates(evidence, setting, ours.languages):
            continue
        rows = evidence.select(setting, ours.split, ours.metric, ours.search, trusted=True)
        for arm in arms.ordered(rows["arm"]):
            values = [value * ours.times for value in evidence.by_seed(rows, arm).values()]
            if arms.base(arm) in ours.arms and (seeds := summary(values)) is not None:
                scores.append(OurScore(evidence.name(setting), arm, seeds.mean, seeds.min, seeds.max, seeds.n))
    return scores


def _translates(evidence: Evidence, setting: Setting, languages: tuple[str, str] | None) -> bool:
    """Whether a setting translates between these languages; True if no languages are required."""
    sides = tuple(evidence.config_value(setting, "task", side) for side in ("source", "target"))
    return languages is None or sides == languages

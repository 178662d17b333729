"""Translation beside the headline: scores in points, greedy and beam in columns of their own, and which are drawn by
length."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from bench.analysis.evidence import Evidence, Setting
from bench.analysis.messages import Joined, Message
from bench.report import labels
from bench.report.figures.canvas import Figure
from bench.report.tables.base import Table, columns, spread, table

POINTS = "points"
"""The unit of corpus scores of translations: BLEU, chrF."""


def metrics(evidence: Evidence, setting: Setting) -> list[str]:
    """Those in points, in the order of the records; none where a task is no translation."""
    return [metric for metric in evidence.metrics(setting) if evidence.unit(setting, metric) == POINTS]


def searches(evidence: Evidence, setting: Setting) -> list[str]:
    """What translations were decoded with: greedy, then the beam."""
    found = set(evidence.select(setting)[lambda rows: rows["unit"] == POINTS]["search"])
    return [search for search in evidence.searches(setting) if search in found]


def by_length(evidence: Evidence, setting: Setting) -> list[tuple[str, str]]:
    """Metric and search of the figures against the source's length that stand beside the headline's: every metric in
    points, of the beam where there is one."""
    last = searches(evidence, setting)[-1:]
    return [pair for pair in product(metrics(evidence, setting), last) if pair != evidence.headline(setting)[1:]]


def long_sentences(evidence: Evidence, setting: Setting, drawn: Iterable[Figure]) -> list[Figure]:
    """Those of a setting's figures that show BLEU against the source's length, of the beam where there is one: what
    claim A says of distances, asked of whole sentences. Its rule judges distances alone."""
    wanted = [("length", "bleu", search) for search in searches(evidence, setting)[-1:]]
    return [figure for figure in drawn if figure.against in wanted]


def table_of(evidence: Evidence, setting: Setting) -> Table | None:
    """A row a split and arm, a column for every metric in points and search."""
    pairs = list(product(metrics(evidence, setting), searches(evidence, setting)))
    if not pairs:
        return None
    rows = []
    for split, arm in product(evidence.splits(setting), evidence.arms(setting)):
        scores = evidence.select(setting, split)[lambda rows, arm=arm: rows["arm"] == arm]
        found = [scores[(scores["metric"] == metric) & (scores["search"] == search)] for metric, search in pairs]
        rows.append([split, arm, *(spread(part["value"], POINTS) for part in found)])
    heads = [
        *columns("split", "arm"),
        *(Joined([labels.words(metric), search], "clauses") for metric, search in pairs),
    ]
    title, note = Message("tables.translation.title"), Message("tables.translation.note")
    return table(f"translation-{setting.slug}", title, note, heads, rows)

"""The exploratory comparisons of a report: every pair of arms that a reader may ask about, in no verdict."""

from __future__ import annotations

from collections.abc import Iterable

from bench.analysis import exploratory
from bench.analysis.claims.judge import Verdict
from bench.analysis.comparisons import Judgement, format_difference, format_p
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Message, search_name
from bench.report import labels
from bench.report.tables.base import NONE, Cell, Row, Table, columns, table

NAME = "exploratory"


def table_of(evidence: Evidence, verdicts: Iterable[Verdict]) -> Table:
    """A row for each exploratory comparison: where, both arms, difference with its interval, uncorrected p, seeds.
    verdicts: of the same evidence; their comparisons are left out."""
    primary = [each for verdict in verdicts for each in verdict.comparisons]
    heads = columns("setting", "split", "metric", "search", "first", "second", "difference", "uncorrected_p", "seeds")
    rows = [_row(evidence, each) for each in exploratory.judgements(evidence, primary)]
    return table(NAME, Message("tables.exploratory.title"), Message("tables.exploratory.note"), heads, rows)


def _row(evidence: Evidence, judgement: Judgement) -> Row:
    comparison, difference = judgement.comparison, judgement.difference
    assert difference is not None, "exploratory comparisons have a value"
    size = format_difference(difference.mean, comparison.unit)
    if difference.interval is not None:
        low, high = (format_difference(end, comparison.unit) for end in difference.interval)
        size = f"{size} [{low}, {high}]"
    p = Cell(NONE, "") if difference.p is None else Cell(format_p(difference.p), difference.p)
    seeds = Cell(Message("tables.exploratory.seeds", first=difference.n[0], second=difference.n[1]), str(difference.n))
    search = search_name(comparison.search) if comparison.search else NONE
    metric = labels.metric_name(comparison.metric)
    where = [evidence.name(comparison.setting), comparison.split or NONE, metric, search]
    return [*where, comparison.first, comparison.second, Cell(size, difference.mean), p, seeds]

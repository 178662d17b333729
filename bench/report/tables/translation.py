"""Corpus scores of translations in points, with greedy and beam search in columns of their own."""

from __future__ import annotations

from itertools import product

from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Message, search_name
from bench.analysis.settings import Setting
from bench.report import labels
from bench.report.series import POINTS, translation_metrics, translation_searches
from bench.report.tables.base import Row, Table, columns, mean_cell, table


def table_of(evidence: Evidence, setting: Setting) -> Table | None:
    """One row per split and arm, one column per metric in points and search; None if the task is no translation."""
    measures = list(product(translation_metrics(evidence, setting), translation_searches(evidence, setting)))
    if not measures:
        return None
    rows: list[Row] = []
    for split, arm in product(evidence.splits(setting), evidence.arms(setting)):
        scores = evidence.select(setting, split)
        scores = scores[scores["arm"] == arm]
        values = [
            scores[(scores["metric"] == metric) & (scores["search"] == search)]["value"] for metric, search in measures
        ]
        rows.append([split, arm, *(mean_cell(seeds, POINTS) for seeds in values)])
    heads = [
        *columns("split", "arm"),
        *(Joined([labels.metric_name(metric), search_name(search)], "clauses") for metric, search in measures),
    ]
    title, note = Message("tables.translation.title"), Message("tables.translation.note")
    return table(f"translation-{setting.slug}", title, note, heads, rows)

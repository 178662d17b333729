"""Scores of linguistic phenomena, all distances together."""

from __future__ import annotations

from bench.analysis.evidence import Evidence
from bench.analysis.messages import Message
from bench.analysis.settings import Setting
from bench.report import labels, series
from bench.report.tables.base import NONE, Row, Table, columns, mean_cell, table


def table_of(evidence: Evidence, setting: Setting) -> Table | None:
    """One row per phenomenon, kind of score and split, one column per arm; None without such scores."""
    scores = series.phenomena(evidence, setting)
    scores = scores[scores["axis"].isna()]
    if scores.empty:
        return None
    names = evidence.arms(setting)
    rows: list[Row] = []
    for (phenomenon, kind, split), part in scores.groupby(["phenomenon", "kind", "split"], sort=False):
        values = [part[part["arm"] == arm]["value"] for arm in names]
        means = [mean_cell(seeds, "share") if len(seeds) else NONE for seeds in values]
        name, score = labels.phenomenon(phenomenon), Message(f"tables.phenomena.kinds.{kind}")
        rows.append([name, score, split, f"{part['n'].iloc[0]:,.0f}", *means])
    signatures = "; ".join(dict.fromkeys(str(text) for text in scores["signature"]))
    note = Message("tables.phenomena.note", signatures=signatures)
    heads = [*columns("phenomenon", "score", "split", "examples"), *names]
    return table(f"phenomena-{setting.slug}", Message("tables.phenomena.title"), note, heads, rows)

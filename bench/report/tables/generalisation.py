"""Which of two rules an arm takes from ambiguous training: the first word on a split where they differ (McCoy et al.
2020, "Does syntax need to grow on trees?", Table 2)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from bench.analysis import arms
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Message
from bench.analysis.published import MCCOY
from bench.analysis.settings import Setting
from bench.analysis.solved import SOLVED
from bench.report.tables.base import NONE, Cell, Row, Table, columns, table

FIRST, WHOLE = "first_token", "exact_match"
GENERAL = "test_general"


def table_of(evidence: Evidence, setting: Setting) -> Table | None:
    """One row per arm: medians and ranges over seeds on the sentences as in training and on those where the rules
    differ, the seeds that take the hierarchical rule, and the published numbers. None for a task without such a
    split."""
    if GENERAL not in evidence.splits(setting):
        return None
    first, search = evidence.headline(setting).split, evidence.headline(setting).search
    whole = evidence.select(setting, first, WHOLE, search)
    general = evidence.select(setting, GENERAL, FIRST, search)
    rows: list[Row] = []
    for arm in evidence.arms(setting):
        known, shifted = (each[each["arm"] == arm]["value"].tolist() for each in (whole, general))
        if not known or not shifted:
            continue
        hierarchical = sum(value >= SOLVED for value in shifted)
        share = Message("tables.solved.share", count=hierarchical, of=len(shifted))
        rows.append([Cell(arm, arm), _spread(known), _spread(shifted), Cell(share, hierarchical / len(shifted)),
                     MCCOY.get(arms.base(arm), NONE)])  # fmt: skip
    note = Message("tables.generalisation.note", line=f"{100 * SOLVED:.0f}")
    heads = columns("arm", "as_in_training", "rules_differ", "hierarchical", "published")
    return table(f"generalisation-{setting.slug}", Message("tables.generalisation.title"), note, heads, rows)


def _spread(values: Sequence[float]) -> Cell:
    """Median and range over seeds."""
    median = statistics.median(values)
    return Cell(f"{median:.3f} ({min(values):.3f}-{max(values):.3f})", median)

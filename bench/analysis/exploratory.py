"""Exploratory comparisons: every pair of arms that a reader may ask about, beside the primary ones.

They are shown with intervals and uncorrected p, and are part of no verdict."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from bench.analysis import arms
from bench.analysis.claims.answers import every_arm
from bench.analysis.claims.variants import variants
from bench.analysis.comparisons import Comparison, Family, Judgement, compare_arms
from bench.analysis.evidence import Evidence
from bench.analysis.settings import Setting


def judgements(evidence: Evidence, primary: list[Judgement]) -> list[Judgement]:
    """The exploratory comparisons of a report that have a value, tested each by itself. primary: the judgements of the
    verdicts, which are left out."""
    decided = {each.comparison.key for each in primary}
    distinct = {each.key: each for each in _comparisons(evidence) if each.has_values and each.key not in decided}
    by_setting: dict[Setting, list[Comparison]] = {}
    for each in distinct.values():
        by_setting.setdefault(each.setting, []).append(each)
    families = {setting: Family([], alike=every_arm(evidence, own)) for setting, own in by_setting.items()}
    return [families[each.setting].judge_alone(each) for each in distinct.values()]


def _comparisons(evidence: Evidence) -> Iterator[Comparison]:
    for setting in evidence.settings():
        for split in evidence.splits(setting):
            for metric in evidence.metrics(setting):
                for search in evidence.searches(setting):
                    rows = evidence.select(setting, split, metric, search, trusted=True)
                    for first, second in _pairs(rows):
                        yield compare_arms(evidence, setting, rows, first, second)


def _pairs(rows: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Each Transformer against each recurrent arm, attention against none, each variant of positions and heads against
    none and one."""
    names = arms.ordered(rows["arm"])
    for first in names:
        if arms.kind(first) == arms.TRANSFORMER:
            yield from ((first, second) for second in names if arms.kind(second) in arms.ANY_RECURRENT)
        twin = arms.without_attention(first)
        if twin in names:
            yield first, str(twin)
    for option, baseline in (("positions", "none"), ("n_heads", "1")):
        for _, by_value in variants(rows, option):
            if baseline in by_value:
                yield from ((arm, by_value[baseline]) for value, arm in by_value.items() if value != baseline)

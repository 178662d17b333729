"""Scores that were computed in different ways, by their signatures. Within a setting they count as different metrics,
so that nothing compares or averages them."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from bench.metrics import comparable

RECORDED = "recorded_metric"
"""Column with the name of the metric in the record."""

OPEN, CLOSE = " (", ")"

WHERE = ("setting", "split", "search", "metric", "axis")
"""Scores with equal values of these are compared with each other."""


def separated(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores with RECORDED, and with another `metric` where a setting has it with several signatures: its name and
    the parts of the signature that differ. A missing signature is like any other.

    scores: with `setting`.
    """
    scores = scores.assign(**{RECORDED: scores["metric"]})
    distinct = {signature: comparable(signature) for signature in scores["signature"].unique()}
    kinds = scores["signature"].map(distinct).fillna("")
    groups = pd.DataFrame({name: scores[name].map(str) for name in WHERE}).assign(kind=kinds)
    several = groups[groups["kind"] != ""].drop_duplicates().groupby(list(WHERE))["kind"].nunique()
    mixed = {(setting, metric) for setting, _, _, metric, _ in several[several > 1].index}
    if not mixed:
        return scores
    names = list(scores["metric"])
    for setting, metric in mixed:
        rows = (groups["setting"] == setting) & (groups["metric"] == metric)
        labels = differences(kinds[rows].unique())
        for place in rows.to_numpy().nonzero()[0]:
            label = labels[kinds.iloc[place]]
            names[place] = f"{metric}{OPEN}{label}{CLOSE}"
    return scores.assign(metric=names)


def is_separated(metric: str) -> bool:
    """Whether a metric's name says how it was computed, because the setting has it with several signatures."""
    return metric.endswith(CLOSE) and OPEN in metric


def differences(kinds: Iterable[str]) -> dict[str, str]:
    """For each signature, as from `comparable`, the parts that not all have.

    >>> differences(["nrefs:1|tok:13a", "nrefs:1|tok:zh"])
    {'nrefs:1|tok:13a': 'tok:13a', 'nrefs:1|tok:zh': 'tok:zh'}
    """
    parts = {kind: kind.split("|") for kind in kinds}
    common = set.intersection(*(set(each) for each in parts.values()))
    return {
        kind: "|".join(part for part in each if part not in common) or "no signature" for kind, each in parts.items()
    }

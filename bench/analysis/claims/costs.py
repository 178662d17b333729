"""Costs and speeds that claims C and D compare, as log ratios."""

from __future__ import annotations

import math

import pandas as pd

from bench.analysis import arms
from bench.analysis.claims.cases import INCONCLUSIVE, Case, Finding
from bench.analysis.comparisons import RATIOS, Comparison
from bench.analysis.evidence import WORKS, Evidence
from bench.analysis.messages import Message
from bench.analysis.settings import Setting

FLOPS = "flops.forward_per_target_token"
PARAMETERS = "parameters.total"

SPEEDS = {f"throughput.{work}.median": Message(f"costs.{work}.speed") for work in WORKS}
"""Columns in target tokens a second: more is better."""

COSTS = {
    FLOPS: Message("costs.flops"),
    **{f"throughput.{work}.median": Message(f"costs.{work}.time") for work in WORKS},
    "memory.peak_rss_bytes": Message("costs.rss"),
    "memory.peak_gpu_bytes": Message("costs.gpu"),
}

COUNTED = (FLOPS, PARAMETERS)
"""Counted, not measured: every seed gives the same number, and no interval is needed."""

NO_VOTE = ("memory.peak_rss_bytes",)
"""Printed, but without influence on the verdict."""


def log_ratio(
    evidence: Evidence, setting: Setting, cells: pd.DataFrame, name: str, first: str, second: str
) -> Comparison:
    """Comparison of two arms by the logarithm of a positive quantity. name: its column in cells."""
    ours, theirs = (
        {seed: math.log(value) for seed, value in evidence.by_seed(cells, arm, name).items() if value > 0}
        for arm in (first, second)
    )
    return Comparison(setting, first, second, ours, theirs, RATIOS, name)


def cases_without_cells(evidence: Evidence) -> list[Case]:
    """The case of settings that have both families, if no cell of one family passes the sanity gates."""
    both = [
        setting
        for setting in evidence.settings()
        if evidence.arms(setting, arms.TRANSFORMER) and evidence.arms(setting, *arms.ANY_RECURRENT)
    ]
    sentences = [Message("evidence.D.gated", setting=evidence.name(setting)) for setting in both]
    return [Case.settled(Finding(INCONCLUSIVE, sentences, both))] if both else []

"""Claim D: the Transformer is costly. Its FLOPs, times and memory over those of each recurrent arm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd

from bench.analysis import arms
from bench.analysis.claims.cases import INCONCLUSIVE, QUALIFIED, REFUTED, SUPPORTED, Case, Finding
from bench.analysis.claims.costs import (
    COSTS,
    COUNTED,
    FLOPS,
    NO_VOTE,
    PARAMETERS,
    SPEEDS,
    cases_without_cells,
    log_ratio,
)
from bench.analysis.comparisons import ABOVE, BELOW, LEVEL, OPEN, RATIO, Comparison, Judgement, describe_all
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Message, Text
from bench.analysis.missing_values import column
from bench.analysis.settings import Setting

PARAMETER_TOLERANCE = 0.05
"""Parameters count as matched if every arm is this close to the target."""


def rule(evidence: Evidence) -> list[Case]:
    """A case for each setting and Transformer arm with recurrent rivals."""
    cases = []
    for setting in evidence.settings():
        cells = evidence.finished(setting, trusted=True)
        rivals = evidence.arms(setting, *arms.ANY_RECURRENT, trusted=True)
        for transformer in evidence.arms(setting, arms.TRANSFORMER, trusted=True):
            if rivals:
                cases.append(_case(evidence, setting, cells, transformer, rivals))
    return cases or cases_without_cells(evidence)


def _case(evidence: Evidence, setting: Setting, cells: pd.DataFrame, transformer: str, rivals: list[str]) -> Case:
    costs = dict(COSTS)
    sizes = {arm: _first(cells, arm, PARAMETERS) for arm in (transformer, *rivals)}
    recorded = [size for size in sizes.values() if size]
    has_target = setting.rule == "params" and setting.target >= 0
    matched = has_target and all(abs(size / setting.target - 1) <= PARAMETER_TOLERANCE for size in recorded)
    name = evidence.name(setting)
    listed_sizes = Joined(f"{arm} {size:,.0f}" for arm, size in sizes.items() if size)
    size_sentence = Message("evidence.D.sizes", setting=name, sizes=listed_sizes or Message("evidence.D.not_recorded"))
    if not matched:
        costs = {PARAMETERS: Message("costs.parameters"), **costs}
    matching = Message("evidence.D.matched" if matched else "evidence.D.not_matched")
    sentences: list[Text] = [Joined([size_sentence, matching], "sentences")]
    if setting.rule == "flops":
        sentences.append(Message("evidence.D.flops_matched"))
        del costs[FLOPS]
    if not evidence.same_machine(setting):
        sentences.append(Message("evidence.D.unlike"))
        costs = {cost: text for cost, text in costs.items() if not cost.startswith(("throughput", "memory"))}
    every = [
        # The inverse ratio of speeds is the ratio of times.
        log_ratio(evidence, setting, cells, cost, *((arm, transformer) if cost in SPEEDS else (transformer, arm)))
        for cost in costs
        for arm in rivals
    ]
    comparisons = [each for each in every if each.has_values]
    tested = [each for each in comparisons if each.metric not in COUNTED]
    counted = [each for each in comparisons if each.metric in COUNTED]
    words = {cost: {"setting": name, "cost": text, "transformer": transformer} for cost, text in costs.items()}
    return Case(tested, partial(_judge, setting, sentences, words, counted, matched))


def _judge(
    setting: Setting, intro: Sequence[Text], words: Mapping[str, Mapping[str, object]], counted: list[Comparison],
    matched: bool, judgements: list[Judgement],
) -> Finding:  # fmt: skip
    """words: placeholders of the sentence on each cost; counted: ratios that are equal for every seed and need no
    test."""
    sentences, calls = list(intro), [_exact_call(each.mean) for each in counted]
    for cost, placeholders in words.items():
        exact = {each.second: each.mean for each in counted if each.metric == cost}
        measured = [each for each in judgements if each.comparison.metric == cost]
        if exact:
            ratios = Joined(f"{arm} {math.exp(mean):.2f}" for arm, mean in exact.items())
            sentences.append(Message("evidence.D.counted", ratios=ratios, **placeholders))
        if measured:
            rivals = [each.comparison.first if cost in SPEEDS else each.comparison.second for each in measured]
            differences = describe_all(dict(zip(rivals, measured)))
            sentences.append(Message("evidence.D.measured", differences=differences, **placeholders))
        if cost not in NO_VOTE:
            calls += [each.call for each in measured]
    return Finding(_verdict(calls, matched), sentences, [setting])


def _verdict(calls: list[str], matched: bool) -> str:
    above, not_above = calls.count(ABOVE), calls.count(BELOW) + calls.count(LEVEL)
    if above and not_above:
        return QUALIFIED
    if not calls or OPEN in calls:
        return INCONCLUSIVE
    if above:
        return QUALIFIED if matched else SUPPORTED  # with matched parameters only the second half was tested
    return REFUTED


def _exact_call(log_ratio: float) -> str:
    """The call of a ratio that needs no test."""
    edge = math.log(RATIO)
    return ABOVE if log_ratio >= edge else BELOW if log_ratio <= -edge else LEVEL


def _first(cells: pd.DataFrame, arm: str, name: str) -> float | None:
    values = pd.to_numeric(column(cells, name), errors="coerce")[cells["arm"] == arm].dropna()
    return float(values.iloc[0]) if len(values) else None

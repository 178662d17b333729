"""Rules for claims C (where do recurrent arms win?) and D (what does the Transformer cost?)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pandas as pd

from bench.analysis import arms
from bench.analysis.claims.rules import INCONCLUSIVE, QUALIFIED, REFUTED, SUPPORTED, Case, Finding, compared
from bench.analysis.comparisons import ABOVE, BELOW, LEVEL, OPEN, RATIO, RATIOS, Comparison, Judged, listed
from bench.analysis.evidence import WORKS, Evidence, Setting, column
from bench.analysis.messages import Joined, Message, Text

PARAMETER_TOLERANCE = 0.05

SPEEDS = {f"throughput.{work}.median": Message(f"costs.{work}.speed") for work in WORKS}
"""Target tokens a second: more is better."""

COSTS = {
    "flops.forward_per_target_token": Message("costs.flops"),
    **{f"throughput.{work}.median": Message(f"costs.{work}.time") for work in WORKS},
    "memory.peak_rss_bytes": Message("costs.rss"),
    "memory.peak_gpu_bytes": Message("costs.gpu"),
}
COUNTED = ("flops.forward_per_target_token", "parameters.total")
"""Counted, not measured: every seed gives the same number, and no interval is needed."""
NO_VOTE = ("memory.peak_rss_bytes",)


def recurrent_wins(evidence: Evidence) -> list[Case]:
    """Claim C: every split and metric and every speed."""
    every = [found for found in _comparisons(evidence) if found.known]
    return [Case(every, partial(_judged_wins, evidence))] if every else _gated(evidence)


def _judged_wins(evidence: Evidence, judged: list[Judged]) -> Finding:
    calls = Counter(found.call for found in judged)
    wins = [found for found in judged if found.call == ABOVE]
    undecided = [found for found in judged if found.call == OPEN and found.difference.mean >= found.comparison.margin]
    said = [
        Message(
            "evidence.C.summary", count=len(judged), above=calls[ABOVE], below=calls[BELOW], level=calls[LEVEL],
            open=calls[OPEN], family=judged[0].family,
        )
    ]  # fmt: skip
    said += _grouped(evidence, wins, "better")
    said += _grouped(evidence, undecided, "ahead")
    settings = list(dict.fromkeys(found.comparison.setting for found in judged))
    if not all(evidence.same_machine(setting) for setting in settings):
        said.append(Message("evidence.C.unlike"))
    nowhere = set(calls) <= {BELOW, LEVEL}
    return Finding(REFUTED if wins else SUPPORTED if nowhere else INCONCLUSIVE, said, settings)


def cost(evidence: Evidence) -> list[Case]:
    """Claim D: at matched parameters, each cost of the Transformer over that of each recurrent arm."""
    cases = []
    for setting in evidence.settings():
        cells = evidence.finished(setting, trusted=True)
        rivals = evidence.arms(setting, *arms.ANY_RECURRENT, trusted=True)
        for transformer in evidence.arms(setting, arms.TRANSFORMER, trusted=True):
            if rivals:
                cases.append(_cost(evidence, setting, cells, transformer, rivals))
    return cases or _gated(evidence)


def _gated(evidence: Evidence) -> list[Case]:
    """Settings that hold both families, when no cell of one of them passes the sanity gates."""
    both = [
        setting
        for setting in evidence.settings()
        if evidence.arms(setting, arms.TRANSFORMER) and evidence.arms(setting, *arms.ANY_RECURRENT)
    ]
    said = [Message("evidence.D.gated", setting=evidence.name(setting)) for setting in both]
    return [Case.settled(Finding(INCONCLUSIVE, said, both))] if both else []


def _cost(evidence: Evidence, setting: Setting, cells: pd.DataFrame, transformer: str, rivals: list[str]) -> Case:
    names = dict(COSTS)
    sizes = {arm: _first(cells, arm, "parameters.total") for arm in (transformer, *rivals)}
    told = Joined(f"{arm} {size:,.0f}" for arm, size in sizes.items() if size)
    known = [size for size in sizes.values() if size]
    aimed = setting.rule == "params" and setting.target >= 0
    matched = aimed and all(abs(size / setting.target - 1) <= PARAMETER_TOLERANCE for size in known)
    name_of_setting = evidence.name(setting)
    counts = Message("evidence.D.sizes", setting=name_of_setting, sizes=told or Message("evidence.D.not_recorded"))
    if not matched:
        names = {"parameters.total": Message("costs.parameters"), **names}
    said = [Joined([counts, Message("evidence.D.matched" if matched else "evidence.D.not_matched")], "sentences")]
    if setting.rule == "flops":
        said.append(Message("evidence.D.flops_matched"))
        del names["flops.forward_per_target_token"]
    if not evidence.same_machine(setting):
        said.append(Message("evidence.D.unlike"))
        names = {name: text for name, text in names.items() if not name.startswith(("throughput", "memory"))}
    asked = [
        _in_logs(evidence, setting, cells, name, *((arm, transformer) if name in SPEEDS else (transformer, arm)))
        for name in names
        for arm in rivals
    ]
    asked = [found for found in asked if found.known]
    tested = [found for found in asked if found.metric not in COUNTED]
    counted = [found for found in asked if found.metric in COUNTED]
    words = {
        name: {"setting": name_of_setting, "cost": text, "transformer": transformer} for name, text in names.items()
    }
    return Case(tested, partial(_judged_cost, setting, said, words, counted, matched))


def _judged_cost(
    setting: Setting, said: list[Text], words: dict[str, dict], counted: list[Comparison], matched: bool,
    judged: list[Judged],
) -> Finding:  # fmt: skip
    """words: what the sentence on each cost is of; counted: ratios that hold for every seed and need no test."""
    said, calls = list(said), [_exact(found.mean) for found in counted]
    for name, words_of_name in words.items():
        exact = {each.second: each.mean for each in counted if each.metric == name}
        found = [each for each in judged if each.comparison.metric == name]
        if exact:
            told = Joined(f"{arm} {math.exp(mean):.2f}" for arm, mean in exact.items())
            said.append(Message("evidence.D.counted", ratios=told, **words_of_name))
        if found:
            rivals = [each.comparison.first if name in SPEEDS else each.comparison.second for each in found]
            said.append(Message("evidence.D.measured", differences=listed(dict(zip(rivals, found))), **words_of_name))
        if name not in NO_VOTE:
            calls += [each.call for each in found]
    return Finding(_costly(calls, matched), said, [setting])


def _costly(calls: list[str], matched: bool) -> str:
    above, not_above = calls.count(ABOVE), calls.count(BELOW) + calls.count(LEVEL)
    if above and not_above:
        return QUALIFIED
    if not calls or OPEN in calls:
        return INCONCLUSIVE
    if above:
        return QUALIFIED if matched else SUPPORTED  # with matched parameters only the second half was tested
    return REFUTED


def _exact(log_ratio: float) -> str:
    edge = math.log(RATIO)
    return ABOVE if log_ratio >= edge else BELOW if log_ratio <= -edge else LEVEL


def _comparisons(evidence: Evidence) -> Iterator[Comparison]:
    for setting in evidence.settings():
        cells, search = evidence.finished(setting, trusted=True), next(iter(evidence.searches(setting)), None)
        transformer = next(iter(evidence.arms(setting, arms.TRANSFORMER, trusted=True)), None)
        rivals = evidence.arms(setting, *arms.ANY_RECURRENT, trusted=True)
        if transformer is None:
            continue
        for split in evidence.splits(setting):
            for metric in evidence.metrics(setting):
                rows = evidence.select(setting, split, metric, search, trusted=True)
                for arm in rivals if len(rows) else ():
                    yield compared(evidence, setting, rows, arm, transformer)
        for name in SPEEDS if evidence.same_machine(setting) else ():
            for arm in rivals:
                yield _in_logs(evidence, setting, cells, name, arm, transformer)


def _grouped(evidence: Evidence, found: list[Judged], how: str) -> list[Text]:
    """One sentence a setting and measure. how: `better` or `ahead`."""
    groups: dict[tuple[Setting, str], dict[str, Judged]] = {}
    for each in found:
        asked = each.comparison
        measure = SPEEDS.get(asked.metric) or Joined([str(asked.split), asked.metric], "clauses")
        groups.setdefault((asked.setting, measure), {})[asked.first] = each
    return [
        Message(f"evidence.C.{how}", setting=evidence.name(setting), measure=measure, differences=listed(group))
        for (setting, measure), group in groups.items()
    ]


def _in_logs(
    evidence: Evidence, setting: Setting, cells: pd.DataFrame, name: str, first: str, second: str
) -> Comparison:
    """Two arms' logarithms of a positive quantity, a column of the cells."""
    ours, theirs = (
        {seed: math.log(value) for seed, value in evidence.by_seed(cells, arm, name).items() if value > 0}
        for arm in (first, second)
    )
    return Comparison(setting, first, second, ours, theirs, RATIOS, name)


def _first(cells: pd.DataFrame, arm: str, name: str) -> float | None:
    values = pd.to_numeric(column(cells, name), errors="coerce")[cells["arm"] == arm].dropna()
    return float(values.iloc[0]) if len(values) else None

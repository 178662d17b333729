"""Rules for claims C (where do recurrent arms win?) and D (what does the Transformer cost?)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pandas as pd

from bench.report import arms
from bench.report.comparisons import ABOVE, BELOW, LEVEL, OPEN, RATIO, RATIOS, Comparison, Judged, listed
from bench.report.evidence import Evidence, Setting, column
from bench.report.rules import INCONCLUSIVE, QUALIFIED, REFUTED, SUPPORTED, Case, Finding, compared

PARAMETER_TOLERANCE = 0.05

SPEEDS = {
    "throughput.train.median": "training speed",
    "throughput.decode.median": "decoding speed in batches",
    "throughput.decode_one.median": "decoding speed one sentence at a time",
}
"""Target tokens a second: more is better."""

COSTS = {
    "flops.forward_per_target_token": "FLOPs of a forward pass per target token",
    **{name: text.replace("speed", "time per target token") for name, text in SPEEDS.items()},
    "memory.peak_rss_bytes": "peak memory of the process (mostly libraries and data, so it has no vote)",
    "memory.peak_gpu_bytes": "peak memory on the GPU",
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
    undecided = [
        found for found in judged if found.call == OPEN and found.difference.mean >= found.comparison.margin
    ]
    said = [
        f"{len(judged)} comparisons of a recurrent arm with the Transformer; recurrent better in {calls[ABOVE]}, worse "
        f"in {calls[BELOW]}, level in {calls[LEVEL]}, not decided in {calls[OPEN]}. Holm's correction is for the "
        f"{judged[0].family} comparisons of this report that have enough seeds. Scores are differences, speeds are "
        "ratios; brackets hold the 95 % interval over seeds."
    ]
    said += _grouped(evidence, wins, "recurrent better")
    said += _grouped(evidence, undecided, "recurrent ahead on average, not decided")
    settings = list(dict.fromkeys(found.comparison.setting for found in judged))
    if not all(evidence.same_machine(setting) for setting in settings):
        said.append("Speeds of settings measured on unlike machines, threads or concurrency are left out.")
    nowhere = set(calls) <= {BELOW, LEVEL}
    return Finding(REFUTED if wins else SUPPORTED if nowhere else INCONCLUSIVE, said, settings)


def cost(evidence: Evidence) -> list[Case]:
    """Claim D: at matched parameters, each cost of the Transformer over that of each recurrent arm."""
    cases = []
    for setting in evidence.settings():
        cells = evidence.of(setting, trusted=True)
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
    why = "all cells of the Transformer or of the recurrent arms fail a sanity gate."
    said = [f"{evidence.name(setting)}: {why}" for setting in both]
    return [Case.settled(Finding(INCONCLUSIVE, said, both))] if both else []


def _cost(evidence: Evidence, setting: Setting, cells: pd.DataFrame, transformer: str, rivals: list[str]) -> Case:
    names = dict(COSTS)
    sizes = {arm: _first(cells, arm, "parameters.total") for arm in (transformer, *rivals)}
    told = ", ".join(f"{arm} {size:,.0f}" for arm, size in sizes.items() if size)
    known = [size for size in sizes.values() if size]
    aimed = setting.rule == "params" and setting.target >= 0
    matched = aimed and all(abs(size / setting.target - 1) <= PARAMETER_TOLERANCE for size in known)
    name_of_setting = evidence.name(setting)
    said = [f"{name_of_setting}, parameters: {told or 'not recorded'}."]
    if matched:
        said[0] += " They are matched by design, so this does not test whether a Transformer has many."
    else:
        said[0] += " They are not matched here, so their number is compared as a cost."
        names = {"parameters.total": "parameters", **names}
    if setting.rule == "flops":
        said.append("FLOPs are matched by design, so this does not test whether a Transformer needs more.")
        del names["flops.forward_per_target_token"]
    if not evidence.same_machine(setting):
        said.append("Times and memory are left out: machine, threads or concurrency differ between cells.")
        names = {name: text for name, text in names.items() if not name.startswith(("throughput", "memory"))}
    asked = [
        _in_logs(evidence, setting, cells, name, *((arm, transformer) if name in SPEEDS else (transformer, arm)))
        for name in names
        for arm in rivals
    ]
    asked = [found for found in asked if found.known]
    tested = [found for found in asked if found.metric not in COUNTED]
    counted = [found for found in asked if found.metric in COUNTED]
    words = {name: f"{name_of_setting}, {text}, ratio of {transformer} to" for name, text in names.items()}
    return Case(tested, partial(_judged_cost, setting, said, words, counted, matched))


def _judged_cost(
    setting: Setting, said: list[str], words: dict[str, str], counted: list[Comparison], matched: bool, judged: list[Judged]
) -> Finding:
    """words: how the sentence on each cost begins; counted: ratios that hold for every seed and need no test."""
    said, calls = list(said), [_exact(found.mean) for found in counted]
    for name, words_of_name in words.items():
        exact = {each.second: each.mean for each in counted if each.metric == name}
        found = [each for each in judged if each.comparison.metric == name]
        if exact:
            told = ", ".join(f"{arm} {math.exp(mean):.2f}" for arm, mean in exact.items())
            said.append(f"{words_of_name}: {told} (counted).")
        if found:
            rivals = [each.comparison.first if name in SPEEDS else each.comparison.second for each in found]
            said.append(f"{words_of_name}: {listed(dict(zip(rivals, found)))}.")
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
        cells, search = evidence.of(setting, trusted=True), next(iter(evidence.searches(setting)), None)
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


def _grouped(evidence: Evidence, found: list[Judged], title: str) -> list[str]:
    """One sentence a setting and measure."""
    groups: dict[tuple[Setting, str], dict[str, Judged]] = {}
    for each in found:
        asked = each.comparison
        measure = SPEEDS.get(asked.metric) or f"{asked.split}, {asked.metric}"
        groups.setdefault((asked.setting, measure), {})[asked.first] = each
    return [
        f"{evidence.name(setting)}, {measure}, {title}: {listed(group)}."
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

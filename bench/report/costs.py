"""Rules for claims C (where do recurrent arms win?) and D (what does the Transformer cost?)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from bench.report import arms
from bench.report.evidence import Evidence, Setting, column
from bench.report.rules import (
    ABOVE,
    BELOW,
    INCONCLUSIVE,
    LEVEL,
    MARGIN,
    OPEN,
    QUALIFIED,
    RATIO,
    REFUTED,
    SUPPORTED,
    Finding,
    called,
    number,
)  # fmt: skip
from bench.stats import Difference, paired_difference

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


def listed(gaps: dict[str, Difference], unit: str) -> str:
    """Arms with their differences (`ratio`: of logarithms, shown as ratios), the wider interval in brackets, and one
    count of seeds for all."""

    def shown(value: float) -> str:
        if unit == "ratio":
            return f"{math.exp(value):.2f}"
        return ("+" if value >= 0 else "-") + number(abs(value), unit)

    parts = []
    for arm, gap in gaps.items():
        ends = "" if gap.outer is None else f" [{shown(gap.outer[0])}, {shown(gap.outer[1])}]"
        parts.append(f"{arm} {shown(gap.mean)}{ends}")
    seeds = sorted({gap.n for gap in gaps.values()})
    if seeds == [1]:
        return f"{', '.join(parts)} (one seed: no interval over seeds)"
    return f"{', '.join(parts)} (n = {seeds[0] if len(seeds) == 1 else f'{seeds[0]} to {seeds[-1]}'} seeds)"


@dataclass(frozen=True)
class Comparison:
    """A recurrent arm beside the Transformer: seed -> value of both, in a unit; `ratio` where values are speeds."""

    setting: Setting
    measure: str
    arm: str
    recurrent: dict[int, float]
    transformer: dict[int, float]
    unit: str

    def difference(self, level: float) -> Difference | None:
        return paired_difference(self.recurrent, self.transformer, level)

    @property
    def margin(self) -> float:
        return math.log(RATIO) if self.unit == "ratio" else MARGIN.get(self.unit, 0.0)


def recurrent_wins(evidence: Evidence) -> list[Finding]:
    """Claim C: every split and metric and every speed, at a level corrected for how many comparisons there are."""
    every = [found for found in _comparisons(evidence) if set(found.recurrent) & set(found.transformer)]
    if not every:
        return _gated(evidence)
    level = 1 - 0.05 / len(every)
    calls = [called(found.difference(level), found.margin) for found in every]
    wins = [found for found, call in zip(every, calls) if call == ABOVE]
    said = [
        f"{len(every)} comparisons of a recurrent arm with the Transformer; recurrent better in {len(wins)}, worse in "
        f"{calls.count(BELOW)}, level in {calls.count(LEVEL)}, not decided in {calls.count(OPEN)}. A comparison is "
        f"decided by its {100 * level:.4g} % intervals over seeds, shown in brackets: so strict that the chance of any "
        "false call among all of them stays at 5 %. Scores are differences, speeds are ratios."
    ]
    said += _grouped(evidence, wins, level, "recurrent better")
    undecided = [found for found, call in zip(every, calls) if call == OPEN and _ahead(found)]
    said += _grouped(evidence, undecided, level, "recurrent ahead on average, not decided")
    settings = list(dict.fromkeys(found.setting for found in every))
    if not all(evidence.same_machine(setting) for setting in settings):
        said.append("Speeds of settings measured on unlike machines, threads or concurrency are left out.")
    nowhere = set(calls) <= {BELOW, LEVEL}
    return [Finding(REFUTED if wins else SUPPORTED if nowhere else INCONCLUSIVE, said, settings)]


def cost(evidence: Evidence) -> list[Finding]:
    """Claim D: at matched parameters, each cost of the Transformer over that of each recurrent arm."""
    findings = []
    for setting in evidence.settings():
        cells = evidence.of(setting, trusted=True)
        rivals = evidence.arms(setting, *arms.ANY_RECURRENT, trusted=True)
        for transformer in evidence.arms(setting, arms.TRANSFORMER, trusted=True):
            if rivals:
                findings.append(_cost(evidence, setting, cells, transformer, rivals))
    return findings or _gated(evidence)


def _gated(evidence: Evidence) -> list[Finding]:
    """Settings that hold both families, when no cell of one of them passes the sanity gates."""
    both = [
        setting
        for setting in evidence.settings()
        if evidence.arms(setting, arms.TRANSFORMER) and evidence.arms(setting, *arms.ANY_RECURRENT)
    ]
    why = "all cells of the Transformer or of the recurrent arms fail a sanity gate."
    return [Finding(INCONCLUSIVE, [f"{evidence.name(setting)}: {why}" for setting in both], both)] if both else []


def _cost(evidence: Evidence, setting: Setting, cells: pd.DataFrame, transformer: str, rivals: list[str]) -> Finding:
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
    calls = []
    for name, text in names.items():
        gaps = {}
        for arm in rivals:
            ours, theirs = (_logs(evidence, cells, each, name) for each in (transformer, arm))
            gap = paired_difference(theirs, ours) if name in SPEEDS else paired_difference(ours, theirs)
            if gap is None:
                continue
            gaps[arm] = gap
            if name in COUNTED:
                calls.append(_exact(gap.mean))
            elif name not in NO_VOTE:
                calls.append(called(gap, math.log(RATIO)))
        if gaps and name in COUNTED:
            told = ", ".join(f"{arm} {math.exp(gap.mean):.2f}" for arm, gap in gaps.items())
            said.append(f"{name_of_setting}, {text}, ratio of {transformer} to: {told} (counted).")
        elif gaps:
            said.append(f"{name_of_setting}, {text}, ratio of {transformer} to: {listed(gaps, 'ratio')}.")
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
                unit = evidence.unit(setting, metric)
                first = evidence.merit(rows, transformer, unit)
                for arm in rivals:
                    values = evidence.merit(rows, arm, unit)
                    yield Comparison(setting, f"{split}, {metric}", arm, values, first, unit)
        if not evidence.same_machine(setting):
            continue
        for name, text in SPEEDS.items():
            first = _logs(evidence, cells, transformer, name)
            for arm in rivals:
                yield Comparison(setting, text, arm, _logs(evidence, cells, arm, name), first, "ratio")


def _ahead(found: Comparison) -> bool:
    gap = found.difference(0.95)
    return gap is not None and gap.mean >= found.margin


def _grouped(evidence: Evidence, found: list[Comparison], level: float, title: str) -> list[str]:
    """One sentence a setting and measure."""
    groups: dict[tuple[Setting, str], list[Comparison]] = {}
    for each in found:
        groups.setdefault((each.setting, each.measure), []).append(each)
    return [
        f"{evidence.name(setting)}, {measure}, {title}: "
        f"{listed({each.arm: each.difference(level) for each in group}, group[0].unit)}."
        for (setting, measure), group in groups.items()
    ]


def _logs(evidence: Evidence, cells: pd.DataFrame, arm: str, name: str) -> dict[int, float]:
    """seed -> logarithm of a positive quantity."""
    return {seed: math.log(value) for seed, value in evidence.by_seed(cells, arm, name).items() if value > 0}


def _first(cells: pd.DataFrame, arm: str, name: str) -> float | None:
    values = pd.to_numeric(column(cells, name), errors="coerce")[cells["arm"] == arm].dropna()
    return float(values.iloc[0]) if len(values) else None

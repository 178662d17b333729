"""Rules for claims C (where do recurrent arms win?) and D (what does the Transformer cost?)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from bench.report import arms
from bench.report.evidence import Evidence, Setting, column
from bench.report.rules import (
    ABOVE, BELOW, INCONCLUSIVE, LEVEL, MARGIN, OPEN, QUALIFIED, RATIO, REFUTED, SUPPORTED, Finding, called, spoken,
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
    "memory.peak_rss_bytes": "peak memory of the process",
    "memory.peak_gpu_bytes": "peak memory on the GPU",
}


def ratio(difference: Difference | None, level: float = 0.95) -> str:
    """A difference of logarithms in words, as a ratio of geometric means over seeds."""
    if difference is None:
        return "no common seed"
    text = f"{math.exp(difference.mean):.2f} times"
    if difference.interval is None:
        return f"{text} (one seed: no interval over seeds)"
    low, high = (math.exp(end) for end in difference.interval)
    return f"{text} ({100 * level:.4g} % interval over seeds {low:.2f} to {high:.2f}, n = {difference.n} seeds)"


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

    def spoken(self, level: float) -> str:
        if self.unit == "ratio":
            return f"{self.arm} {ratio(self.difference(level), level)}"
        return f"{self.arm} {spoken(self.difference(level), self.unit, level)}"


def recurrent_wins(evidence: Evidence) -> list[Finding]:
    """Claim C: every split and metric and every speed, at a level corrected for how many comparisons there are."""
    every = [found for found in _comparisons(evidence) if set(found.recurrent) & set(found.transformer)]
    if not every:
        return []
    level = 1 - 0.05 / len(every)
    calls = [called(found.difference(level), found.margin) for found in every]
    wins = [found for found, call in zip(every, calls) if call == ABOVE]
    said = [
        f"{len(every)} comparisons of a recurrent arm with the Transformer; recurrent better in {len(wins)}, worse in "
        f"{calls.count(BELOW)}, level in {calls.count(LEVEL)}, not decided in {calls.count(OPEN)}. Intervals are at "
        f"{100 * level:.4g} %, which keeps the chance of any false call among them at 5 %."
    ]
    said += _grouped(wins, level, "recurrent better")
    undecided = [found for found, call in zip(every, calls) if call == OPEN and _ahead(found)]
    said += _grouped(undecided, level, "recurrent ahead on average, not decided")
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
    return findings


def _cost(
    evidence: Evidence, setting: Setting, cells: pd.DataFrame, transformer: str, rivals: list[str]
) -> Finding:
    names = dict(COSTS)
    sizes = {arm: _first(cells, arm, "parameters.total") for arm in (transformer, *rivals)}
    told = ", ".join(f"{arm} {size:,.0f}" for arm, size in sizes.items() if size)
    known = [size for size in sizes.values() if size]
    matched = setting.target >= 0 and all(
        abs(size / setting.target - 1) <= PARAMETER_TOLERANCE for size in known
    )
    said = [f"{setting}: parameters {told or 'not recorded'}."]
    if matched:
        said.append("Parameters are matched by design, so this suite does not test whether a Transformer has many.")
    else:
        said.append("Parameters are not matched here, so their number is compared as a cost.")
        names = {"parameters.total": "parameters", **names}
    if not evidence.same_machine(setting):
        said.append("Times and memory are left out: machine, threads or concurrency differ between cells.")
        names = {name: text for name, text in names.items() if not name.startswith(("throughput", "memory"))}
    calls = []
    for name, text in names.items():
        parts = []
        for arm in rivals:
            ours, theirs = (_logs(evidence, cells, each, name) for each in (transformer, arm))
            gap = paired_difference(theirs, ours) if name in SPEEDS else paired_difference(ours, theirs)
            if gap is None:
                continue
            exact = name.startswith(("flops", "parameters"))  # counted, not measured: every seed gives the same number
            call = _exact(gap.mean) if exact else called(gap, math.log(RATIO))
            calls.append(call)
            parts.append(f"{math.exp(gap.mean):.2f} times that of {arm}" if exact else f"that of {arm} {ratio(gap)}")
        if parts:
            said.append(f"{text[0].upper()}{text[1:]}, {transformer} over each: {'; '.join(parts)}.")
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
                first, unit = evidence.by_seed(rows, transformer), evidence.unit(setting, metric)
                for arm in rivals:
                    values = evidence.by_seed(rows, arm)
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


def _grouped(found: list[Comparison], level: float, title: str) -> list[str]:
    """One sentence a setting and measure."""
    groups: dict[tuple[Setting, str], list[str]] = {}
    for each in found:
        groups.setdefault((each.setting, each.measure), []).append(each.spoken(level))
    return [f"{setting}, {measure}, {title}: {'; '.join(texts)}." for (setting, measure), texts in groups.items()]


def _logs(evidence: Evidence, cells: pd.DataFrame, arm: str, name: str) -> dict[int, float]:
    """seed -> logarithm of a positive quantity."""
    return {seed: math.log(value) for seed, value in evidence.by_seed(cells, arm, name).items() if value > 0}


def _first(cells: pd.DataFrame, arm: str, name: str) -> float | None:
    values = pd.to_numeric(column(cells, name), errors="coerce")[cells["arm"] == arm].dropna()
    return float(values.iloc[0]) if len(values) else None

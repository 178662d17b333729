"""Rules for claims E (positions) and F (heads): one option of one arm, everything else equal."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from bench.report import arms
from bench.report.evidence import Evidence, Setting, given
from bench.report.rules import (
    ABOVE,
    BELOW,
    INCONCLUSIVE,
    LEVEL,
    MARGIN,
    NOT_TESTED,
    QUALIFIED,
    REFUTED,
    SUPPORTED,
    Finding,
    called,
    headline,
    mean,
    number,
    spoken,
)  # fmt: skip
from bench.stats import paired_difference

TUNED = ("lr", "dropout")
"""Options that are chosen for each variant by itself, and do not make two variants unlike."""

NONE = "none"
HALF = 0.5

LEAKS = (
    "Positional encoding helps the Transformer with order, but a decoder that looks back only knows some order without it."
)
"""What may be said instead of claim E where the variant without positions keeps a good part of the score."""


def positions(evidence: Evidence) -> list[Finding]:
    """Claim E: the best kind of positions against none, where the task needs order; where it does not, for comparison."""
    findings = []
    for setting in evidence.settings():
        split, metric, search = headline(evidence, setting)
        unit, rows = evidence.unit(setting, metric), evidence.select(setting, split, metric, search, trusted=True)
        for base, variants in _variants(rows, "positions"):
            if NONE in variants and len(variants) > 1:
                findings.append(_positions(evidence, setting, metric, unit, rows, base, variants))
    return findings


def _positions(
    evidence: Evidence, setting: Setting, metric: str, unit: str, rows: pd.DataFrame, base: str, variants: dict[str, str]
) -> Finding:
    scores = {kind: evidence.by_seed(rows, arm) for kind, arm in variants.items()}
    merits = {kind: evidence.merit(rows, arm, unit) for kind, arm in variants.items()}
    told = ", ".join(f"{kind} {number(mean(values), unit)}" for kind, values in scores.items())
    free = bool(evidence.fact(setting, "data.order_free"))
    chance = evidence.fact(setting, f"data.chance.{metric}")
    name = f"{evidence.name(setting)}, {base}"
    said = [f"{name}: {metric} by positions: {told}."]
    best = max((kind for kind in merits if kind != NONE), key=lambda kind: mean(merits[kind]))
    gap = paired_difference(merits[best], merits[NONE])
    call = called(gap, MARGIN.get(unit, 0.0))
    said.append(f"{name}: {best} minus none {spoken(gap, unit)}.")
    if free:
        said.append(f"{evidence.name(setting)} can be solved without order, so this decides nothing about it.")
        return Finding(NOT_TESTED, said, [setting])
    if call in (BELOW, LEVEL):
        return Finding(REFUTED, said, [setting])
    if call != ABOVE:
        return Finding(INCONCLUSIVE, said, [setting])
    floor = float(chance) if given(chance) else 0.0
    kept = (mean(scores[NONE]) - floor) / (mean(scores[best]) - floor)
    said.append(f"{name}: without positions {100 * max(0.0, kept):.0f} % of the way from chance to {best} remain.")
    return Finding(SUPPORTED, said, [setting]) if kept < HALF else Finding(QUALIFIED, said, [setting], LEAKS)


def heads(evidence: Evidence) -> list[Finding]:
    """Claim F: each number of heads against one head."""
    findings = []
    for setting in evidence.settings():
        split, metric, search = headline(evidence, setting)
        unit, rows = evidence.unit(setting, metric), evidence.select(setting, split, metric, search, trusted=True)
        for base, variants in _variants(rows, "n_heads"):
            if "1" not in variants or len(variants) < 2:
                continue
            one = evidence.merit(rows, variants["1"], unit)
            told = ", ".join(f"{count}: {number(mean(evidence.by_seed(rows, arm)), unit)}"
                             for count, arm in variants.items())  # fmt: skip
            said = [f"{evidence.name(setting)}, {base}: {metric} by number of heads: {told}."]
            calls = []
            for count, arm in variants.items():
                if count != "1":
                    gap = paired_difference(evidence.merit(rows, arm, unit), one)
                    calls.append(called(gap, MARGIN.get(unit, 0.0)))
                    said.append(f"{evidence.name(setting)}, {base}: {count} heads minus one {spoken(gap, unit)}.")
            verdict = (
                SUPPORTED if set(calls) == {ABOVE}
                else QUALIFIED if ABOVE in calls
                else REFUTED if set(calls) <= {BELOW, LEVEL}
                else INCONCLUSIVE
            )  # fmt: skip
            findings.append(Finding(verdict, said, [setting]))
    return findings


def _variants(rows: pd.DataFrame, option: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Arms that differ in one option alone: what they share in words, and option value -> arm."""
    groups: dict[tuple, dict[str, str]] = {}
    for arm in arms.ordered(rows["arm"]):
        options = arms.options(arm)
        if option not in options:
            continue
        rest = tuple(sorted((key, value) for key, value in options.items() if key != option and key not in TUNED))
        groups.setdefault((arms.base(arm), rest), {})[options[option]] = arm
    for (base, rest), variants in groups.items():
        shared = f"{base} [{', '.join(f'{key}={value}' for key, value in rest)}]" if rest else base
        ordered = sorted(variants, key=lambda value: (not value.isdecimal(), int(value) if value.isdecimal() else 0))
        yield shared, {value: variants[value] for value in ordered}

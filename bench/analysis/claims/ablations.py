"""Rules for claims E (positions) and F (heads): one option of one arm, everything else equal."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd

from bench.analysis import arms
from bench.analysis.claims.rules import (  # fmt: skip
    INCONCLUSIVE,
    NOT_TESTED,
    QUALIFIED,
    REFUTED,
    SUPPORTED,
    Case,
    Finding,
    compared,
    mean,
)
from bench.analysis.comparisons import ABOVE, BELOW, LEVEL, Judged, format_score, spoken
from bench.analysis.evidence import Evidence, Setting, is_present
from bench.analysis.messages import Joined, Message, Text

TUNED = ("lr", "dropout")
"""Options that are chosen for each variant by itself, and do not make two variants unlike."""

NONE = "none"
HALF = 0.5


def positions(evidence: Evidence) -> list[Case]:
    """Claim E: every kind of positions against none, where the task needs order; where it does not, for comparison. The
    kind with the highest mean decides; all of them count in the family, for it is chosen by looking."""
    cases = []
    for setting in evidence.settings():
        rows = evidence.select(setting, *evidence.headline(setting), trusted=True)
        for base, variants in _variants(rows, "positions"):
            if NONE in variants and len(variants) > 1:
                cases.append(_positions(evidence, setting, rows, base, variants))
    return cases


def _positions(evidence: Evidence, setting: Setting, rows: pd.DataFrame, base: str, variants: dict[str, str]) -> Case:
    _, metric, _ = evidence.headline(setting)
    unit, task = evidence.unit(setting, metric), evidence.name(setting)
    scores = {kind: mean(evidence.by_seed(rows, arm)) for kind, arm in variants.items()}
    told = Joined(f"{kind} {format_score(score, unit)}" for kind, score in scores.items())
    of = {"setting": task, "arm": base}
    said = [Message("evidence.E.scores", metric=metric, scores=told, **of)]
    known = evidence.fact(setting, f"data.chance.{metric}")
    floor = float(known) if is_present(known) else 0.0
    kinds = [kind for kind in variants if kind != NONE]
    asked = [compared(evidence, setting, rows, variants[kind], variants[NONE]) for kind in kinds]

    def judge(judged: list[Judged]) -> Finding:
        sentences = [
            Message("evidence.E.minus", kind=kind, difference=spoken(found), **of)
            for kind, found in zip(kinds, judged)
        ]
        best, call = max(zip(kinds, judged), key=lambda pair: pair[1].difference.mean)
        if evidence.fact(setting, "data.order_free"):
            free = Message("evidence.E.order_free", setting=task)
            return Finding(NOT_TESTED, [*said, *sentences, free], [setting])
        if call.call != ABOVE:
            word = REFUTED if call.call in (BELOW, LEVEL) else INCONCLUSIVE
            return Finding(word, [*said, *sentences], [setting])
        kept = (scores[NONE] - floor) / (scores[best] - floor)
        left = Message("evidence.E.left", share=f"{100 * max(0.0, kept):.0f}", kind=best, **of)
        whole = kept < HALF
        verdict, instead = (SUPPORTED, None) if whole else (QUALIFIED, Message("instead.leaks"))
        return Finding(verdict, [*said, *sentences, left], [setting], instead)

    return Case(asked, judge)


def heads(evidence: Evidence) -> list[Case]:
    """Claim F: each number of heads against one head."""
    cases = []
    for setting in evidence.settings():
        rows = evidence.select(setting, *evidence.headline(setting), trusted=True)
        for base, variants in _variants(rows, "n_heads"):
            if "1" in variants and len(variants) > 1:
                more = {count: arm for count, arm in variants.items() if count != "1"}
                asked = [compared(evidence, setting, rows, arm, variants["1"]) for arm in more.values()]
                _, metric, _ = evidence.headline(setting)
                told = Joined(
                    f"{count}: {format_score(mean(evidence.by_seed(rows, arm)), evidence.unit(setting, metric))}"
                    for count, arm in variants.items()
                )
                of = {"setting": evidence.name(setting), "arm": base}
                said = Message("evidence.F.scores", metric=metric, scores=told, **of)
                cases.append(Case(asked, partial(_judged_heads, setting, of, said, list(more))))
    return cases


def _judged_heads(setting: Setting, of: dict, said: Text, counts: list[str], judged: list[Judged]) -> Finding:
    calls = {found.call for found in judged}
    verdict = (
        SUPPORTED if calls == {ABOVE}
        else QUALIFIED if ABOVE in calls
        else REFUTED if calls <= {BELOW, LEVEL}
        else INCONCLUSIVE
    )  # fmt: skip
    minus = [
        Message("evidence.F.minus", count=count, difference=spoken(found), **of)
        for count, found in zip(counts, judged)
    ]
    return Finding(verdict, [said, *minus], [setting])


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

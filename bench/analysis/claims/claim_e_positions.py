"""Claim E: positional encoding gives the Transformer word order. Every kind of positions against none."""

from __future__ import annotations

from functools import partial

import pandas as pd

from bench.analysis.claims.cases import (
    INCONCLUSIVE,
    NOT_TESTED,
    QUALIFIED,
    REFUTED,
    SUPPORTED,
    Case,
    Finding,
    compare_arms,
    mean_over_seeds,
)
from bench.analysis.claims.variants import variants
from bench.analysis.comparisons import ABOVE, BELOW, LEVEL, Judgement, describe, format_score
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Message, Text
from bench.analysis.missing_values import is_present
from bench.analysis.settings import Setting

NONE = "none"

HALF = 0.5
"""Without positions less than this share of the way from chance must remain for the claim to be supported."""


def rule(evidence: Evidence) -> list[Case]:
    """A case for each arm that was run without positions and with others.

    The kind with the highest mean decides. All kinds belong to the family of comparisons, because that kind is chosen
    by its result. A task that can be solved without order is compared, but decides nothing.
    """
    cases = []
    for setting in evidence.settings():
        rows = evidence.select(setting, *evidence.headline(setting), trusted=True)
        for name, by_kind in variants(rows, "positions"):
            if NONE in by_kind and len(by_kind) > 1:
                cases.append(_case(evidence, setting, rows, name, by_kind))
    return cases


def _case(evidence: Evidence, setting: Setting, rows: pd.DataFrame, name: str, by_kind: dict[str, str]) -> Case:
    metric = evidence.headline(setting).metric
    unit = evidence.unit(setting, metric)
    means = {kind: mean_over_seeds(evidence.by_seed(rows, arm)) for kind, arm in by_kind.items()}
    scores = Joined(f"{kind} {format_score(mean, unit)}" for kind, mean in means.items())
    intro = Message("evidence.E.scores", metric=metric, scores=scores, setting=evidence.name(setting), arm=name)
    chance = evidence.fact(setting, f"data.chance.{metric}")
    floor = float(chance) if is_present(chance) else 0.0
    kinds = [kind for kind in by_kind if kind != NONE]
    comparisons = [compare_arms(evidence, setting, rows, by_kind[kind], by_kind[NONE]) for kind in kinds]
    return Case(comparisons, partial(_judge, evidence, setting, name, intro, means, floor, kinds))


def _judge(
    evidence: Evidence, setting: Setting, name: str, intro: Text, means: dict[str, float], floor: float,
    kinds: list[str], judgements: list[Judgement],
) -> Finding:  # fmt: skip
    """means: by kind of positions; floor: the score of chance."""
    placeholders = {"setting": evidence.name(setting), "arm": name}
    sentences = [intro]
    for kind, judgement in zip(kinds, judgements):
        sentences.append(Message("evidence.E.minus", kind=kind, difference=describe(judgement), **placeholders))
    if evidence.fact(setting, "data.order_free"):
        sentences.append(Message("evidence.E.order_free", setting=evidence.name(setting)))
        return Finding(NOT_TESTED, sentences, [setting])
    best, judgement = max(zip(kinds, judgements), key=lambda pair: pair[1].mean)
    if judgement.call != ABOVE:
        return Finding(REFUTED if judgement.call in (BELOW, LEVEL) else INCONCLUSIVE, sentences, [setting])
    left = (means[NONE] - floor) / (means[best] - floor)
    share = f"{100 * max(0.0, left):.0f}"
    sentences.append(Message("evidence.E.left", share=share, kind=best, **placeholders))
    if left < HALF:
        return Finding(SUPPORTED, sentences, [setting])
    return Finding(QUALIFIED, sentences, [setting], Message("instead.leaks"))

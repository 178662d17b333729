"""Claim G: attention improves a sequence model. Each recurrent arm with attention against the same cell without."""

from __future__ import annotations

from functools import partial

from bench.analysis import arms
from bench.analysis.claims.cases import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    Case,
    Finding,
    arms_of_kind,
    combined,
    compare_arms,
)
from bench.analysis.comparisons import ABOVE, BELOW, LEVEL, OPEN, Judgement, describe
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Message, Text
from bench.analysis.settings import Setting

VERDICTS = {ABOVE: SUPPORTED, BELOW: REFUTED, LEVEL: REFUTED, OPEN: INCONCLUSIVE}


def rule(evidence: Evidence) -> list[Case]:
    """A case for each setting, by its headline score."""
    cases = []
    for setting in evidence.settings():
        rows = evidence.select(setting, *evidence.headline(setting))
        pairs = [(arm, arms.without_attention(arm)) for arm in arms_of_kind(rows, arms.ATTENTIVE)]
        comparisons = [
            compare_arms(evidence, setting, rows, arm, twin)
            for arm, twin in pairs
            if twin is not None and twin in set(rows["arm"])
        ]
        if comparisons:
            cases.append(Case(comparisons, partial(_judge, evidence.name(setting), setting)))
    return cases


def _judge(name: str, setting: Setting, judgements: list[Judgement]) -> Finding:
    sentences: list[Text] = []
    for judgement in judgements:
        comparison = judgement.comparison
        sentences.append(
            Message(
                "evidence.G.minus", setting=name, split=comparison.split, metric=comparison.metric,
                first=comparison.first, second=comparison.second, difference=describe(judgement),
            )
        )  # fmt: skip
    return Finding(combined(VERDICTS[judgement.call] for judgement in judgements), sentences, [setting])

"""Claim H: the Transformer translates better. Its BLEU against that of every recurrent arm, under every search."""

from __future__ import annotations

import math
from functools import partial

from bench.analysis import arms
from bench.analysis.claims.cases import (
    INCONCLUSIVE,
    QUALIFIED,
    REFUTED,
    SUPPORTED,
    Case,
    Finding,
    arms_of_kind,
    compare_arms,
    mean_over_seeds,
)
from bench.analysis.comparisons import ABOVE, BELOW, Judgement, describe
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Message, Text
from bench.analysis.settings import Setting

TASK, SPLIT, METRIC = "multi30k", "test_2016_flickr", "bleu"


def rule(evidence: Evidence) -> list[Case]:
    """A case for each setting of the task, search and Transformer arm."""
    cases = []
    for setting in evidence.settings():
        if arms.base(setting.task) != TASK:
            continue
        for search in evidence.searches(setting):
            rows = evidence.select(setting, SPLIT, METRIC, search)
            trusted, rivals = evidence.trusted(rows), arms_of_kind(rows, *arms.ANY_RECURRENT)
            rivals.sort(key=lambda arm: -mean_over_seeds(evidence.by_seed(trusted, arm), -math.inf))
            for transformer in arms_of_kind(rows, arms.TRANSFORMER) if rivals else ():
                comparisons = [compare_arms(evidence, setting, rows, transformer, arm) for arm in rivals]
                cases.append(Case(comparisons, partial(_judge, evidence.name(setting), setting)))
    return cases


def _judge(name: str, setting: Setting, judgements: list[Judgement]) -> Finding:
    sentences: list[Text] = []
    for judgement in judgements:
        comparison = judgement.comparison
        best = not sentences and len(judgements) > 1
        sentences.append(
            Message(
                "evidence.H.best" if best else "evidence.H.minus", setting=name, search=comparison.search,
                first=comparison.first, second=comparison.second, difference=describe(judgement),
            )
        )  # fmt: skip
    return Finding(_verdict([judgement.call for judgement in judgements]), sentences, [setting])


def _verdict(calls: list[str]) -> str:
    """Above every rival: supported. Below one: refuted. Above some and not below any: qualified."""
    if set(calls) == {ABOVE}:
        return SUPPORTED
    if BELOW in calls:
        return REFUTED
    return QUALIFIED if ABOVE in calls else INCONCLUSIVE

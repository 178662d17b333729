"""Claim F: several heads capture several dependencies. Each number of heads against one head, at equal parameters."""

from __future__ import annotations

from functools import partial

from bench.analysis.claims.cases import (
    INCONCLUSIVE,
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
from bench.analysis.settings import Setting


def rule(evidence: Evidence) -> list[Case]:
    """A case for each arm that was run with one head and with more."""
    cases = []
    for setting in evidence.settings():
        headline = evidence.headline(setting)
        unit = evidence.unit(setting, headline.metric)
        rows = evidence.select(setting, *headline, trusted=True)
        for name, by_count in variants(rows, "n_heads"):
            if "1" not in by_count or len(by_count) == 1:
                continue
            means = {count: mean_over_seeds(evidence.by_seed(rows, arm)) for count, arm in by_count.items()}
            scores = Joined(f"{count}: {format_score(mean, unit)}" for count, mean in means.items())
            placeholders = {"setting": evidence.name(setting), "arm": name}
            intro = Message("evidence.F.scores", metric=headline.metric, scores=scores, **placeholders)
            several = {count: arm for count, arm in by_count.items() if count != "1"}
            comparisons = [compare_arms(evidence, setting, rows, arm, by_count["1"]) for arm in several.values()]
            cases.append(Case(comparisons, partial(_judge, setting, placeholders, intro, list(several))))
    return cases


def _judge(
    setting: Setting, placeholders: dict[str, str], intro: Text, counts: list[str], judgements: list[Judgement]
) -> Finding:
    calls = {judgement.call for judgement in judgements}
    verdict = (
        SUPPORTED if calls == {ABOVE}
        else QUALIFIED if ABOVE in calls
        else REFUTED if calls <= {BELOW, LEVEL}
        else INCONCLUSIVE
    )  # fmt: skip
    sentences = [intro]
    for count, judgement in zip(counts, judgements):
        sentences.append(Message("evidence.F.minus", count=count, difference=describe(judgement), **placeholders))
    return Finding(verdict, sentences, [setting])

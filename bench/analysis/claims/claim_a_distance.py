"""Claim A: attention captures long-distance dependencies. Accuracy by distance, Transformer against recurrent arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import pandas as pd

from bench.analysis import arms
from bench.analysis.claims.cases import (
    INCONCLUSIVE,
    NOT_TESTED,
    QUALIFIED,
    REFUTED,
    SUPPORTED,
    Case,
    Finding,
    arms_of_kind,
    mean_over_seeds,
)
from bench.analysis.comparisons import ABOVE, BELOW, LEVEL, OPEN, Comparison, Judgement, describe, format_score
from bench.analysis.evidence import Evidence
from bench.analysis.gates import AT_CHANCE
from bench.analysis.messages import Joined, Message, Text
from bench.analysis.missing_values import is_present
from bench.analysis.settings import Setting
from bench.metrics import LESS_IS_BETTER

HOLDS = 0.9
"""An arm holds if its mean is at least this at every distance, on the scale from chance to 1."""


def rule(evidence: Evidence) -> list[Case]:
    """A case for each setting with scores by distance and each Transformer arm in it."""
    cases = []
    for setting in evidence.settings():
        split, metric, search = evidence.headline(setting)
        if evidence.unit(setting, metric) in LESS_IS_BETTER:
            continue  # the rule speaks of accuracy
        rows = evidence.select(setting, split, metric, search, axis="distance")
        if rows["at"].nunique() < 2:
            continue
        for transformer in arms_of_kind(rows, arms.TRANSFORMER):
            plain = arms_of_kind(rows, arms.PLAIN)
            if plain:
                cases.append(_case(evidence, setting, rows, transformer, plain))
            else:
                note = Message("evidence.A.no_plain", setting=evidence.name(setting))
                cases.append(Case.settled(Finding(NOT_TESTED, [note], [setting])))
    return cases


def _case(evidence: Evidence, setting: Setting, every_row: pd.DataFrame, transformer: str, plain: list[str]) -> Case:
    """Comparisons at the longest quarter of distances, and of the change from the shortest quarter to it."""
    split, metric, search = evidence.headline(setting)
    unit = evidence.unit(setting, metric)
    rows = _in_training_range(evidence.trusted(every_row), evidence.fact(setting, "data.train_range.distance"))
    steps = sorted(rows["at"].unique())
    quarter = max(1, len(steps) // 4)
    near, far = rows[rows["at"].isin(steps[:quarter])], rows[rows["at"].isin(steps[-quarter:])]
    recorded = evidence.fact(setting, f"data.chance.{metric}")
    chance = float(recorded) if is_present(recorded) else 0.0
    intro: dict[str, object] = {"setting": evidence.name(setting), "metric": metric}
    sentences: list[Text] = [
        Message("evidence.A.chance", chance=format_score(chance, unit), **intro)
        if is_present(recorded)
        else Message("evidence.A.no_chance", **intro)
    ]
    ends: dict[str, tuple[dict[int, float], dict[int, float]]] = {}
    for arm in [transformer, *arms_of_kind(rows, arms.ATTENTIVE), *plain]:
        ends[arm] = evidence.by_seed(near, arm), evidence.by_seed(far, arm)
        if not ends[arm][1]:
            sentences.append(Message("evidence.A.no_cell", arm=arm))
            continue
        means = [
            Message("evidence.A.at", value=format_score(mean_over_seeds(values), unit), distance=_span(part))
            for values, part in zip(ends[arm], (near, far))
        ]
        sentences.append(Message("evidence.A.arm", arm=arm, ends=Joined(means, "and"), count=len(ends[arm][1])))
    comparisons = []
    for arm in [arm for arm in ends if arm != transformer and ends[arm][1]] if ends[transformer][1] else []:
        at_longest = Comparison(
            setting, transformer, arm, ends[transformer][1], ends[arm][1], unit, metric, split, search,
            Message("evidence.A.part", far=_span(far)),
        )  # fmt: skip
        comparisons.append(at_longest)
        if arm in plain:
            growth = {side: _minus(far=ends[side][1], near=ends[side][0]) for side in (transformer, arm)}
            part = Message("evidence.A.growth_part", far=_span(far), near=_span(near))
            comparisons.append(replace(at_longest, ours=growth[transformer], theirs=growth[arm], part=part))
    at_chance = mean_over_seeds(evidence.by_seed(rows, transformer)) <= chance + AT_CHANCE
    holding = {arm for arm in arms_of_kind(rows, arms.ATTENTIVE) if _holds(rows, arm, chance)}
    return Case(comparisons, partial(_judge, setting, sentences, plain, at_chance, holding))


def _judge(
    setting: Setting, intro: Sequence[Text], plain: list[str], at_chance: bool, holding: set[str],
    judgements: list[Judgement],
) -> Finding:  # fmt: skip
    """at_chance: whether the Transformer stayed at chance; holding: arms with attention that hold at every
    distance."""
    sentences = list(intro)
    longest: dict[str, str] = {}
    growth: dict[str, str] = {}
    for judgement in judgements:
        transformer, arm = judgement.comparison.first, judgement.comparison.second
        if arm not in longest:
            longest[arm] = judgement.call
            difference = describe(judgement)
            sentences.append(Message("evidence.A.longest", first=transformer, second=arm, difference=difference))
        else:
            growth[arm] = judgement.call
            sentences.append(Message("evidence.A.growth", difference=describe(judgement)))
    if not growth:
        return Finding(INCONCLUSIVE, sentences, [setting])
    calls = {longest[arm] for arm in growth}
    if at_chance:
        sentences.append(Message("evidence.A.stuck", arm=transformer))
        return Finding(REFUTED if BELOW in calls else INCONCLUSIVE, sentences, [setting])
    if calls == {ABOVE} and set(growth.values()) == {ABOVE}:
        attentive = [arm for arm in longest if arm not in growth]
        level = [arm for arm in attentive if longest[arm] in (LEVEL, BELOW) or arm in holding]
        unclear = [arm for arm in attentive if arm not in level and longest[arm] == OPEN]
        if level:
            sentences.append(Message("evidence.A.held", arms=Joined(level)))
        elif unclear:
            sentences.append(Message("evidence.A.unclear", arms=Joined(unclear)))
        elif not attentive:
            sentences.append(Message("evidence.A.no_attentive"))
        instead = "alike" if level else "alone" if unclear or not attentive else None
        if instead is None:
            return Finding(SUPPORTED, sentences, [setting])
        return Finding(QUALIFIED, sentences, [setting], Message(f"instead.{instead}"))
    if calls == {ABOVE}:
        sentences.append(Message("evidence.A.no_growth"))
    if ABOVE in calls:
        instead_of_claim = Message("instead.everywhere" if calls == {ABOVE} else "instead.some")
        return Finding(QUALIFIED, sentences, [setting], instead_of_claim)
    return Finding(REFUTED if OPEN not in calls else INCONCLUSIVE, sentences, [setting])


def _in_training_range(rows: pd.DataFrame, bounds: object) -> pd.DataFrame:
    """Rows inside the training range; all rows if it is unknown or contains fewer than two distances."""
    if not isinstance(bounds, list | tuple) or len(bounds) != 2:
        return rows
    inside = rows[rows["at"].between(*bounds)]
    return inside if inside["at"].nunique() >= 2 else rows


def _holds(rows: pd.DataFrame, arm: str, chance: float) -> bool:
    """Whether the arm's mean over seeds is at least HOLDS on the scale from chance to 1, at every distance."""
    means = rows[rows["arm"] == arm].groupby("at")["value"].mean()
    return len(means) == rows["at"].nunique() > 0 and bool(means.min() >= chance + HOLDS * (1 - chance))


def _span(rows: pd.DataFrame) -> str:
    low, high = rows["at"].min(), rows["at"].max()
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"


def _minus(far: Mapping[int, float], near: Mapping[int, float]) -> dict[int, float]:
    return {seed: far[seed] - near[seed] for seed in set(far) & set(near)}

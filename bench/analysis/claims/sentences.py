"""What a verdict says: sentences with numbers, built from its comparisons alone."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bench.analysis.claims import primary, spoken
from bench.analysis.claims.answers import Answer
from bench.analysis.claims.questions import COUNTED
from bench.analysis.comparisons import ABOVE, BELOW, LEVEL, Comparison, describe, format_difference, format_score
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Message, Text, one_or_many, search_name, translate_name
from bench.analysis.solved import FULL_MARKS, SOLVED, solve_or_not
from bench.analysis.speeds import COSTS
from bench.metrics import FORCED, LESS_IS_BETTER

SIMPLE_SHARES = ("copy_accuracy", "token_accuracy", "exact_match")
"""Metrics that a sentence names in words of its own."""


def says(evidence: Evidence, answer: Answer) -> Text:
    """One comparison as a sentence to quote: both values, where they were measured, and of how many seeds."""
    comparison = _of(answer)
    first, second = names(answer)
    if comparison.paired:
        notes = (
            Message("says.counted")
            if comparison.metric in COUNTED
            else Message("says.rounds", count=len(comparison.ours))
        )
        return Message(
            "says.cost", length=_length(answer), first=first, second=second, ratio=f"{math.exp(comparison.mean):.2f}",
            cost=COSTS[comparison.metric], notes=notes,
        )  # fmt: skip
    named = {"task": evidence.name(comparison.setting), "part": comparison.part, "split": comparison.split}
    if comparison.part:
        place = Message("says.place.distance", **named)
    elif comparison.split == "test":
        place = Message("says.place.test", **named)
    elif comparison.split == "test_longer":
        place = Message("says.place.test_longer", **named)
    else:
        place = Message("says.place.split", **named)
    ours, theirs = _signed(comparison)
    shared = {"place": place, "first": first, "second": second, "notes": _notes(evidence, comparison)}
    if answer.entry.measure == primary.GROWTH:
        metric = translate_name("metrics", comparison.metric, comparison.metric)
        changes = {"a": _change(comparison, ours), "b": _change(comparison, theirs)}
        return Message("says.growth", metric=metric, **changes, **shared)
    whole, rest = quantity(comparison, ours, True), quantity(comparison, theirs, False)
    return Message("says.score", a=whole, b=rest, **shared)


def names(answer: Answer) -> tuple[Text, Text]:
    """Both arms as a sentence names them, with the options in which they differ."""
    first, second = answer.entry.first, answer.entry.second
    return spoken.name(first, second), spoken.name(second, first)


def quantity(comparison: Comparison, value: float, whole: bool) -> Text | str:
    """A score in words. whole: with what it is a share of, for the first of two."""
    name = translate_name("metrics", comparison.metric, comparison.metric)
    if comparison.unit == "share":
        percent = f"{100 * value:.1f}"
        metric = comparison.metric if comparison.metric in SIMPLE_SHARES else "share"
        if whole:
            return Message(f"quantity.{metric}", percent=percent, metric=name)
        return Message("quantity.percent", percent=percent)
    amount = format_score(value, comparison.unit)
    kind = "points" if comparison.unit == "points" else "amount"
    return Message(f"quantity.{kind}", amount=amount, metric=name) if whole else amount


def _change(comparison: Comparison, value: float) -> Text | str:
    if comparison.unit == "share":
        return Message("quantity.percentage_points", count=f"{100 * value:+.1f}")
    return format_difference(value, comparison.unit)


def _signed(comparison: Comparison) -> tuple[float, float]:
    """Means of both arms as they were measured: a comparison negates errors."""
    sign = -1.0 if comparison.unit in LESS_IS_BETTER else 1.0
    ours, theirs = (sign * math.fsum(each.values()) / len(each) for each in (comparison.ours, comparison.theirs))
    return ours, theirs


def _notes(evidence: Evidence, comparison: Comparison) -> Text:
    """The search where the setting has several, the seeds, and how many of them solve the task where some do not."""
    count = len(comparison.ours)
    if len(comparison.theirs) != count:
        seeds = Message("says.unequal_seeds", first=count, second=len(comparison.theirs))
    else:
        seeds = one_or_many("says.seeds", count)
    several = len(set(evidence.searches(comparison.setting)) - {FORCED}) > 1
    parts: list[Text | str] = [seeds]
    if comparison.search and (several or comparison.search == FORCED):
        parts = [search_name(comparison.search), seeds]
    if any(solve_or_not(values.values(), comparison.unit) for values in (comparison.ours, comparison.theirs)):
        solved = [_solved(values, comparison.unit) for values in (comparison.ours, comparison.theirs)]
        parts.append(Message("says.solved", first=solved[0], second=solved[1], line=f"{100 * SOLVED:.0f}"))
    return Joined(parts, "reasons")


def _solved(values: Mapping[int, float], unit: str) -> str:
    return f"{sum(value >= SOLVED * FULL_MARKS[unit] for value in values.values())}/{len(values)}"


def evidence_of(evidence: Evidence, answer: Answer) -> Text:
    """One comparison as an item of the evidence: its role, sentence, difference and call."""
    entry = answer.entry
    role = Message(f"roles.{entry.role}")
    if answer.judgement is None:
        place = evidence.name(answer.setting) if answer.setting is not None else entry.task or Message("says.profile")
        return Message(
            "compared.missing",
            role=role,
            place=place,
            first=str(entry.first),
            second=str(entry.second),
            why=answer.remark,
        )
    judgement, comparison = answer.judgement, _of(answer)
    is_error = comparison.unit in LESS_IS_BETTER
    called = {ABOVE: "better", BELOW: "worse"}.get(judgement.call, judgement.call) if is_error else judgement.call
    call = Message(f"calls.{called}", margin=_margin(comparison))
    if judgement.difference is None:
        return Message("compared.counted", role=role, says=says(evidence, answer), call=call)
    kind = "ratio" if comparison.paired else "tested_error" if is_error else "tested"
    sentence = Message(
        f"compared.{kind}", role=role, says=says(evidence, answer), difference=describe(judgement), call=call
    )
    return Joined([sentence, answer.remark], "sentences") if answer.remark else sentence


def _margin(comparison: Comparison) -> Text | str:
    """The margin of level arms, in words."""
    if comparison.unit == "share":
        return Message("quantity.percentage_points", count=f"{100 * comparison.margin:g}")
    size = format_difference(comparison.margin, comparison.unit).lstrip("+")
    return Message("quantity.factor", ratio=size) if comparison.paired else size


def verdict_sentence(evidence: Evidence, key: Answer, contrary: list[Answer]) -> Text:
    """The sentence of a verdict: its key comparison, and the first of those that qualify it."""
    sentence = _with_level(evidence, key)
    if not contrary:
        return sentence
    other = contrary[0]
    if not _shares_first_arm(key, other):
        return Joined([sentence, Message("says.however", says=_with_level(evidence, other))], "sentences")
    comparison = _of(other)
    first, second = names(other)
    value = quantity(comparison, _signed(comparison)[1], True)
    level = Message("says.level_with", first=first, margin=_margin(comparison)) if _is_level(other) else ""
    return Joined([sentence, Message("says.but", second=second, b=value, level=level)], "sentences")


def _shares_first_arm(one: Answer, other: Answer) -> bool:
    """Whether both compare the same cells of one arm with those of another, by the same score of as many seeds."""
    first, second = _of(one), _of(other)
    is_score = not first.paired and primary.GROWTH not in (one.entry.measure, other.entry.measure)
    same = (first.setting, first.measure, first.first) == (second.setting, second.measure, second.first)
    return is_score and same and len(first.theirs) == len(second.theirs)


def _with_level(evidence: Evidence, answer: Answer) -> Text:
    sentence = says(evidence, answer)
    if _is_level(answer):
        return Joined([sentence, Message("says.level", margin=_margin(_of(answer)))], "sentences")
    return sentence


def _is_level(answer: Answer) -> bool:
    return answer.judgement is not None and answer.judgement.call == LEVEL


def _of(answer: Answer) -> Comparison:
    assert answer.question.comparison is not None, "an answer with a sentence has a comparison"
    return answer.question.comparison


def _length(answer: Answer) -> str:
    assert answer.setting is not None, "a cost has a setting"
    return answer.setting.budget

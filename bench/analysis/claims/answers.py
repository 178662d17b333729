"""Answers to questions: the call of a tested comparison, and whether it supports the claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.analysis.claims import primary, spoken
from bench.analysis.claims.primary import Primary
from bench.analysis.claims.questions import COUNTED, Question
from bench.analysis.comparisons import ABOVE, BELOW, LEVEL, OPEN, Comparison, Family, Judgement
from bench.analysis.evidence import Evidence
from bench.analysis.gates import AT_CHANCE
from bench.analysis.messages import Message, Text
from bench.analysis.missing_values import is_present
from bench.analysis.settings import Setting
from bench.analysis.solved import solve_or_not
from bench.metrics import LESS_IS_BETTER

GUESSED_AS = {"copy_accuracy": "token_accuracy"}
"""Metrics whose chance is that of another: a copied token is guessed like any token."""

POINTS_AT_CHANCE = 1.0
"""BLEU and chrF of outputs that have nothing in common with the references but single words."""


@dataclass(frozen=True)
class Answer:
    """judgement: None where the records hold no comparison; remark: why it is missing or open, "" if that needs no
    words."""

    question: Question
    judgement: Judgement | None
    remark: Text | str = ""

    @property
    def entry(self) -> Primary:
        return self.question.entry

    @property
    def setting(self) -> Setting | None:
        return self.question.setting

    @property
    def supports(self) -> bool | None:
        """Whether it came out as the claim predicts; None if it is missing or open."""
        if self.judgement is None or self.judgement.call == OPEN:
            return None
        is_above = self.judgement.call == ABOVE
        return is_above == (self.entry.expects == primary.ABOVE)


def answers(evidence: Evidence, questions: Mapping[str, Sequence[Question]]) -> dict[str, list[Answer]]:
    """The answers to the questions of every claim, by letter. Scores are tested as one family, costs as another, and
    each exploratory comparison by itself."""
    every = [
        each.comparison
        for of_claim in questions.values()
        for each in of_claim
        if each.comparison is not None and each.entry.role != primary.EXPLORATORY
    ]
    scores = Family((each for each in every if not each.paired), alike=every_arm(evidence, every))
    costs = Family(each for each in every if each.paired and each.metric not in COUNTED)
    return {
        letter: [_answer(evidence, question, scores, costs) for question in of_claim]
        for letter, of_claim in questions.items()
    }


def every_arm(evidence: Evidence, compared: Sequence[Comparison]) -> list[Comparison]:
    """Comparisons of each other arm with itself, measured as the whole splits that are compared: for the prior alone,
    since the spread over seeds is estimated from all arms measured alike."""
    own: dict[tuple, Comparison] = {}
    seen: set[tuple] = set()
    for each in compared:
        if each.paired or each.part or (each.setting, each.measure) in seen:
            continue
        seen.add((each.setting, each.measure))
        rows = evidence.select(each.setting, each.split, each.metric, each.search, trusted=True)
        for arm in dict.fromkeys(rows["arm"]):
            values = evidence.merit(rows, arm, each.unit)
            own[each.setting, each.measure, arm] = replace(each, first=arm, second=arm, ours=values, theirs=values)
    return list(own.values())


def _answer(evidence: Evidence, question: Question, scores: Family, costs: Family) -> Answer:
    comparison = question.comparison
    if comparison is None or not comparison.has_values:
        return Answer(question, None, question.missing)
    if comparison.metric in COUNTED:
        return Answer(question, _counted(comparison))
    if question.entry.role == primary.EXPLORATORY:
        judgement = Family([], alike=every_arm(evidence, [comparison])).judge_alone(comparison)
    else:
        judgement = (costs if comparison.paired else scores).judge(comparison)
    remark = "" if comparison.paired else _not_comparable(evidence, comparison, question.entry)
    return Answer(question, replace(judgement, call=OPEN) if remark else judgement, remark)


def _counted(comparison: Comparison) -> Judgement:
    """The judgement of numbers that are counted: no test is needed."""
    ratio = comparison.mean
    call = ABOVE if ratio >= comparison.margin else BELOW if ratio <= -comparison.margin else LEVEL
    return Judgement(comparison, None, None, call, 0)


def _not_comparable(evidence: Evidence, comparison: Comparison, entry: Primary) -> Text | str:
    """Why a comparison decides nothing, however small its p; "" if it may."""
    if entry.measure == primary.GROWTH:
        return ""
    for pair, values in (
        ((entry.first, entry.second), comparison.ours),
        ((entry.second, entry.first), comparison.theirs),
    ):
        if solve_or_not(values.values(), comparison.unit):
            return Message("remark.solve_or_not", arm=spoken.name(*pair))
    return Message("remark.at_chance") if at_chance(evidence, comparison) else ""


def at_chance(evidence: Evidence, comparison: Comparison) -> bool:
    """Whether no seed of either arm is better than a guess, for an error than the best constant, for BLEU than almost
    nothing; false where chance is not known."""
    highest = max(*comparison.ours.values(), *comparison.theirs.values())  # of errors, the negated lowest
    if comparison.unit == "points":
        return highest <= POINTS_AT_CHANCE
    metric = GUESSED_AS.get(comparison.metric, comparison.metric)
    chance = evidence.fact(comparison.setting, f"data.chance.{metric}")
    if not is_present(chance):
        return False
    if comparison.unit == "share":
        return highest <= float(chance) + AT_CHANCE
    return comparison.unit in LESS_IS_BETTER and -highest >= float(chance) * (1 - AT_CHANCE)

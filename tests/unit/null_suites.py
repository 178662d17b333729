"""Simulated runs of the suite `quick` with known truth; `false_verdicts` makes the table of them.

A suite has every arm of the primary comparisons of `quick`, three seeds each, and a profile of seven rounds. The judge
itself answers: `questions`, `answers` and `word_of` (`test_false_verdicts` compares them with `judge.verdicts`). Only
the scores of one `Evidence` are exchanged between suites, since building it anew takes most of the time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis import arms
from bench.analysis.claims import judge, primary, questions
from bench.analysis.claims.answers import Answer, answers
from bench.analysis.claims.questions import Question
from bench.analysis.comparisons import ABOVE, BELOW, LEVEL, MARGIN, RATIO, Comparison
from bench.analysis.evidence import Evidence
from bench.records.cost_rounds import RoundRow
from bench.records.store import Records
from tests.unit import made_records

ROUNDS, PILOT_SEEDS = 7, 5
COUNTED = 1_000_000
"""FLOPs a token and bytes of state of the arms that do not cost more."""
OWN = 0.2
"""Noise of a score beside that of its cell, as a share of it."""

NORMAL, UNEQUAL, SOLVE, AT_MARGIN = "normal", "unequal", "solve-or-not", "at the margin"
KINDS = {
    NORMAL: "normal, the same in all arms of a task: 0.3 to 10 points",
    UNEQUAL: "normal, drawn for each arm by itself: 0.3 to 10 points",
    SOLVE: "each seed of each arm reaches 97 to 100 % or 30 to 60 %, by the toss of a coin",
    AT_MARGIN: "normal; each key comparison differs by exactly the margin, so that level is false",
}
"""Spreads over seeds. Only the last has true differences."""

Offsets = Mapping[tuple[str, str], float]
"""(task, arm) -> what is added to its scores, as a share (BLEU: in hundredths); none: 0."""

HALF_OF_PILOTS: Offsets = {
    ("reverse", "lstm_none encoder=uni"): -0.35, ("reverse", "gru_none encoder=uni"): -0.38,
    ("reverse", "lstm_dot encoder=uni"): -0.005, ("reverse", "gru_dot encoder=uni"): -0.02,
    ("reverse", "transformer positions=none"): -0.47, ("recall", "lstm_none encoder=uni"): -0.28,
    ("parity", "transformer"): -0.25, ("grammar", "lstm_dot"): -0.015,
    ("grammar", "transformer n_layers=1 n_heads=1"): -0.025,
}  # fmt: skip
"""Half of the differences of the pilots of `quick`."""
HALF_RATIO = math.sqrt(1.2)

BETTER = {"reverse": ("transformer positions=rotary", "lstm_dot encoder=uni", "gru_dot encoder=uni"),
          "recall": ("lstm_dot encoder=uni",),
          "parity": ("lstm_none encoder=uni",),
          "grammar": ("transformer n_layers=2", "transformer n_layers=1 n_heads=4")}  # fmt: skip
"""Arms that are better in a suite in which every key comparison differs alike."""


def alike(margins: float) -> Offsets:
    """Offsets with which every key comparison differs by so many margins."""
    size = {task: (MARGIN["points"] / 100 if task == "grammar" else MARGIN["share"]) * margins for task in BETTER}
    return {(task, arm): size[task] for task, better in BETTER.items() for arm in better}


@dataclass(frozen=True)
class Truth:
    """offsets: of arms; ratio: of the costs of the Transformer to others; ramp: whether offsets on `reverse` grow with
    the distance."""

    offsets: Offsets
    ratio: float = 1.0
    ramp: bool = False

    def difference(self, answer: Answer) -> float:
        """The true difference of a comparison, in its own unit."""
        entry, comparison = answer.entry, _comparison(answer)
        if comparison.paired:
            return math.log(self.ratio)
        first, second = (self.offsets.get((entry.task, str(arm)), 0.0) for arm in (entry.first, entry.second))
        if entry.measure == primary.GROWTH:
            return (first - second) * (1 - NEAR) if self.ramp else 0.0
        return (first - second) * (100.0 if comparison.unit == "points" else 1.0)

    def is_false(self, answer: Answer) -> bool:
        """Whether the call of an answer contradicts the truth."""
        if answer.judgement is None:
            return False
        difference, margin = self.difference(answer), _comparison(answer).margin
        return {ABOVE: difference <= 0, BELOW: difference >= 0, LEVEL: abs(difference) > margin - 1e-9}.get(
            answer.judgement.call, False
        )


NULL = Truth({})
TRUTHS = {NORMAL: NULL, UNEQUAL: NULL, SOLVE: NULL, AT_MARGIN: Truth(alike(1), RATIO)}
_STEPS = np.array(made_records.DISTANCES, dtype=float)
RAMP = _STEPS / _STEPS[-len(_STEPS) // 4 :].mean()
"""Share of an offset at each distance: 1 on average over the longest quarter."""
NEAR = float(RAMP[: len(RAMP) // 4].mean())


def _comparison(answer: Answer) -> Comparison:
    assert answer.question.comparison is not None
    return answer.question.comparison


@dataclass(frozen=True)
class Spread:
    """Standard deviations over seeds: of shares, of BLEU in points, and of the logarithm of a time over rounds."""

    share: float
    bleu: float
    time: float


@cache
def _template() -> tuple[Evidence, list[RoundRow]]:
    made = made_records.suite()
    records = made.records()
    return Evidence(records), list(records.rounds)


@cache
def _cells() -> tuple[list[tuple[str, str]], np.ndarray]:
    """(task, arm) of every arm; and the number of each cell's arm."""
    names = made_records.arms_of()
    numbers = {f"{task}-{arm}".replace(" ", "-"): number for number, (task, arm) in enumerate(names)}
    return names, np.array([numbers[cell.rpartition("-")[0]] for cell in _template()[0].cells["cell"]])


@cache
def _rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each row of the scores: the number of its cell, the place of its distance or -1, whether it is in points."""
    evidence, _ = _template()
    cells = {cell: number for number, cell in enumerate(evidence.cells["cell"])}
    places = {at: place for place, at in enumerate(made_records.DISTANCES)}
    return (
        np.array([cells[cell] for cell in evidence.scores["cell"]]),
        np.array([places.get(at, -1) for at in evidence.scores["at"]]),
        (evidence.scores["unit"] == "points").to_numpy(),
    )


def _scores(generator: np.random.Generator, truth: Truth, kind: str, spread: Spread | None) -> np.ndarray:
    """A value for each row of the scores."""
    names, arm = _cells()
    tasks = [task for task, _ in names]
    each_task = dict.fromkeys(tasks)
    level = {task: generator.uniform(0.6, 0.8) for task in each_task}
    low, high = math.log(0.003), math.log(0.1)
    if spread is not None:
        width = np.array([spread.bleu / 100 if task == "grammar" else spread.share for task in tasks])
    elif kind == UNEQUAL:
        width = np.exp(generator.uniform(low, high, len(names)))
    else:
        of_task = {task: math.exp(generator.uniform(low, high)) for task in each_task}
        width = np.array([of_task[task] for task in tasks])
    if kind == SOLVE:
        solved, size = generator.integers(2, size=len(arm)) == 1, len(arm)
        of_cell = np.where(solved, generator.uniform(0.97, 1.0, size), generator.uniform(0.3, 0.6, size))
        width = np.full(len(names), 0.01)
    else:
        of_cell = np.array([level[task] for task in tasks])[arm] + generator.normal(size=len(arm)) * width[arm]
    cell, place, points = _rows()
    offset = np.array([truth.offsets.get(name, 0.0) for name in names])[arm][cell]
    ramps = truth.ramp & (place >= 0) & np.array([task == "reverse" for task in tasks])[arm][cell]
    values = of_cell[cell] + offset * np.where(ramps, RAMP[place], 1.0)
    values = values + OWN * width[arm][cell] * generator.normal(size=len(cell))
    return np.where(points, 100 * values, values)


def _profile(generator: np.random.Generator, truth: Truth, time: float) -> list[RoundRow]:
    """The template's profile with other times: the machine drifts, and each call has noise of its own."""
    rows = []
    speeds: dict[tuple, float] = {}
    for row in _template()[1]:
        speed = speeds.setdefault((row.length, row.round, row.what), 10 ** generator.uniform(-3, -2))
        ratio = truth.ratio if row.arm == arms.TRANSFORMER else 1.0
        seconds = row.length * speed * ratio * math.exp(time * generator.normal())
        counted = round(COUNTED * ratio)
        rows.append(replace(row, seconds=seconds, flops=counted * row.tokens, state_bytes=counted))
    return rows


class Weights(Evidence):
    """The template's evidence, whose values are weights: the mean over seeds is linear in the scores. Comparisons that
    are made of it once serve every simulated suite."""

    def __init__(self, template: Evidence) -> None:
        self.__dict__.update(template.__dict__)
        self._weights: dict[tuple[int, str], dict[int, np.ndarray]] = {}
        self._rows: list[pd.DataFrame] = []

    def by_seed(self, rows: pd.DataFrame, arm: str, value: str = "value") -> dict[int, Any]:
        """seed -> (N,) weights of the N scores."""
        key = id(rows), arm
        if key not in self._weights:
            self._rows.append(rows)  # kept, so that no other table gets their id
            own = rows[rows["arm"] == arm]
            places = self.scores.index.get_indexer(own.index)
            seeds = own["seed"].to_numpy()
            weights = {int(seed): np.zeros(len(self.scores)) for seed in sorted(set(seeds))}
            for seed, of_seed in weights.items():
                of_seed[places[seeds == seed]] = 1 / (seeds == seed).sum()
            self._weights[key] = weights
        return self._weights[key]


class Simulated(Weights):
    """The evidence of a simulated suite with these scores."""

    def __init__(self, weights: Weights, scores: np.ndarray, rounds: list[RoundRow]) -> None:
        self.__dict__.update(weights.__dict__)
        self.values, self.rounds = scores, rounds

    def by_seed(self, rows: pd.DataFrame, arm: str, value: str = "value") -> dict[int, float]:
        return self.valued(super().by_seed(rows, arm))

    def valued(self, weights: Mapping[int, Any]) -> dict[int, float]:
        return {seed: float(of_seed @ self.values) for seed, of_seed in weights.items()}


LETTERS = [claim.letter for claim in judge.CLAIMS if claim.letter != judge.INSPECTED]


@cache
def _weighted() -> tuple[Weights, dict[str, list[Question]]]:
    """The template as weights, and the questions of every claim on scores."""
    evidence = Weights(_template()[0])
    return evidence, {letter: questions.of_claim(evidence, letter) for letter in LETTERS}


def answers_of(
    draw: int, truth: Truth = NULL, kind: str = NORMAL, spread: Spread | None = None
) -> dict[str, list[Answer]]:
    """The judge's answers for a simulated suite, by claim. spread: fixed; None: drawn for each task or arm."""
    weights, asked = _weighted()
    evidence = Simulated(weights, *_drawn(draw, truth, kind, spread))
    own: dict[str, list[Question]] = {}
    for letter, of_claim in asked.items():
        scored = []
        for each in of_claim:
            if each.entry.measure == primary.COST:
                scored += list(questions._of_cost(evidence, each.entry))
                continue
            made = each.comparison
            assert made is not None
            values = {"ours": evidence.valued(made.ours), "theirs": evidence.valued(made.theirs)}
            scored.append(replace(each, comparison=replace(made, **values)))
        own[letter] = scored
    return answers(evidence, own)


def records_of(draw: int, truth: Truth = NULL, kind: str = NORMAL, spread: Spread | None = None) -> Records:
    """The same suite as records, for `judge.verdicts`."""
    records = made_records.suite().records()
    scores, rounds = _drawn(draw, truth, kind, spread)
    return replace(records, scores=records.scores.assign(value=scores), rounds=rounds)


def _drawn(draw: int, truth: Truth, kind: str, spread: Spread | None) -> tuple[np.ndarray, list[RoundRow]]:
    generator = np.random.default_rng([20_261_129, draw])
    scores = _scores(generator, truth, kind, spread)
    return scores, _profile(generator, truth, spread.time if spread else generator.uniform(0.01, 0.1))

"""The table of false and missed verdicts in simulated runs of the suite `quick`.

    python -m tests.unit.false_verdicts results/reference/false_verdicts.md

Takes about two minutes on one idle core.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binom

from bench.analysis.claims import judge, primary
from bench.analysis.claims.answers import Answer
from bench.analysis.comparisons import ABOVE, RATIO
from tests.unit import made_records
from tests.unit.null_suites import (
    HALF_OF_PILOTS,
    HALF_RATIO,
    KINDS,
    LETTERS,
    NORMAL,
    PILOT_SEEDS,
    ROUNDS,
    SOLVE,
    TRUTHS,
    Spread,
    Truth,
    alike,
    answers_of,
)  # fmt: skip

SUITES, PLANTED = 500, 200
"""Simulated suites without a difference, and with each planted one."""
ALLOWED = 0.05
"""Of the suites may have a word that rests on a false call."""


def rests_on(own: Sequence[Answer]) -> list[Answer]:
    """The answers that a word rests on; none for an open one."""
    word = judge.word_of(own)
    if word not in (judge.SUPPORTED, judge.REFUTED, judge.QUALIFIED):
        return []
    keys = [answer for answer in own if answer.entry.role == primary.KEY and answer.judgement is not None]
    contrary = [
        answer
        for answer in own
        if answer.entry.role == primary.QUALIFIES and answer.supports not in (None, keys[0].supports)
    ]
    return [*keys, *contrary]


def screened(draw: int, own: Mapping[str, Sequence[Answer]]) -> dict[str, list[Answer]]:
    """The answers that the list of `quick` may have: a comparison is primary only if the five pilot seeds of both arms
    lie on one side of the solved line. Of seeds that solve the task by the toss of a coin."""
    generator = np.random.default_rng([20_261_130, draw])
    solved = {name: int(generator.binomial(PILOT_SEEDS, 0.5)) for name in made_records.arms_of()}
    kept = {name for name, count in solved.items() if count in (0, PILOT_SEEDS)}
    return {
        letter: [
            each
            for each in of_claim
            if each.entry.measure == primary.COST
            or {(each.entry.task, str(arm)) for arm in (each.entry.first, each.entry.second)} <= kept
        ]
        for letter, of_claim in own.items()
    }


@dataclass
class Count:
    """Of `suites` simulated suites: those with a word that rests on a false call; with any false call; words."""

    suites: int = 0
    words: int = 0
    calls: int = 0
    decided: int = 0


def false_verdicts(kind: str, suites: int, screen: bool = False) -> Count:
    """Counts of false words and calls in suites of a kind."""
    count, truth = Count(suites), TRUTHS[kind]
    for draw in range(suites):
        own = answers_of(draw, truth, kind)
        own = screened(draw, own) if screen else own
        count.words += any(truth.is_false(answer) for letter in LETTERS for answer in rests_on(own[letter]))
        count.calls += any(truth.is_false(answer) for letter in LETTERS for answer in own[letter])
        count.decided += sum(bool(rests_on(own[letter])) for letter in LETTERS)
    return count


def most_false(suites: int) -> int:
    """The most false suites of so many that chance makes of ALLOWED, in 39 of 40 cases."""
    return int(binom.ppf(0.975, suites, ALLOWED))


SPREADS = (Spread(0.005, 0.15, 0.02), Spread(0.01, 0.3, 0.04), Spread(0.02, 0.5, 0.06), Spread(0.04, 1.0, 0.1))
EFFECTS = {
    "half of the pilots'": Truth(HALF_OF_PILOTS, HALF_RATIO, ramp=True),
    "twice the margin": Truth(alike(2), RATIO**2),
}


def power(truth: Truth, spread: Spread, suites: int) -> dict[str, float]:
    """Claim -> share of the suites whose key comparison is called as it is."""
    true = dict.fromkeys(LETTERS, 0)
    for draw in range(suites):
        for letter, own in answers_of(draw, truth, NORMAL, spread).items():
            key = next(answer for answer in own if answer.entry.role == primary.KEY)
            true[letter] += key.judgement is not None and key.judgement.call == ABOVE
    return {letter: count / suites for letter, count in true.items()}


def table(suites: int = SUITES, planted: int = PLANTED) -> str:
    """The whole table as Markdown."""
    false = [(kind, description, false_verdicts(kind, suites)) for kind, description in KINDS.items()]
    screen = "the same, but only comparisons of arms whose five pilot seeds lie on one side of the solved line"
    false.insert(3, (f"{SOLVE}, screened", screen, false_verdicts(SOLVE, suites, screen=True)))
    rows = [
        f"| {kind} | {description} | {count.words} ({100 * count.words / suites:.1f} %) | {count.calls} | "
        f"{count.decided / suites:.1f} |"
        for kind, description, count in false
    ]
    powers = [
        f"| {name} | {100 * spread.share:g} | {spread.bleu:g} | {100 * spread.time:g} % | "
        + " | ".join(f"{100 * share:.0f}" for share in power(truth, spread, planted).values())
        + " |"
        for name, truth in EFFECTS.items()
        for spread in SPREADS
    ]
    return HEAD.format(
        suites=suites, planted=planted, false="\n".join(rows), powers="\n".join(powers), letters=" | ".join(LETTERS),
        lines="|".join("---:" for _ in LETTERS), rules=judge.RULES_VERSION, rounds=ROUNDS,
        allowed=100 * ALLOWED, most=most_false(suites),
    )  # fmt: skip


HEAD = """# False and missed verdicts of the suite `quick`

Written by `python -m tests.unit.false_verdicts results/reference/false_verdicts.md` (rules version {rules}).
Every simulated suite has the arms of the primary comparisons of `quick`, three seeds each (ten of translation, eight
of its variants of one layer), and a profile of {rounds} rounds; the judge of the reports decides. The words of at most
{allowed:g} % of the suites may rest on a false call, which of {suites} are {most} but for chance.

## Without a difference: {suites} suites of each kind

| spread over seeds | how made | a word on a false call | any false call | claims decided, of 7 |
|---|---|---:|---:|---:|
{false}

A call is false if it names a difference that is none, or the wrong direction, or level where the arms differ by the
margin. Scores and costs are two families, each with 5 % of any false call. Where seeds solve a task or do not, three
seeds against three cannot tell luck from a difference, and no test of them can: the screen by five more seeds can.

## Planted: {planted} suites of each kind

Per cent of suites whose key comparison is called higher. Spreads: standard deviation over seeds of shares in points
and of BLEU, and of one time over rounds; all normal, the same in all arms. Half of the pilots': reverse at the longest
distances .35 (A), parity .25 (C), costs 1.10 (D), no positions .47 (E), one head 2.5 BLEU (F), recall .28 (G), 1.5
BLEU (H).
Twice the margin: 4 points, BLEU 1, costs 1.10.

| effect | shares | BLEU | times | {letters} |
|---|---:|---:|---:|{lines}|
{powers}
"""


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(table(), encoding="utf-8")

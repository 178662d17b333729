"""Comparisons of two arms over seeds, the family in which they are tested, and their description in words.

Each comparison is a Welch t test with variances moderated by those of the other arms measured in the same way (Smyth
2004). No permutation of three seeds against three gives a p below 0.1, and pairing by seed would halve the degrees of
freedom for nothing: equal seed numbers do not make two architectures alike. Costs from a profile in rounds are paired
by round. The primary comparisons of a report (`bench.analysis.claims.primary`) form one family for Holm's correction,
their costs another, so that the probability of any false difference in a family is at most 5 %, and of any false level
as well.

The rates of false and missed calls were measured by simulation: `results/reference/false_verdicts.md`, made by
`tests/unit/false_verdicts.py`. Noise that is far from normal breaks the test: if the seeds of two arms solve a task at
random, all three of one arm and none of the other solve it once in 32 times. No test of three seeds can tell that from
a difference, so a comparison is primary only if pilots with other seeds lie on one side of the solved line."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from bench.analysis.evidence import Evidence
from bench.analysis.messages import Message, Text
from bench.analysis.missing_values import is_present
from bench.analysis.settings import Setting
from bench.analysis.stats import ONE_SEED, holm
from bench.analysis.welch import VariancePrior, WelchDifference, paired, variance_prior, welch
from bench.metrics import LESS_IS_BETTER, comparable

MIN_SEEDS = 3
MIN_ROUNDS = 7
"""Rounds of a profile, which are paired, in place of seeds."""
MARGIN = {
    "share": 0.02,
    "points": 0.5,
    "squared error": 0.005,
    "nats a position": 0.02,
    "bits a character": 0.02,
    "perplexity": 0.1,
}
RATIO = 1.05
FALSE_CALLS = 0.05

LEAST_SPREAD = 0.05
"""The smallest standard deviation over seeds that counts, as a share of the margin."""

ABOVE, BELOW, LEVEL, OPEN = "above", "below", "level", "open"

RATIOS = "ratio"
"""Unit of speeds and costs: values are logarithms, shown as ratios."""

CRITERION = Message(
    "called.criterion", seeds=MIN_SEEDS, rounds=MIN_ROUNDS, share=MARGIN["share"], points=MARGIN["points"],
    error=MARGIN["squared error"], nats=MARGIN["nats a position"], ratio=RATIO, p=FALSE_CALLS,
)  # fmt: skip
"""The meaning of "higher" and "lower" in every rule."""

GATED = Message("difference.gated")


@dataclass(frozen=True)
class Comparison:
    """First arm against second arm.

    ours, theirs: values of the first and the second arm by seed, with errors negated, so that more is better. split,
    metric, search: of the scores; `metric` is a column of the cells if it is a speed or a cost. part: of the split, ""
    for all of it. unit: of the values. signature: how the scores were computed, without versions of libraries.
    paired: whether the values are of rounds and are compared round by round, in place of seeds.
    """

    setting: Setting
    first: str
    second: str
    ours: Mapping[int, float]
    theirs: Mapping[int, float]
    unit: str
    metric: str
    split: str | None = None
    search: str | None = None
    part: str = ""
    signature: str = ""
    paired: bool = False

    @property
    def key(self) -> tuple:
        """Equal for the same comparison in two claims, whichever arm comes first."""
        return (self.setting, *sorted((self.first, self.second)), self.split, self.metric, self.search, self.part)

    @property
    def measure(self) -> tuple:
        """What is measured, whatever the arms and the setting."""
        return self.split, self.metric, self.search, self.part, self.signature

    @property
    def margin(self) -> float:
        """The smallest difference that counts."""
        return math.log(RATIO) if self.unit == RATIOS else MARGIN.get(self.unit, 0.0)

    @property
    def has_values(self) -> bool:
        """Whether both arms have a value that passes the sanity gates."""
        return bool(self.ours and self.theirs)

    @property
    def testable(self) -> bool:
        """Whether it has enough seeds, or rounds, to be tested and so belongs to the family."""
        return min(len(self.ours), len(self.theirs)) >= (MIN_ROUNDS if self.paired else MIN_SEEDS)

    @property
    def mean(self) -> float:
        """The difference of the means."""
        return statistics.fmean(self.ours.values()) - statistics.fmean(self.theirs.values())


@dataclass(frozen=True)
class Judgement:
    """A comparison, tested in its family.

    difference: None if an arm has no value; p_holm: adjusted p, None without enough seeds; call: ABOVE, BELOW, LEVEL
    or OPEN (not decided); family: number of comparisons in the family, 0 for one that was tested by itself."""

    comparison: Comparison
    difference: WelchDifference | None
    p_holm: float | None
    call: str
    family: int

    @property
    def mean(self) -> float:
        """The mean difference; NaN if an arm has no value."""
        return math.nan if self.difference is None else self.difference.mean


class Family:
    """Comparisons that are corrected together, each counted once.

    alike: comparisons outside the family. The prior of the variance is fitted to the arms of all that are measured in
    the same way.
    """

    def __init__(self, comparisons: Iterable[Comparison], alike: Iterable[Comparison] = ()) -> None:
        distinct = {each.key: each for each in comparisons if each.testable}
        by_measure: dict[tuple, list[Comparison]] = {}
        for each in (distinct | {each.key: each for each in alike}).values():
            by_measure.setdefault(each.measure, []).append(each)
        self._priors = {measure: _prior(group) for measure, group in by_measure.items()}
        self._differences: dict[tuple, WelchDifference | None] = {}
        different, equivalent = [], []
        for each in distinct.values():
            difference = self._difference(each)
            assert difference is not None and difference.p is not None
            equivalence_p = difference.equivalence_p(each.margin)
            assert equivalence_p is not None
            different.append(difference.p)
            equivalent.append(equivalence_p)
        self._different = dict(zip(distinct, holm(different)))
        self._equivalent = dict(zip(distinct, holm(equivalent)))

    def judge(self, comparison: Comparison) -> Judgement:
        """The judgement of a comparison of this family, or of one with too few seeds."""
        difference, size = self._difference(comparison), len(self._different)
        if difference is None or not comparison.testable:
            return Judgement(comparison, difference, None, OPEN, size)
        adjusted = self._different[comparison.key]
        call = _call(comparison, difference, adjusted, self._equivalent[comparison.key])
        return Judgement(comparison, difference, adjusted, call, size)

    def judge_alone(self, comparison: Comparison) -> Judgement:
        """The judgement of a comparison outside the family, without correction: its p by Holm is its p."""
        difference = self._difference(comparison)
        if difference is None or not comparison.testable:
            return Judgement(comparison, difference, None, OPEN, 0)
        equivalence_p = difference.equivalence_p(comparison.margin)
        assert difference.p is not None and equivalence_p is not None
        return Judgement(
            comparison, difference, difference.p, _call(comparison, difference, difference.p, equivalence_p), 0
        )

    def _difference(self, comparison: Comparison) -> WelchDifference | None:
        key = comparison.key, comparison.first
        if key not in self._differences:
            if comparison.paired:
                self._differences[key] = paired(comparison.ours, comparison.theirs)
            else:
                prior = self._priors.get(comparison.measure) or _prior([comparison])
                ours, theirs = list(comparison.ours.values()), list(comparison.theirs.values())
                self._differences[key] = welch(ours, theirs, prior=prior)
        return self._differences[key]


def _call(comparison: Comparison, difference: WelchDifference, p: float, equivalence_p: float) -> str:
    if p <= FALSE_CALLS and abs(difference.mean) >= comparison.margin:
        return ABOVE if difference.mean > 0 else BELOW
    return LEVEL if equivalence_p <= FALSE_CALLS else OPEN


def compare_arms(evidence: Evidence, setting: Setting, rows: pd.DataFrame, first: str, second: str) -> Comparison:
    """Comparison of two arms by their trusted cells. rows: at least one, all of one split, metric and search."""
    split, metric, search, unit = (rows[name].iloc[0] for name in ("split", "metric", "search", "unit"))
    unit, trusted = str(unit) if is_present(unit) else "", evidence.trusted(rows)
    ours, theirs = (evidence.merit(trusted, arm, unit) for arm in (first, second))
    signature = comparable(rows["signature"].iloc[0])
    return Comparison(setting, first, second, ours, theirs, unit, metric, split, search, signature=signature)


def _prior(comparisons: list[Comparison]) -> VariancePrior:
    """The prior of the variance over seeds from comparisons in one unit, each arm's values counted once."""
    samples = {}
    for each in comparisons:
        for arm, values in ((each.first, each.ours), (each.second, each.theirs)):
            samples[each.setting, arm] = list(values.values())
    return variance_prior(samples.values(), LEAST_SPREAD * comparisons[0].margin or 1e-12)


def score_format(unit: str) -> str:
    """The format of a score in this unit."""
    return "{:.3g}" if unit in LESS_IS_BETTER else "{:.3f}" if unit == "share" else "{:.2f}"


def format_score(value: float, unit: str) -> str:
    """A score with the digits of its unit."""
    return score_format(unit).format(value)


def format_difference(value: float, unit: str) -> str:
    """A difference with its sign; a ratio has none."""
    if unit == RATIOS:
        return f"{math.exp(value):.2f}"
    return ("+" if value >= 0 else "-") + format_score(abs(value), unit)


def format_p(value: float) -> str:
    """A p with two digits."""
    return f"{value:.2g}" if value >= 1e-4 else Message("difference.tiny")


def seed_counts(differences: Iterable[WelchDifference]) -> Text:
    """The number of seeds of the arms: `n = 3 seeds`."""
    counts = sorted({count for each in differences for count in each.n})
    low, high = counts[0], counts[-1]
    if high == 1:
        return Message("difference.of_seeds.one")
    count = low if low == high else Message("difference.range", low=low, high=high)
    return Message("difference.of_seeds.many", count=count)


def too_few_seeds(differences: Iterable[WelchDifference]) -> Text:
    """Why these comparisons are not tested."""
    every = list(differences)
    if all(each.reason == ONE_SEED for each in every):
        return Message("difference.one_seed")
    return Message("difference.few", seeds=seed_counts(every), least=MIN_SEEDS)


def describe(judgement: Judgement) -> Text:
    """A difference in words: size, interval, effect size, p, p by Holm, number of seeds or rounds."""
    difference, unit = judgement.difference, judgement.comparison.unit
    if difference is None:
        return Message("difference.not_known", why=GATED)
    size = format_difference(difference.mean, unit)
    if judgement.comparison.paired:
        rounds = difference.n[0]
        if judgement.p_holm is None:
            return Message("difference.few_rounds", size=size, rounds=rounds, least=MIN_ROUNDS)
        return Message("difference.of_rounds", size=size, rounds=rounds, **_test(judgement))
    if judgement.p_holm is None:
        return Message("difference.not_tested", size=size, why=too_few_seeds([difference]))
    g = difference.effect
    effect = Message("difference.no_spread") if g is None else Message("difference.effect", g=f"{g:.1f}")
    seeds = seed_counts([difference])
    key = "difference.tested" if judgement.family else "difference.alone"
    return Message(key, size=size, effect=effect, seeds=seeds, **_test(judgement))


def _test(judgement: Judgement) -> dict[str, str]:
    """Placeholders of a tested difference: both ends of the interval, p, p by Holm."""
    difference, p_holm = judgement.difference, judgement.p_holm
    assert difference is not None and difference.interval is not None and difference.p is not None
    assert p_holm is not None
    low, high = (format_difference(end, judgement.comparison.unit) for end in difference.interval)
    return {"low": low, "high": high, "p": format_p(difference.p), "holm": format_p(p_holm)}

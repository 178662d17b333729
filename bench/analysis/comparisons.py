"""Two arms compared over seeds, and the family in which a report's comparisons are called.

Each comparison is a Welch t test whose variances are moderated by those of the other arms measured in the same way (Smyth
2004). No permutation of three seeds against three gives a p below 0.1, and pairing by seed would halve the degrees of
freedom for nothing: two architectures share no more than a seed's number. All comparisons of a report are one family for
Holm's correction, so that any false call among all of them stays at 5 %.

Measured by simulation (tests/unit/null_sets.py): of 200 result sets without a true difference (3 to 5 seeds, 134
comparisons, spreads of 0.2 to 20 points, unequal between arms in half of the sets, with heavy tails in a third) 9 held a
false call and 1 a false verdict, and 20 points at three seeds with a spread of 1 to 2 were found in 11 of 12 sets, 5
points at five seeds with a spread of 1 in all 12; Welch's test without moderation made false calls in 2
of 200, and found 12 of 30 and 24 of 30. Noise that is far from normal breaks it: two arms whose
seeds solve a task by the toss of a coin come out three against none once in 32.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.analysis.evidence import Setting
from bench.analysis.messages import Joined, Message, Text
from bench.analysis.stats import OF_SEEDS, ONE_SEED, Spread, Unpaired, common_spread, holm, welch
from bench.metrics import LESS_IS_BETTER

MIN_SEEDS = 3
MARGIN = {"share": 0.02, "points": 0.5, "squared error": 0.005, "nats a position": 0.02}
RATIO = 1.05
FALSE_CALLS = 0.05
LEAST_SPREAD = 0.05
"""Of the margin: a standard deviation over seeds below it is taken for it."""

ABOVE, BELOW, LEVEL, OPEN = "above", "below", "level", "open"

RATIOS = "ratio"
"""The unit of speeds and costs: values are logarithms, shown as ratios."""

CRITERION = Message(
    "called.how", seeds=MIN_SEEDS, share=MARGIN["share"], points=MARGIN["points"], error=MARGIN["squared error"],
    ratio=RATIO, p=FALSE_CALLS,
)  # fmt: skip
"""What "higher" and "lower" mean in every rule."""


@dataclass(frozen=True)
class Comparison:
    """first minus second, by seed, with the sign that makes more better. split, metric, search: what is compared; `metric`
    is a column of the cells where it is a speed or a cost. part: of the split, "" for all of it. unit: of the values."""

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

    @property
    def key(self) -> tuple:
        """Equal for one comparison that two claims make, whichever arm comes first."""
        return (self.setting, *sorted((self.first, self.second)), self.split, self.metric, self.search, self.part)

    @property
    def measure(self) -> tuple:
        """What is measured, whatever the arms and the setting."""
        return self.split, self.metric, self.search, self.part

    @property
    def margin(self) -> float:
        """The least difference that counts."""
        return math.log(RATIO) if self.unit == RATIOS else MARGIN.get(self.unit, 0.0)

    @property
    def known(self) -> bool:
        """Whether both arms have a value that may be trusted."""
        return bool(self.ours and self.theirs)

    @property
    def testable(self) -> bool:
        """Whether it can be called at all, and so is one of the family."""
        return min(len(self.ours), len(self.theirs)) >= MIN_SEEDS

    @property
    def mean(self) -> float:
        """The difference of the means."""
        return statistics.fmean(self.ours.values()) - statistics.fmean(self.theirs.values())


@dataclass(frozen=True)
class Judged:
    """A comparison in its family. difference: None where an arm has no value; p_holm: None outside the family, for want
    of seeds; call: ABOVE, BELOW, LEVEL or OPEN; family: how many comparisons it holds."""

    comparison: Comparison
    difference: Unpaired | None
    p_holm: float | None
    call: str
    family: int

    def row(self) -> dict[str, object]:
        """All of it as plain data."""
        asked, found = self.comparison, self.difference
        low, high = (None, None) if found is None or found.interval is None else found.interval
        return {
            "setting": str(asked.setting), "first": asked.first, "second": asked.second, "split": asked.split,
            "metric": asked.metric, "search": asked.search, "part": asked.part, "unit": asked.unit,
            "resampled": OF_SEEDS if found is None else found.unit,
            "n_first": 0 if found is None else found.n[0], "n_second": 0 if found is None else found.n[1],
            "mean_difference": None if found is None else found.mean, "low": low, "high": high,
            "effect": None if found is None else found.effect, "p": None if found is None else found.p,
            "p_holm": self.p_holm, "call": self.call, "family": self.family,
            "reason": UNKNOWN if found is None else found.reason,
        }  # fmt: skip


class Family:
    """All comparisons of a report, each counted once."""

    def __init__(self, comparisons: Iterable[Comparison]) -> None:
        distinct = {each.key: each for each in comparisons if each.testable}
        alike: dict[tuple, list[Comparison]] = {}
        for each in distinct.values():
            alike.setdefault(each.measure, []).append(each)
        self._spreads = {measure: _spread(group) for measure, group in alike.items()}
        self._gaps: dict[tuple, Unpaired | None] = {}
        gaps = [self._difference(each) for each in distinct.values()]
        within = [gap.within(each.margin) for each, gap in zip(distinct.values(), gaps)]
        self._different = dict(zip(distinct, holm([gap.p for gap in gaps])))
        self._level = dict(zip(distinct, holm(within)))

    def judge(self, comparison: Comparison) -> Judged:
        """A comparison that the family was made with."""
        gap, size = self._difference(comparison), len(self._different)
        if not comparison.testable:
            return Judged(comparison, gap, None, OPEN, size)
        adjusted = self._different[comparison.key]
        if adjusted <= FALSE_CALLS and abs(gap.mean) >= comparison.margin:
            call = ABOVE if gap.mean > 0 else BELOW
        else:
            call = LEVEL if self._level[comparison.key] <= FALSE_CALLS else OPEN
        return Judged(comparison, gap, adjusted, call, size)

    def _difference(self, comparison: Comparison) -> Unpaired | None:
        asked = comparison.key, comparison.first
        if asked not in self._gaps:
            spread = self._spreads.get(comparison.measure) or _spread([comparison])
            ours, theirs = list(comparison.ours.values()), list(comparison.theirs.values())
            self._gaps[asked] = welch(ours, theirs, spread=spread)
        return self._gaps[asked]


def _spread(comparisons: list[Comparison]) -> Spread:
    """What the arms of comparisons in one unit say of the spread over seeds, each arm's values counted once."""
    samples = {}
    for each in comparisons:
        for arm, values in ((each.first, each.ours), (each.second, each.theirs)):
            samples[each.setting, arm] = list(values.values())
    return common_spread(samples.values(), LEAST_SPREAD * comparisons[0].margin or 1e-12)


UNKNOWN = Message("difference.gated")


def score_format(unit: str) -> str:
    """How a score in this unit is written."""
    return "{:.3g}" if unit in LESS_IS_BETTER else "{:.3f}" if unit == "share" else "{:.2f}"


def format_score(value: float, unit: str) -> str:
    """A score with the digits its unit deserves."""
    return score_format(unit).format(value)


def signed(value: float, unit: str) -> str:
    """A difference with its sign; a ratio has none."""
    if unit == RATIOS:
        return f"{math.exp(value):.2f}"
    return ("+" if value >= 0 else "-") + format_score(abs(value), unit)


def chance(value: float) -> str:
    """A p with two digits."""
    return f"{value:.2g}" if value >= 1e-4 else Message("difference.tiny")


def seeds(differences: Iterable[Unpaired]) -> Text:
    """How many seeds the arms have: `n = 3 seeds`."""
    counts = sorted({count for each in differences for count in each.n})
    low, high = counts[0], counts[-1]
    if high == 1:
        return Message("difference.of_seeds.one")
    return Message(
        "difference.of_seeds.many", count=low if low == high else Message("difference.range", low=low, high=high)
    )


def few(differences: Iterable[Unpaired]) -> Text:
    """What is said of comparisons that cannot be called."""
    found = list(differences)
    if all(each.reason == ONE_SEED for each in found):
        return Message("difference.one_seed")
    return Message("difference.few", seeds=seeds(found), least=MIN_SEEDS)


def spoken(judged: Judged) -> Text:
    """A difference in words: size, interval, effect size, p, p by Holm, number of seeds."""
    gap, unit = judged.difference, judged.comparison.unit
    if gap is None:
        return Message("difference.not_known", why=UNKNOWN)
    size = signed(gap.mean, unit)
    if judged.p_holm is None:
        return Message("difference.not_tested", size=size, why=few([gap]))
    effect = (
        Message("difference.no_spread") if gap.effect is None else Message("difference.effect", g=f"{gap.effect:.1f}")
    )
    return Message("difference.tested", size=size, effect=effect, seeds=seeds([gap]), **_tested(judged))


def listed(group: Mapping[str, Judged]) -> Text:
    """Differences by the arm they are named after, in brackets interval, p and p by Holm, and one count of seeds."""
    parts = []
    for arm, judged in group.items():
        size = signed(judged.difference.mean, judged.comparison.unit)
        if judged.p_holm is None:
            parts.append(Message("difference.of_arm", arm=arm, size=size))
        else:
            parts.append(Message("difference.of_arm_tested", arm=arm, size=size, **_tested(judged)))
    gaps = [judged.difference for judged in group.values()]
    tested = any(judged.p_holm is not None for judged in group.values())
    return Message("difference.several", differences=Joined(parts), seeds=seeds(gaps) if tested else few(gaps))


def _tested(judged: Judged) -> dict[str, str]:
    gap = judged.difference
    low, high = (signed(end, judged.comparison.unit) for end in gap.interval)
    return {"low": low, "high": high, "p": chance(gap.p), "holm": chance(judged.p_holm)}

"""What every rule of a claim works with: verdicts, findings, cases, and comparisons of two arms' scores.

A rule maps evidence to cases. A case first names its comparisons; after all comparisons of a report have been tested
as one family (see `bench.analysis.comparisons`), it turns their judgements into a finding."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from bench.analysis import arms
from bench.analysis.comparisons import Comparison, Judgement
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Text
from bench.analysis.settings import Setting
from bench.metrics import comparable

SUPPORTED, REFUTED, QUALIFIED, INCONCLUSIVE = "supported", "refuted", "qualified", "inconclusive"
NOT_TESTED = "not tested"


@dataclass(frozen=True)
class Finding:
    """The outcome of a rule in one case. evidence: sentences; corrected: what may be said instead of the claim, if it
    depends on the reason for the verdict; comparisons: those that the verdict rests on."""

    verdict: str
    evidence: Sequence[Text]
    settings: Sequence[Setting] = ()
    corrected: Text | None = None
    comparisons: list[Judgement] = field(default_factory=list)


@dataclass(frozen=True)
class Case:
    """One question of a rule, usually about one setting.

    comparisons: to be tested; they must not depend on the outcome of any test. judge: maps their judgements, in the
    same order, to a finding.
    """

    comparisons: list[Comparison]
    judge: Callable[[list[Judgement]], Finding]

    @classmethod
    def settled(cls, finding: Finding) -> Case:
        """A case that needs no comparison."""
        return cls([], lambda judgements: finding)


Rule = Callable[[Evidence], list[Case]]


def combined(verdicts: Iterable[str]) -> str:
    """One verdict from several. Mixed findings never make a claim supported or refuted as a whole."""
    words = {word for word in verdicts if word != NOT_TESTED}
    if len(words) <= 1:
        return words.pop() if words else NOT_TESTED
    return QUALIFIED if words & {SUPPORTED, QUALIFIED} else INCONCLUSIVE


def compare_arms(evidence: Evidence, setting: Setting, rows: pd.DataFrame, first: str, second: str) -> Comparison:
    """Comparison of two arms by their trusted cells. rows: at least one, all of one split, metric and search."""
    split, metric, search = (rows[name].iloc[0] for name in ("split", "metric", "search"))
    unit, trusted = evidence.unit(setting, metric), evidence.trusted(rows)
    ours, theirs = (evidence.merit(trusted, arm, unit) for arm in (first, second))
    signature = comparable(rows["signature"].iloc[0])
    return Comparison(setting, first, second, ours, theirs, unit, metric, split, search, signature=signature)


def arms_of_kind(rows: pd.DataFrame, *kinds: str) -> list[str]:
    """The arms of these kinds in the rows, in the fixed order."""
    return [arm for arm in arms.ordered(rows["arm"]) if arms.kind(arm) in kinds]


def mean_over_seeds(values: Mapping[int, float], empty: float = math.nan) -> float:
    """Mean of the values by seed; `empty` if there are none."""
    return sum(values.values()) / len(values) if values else empty

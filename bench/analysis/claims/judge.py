"""The article's claims A-H as data, and a verdict on each from records alone.

The rules were fixed before running; what counts as a difference is said in `bench.analysis.comparisons`. They are
conservative: with one or two seeds, or where p is above 0.05 after Holm's correction for all comparisons of the report, a
claim is inconclusive; what was not run is not tested; a cell that fails its sanity gates stays in the tables and out of
the verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bench.analysis import comparisons
from bench.analysis.claims import ablations, costs, rules
from bench.analysis.claims.rules import INCONCLUSIVE, NOT_TESTED, QUALIFIED, REFUTED, SUPPORTED, Case, Rule
from bench.analysis.comparisons import Family, Judged
from bench.analysis.evidence import Evidence, Setting
from bench.analysis.messages import Joined, Message, Text
from bench.records.store import Records

VERDICTS = (SUPPORTED, REFUTED, QUALIFIED, INCONCLUSIVE, NOT_TESTED)

RULES_VERSION = 2
CHANGES = {
    1: "both 95 % intervals (bootstrap and Student's t over common seeds) on one side of zero; only claim C corrected for "
    "the number of its comparisons",
    2: "Welch's t test over seeds with moderated variances, and Holm's correction for all comparisons of a report together",
}
"""What each version calls a difference."""

CRITERION = Message("called.version", version=RULES_VERSION, called=comparisons.CRITERION)


@dataclass(frozen=True)
class Claim:
    """sentence: the article's; predicts: what would be measured if it held; rule: fixed before running; scope: words
    that limit every verdict on it; corrected: for a verdict, what may be said instead; test: the rule as code."""

    letter: str
    sentence: Text
    predicts: Text
    rule: Text
    scope: Text
    corrected: Mapping[str, Text]
    test: Rule


@dataclass(frozen=True)
class Verdict:
    """verdict: one of VERDICTS. evidence: sentences with numbers. scope: where it holds. corrected: the sentence to
    say instead of the claim. comparisons: those that the evidence speaks of, as data."""

    claim: Claim
    verdict: str
    evidence: list[Text]
    scope: Text
    corrected: Text
    comparisons: list[Judged] = field(default_factory=list)

    @property
    def letter(self) -> str:
        return self.claim.letter

    @property
    def word(self) -> Text:
        """The verdict for readers."""
        return Message(f"verdicts.{self.verdict}")


def _claim(letter: str, test: Rule, *verdicts: str) -> Claim:
    """verdicts: those that have a sentence of their own to say instead."""
    parts = (Message(f"claims.{letter}.{part}") for part in ("sentence", "predicts", "rule", "scope"))
    return Claim(letter, *parts, {verdict: Message(f"claims.{letter}.{verdict}") for verdict in verdicts}, test)


CLAIMS = (
    _claim("A", rules.distance, SUPPORTED, QUALIFIED, REFUTED),
    _claim("B", rules.hidden_layers, REFUTED),
    _claim("C", costs.recurrent_wins, REFUTED, SUPPORTED),
    _claim("D", costs.cost, SUPPORTED, QUALIFIED, REFUTED),
    _claim("E", ablations.positions, SUPPORTED, QUALIFIED, REFUTED),
    _claim("F", ablations.heads, SUPPORTED, QUALIFIED, REFUTED),
    _claim("G", rules.attention, SUPPORTED, QUALIFIED, REFUTED),
    _claim("H", rules.translation, SUPPORTED, QUALIFIED, REFUTED),
)
"""The words of each stand under `claims` in texts/en.yaml and in the files beside it."""


def verdicts(records: Records) -> list[Verdict]:
    """A verdict on every claim, in order. Pure: the same records give the same verdicts."""
    return verdicts_from(Evidence(records))


def verdicts_from(evidence: Evidence) -> list[Verdict]:
    """`verdicts`, of evidence that is there already."""
    cases = [claim.test(evidence) for claim in CLAIMS]
    family = Family(asked for found in cases for case in found for asked in case.comparisons)
    return [_verdict(claim, evidence, found, family) for claim, found in zip(CLAIMS, cases)]


def _verdict(claim: Claim, evidence: Evidence, cases: list[Case], family: Family) -> Verdict:
    findings = []
    for case in cases:
        judged = [family.judge(asked) for asked in case.comparisons]
        findings.append(replace(case.judge(judged), comparisons=judged))
    verdict = rules.combined(finding.verdict for finding in findings)
    said = [sentence for finding in findings for sentence in finding.evidence]
    if verdict == NOT_TESTED:
        said = [Message("evidence.missing"), *said]
    settings = list(dict.fromkeys(setting for finding in findings for setting in finding.settings))
    left_out = sum(int((evidence.finished(setting)["doubt"] != "").sum()) for setting in settings)
    if left_out and claim.test is not rules.hidden_layers:
        said.append(Message("evidence.left_out.many" if left_out > 1 else "evidence.left_out.one", count=left_out))
    told = {finding.corrected for finding in findings if finding.verdict != NOT_TESTED}
    instead = told.pop() if len(told) == 1 else None
    if instead is None:
        open_ = Message("instead.untested" if verdict == NOT_TESTED else "instead.undecided")
        instead = claim.corrected.get(verdict, open_)
    compared = [judged for finding in findings for judged in finding.comparisons]
    return Verdict(claim, verdict, said, _scope(claim, evidence, settings), instead, compared)


def _scope(claim: Claim, evidence: Evidence, settings: list[Setting]) -> Text:
    if not settings:
        return claim.scope
    trusted = claim.test is not rules.hidden_layers
    seeds = sorted(
        {int(seed) for setting in settings for seed in evidence.finished(setting, trusted)["seed"].dropna()}
    )
    told = Joined((setting.text for setting in settings), "reasons")
    if not seeds:
        return Message("evidence.scope", settings=told, scope=claim.scope)
    return Message("evidence.scope_seeds", settings=told, seeds=Joined(map(str, seeds)), scope=claim.scope)

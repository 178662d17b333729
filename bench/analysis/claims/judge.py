"""The article's claims A-H as data, and a verdict on each from records alone.

The rules were fixed before running; `bench.analysis.comparisons` defines what counts as a difference. The rules are
conservative. A claim is inconclusive with one or two seeds, or if p is above 0.05 after Holm's correction for all
comparisons of the report. It is not tested if the cells were not run. A cell that fails its sanity gates stays in the
tables, but not in the verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bench.analysis import comparisons
from bench.analysis.claims import (
    claim_a_distance,
    claim_b_hidden_layers,
    claim_c_recurrent_wins,
    claim_d_cost,
    claim_e_positions,
    claim_f_heads,
    claim_g_attention,
    claim_h_translation,
)
from bench.analysis.claims.cases import (
    INCONCLUSIVE,
    NOT_TESTED,
    QUALIFIED,
    REFUTED,
    SUPPORTED,
    Case,
    Rule,
    combined,
)
from bench.analysis.comparisons import Family, Judgement
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Message, Text
from bench.analysis.settings import Setting
from bench.records.store import Records

VERDICTS = (SUPPORTED, REFUTED, QUALIFIED, INCONCLUSIVE, NOT_TESTED)

RULES_VERSION = 2
"""Version 1: both 95 % intervals (bootstrap, and Student's t over common seeds) on one side of zero; only claim C was
corrected for the number of its comparisons. Version 2: Welch's t test over seeds with moderated variances, and Holm's
correction for all comparisons of a report together."""

CRITERION = Message("called.version", version=RULES_VERSION, called=comparisons.CRITERION)


@dataclass(frozen=True)
class Claim:
    """sentence: the article's; predicts: the measurement to expect if it is true; rule: fixed before running; scope:
    limits of every verdict on it; corrected: what may be said instead, by verdict; test: the rule as code."""

    letter: str
    sentence: Text
    predicts: Text
    rule: Text
    scope: Text
    corrected: Mapping[str, Text]
    test: Rule


@dataclass(frozen=True)
class Verdict:
    """verdict: one of VERDICTS; evidence: sentences with numbers; scope: where the verdict applies; corrected: the
    sentence to say instead of the claim; comparisons: those of the evidence, as data."""

    claim: Claim
    verdict: str
    evidence: list[Text]
    scope: Text
    corrected: Text
    comparisons: list[Judgement] = field(default_factory=list)

    @property
    def letter(self) -> str:
        return self.claim.letter

    @property
    def sentence(self) -> Text:
        """One sentence to quote."""
        return self.evidence[0] if self.evidence else self.corrected

    @property
    def needed(self) -> Text | None:
        """What would decide an open claim; None for a decided one."""
        return None

    @property
    def command(self) -> str:
        """The command that repeats the deciding comparison, "" where nothing decides."""
        return ""

    @property
    def word(self) -> Text:
        """The verdict for readers."""
        return Message(f"verdicts.{self.verdict}")


def _claim(letter: str, test: Rule, *verdicts: str) -> Claim:
    """verdicts: those with a sentence of their own to say instead of the claim."""
    sentence, predicts, rule, scope = (
        Message(f"claims.{letter}.{part}") for part in ("sentence", "predicts", "rule", "scope")
    )
    corrected = {verdict: Message(f"claims.{letter}.{verdict}") for verdict in verdicts}
    return Claim(letter, sentence, predicts, rule, scope, corrected, test)


CLAIMS = (
    _claim("A", claim_a_distance.rule, SUPPORTED, QUALIFIED, REFUTED),
    _claim("B", claim_b_hidden_layers.rule, REFUTED),
    _claim("C", claim_c_recurrent_wins.rule, REFUTED, SUPPORTED),
    _claim("D", claim_d_cost.rule, SUPPORTED, QUALIFIED, REFUTED),
    _claim("E", claim_e_positions.rule, SUPPORTED, QUALIFIED, REFUTED),
    _claim("F", claim_f_heads.rule, SUPPORTED, QUALIFIED, REFUTED),
    _claim("G", claim_g_attention.rule, SUPPORTED, QUALIFIED, REFUTED),
    _claim("H", claim_h_translation.rule, SUPPORTED, QUALIFIED, REFUTED),
)
"""The words of each are under `claims` in the texts."""


def verdicts(records: Records) -> list[Verdict]:
    """A verdict on every claim, in order. Pure: the same records give the same verdicts."""
    return verdicts_from(Evidence(records))


def verdicts_from(evidence: Evidence) -> list[Verdict]:
    """`verdicts` from evidence that already exists."""
    cases = [claim.test(evidence) for claim in CLAIMS]
    family = Family(comparison for of_claim in cases for case in of_claim for comparison in case.comparisons)
    return [_verdict(claim, evidence, of_claim, family) for claim, of_claim in zip(CLAIMS, cases)]


def _verdict(claim: Claim, evidence: Evidence, cases: list[Case], family: Family) -> Verdict:
    findings = []
    for case in cases:
        judgements = [family.judge(comparison) for comparison in case.comparisons]
        findings.append(replace(case.judge(judgements), comparisons=judgements))
    verdict = combined(finding.verdict for finding in findings)
    sentences = [sentence for finding in findings for sentence in finding.evidence]
    if verdict == NOT_TESTED:
        sentences = [Message("evidence.missing"), *sentences]
    settings = list(dict.fromkeys(setting for finding in findings for setting in finding.settings))
    left_out = sum(int((evidence.finished(setting)["doubt"] != "").sum()) for setting in settings)
    if left_out and _applies_gates(claim):
        sentences.append(
            Message("evidence.left_out.many" if left_out > 1 else "evidence.left_out.one", count=left_out)
        )
    instead = {finding.corrected for finding in findings if finding.verdict != NOT_TESTED}
    corrected = instead.pop() if len(instead) == 1 else None
    if corrected is None:
        undecided = Message("instead.untested" if verdict == NOT_TESTED else "instead.undecided")
        corrected = claim.corrected.get(verdict, undecided)
    compared = [judgement for finding in findings for judgement in finding.comparisons]
    return Verdict(claim, verdict, sentences, _scope(claim, evidence, settings), corrected, compared)


def _scope(claim: Claim, evidence: Evidence, settings: list[Setting]) -> Text:
    if not settings:
        return claim.scope
    trusted = _applies_gates(claim)
    seeds = {int(seed) for setting in settings for seed in evidence.finished(setting, trusted)["seed"].dropna()}
    names = Joined((setting.text for setting in settings), "reasons")
    if not seeds:
        return Message("evidence.scope", settings=names, scope=claim.scope)
    every_seed = Joined(map(str, sorted(seeds)))
    return Message("evidence.scope_seeds", settings=names, seeds=every_seed, scope=claim.scope)


def _applies_gates(claim: Claim) -> bool:
    """Whether the rule leaves out cells that fail a sanity gate; claim B is about the architecture alone."""
    return claim.test is not claim_b_hidden_layers.rule

"""The article's claims A-H as data, and a verdict on each from records alone.

The rules were fixed before running; what counts as a difference is said in `bench.report.comparisons`. They are
conservative: with one or two seeds, or where p is above 0.05 after Holm's correction for all comparisons of the report, a
claim is inconclusive; what was not run is not tested; a cell that fails its sanity gates stays in the tables and out of
the verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bench.records import Records
from bench.report import ablations, comparisons, costs, rules
from bench.report.comparisons import Family, Judged
from bench.report.evidence import Evidence, Setting
from bench.report.rules import INCONCLUSIVE, NOT_TESTED, QUALIFIED, REFUTED, SUPPORTED, Case, Rule

VERDICTS = (SUPPORTED, REFUTED, QUALIFIED, INCONCLUSIVE, NOT_TESTED)

RULES_VERSION = 2
CHANGES = {
    1: "both 95 % intervals (bootstrap and Student's t over common seeds) on one side of zero; only claim C corrected for "
    "the number of its comparisons",
    2: "Welch's t test over seeds with moderated variances, and Holm's correction for all comparisons of a report together",
}
"""What each version calls a difference."""

CALLED = f"Version {RULES_VERSION} of the rules. {comparisons.CALLED}"

UNDECIDED = "These measurements do not decide the claim; the evidence under it says why."
UNTESTED = "Nothing here speaks for or against the claim."


@dataclass(frozen=True)
class Claim:
    """sentence: the article's; predicts: what would be measured if it held; rule: fixed before running; scope: words
    that limit every verdict on it; corrected: for a verdict, what may be said instead; test: None where not tested."""

    letter: str
    sentence: str
    predicts: str
    rule: str
    scope: str
    corrected: Mapping[str, str] = field(default_factory=dict)
    test: Rule | None = None


@dataclass(frozen=True)
class Verdict:
    """verdict: one of VERDICTS. evidence: sentences with numbers. scope: where it holds. corrected: the sentence to
    say instead of the claim. comparisons: those that the evidence speaks of, as data."""

    claim: Claim
    verdict: str
    evidence: list[str]
    scope: str
    corrected: str
    comparisons: list[Judged] = field(default_factory=list)

    @property
    def letter(self) -> str:
        return self.claim.letter


CLAIMS = (
    Claim(
        "A",
        "Attention lets the Transformer capture long-distance dependencies; RNN and LSTM capture short-distance ones.",
        "Accuracy of recurrent models without attention falls as the distance grows, and the Transformer's does not.",
        "At the longest quarter of distances seen in training the Transformer scores higher than every recurrent arm "
        "without attention, and the gap grows from the shortest to the longest quarter: supported. At most qualified "
        "where a recurrent arm with attention also holds (at least 0.9 on the scale from chance to 1 at every "
        "distance), is not shown to fall behind, or was not run. A Transformer at chance is reported as limited by "
        "the budget.",
        "Distances in tokens, inside the range seen in training, on made-up recall data.",
        {
            SUPPORTED: "On this task and at this size the Transformer kept its accuracy at distances where recurrent "
            "models, with and without attention, lost theirs.",
            QUALIFIED: "What was measured is narrower than the claim; the evidence under it says in what.",
            REFUTED: "At this size and budget the Transformer was not better at long distances than a recurrent model.",
        },
        rules.distance,
    ),
    Claim(
        "B",
        "The Transformer has no hidden layer; RNN and LSTM have hidden layers.",
        "The Transformer has no parameters between its input and its output besides attention.",
        "Seen by looking into the built models: their hidden layers listed, the feed-forward ones taken out, and what "
        "is handed on from one position to the next measured with another first token. Any hidden layer in the "
        "Transformer refutes it; where models were not looked into, any parameter of a feed-forward network does.",
        "A property of the architecture; data, seeds and budget do not matter.",
        {
            REFUTED: "Both have hidden layers. A Transformer layer holds a feed-forward network with a hidden layer "
            "beside its attention; what it lacks is a hidden state of fixed size, written anew at each position.",
        },
        rules.hidden_layers,
    ),
    Claim(
        "C",
        "The article is silent on where recurrent models win; read literally, they win nowhere.",
        "No task, split, metric or speed on which a recurrent arm is above the Transformer.",
        "Every comparison of a recurrent arm with the Transformer (each split and metric, and each speed). One recurrent "
        "arm above the Transformer refutes it.",
        "Only the tasks, metrics and speeds measured here; no average over tasks is formed.",
        {
            REFUTED: "Recurrent models win in some places; the evidence lists them.",
            SUPPORTED: "In these measurements no recurrent arm was above the Transformer anywhere.",
        },
        costs.recurrent_wins,
    ),
    Claim(
        "D",
        "The Transformer has many parameters and a high computing cost.",
        "At equal parameters the Transformer needs more FLOPs, time or memory per target token.",
        "Parameters are matched by design, so their number is not tested (the mismatch is printed); where FLOPs are "
        "matched instead, parameters are tested and FLOPs are not. FLOPs per target token, training and decoding time "
        "per target token and GPU memory, Transformer over each recurrent arm: all higher gives qualified (half of "
        "the claim), none higher refuted, some higher qualified.",
        "These sizes and sequence lengths; the cost of attention grows with the square of the length.",
        {
            SUPPORTED: "In this comparison the Transformer cost more in every respect measured.",
            QUALIFIED: "Cost depends on what is counted: matched as the scope says, the Transformer is dearer in some "
            "respects and not in others, or only its computing cost was tested.",
            REFUTED: "Matched as the scope says, the Transformer was not dearer than the recurrent arms in any "
            "respect.",
        },
        costs.cost,
    ),
    Claim(
        "E",
        "Positional encoding is what gives the Transformer word order.",
        "Without positions the Transformer falls to the score of a model that cannot see the order.",
        "On tasks that need order, the same arm with its best kind of positions and with none: higher with, and without "
        "less than half of the way from chance left, gives supported; higher, with more left, qualified; not higher, "
        "refuted. An encoder alone is the control: a decoder that looks back only knows some order in any case.",
        "Made-up tasks that need order; first (in-distribution) test split.",
        {
            SUPPORTED: "On tasks that need order a Transformer without positions lost most of its score.",
            QUALIFIED: "Positional encoding gives a Transformer order, but not all of it in every form: a decoder that "
            "looks back only can tell positions apart without.",
            REFUTED: "On these tasks the Transformer did as well without positions as with.",
        },
        ablations.positions,
    ),
    Claim(
        "F",
        "Several heads capture several dependencies.",
        "At equal parameters, more heads score higher on a task with several dependencies.",
        "The same arm at equal parameters with one head and with more: all higher than one gives supported, some "
        "qualified, none refuted.",
        "Number of heads alone; width of a head shrinks as their number grows. First test split.",
        {
            SUPPORTED: "At equal parameters several heads scored higher than one.",
            QUALIFIED: "Some numbers of heads scored higher than one head at equal parameters, others were not shown to.",
            REFUTED: "At equal parameters several heads did not score higher than one.",
        },
        ablations.heads,
    ),
    Claim(
        "G",
        "The attention mechanism by itself improves a sequence model.",
        "The same recurrent cell scores higher with attention than without.",
        "On the first test split of every task, headline metric: each recurrent arm with attention minus the same cell "
        "without. All higher: supported; none higher: refuted; mixed: qualified.",
        "First (in-distribution) test split; equal parameters and budget.",
        {
            SUPPORTED: "At equal parameters and budget attention improved each recurrent model on each task measured.",
            QUALIFIED: "Attention improved a recurrent model on some tasks or cells and was not shown to on others.",
            REFUTED: "At equal parameters and budget attention did not improve the recurrent models measured.",
        },
        rules.attention,
    ),
    Claim(
        "H",
        "The Transformer translates better.",
        "Higher BLEU than every recurrent arm on unseen sentences.",
        "multi30k, test_2016_flickr, sacreBLEU, greedy and beam search: higher than every recurrent arm gives "
        "supported; lower than one, refuted; higher than some and not decided against others, qualified.",
        "One small corpus of image captions, one direction, BLEU alone.",
        {
            SUPPORTED: "On this corpus, at this size and budget, the Transformer's BLEU was higher than that of every "
            "recurrent arm.",
            QUALIFIED: "On this corpus the Transformer translated better than some recurrent arms and was not shown to "
            "translate better than others.",
            REFUTED: "On this corpus, at this size and budget, a recurrent arm reached the higher BLEU.",
        },
        rules.translation,
    ),
)


def verdicts(records: Records) -> list[Verdict]:
    """A verdict on every claim, in order. Pure: the same records give the same verdicts."""
    evidence = Evidence(records)
    cases = [claim.test(evidence) if claim.test is not None else [] for claim in CLAIMS]
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
        missing = "Not tested by this suite" + (
            ": a task or an arm that the rule needs has no result." if claim.test else "."
        )
        said = [missing, *said]
    settings = list(dict.fromkeys(setting for finding in findings for setting in finding.settings))
    left_out = sum(int((evidence.of(setting)["doubt"] != "").sum()) for setting in settings)
    if left_out and claim.test is not rules.hidden_layers:
        counted = f"{left_out} finished cell{'s' if left_out > 1 else ''}"
        said.append(f"Left out by the sanity gates: {counted} of these settings, listed in the report.")
    told = {finding.corrected for finding in findings if finding.verdict != NOT_TESTED}
    instead = told.pop() if len(told) == 1 else None
    if instead is None:
        instead = claim.corrected.get(verdict, UNTESTED if verdict == NOT_TESTED else UNDECIDED)
    compared = [judged for finding in findings for judged in finding.comparisons]
    return Verdict(claim, verdict, said, _scope(claim, evidence, settings), instead, compared)


def _scope(claim: Claim, evidence: Evidence, settings: list[Setting]) -> str:
    if not settings:
        return claim.scope
    trusted = claim.test is not rules.hidden_layers
    seeds = sorted({int(seed) for setting in settings for seed in evidence.of(setting, trusted)["seed"].dropna()})
    told = f"Seeds {', '.join(map(str, seeds))}. " if seeds else ""
    return f"{'; '.join(map(str, settings))}. {told}{claim.scope}"

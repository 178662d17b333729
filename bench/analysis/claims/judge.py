"""The article's claims A-H as data, and a verdict on each from records alone.

The primary comparisons (`primary.yaml`) were named before the runs that they judge; `bench.analysis.comparisons`
defines what counts as a difference. A claim's key comparison gives supported or refuted, a further primary comparison
that is decided otherwise makes it qualified, and an open key comparison leaves the claim open (inconclusive). A cell
that fails its sanity gates stays in the tables, but not in the verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.analysis import arms, comparisons
from bench.analysis.claims import inspection, missing, primary, questions, sentences
from bench.analysis.claims.answers import Answer, answers
from bench.analysis.comparisons import Judgement
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Message, Text, one_or_many
from bench.analysis.settings import Setting
from bench.records.store import Records

SUPPORTED, REFUTED, QUALIFIED, INCONCLUSIVE = "supported", "refuted", "qualified", "inconclusive"
NOT_TESTED = "not tested"
VERDICTS = (SUPPORTED, REFUTED, QUALIFIED, INCONCLUSIVE, NOT_TESTED)

RULES_VERSION = 6
"""Version 1: both 95 % intervals (bootstrap, and Student's t over common seeds) on one side of zero; only claim C was
corrected for the number of its comparisons. Version 2: Welch's t test over seeds with moderated variances, and Holm's
correction for all comparisons of a report together. Version 3: primary comparisons, named beforehand for each suite,
are alone in Holm's correction; one key comparison decides a claim; costs rest on a profile in rounds. Version 4: a key
with too few seeds to be tested has no say beside a tested one. Version 5: the list of the budget `faq` alone decides
the claims of which its key comparison was run. Version 6: on Multi30k of `faq`, claims G and H compare recurrent arms
with additive attention, which validation prefers for both cells, and no longer with dot attention. Versions 4 to 6
change no word of a folder of another budget."""

CRITERION = Message("called.version", version=RULES_VERSION, called=comparisons.CRITERION)

INSPECTED = "B"
"""The claim that inspecting the models decides."""


@dataclass(frozen=True)
class Claim:
    """sentence: the article's; predicts: the measurement to expect if it is true; rule: fixed before running; scope:
    limits of every verdict on it; corrected: what may be said instead, by verdict."""

    letter: str
    sentence: Text
    predicts: Text
    rule: Text
    scope: Text
    corrected: Mapping[str, Text]


@dataclass(frozen=True)
class Verdict:
    """verdict: one of VERDICTS; sentence: one to quote, with numbers; evidence: a sentence of each comparison.

    scope: where the verdict applies; corrected: what to say instead of the claim; comparisons: the primary ones that
    the records hold, the key first; roles: of each of them; needed: what would decide an open claim, None for a
    decided one; command: repeats the run, "" if the records are of no suite; exploratory: how many of the evidence,
    its last sentences, are of exploratory comparisons."""

    claim: Claim
    verdict: str
    sentence: Text
    evidence: list[Text]
    scope: Text
    corrected: Text
    comparisons: list[Judgement] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    needed: Text | None = None
    command: str = ""
    exploratory: int = 0

    @property
    def letter(self) -> str:
        return self.claim.letter

    @property
    def word(self) -> Text:
        """The verdict for readers."""
        return Message(f"verdicts.{self.verdict}")

    @property
    def evidence_parts(self) -> tuple[list[Text], list[Text]]:
        """The evidence of the primary comparisons, and that of the exploratory ones."""
        count = len(self.evidence) - self.exploratory
        return self.evidence[:count], self.evidence[count:]


def _claim(letter: str, *verdicts: str) -> Claim:
    """verdicts: those with a sentence of their own to say instead of the claim."""
    sentence, predicts, rule, scope = (
        Message(f"claims.{letter}.{part}") for part in ("sentence", "predicts", "rule", "scope")
    )
    corrected = {verdict: Message(f"claims.{letter}.{verdict}") for verdict in verdicts}
    if letter == ABOUT_ATTENTION:
        corrected[BY_ATTENTION] = Message(f"claims.{letter}.{BY_ATTENTION}")
    return Claim(letter, sentence, predicts, rule, scope, corrected)


ABOUT_ATTENTION, BY_ATTENTION = "A", "qualified by attention"
"""A claim, and its sentence to say where only recurrent arms with attention do not fall behind."""

LETTERS = ("A", "B", "C", "D", "E", "F", "G", "H")
CLAIMS = tuple(
    _claim(letter, *((REFUTED,) if letter == INSPECTED else (SUPPORTED, QUALIFIED, REFUTED))) for letter in LETTERS
)
"""The words of each are under `claims` in the texts."""


def verdicts(records: Records) -> list[Verdict]:
    """A verdict on every claim, in order. Pure: the same records give the same verdicts."""
    return verdicts_from(Evidence(records))


def verdicts_from(evidence: Evidence) -> list[Verdict]:
    """`verdicts` from evidence that already exists."""
    questions_of = {
        claim.letter: questions.of_claim(evidence, claim.letter) for claim in CLAIMS if claim.letter != INSPECTED
    }
    answered = answers(evidence, questions_of)
    return [
        _inspected(claim, evidence) if claim.letter == INSPECTED else _verdict(claim, evidence, answered[claim.letter])
        for claim in CLAIMS
    ]


def _verdict(claim: Claim, evidence: Evidence, own: Sequence[Answer]) -> Verdict:
    word = word_of(own)
    decided = word in (SUPPORTED, REFUTED, QUALIFIED)
    key = _spoken_of(own, decided)
    # What is missing is named for primary comparisons alone: no suite has to run an exploratory one.
    named = [answer for answer in own if answer.entry.role != primary.EXPLORATORY]
    beside = [answer for answer in own if answer.entry.role == primary.EXPLORATORY and answer.judgement is not None]
    evidence_texts = [sentences.evidence_of(evidence, answer) for answer in named]
    needed = None if decided else missing.needed(evidence, key)
    contrary: list[Answer] = []
    if key is not None and key.judgement is not None:
        contrary = [answer for answer in own if _qualifies(answer, key)] if decided else []
        sentence = sentences.verdict_sentence(evidence, key, contrary)
    else:
        assert needed is not None, "a claim without a key comparison is not decided"
        sentence = needed
    judged = [answer for answer in named if answer.judgement]
    settings = list(dict.fromkeys(answer.setting for answer in judged if answer.setting is not None))
    compared = [answer.judgement.comparison for answer in judged if answer.judgement]
    seeds = [seed for each in compared if not each.paired for seed in {*each.ours, *each.theirs}]
    left_out = sum(int((evidence.finished(setting)["doubt"] != "").sum()) for setting in settings)
    if left_out:
        evidence_texts.append(one_or_many("evidence.left_out", left_out))
    evidence_texts += [sentences.evidence_of(evidence, answer) for answer in beside]
    return Verdict(
        claim, word, sentence, evidence_texts, _scope(claim, settings, seeds), _corrected(claim, word, contrary),
        [answer.judgement for answer in judged if answer.judgement], [answer.entry.role for answer in judged], needed,
        missing.command(evidence.cells), len(beside),
    )  # fmt: skip


def word_of(own: Iterable[Answer]) -> str:
    """The verdict that the answers to a claim's questions give."""
    own = list(own)
    keys = _keys_with_a_say(own)
    if not keys:
        absent = (_is_absent(answer) for answer in own if answer.entry.role == primary.KEY)
        return NOT_TESTED if all(absent) else INCONCLUSIVE
    calls = {answer.supports for answer in keys}
    if None in calls:
        return INCONCLUSIVE
    if len(calls) > 1 or any(_qualifies(answer, keys[0]) for answer in own):
        return QUALIFIED
    return SUPPORTED if calls == {True} else REFUTED


def _keys_with_a_say(own: Iterable[Answer]) -> list[Answer]:
    """The key comparisons that were measured. One with too few seeds to be tested has no say beside one that was
    tested (since version 4)."""
    keys = [answer for answer in own if answer.entry.role == primary.KEY and answer.judgement is not None]
    compared = ((answer, answer.question.comparison) for answer in keys)
    return [answer for answer, comparison in compared if comparison is not None and comparison.testable] or keys


def _spoken_of(own: Sequence[Answer], decided: bool) -> Answer | None:
    """The key comparison that the sentence of a verdict is made of: the first that is decided, or, in an open claim,
    the first that is measured and open. None without any."""
    measured = _keys_with_a_say(own)
    wanted = [answer for answer in measured if (answer.supports is not None) == decided]
    keys = [answer for answer in own if answer.entry.role == primary.KEY]
    return next(iter([*wanted, *measured, *keys]), None)


def _is_absent(answer: Answer) -> bool:
    """Whether no cell was run, in contrast to cells that all fail a gate."""
    return answer.question.comparison is None


def _qualifies(answer: Answer, key: Answer) -> bool:
    """Whether it is decided otherwise than the key comparison, and may change the word."""
    if answer.entry.role not in (primary.KEY, primary.QUALIFIES) or answer.supports is None:
        return False
    return answer.supports is not key.supports


def _inspected(claim: Claim, evidence: Evidence) -> Verdict:
    """The verdict on claim B. Sanity gates do not matter to an architecture."""
    inspected = inspection.inspect(evidence)
    word = NOT_TESTED if inspected.refuted is None else REFUTED if inspected.refuted else INCONCLUSIVE
    command = missing.command(evidence.cells)
    needed = None if word == REFUTED else Message("needed.inspect", command=command or missing.QUICK)
    sentence = inspected.sentence or needed or claim.sentence
    seeds = [int(seed) for each in inspected.settings for seed in evidence.finished(each)["seed"].dropna()]
    scope = _scope(claim, inspected.settings, seeds)
    corrected = _corrected(claim, word)
    return Verdict(claim, word, sentence, inspected.evidence, scope, corrected, needed=needed, command=command)


def _corrected(claim: Claim, word: str, contrary: Sequence[Answer] = ()) -> Text:
    """What to say instead of the claim. contrary: what qualifies it."""
    if word == QUALIFIED and contrary and all(_is_no_worse_with_attention(answer) for answer in contrary):
        word = BY_ATTENTION if BY_ATTENTION in claim.corrected else word
    return claim.corrected.get(word, Message("instead.untested" if word == NOT_TESTED else "instead.undecided"))


def _is_no_worse_with_attention(answer: Answer) -> bool:
    """Whether a recurrent arm with attention does not fall behind the Transformer, which is claimed to be above it."""
    is_attentive = arms.kind(answer.entry.second.model) == arms.ATTENTIVE
    return is_attentive and answer.entry.expects == primary.ABOVE and answer.supports is False


def _scope(claim: Claim, settings: Sequence[Setting], seeds: Iterable[int]) -> Text:
    """Where a verdict applies. seeds: of the cells that it rests on."""
    if not settings:
        return claim.scope
    names = Joined((setting.text for setting in settings), "reasons")
    if not seeds:
        return Message("evidence.scope", settings=names, scope=claim.scope)
    every_seed = Joined(map(str, sorted(set(seeds))))
    return Message("evidence.scope_seeds", settings=names, seeds=every_seed, scope=claim.scope)

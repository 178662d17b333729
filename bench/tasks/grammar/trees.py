"""The syntax tree of a sentence, from which both languages are generated, and the function words of the grammar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from bench.tasks.grammar.lexicon import Adjective, Adverb, Noun, Verb

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Phrase:
    """A noun phrase. It has at most one of modifier and relative clause.

    determiner: a key of `german_declension.DETERMINERS`.
    modifier: a preposition, a key of ATTACHED, and its phrase.
    relative, gap: a relative clause and the role of the noun in it, `subject` or `object`.
    conjunct: a second noun phrase, joined by `and`; subjects only.
    """

    determiner: str
    noun: Noun
    plural: bool = False
    adjective: Adjective | None = None
    modifier: tuple[str, Phrase] | None = None
    relative: Clause | None = None
    gap: str = "subject"
    conjunct: Phrase | None = None


@dataclass(slots=True, eq=False)
class Pronoun:
    """person: he, she, it, they, we or i, as in English. antecedent: the phrase it refers to, whose noun decides the
    German gender; None: a person outside the sentence."""

    person: str
    antecedent: Phrase | None = None


@dataclass(slots=True, eq=False)
class Time:
    """A time adverbial: an adverb, or a preposition (a key of TEMPORAL) with its phrase."""

    adverb: Adverb | None = None
    preposition: str | None = None
    phrase: Phrase | None = None


@dataclass(slots=True, eq=False)
class Place:
    """A place adverbial: an adverb, or `in` with a phrase."""

    adverb: Adverb | None = None
    phrase: Phrase | None = None


@dataclass(slots=True, eq=False)
class Clause:
    """A clause, main or subordinate.

    verb: None for the copula, which has a `predicative` adjective instead of objects.
    tense: present, past, perfect or a key of MODALS.
    subject: None in the question `who` and in a relative clause whose gap is the subject.
    object: None likewise, or because the verb takes none.
    prefield: what stands before the finite verb of a German main clause, and first in English: `subject`, `time`,
        `place` or `clause` (the adverbial clause).
    complement, adverbial: a conjunction and a subordinate clause.
    coordinated_predicate: a second predicate with the same subject, joined by `and`.
    coordinated: a conjunction and a second main clause.
    question: None for a statement; otherwise what the sentence asks for: `yes` (yes or no), `who` (subject), `whom` or
        `what` (object), `where`, `when`, `why`.
    """

    verb: Verb | None
    tense: str
    subject: Phrase | Pronoun | None
    object: Phrase | Pronoun | None = None
    indirect_object: Phrase | Pronoun | None = None
    predicative: Adjective | None = None
    time: Time | None = None
    place: Place | None = None
    negative: bool = False
    prefield: str = "subject"
    complement: tuple[str, Clause] | None = None
    adverbial: tuple[str, Clause] | None = None
    coordinated_predicate: Clause | None = None
    coordinated: tuple[str, Clause] | None = None
    question: str | None = None


def required(part: T | None) -> T:
    """A part that this tree must have, such as the time adverbial of a clause whose prefield is `time`."""
    assert part is not None
    return part


def subject_of(clause: Clause) -> Phrase | Pronoun:
    """The subject of a clause that must have one."""
    assert clause.subject is not None
    return clause.subject


@dataclass(frozen=True)
class Modal:
    """A tense with a modal verb.

    english: the words before the infinitive with the subjects i, he and we. negative: the same with `not`; None: it
    has no negation here. german, preterite: the infinitive and whether its form is the preterite. past: whether
    the sentence is about the past. future: whether it is about the future.
    """

    english: tuple[str, str, str]
    negative: tuple[str, str, str] | None
    german: str
    preterite: bool
    past: bool
    future: bool = False


def _same(text: str) -> tuple[str, str, str]:
    return text, text, text


MODALS = {
    "can": Modal(_same("can"), _same("can not"), "können", False, False),
    "must": Modal(_same("must"), None, "müssen", False, False),
    "want": Modal(
        ("want to", "wants to", "want to"),
        ("do not want to", "does not want to", "do not want to"), "wollen", False, False,
    ),
    "may": Modal(
        ("am allowed to", "is allowed to", "are allowed to"),
        ("am not allowed to", "is not allowed to", "are not allowed to"), "dürfen", False, False,
    ),
    "should": Modal(_same("should"), _same("should not"), "sollen", True, False),
    "could": Modal(_same("could"), _same("could not"), "können", True, True),
    "had": Modal(_same("had to"), None, "müssen", True, True),
    "wanted": Modal(_same("wanted to"), _same("did not want to"), "wollen", True, True),
    "was": Modal(
        ("was allowed to", "was allowed to", "were allowed to"),
        ("was not allowed to", "was not allowed to", "were not allowed to"), "dürfen", True, True,
    ),
    "will": Modal(_same("will"), _same("will not"), "werden", False, False, future=True),
}  # fmt: skip

ATTACHED: dict[str, tuple[str | None, str]] = {
    "with": ("mit", "dat"),
    "without": ("ohne", "acc"),
    "behind": ("hinter", "dat"),
    "next to": ("neben", "dat"),
    "in front of": ("vor", "dat"),
    "from": ("aus", "dat"),
    "of": (None, "gen"),
}
"""Prepositions of noun modifiers: German preposition and case. None of them introduces an adverbial, so an English
phrase has one reading."""

TEMPORAL: dict[str, tuple[str | None, str]] = {
    "after": ("nach", "dat"),
    "before": ("vor", "dat"),
    "during": ("während", "gen"),
}
"""Prepositions of time adverbials: German preposition and case."""

LOCAL = ("in", "dat")
"""The preposition `in` of place adverbials: German preposition and case."""

SUBORDINATE = {
    "because": "weil",
    "although": "obwohl",
    "while": "während",
    "if": "wenn",
    "when": "als",
    "until": "bis",
}
"""Conjunctions of adverbial clauses. `when` occurs in the past only, where it is `als`."""

COMPLEMENT = {"that": "dass", "whether": "ob"}
"""Conjunctions of complement clauses."""

COORDINATE = {"and": "und", "but": "aber"}
"""Conjunctions of main clauses."""

QUESTION_WORDS = {"where": "wo", "when": "wann", "why": "warum", "what": "was"}
"""Question words with one German form. `who` and `whom` depend on the case."""


def is_plural(subject: Phrase | Pronoun) -> bool:
    """Whether a subject takes the plural of the verb."""
    if isinstance(subject, Pronoun):
        return subject.person in ("they", "we")
    return subject.plural or subject.conjunct is not None


def person(subject: Phrase | Pronoun | None) -> str:
    """The person of a verb with this subject: i, s or p, as in `german_conjugation.PERSONS`; None: `who`."""
    if subject is None:
        return "s"
    if is_plural(subject):
        return "p"
    return "i" if isinstance(subject, Pronoun) and subject.person == "i" else "s"


def depth_of(tree: Clause | Phrase | Pronoun | None) -> int:
    """The nesting depth: the number of clauses inside each other below the main clause."""
    if tree is None or isinstance(tree, Pronoun):
        return 0
    if isinstance(tree, Phrase):
        return 0 if tree.relative is None else 1 + depth_of(tree.relative)
    inner = [depth_of(part) for part in (tree.subject, tree.object, tree.indirect_object, tree.coordinated_predicate)]
    inner += [1 + depth_of(joined[1]) for joined in (tree.complement, tree.adverbial) if joined is not None]
    if tree.coordinated is not None:
        inner.append(depth_of(tree.coordinated[1]))
    return max(inner)

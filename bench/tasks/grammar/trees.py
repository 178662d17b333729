"""The tree of a sentence: what both languages are put into words from."""

from __future__ import annotations

from dataclasses import dataclass

from bench.tasks.grammar.lexicon import Adjective, Adverb, Noun, Verb


@dataclass(slots=True, eq=False)
class Phrase:
    """A noun with what belongs to it. det: a key of `forms.DETERMINERS`. modifier: a preposition of ATTACHED and its
    phrase; relative: a clause with a gap; a phrase has at most one of the two. other: the second of two joined by
    `and`. gap: the role of the gap, `subject` or `object`."""

    determiner: str
    noun: Noun
    plural: bool = False
    adjective: Adjective | None = None
    modifier: tuple[str, Phrase] | None = None
    relative: Clause | None = None
    gap: str = "subject"
    conjunct: Phrase | None = None
    mark: object = None


@dataclass(slots=True, eq=False)
class Pronoun:
    """person: he, she, it, they, we or i, as in English. antecedent: the phrase it stands for; its German gender is the
    antecedent's noun's."""

    person: str
    antecedent: Phrase | None = None


@dataclass(slots=True, eq=False)
class Time:
    """An adverb, or a preposition of time with its phrase."""

    adverb: Adverb | None = None
    preposition: str | None = None
    phrase: Phrase | None = None


@dataclass(slots=True, eq=False)
class Place:
    """An adverb, or `in` with a phrase."""

    adverb: Adverb | None = None
    phrase: Phrase | None = None


@dataclass(slots=True, eq=False)
class Clause:
    """verb None: the copula, with the adjective `quality`. tense: present, past, perfect, or a key of MODALS. subject
    or object None: it is not there or is the gap of a relative clause. first: what stands before the verb of a main
    clause, `subject`, `time`, `place` or `clause` (the adverbial clause). complement, adverbial: conjunction and
    clause. second: a second verb phrase with the same subject, joined by `and`. also: conjunction and a second main
    clause. question: None, or what is asked for: `yes`, `who` (subject), `whom` or `what` (object), `where`, `when`,
    `why`."""

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


@dataclass(frozen=True)
class Modal:
    """english: the forms before the infinitive: for i, he, we. german: the infinitive, and whether its form is the
    preterite. negative: the same with `not`; None: has none. past: whether it goes with the past."""

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

ATTACHED = {
    "with": ("mit", "dat"),
    "without": ("ohne", "acc"),
    "behind": ("hinter", "dat"),
    "next to": ("neben", "dat"),
    "in front of": ("vor", "dat"),
    "from": ("aus", "dat"),
    "of": (None, "gen"),
}
"""Prepositions of phrases that belong to a noun: German word and case. None of them begins an adverbial, so that
there is one reading."""

TEMPORAL = {"after": ("nach", "dat"), "before": ("vor", "dat"), "during": ("während", "gen")}
LOCAL = ("in", "dat")

SUBORDINATE = {
    "because": "weil",
    "although": "obwohl",
    "while": "während",
    "if": "wenn",
    "when": "als",
    "until": "bis",
}
"""Of adverbial clauses. `when` is of the past alone, where it is `als`."""

COMPLEMENT = {"that": "dass", "whether": "ob"}
COORDINATE = {"and": "und", "but": "aber"}


def plural(subject: Phrase | Pronoun) -> bool:
    if isinstance(subject, Pronoun):
        return subject.person in ("they", "we")
    return subject.plural or subject.conjunct is not None


def person(subject: Phrase | Pronoun) -> str:
    """Of the verb: i, s or p, as in `forms.PERSONS`."""
    if plural(subject):
        return "p"
    return "i" if isinstance(subject, Pronoun) and subject.person == "i" else "s"


def depth_of(tree: Clause | Phrase | Pronoun | None) -> int:
    """How many clauses lie inside each other below this one."""
    if tree is None or isinstance(tree, Pronoun):
        return 0
    if isinstance(tree, Phrase):
        return 0 if tree.relative is None else 1 + depth_of(tree.relative)
    inner = [depth_of(phrase) for phrase in (tree.subject, tree.object, tree.indirect_object, tree.coordinated_predicate)]
    inner += [1 + depth_of(joined[1]) for joined in (tree.complement, tree.adverbial) if joined is not None]
    if tree.coordinated is not None:
        inner.append(depth_of(tree.coordinated[1]))
    return max(inner)

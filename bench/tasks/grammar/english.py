"""A tree in English words."""

from __future__ import annotations

from bench.tasks.grammar import trees
from bench.tasks.grammar.lexicon import Verb
from bench.tasks.grammar.trees import MODALS, Clause, Phrase, Place, Pronoun, Time

SUBJECTS = {"i": "I", "he": "he", "she": "she", "it": "it", "we": "we", "they": "they"}
OBJECTS = {"i": "me", "he": "him", "she": "her", "it": "it", "we": "us", "they": "them"}
BE = {False: {"i": "am", "s": "is", "p": "are"}, True: {"i": "was", "s": "was", "p": "were"}}
VOWELS = "aeiou"
PREPOSITIONS = ("at", "for", "to")
"""Particles that stand before their object, also where it is a pronoun: `looks at him`, but `picks him up`."""

UNPRONOUNCED = ("honest",)
"""Words with an h that is not heard."""


def indefinite(word: str) -> str:
    """The article before a word.

    >>> [indefinite(word) for word in ("old", "new", "honest", "hungry")]
    ['an', 'a', 'an', 'a']
    """
    return "an" if word[0] in VOWELS or word in UNPRONOUNCED else "a"


def realise(tree: Clause) -> list[str]:
    """The sentence."""
    out: list[str] = []
    _clause(out, tree)
    out.append("?" if tree.question else ".")
    return out


def _clause(out: list[str], clause: Clause) -> None:
    """A main clause or question, with what is joined to it."""
    if clause.question:
        _question(out, clause)
        return
    if clause.prefield == "time":
        _time(out, clause.time)
    elif clause.prefield == "place":
        _place(out, clause.place)
    elif clause.prefield == "clause":
        _subordinate(out, clause.adverbial)
        out.append(",")
    _noun(out, clause.subject, SUBJECTS)
    _predicate(out, clause, trees.person(clause.subject))
    if clause.adverbial is not None and clause.prefield != "clause":
        _subordinate(out, clause.adverbial)
    if clause.coordinated is not None:
        conjunction, other = clause.coordinated
        if conjunction == "but":
            out.append(",")
        out.append(conjunction)
        _clause(out, other)


def _subordinate(out: list[str], joined: tuple[str, Clause]) -> None:
    conjunction, clause = joined
    out.append(conjunction)
    _noun(out, clause.subject, SUBJECTS)
    _predicate(out, clause, trees.person(clause.subject))


def _predicate(out: list[str], clause: Clause, person: str) -> None:
    """All that follows the subject."""
    _verb(out, clause, person)
    _rest(out, clause)
    if clause.coordinated_predicate is not None:
        out.append("and")
        _predicate(out, clause.coordinated_predicate, person)


def _verb(out: list[str], clause: Clause, person: str) -> None:
    """The finite verb to the main verb, which is not followed by its particle yet."""
    verb, tense, negative = clause.verb, clause.tense, clause.negative
    if tense in MODALS:
        modal = MODALS[tense]
        out.extend((modal.negative if negative else modal.english)["isp".index(person)].split())
        out.append("be" if verb is None else verb.english[0])
    elif verb is None:
        out.append(BE[tense == "past"][person])
        if negative:
            out.append("not")
    elif tense == "perfect":
        out.append("has" if person == "s" else "have")
        if negative:
            out.append("not")
        out.append(verb.english[3])
    elif negative:
        out.append("did" if tense == "past" else "does" if person == "s" else "do")
        out.append("not")
        out.append(verb.english[0])
    else:
        out.append(verb.english[2] if tense == "past" else verb.english[1] if person == "s" else verb.english[0])


def _rest(out: list[str], clause: Clause) -> None:
    """What follows the verb, a second verb phrase and adverbial clauses excepted."""
    verb: Verb | None = clause.verb
    if clause.predicative is not None:
        out.append(clause.predicative.english)
    particle = verb.particle if verb is not None else None
    if particle is not None and (particle in PREPOSITIONS or not isinstance(clause.object, Pronoun)):
        out.append(particle)
        particle = None
    if clause.indirect_object is not None:
        _noun(out, clause.indirect_object, OBJECTS)
    if clause.object is not None:
        _noun(out, clause.object, OBJECTS)
    if particle is not None:
        out.append(particle)
    if clause.place is not None and clause.prefield != "place":
        _place(out, clause.place)
    if clause.time is not None and clause.prefield != "time":
        _time(out, clause.time)
    if clause.complement is not None:
        _subordinate(out, clause.complement)


def _question(out: list[str], clause: Clause) -> None:
    if clause.question == "who":
        out.append("who")
        _predicate(out, clause, "s")
        return
    if clause.question != "yes":
        out.append(clause.question)
    group: list[str] = []
    person = trees.person(clause.subject)
    _verb(group, clause, person)
    if clause.verb is not None and clause.tense in ("present", "past"):
        group = ["did" if clause.tense == "past" else "does" if person == "s" else "do", clause.verb.english[0]]
    out.append(group[0])
    _noun(out, clause.subject, SUBJECTS)
    out.extend(group[1:])
    _rest(out, clause)


def _noun(out: list[str], phrase: Phrase | Pronoun, pronouns: dict[str, str]) -> None:
    if phrase.__class__ is Pronoun:
        out.append(pronouns[phrase.person])
        return
    det, noun = phrase.determiner, phrase.noun.english[phrase.plural]
    adjective = phrase.adjective
    if det == "a":
        out.append(indefinite(noun if adjective is None else adjective.english))
    elif det == "this":
        out.append("these" if phrase.plural else "this")
    elif det != "bare":
        out.append(det)
    if adjective is not None:
        out.append(adjective.english)
    out.append(noun)
    if phrase.modifier is not None:
        preposition, other = phrase.modifier
        out.extend(preposition.split())
        _noun(out, other, OBJECTS)
    elif phrase.relative is not None:
        _relative(out, phrase)
    if phrase.conjunct is not None:
        out.append("and")
        _noun(out, phrase.conjunct, pronouns)


def _relative(out: list[str], phrase: Phrase) -> None:
    clause = phrase.relative
    if phrase.gap == "subject":
        out.append("who" if phrase.noun.person else "that")
        _predicate(out, clause, "p" if phrase.plural else "s")
        return
    out.append("whom" if phrase.noun.person else "that")
    _noun(out, clause.subject, SUBJECTS)
    _predicate(out, clause, trees.person(clause.subject))


def _time(out: list[str], time: Time) -> None:
    if time.adverb is not None:
        out.extend(time.adverb.english)
        return
    out.append(time.preposition)
    _noun(out, time.phrase, OBJECTS)


def _place(out: list[str], place: Place) -> None:
    if place.adverb is not None:
        out.extend(place.adverb.english)
        return
    out.append("in")
    _noun(out, place.phrase, OBJECTS)

"""English sentences from trees."""

from __future__ import annotations

from bench.tasks.grammar import trees
from bench.tasks.grammar.trees import MODALS, Clause, Phrase, Place, Pronoun, Time, required, subject_of

SUBJECTS = {"i": "I", "he": "he", "she": "she", "it": "it", "we": "we", "they": "they"}
OBJECTS = {"i": "me", "he": "him", "she": "her", "it": "it", "we": "us", "they": "them"}
BE = {False: {"i": "am", "s": "is", "p": "are"}, True: {"i": "was", "s": "was", "p": "were"}}
"""Forms of `be`: present and past, by person."""

VOWELS = "aeiou"
PREPOSITIONS = ("at", "for", "to")
"""Particles that precede every object, also a pronoun: `looks at him`, but `picks him up`."""

SILENT_H = ("honest",)


def indefinite(word: str) -> str:
    """The indefinite article before a word.

    >>> [indefinite(word) for word in ("old", "new", "honest", "hungry")]
    ['an', 'a', 'an', 'a']
    """
    return "an" if word[0] in VOWELS or word in SILENT_H else "a"


def realise(tree: Clause) -> list[str]:
    """The words of a sentence."""
    words: list[str] = []
    _main(words, tree)
    words.append("?" if tree.question else ".")
    return words


def _main(words: list[str], clause: Clause) -> None:
    """Appends a main clause or question, with the clauses joined to it."""
    if clause.question:
        _question(words, clause, clause.question)
        return
    if clause.prefield == "time":
        _time(words, required(clause.time))
    elif clause.prefield == "place":
        _place(words, required(clause.place))
    elif clause.prefield == "clause":
        _subordinate(words, *required(clause.adverbial))
        words.append(",")
    _noun_phrase(words, subject_of(clause), SUBJECTS)
    _predicate(words, clause, trees.person(clause.subject))
    if clause.adverbial is not None and clause.prefield != "clause":
        _subordinate(words, *clause.adverbial)
    if clause.coordinated is not None:
        conjunction, other = clause.coordinated
        if conjunction == "but":
            words.append(",")
        words.append(conjunction)
        _main(words, other)


def _subordinate(words: list[str], conjunction: str, clause: Clause) -> None:
    words.append(conjunction)
    _noun_phrase(words, subject_of(clause), SUBJECTS)
    _predicate(words, clause, trees.person(clause.subject))


def _predicate(words: list[str], clause: Clause, person: str) -> None:
    """Everything after the subject."""
    words.extend(_verb_group(clause, person))
    _complements(words, clause)
    if clause.coordinated_predicate is not None:
        words.append("and")
        _predicate(words, clause.coordinated_predicate, person)


def _verb_group(clause: Clause, person: str) -> list[str]:
    """The words from the finite verb to the main verb, without its particle."""
    verb, tense, negative = clause.verb, clause.tense, clause.negative
    negation = ["not"] if negative else []
    if tense in MODALS:
        modal = MODALS[tense]
        forms = required(modal.negative) if negative else modal.english
        return [*forms["isp".index(person)].split(), "be" if verb is None else verb.english[0]]
    if verb is None:
        return [BE[tense == "past"][person], *negation]
    if tense == "perfect":
        return ["has" if person == "s" else "have", *negation, verb.english[3]]
    if negative:
        return [_do(tense, person), "not", verb.english[0]]
    return [verb.english[2] if tense == "past" else verb.english[1] if person == "s" else verb.english[0]]


def _do(tense: str, person: str) -> str:
    return "did" if tense == "past" else "does" if person == "s" else "do"


def _complements(words: list[str], clause: Clause) -> None:
    """What follows the main verb: particle, objects, place, time and complement clause."""
    if clause.predicative is not None:
        words.append(clause.predicative.english)
    particle = clause.verb.particle if clause.verb is not None else None
    if particle is not None and (particle in PREPOSITIONS or not isinstance(clause.object, Pronoun)):
        words.append(particle)
        particle = None
    if clause.indirect_object is not None:
        _noun_phrase(words, clause.indirect_object, OBJECTS)
    if clause.object is not None:
        _noun_phrase(words, clause.object, OBJECTS)
    if particle is not None:
        words.append(particle)
    if clause.place is not None and clause.prefield != "place":
        _place(words, clause.place)
    if clause.time is not None and clause.prefield != "time":
        _time(words, clause.time)
    if clause.complement is not None:
        _subordinate(words, *clause.complement)


def _question(words: list[str], clause: Clause, question: str) -> None:
    if question == "who":
        words.append("who")
        _predicate(words, clause, "s")
        return
    if question != "yes":
        words.append(question)
    person = trees.person(clause.subject)
    auxiliary, *rest = _verb_group(clause, person)
    if clause.verb is not None and clause.tense in ("present", "past"):
        auxiliary, rest = _do(clause.tense, person), [clause.verb.english[0]]
    words.append(auxiliary)
    _noun_phrase(words, subject_of(clause), SUBJECTS)
    words.extend(rest)
    _complements(words, clause)


def _noun_phrase(words: list[str], phrase: Phrase | Pronoun, pronouns: dict[str, str]) -> None:
    """pronouns: SUBJECTS or OBJECTS."""
    if isinstance(phrase, Pronoun):
        words.append(pronouns[phrase.person])
        return
    determiner, noun, adjective = phrase.determiner, phrase.noun.english[phrase.plural], phrase.adjective
    if determiner == "a":
        words.append(indefinite(noun if adjective is None else adjective.english))
    elif determiner == "this":
        words.append("these" if phrase.plural else "this")
    elif determiner != "bare":
        words.append(determiner)
    if adjective is not None:
        words.append(adjective.english)
    words.append(noun)
    if phrase.modifier is not None:
        preposition, modifier = phrase.modifier
        words.extend(preposition.split())
        _noun_phrase(words, modifier, OBJECTS)
    elif phrase.relative is not None:
        _relative(words, phrase, phrase.relative)
    if phrase.conjunct is not None:
        words.append("and")
        _noun_phrase(words, phrase.conjunct, pronouns)


def _relative(words: list[str], phrase: Phrase, clause: Clause) -> None:
    """The relative clause of a phrase."""
    if phrase.gap == "subject":
        words.append("who" if phrase.noun.person else "that")
        _predicate(words, clause, "p" if phrase.plural else "s")
    else:
        _subordinate(words, "whom" if phrase.noun.person else "that", clause)


def _time(words: list[str], time: Time) -> None:
    if time.adverb is not None:
        words.extend(time.adverb.english)
        return
    words.append(required(time.preposition))
    _noun_phrase(words, required(time.phrase), OBJECTS)


def _place(words: list[str], place: Place) -> None:
    if place.adverb is not None:
        words.extend(place.adverb.english)
        return
    words.append("in")
    _noun_phrase(words, required(place.phrase), OBJECTS)

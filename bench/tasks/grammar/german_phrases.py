"""German noun phrases, pronouns, prepositional phrases and adverbials, with the dependencies of their words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from bench.tasks.grammar import trees
from bench.tasks.grammar.annotations import Dependency, Word
from bench.tasks.grammar.german_adjectives import adjective_ending
from bench.tasks.grammar.german_declension import (
    CONTRACTIONS,
    GENDER_OF_PRONOUN,
    PRONOUN_OF_GENDER,
    RELATIVE_PRONOUNS,
    determiner_form,
    noun_form,
    pronoun_form,
)
from bench.tasks.grammar.trees import Clause, Phrase, Place, Pronoun, Time, required

FOIL_CASES: dict[str, tuple[str, ...]] = {
    "nom": (),
    "acc": ("nom", "dat"),
    "dat": ("acc", "nom"),
    "gen": ("nom", "dat"),
}
"""Case to the cases whose form is a foil, the preferred one first. A nominative has none: no verb governs it."""

FOIL_GENDERS = {"m": "f", "f": "n", "n": "m", "p": "m"}


@dataclass(frozen=True, slots=True)
class NounPhrase:
    """A noun phrase or pronoun in German words.

    head: the noun or the pronoun. case_marker: the determiner or pronoun that shows the case; None: no word does.
    case_foil: the case marker in another case; None: all cases look alike. weak_foil: a weak noun without its ending;
    None: the noun has no such ending. negated: the determiner is `kein`.
    """

    head: Word
    case_marker: Word | None = None
    case_foil: str | None = None
    weak_foil: str | None = None
    negated: bool = False


def object_case(clause: Clause) -> str:
    """The case in which the verb of a clause governs its direct object."""
    return "dat" if clause.verb is not None and clause.verb.frame == "dative" else "acc"


class GermanPhrases(ABC):
    """Appends phrases to `words` and records `dependencies`."""

    def __init__(self) -> None:
        self.words: list[Word] = []
        self.dependencies: list[Dependency] = []
        self._heads: dict[Phrase, Word] = {}

    @abstractmethod
    def relative_clause(self, phrase: Phrase, head: Word, pronoun: Word) -> None:
        """Appends the relative clause of a phrase, after its relative pronoun."""

    def append(self, text: str) -> Word:
        """Appends one word."""
        word = Word(text)
        self.words.append(word)
        return word

    def depends(
        self, phenomenon: str, decisive: Word, determining: Word, foil: str, foil_plural: bool = False
    ) -> None:
        """Records a dependency."""
        self.dependencies.append(Dependency(phenomenon, decisive, determining, foil, foil_plural))

    def noun_phrase(self, phrase: Phrase | Pronoun, case: str, negated: bool = False) -> NounPhrase:
        """Appends a noun phrase. negated: an indefinite or missing article becomes `kein`."""
        if isinstance(phrase, Pronoun):
            return self._pronoun(phrase, case)
        noun, determiner = phrase.noun, phrase.determiner
        gender = "p" if phrase.plural else noun.gender
        negated = negated and determiner in ("a", "bare")
        if negated:
            determiner = "no"
        text = determiner_form(determiner, case, gender)
        marker = self.append(text) if text else None
        case_foil = _case_foil(text, case, lambda other: determiner_form(determiner, other, gender)) if text else None
        head = Word(noun_form(noun, case, phrase.plural), phrase.plural)
        if phrase.adjective is not None:
            stem, ending = phrase.adjective.stem, adjective_ending(determiner, case, gender)
            self.depends("adjective", self.append(stem + ending), head, stem + ("e" if ending != "e" else "en"))
        self.words.append(head)
        self._heads[phrase] = head
        if phrase.modifier is not None:
            english, modifier = phrase.modifier
            self._prepositional_phrase(*trees.ATTACHED[english], modifier)
        elif phrase.relative is not None:
            self._relative(phrase, head, gender)
        if phrase.conjunct is not None:
            self.append("und")
            self.noun_phrase(phrase.conjunct, case)
        weak_foil = noun.german if noun.weak and case != "nom" and not phrase.plural else None
        return NounPhrase(head, marker, case_foil, weak_foil, negated)

    def _pronoun(self, phrase: Pronoun, case: str) -> NounPhrase:
        antecedent, person = phrase.antecedent, phrase.person
        if antecedent is not None and not antecedent.plural and person == "it":
            person = PRONOUN_OF_GENDER[antecedent.noun.gender]
        text = pronoun_form(person, case)
        word = self.append(text)
        antecedent_head = self._heads.get(antecedent) if antecedent is not None else None
        if antecedent_head is not None and person in GENDER_OF_PRONOUN:
            foil = _gender_foil(
                text, GENDER_OF_PRONOUN[person], lambda gender: pronoun_form(PRONOUN_OF_GENDER[gender], case)
            )
            self.depends("pronoun", word, antecedent_head, foil)
        return NounPhrase(word, word, _case_foil(text, case, lambda other: pronoun_form(person, other)))

    def _relative(self, phrase: Phrase, head: Word, gender: str) -> None:
        """A relative clause between commas."""
        self.append(",")
        clause = required(phrase.relative)
        case = "nom" if phrase.gap == "subject" else object_case(clause)
        pronoun = self.append(RELATIVE_PRONOUNS[case, gender])
        foil = _gender_foil(pronoun.text, gender, lambda other: RELATIVE_PRONOUNS[case, other])
        self.depends("relative", pronoun, head, foil)
        self.relative_clause(phrase, head, pronoun)
        self.append(",")

    def _prepositional_phrase(self, preposition: str | None, case: str, phrase: Phrase) -> None:
        """A preposition, None for the bare genitive, and its noun phrase."""
        start = len(self.words)
        if preposition is not None:
            self.append(preposition)
        inner = self.noun_phrase(phrase, case)
        if inner.weak_foil is not None:
            governor = required(inner.case_marker) if preposition is None else self.words[start]
            self.depends("weak_noun", inner.head, governor, inner.weak_foil)
        if preposition is not None and inner.case_marker is not None:
            contraction = CONTRACTIONS.get((preposition, inner.case_marker.text))
            if contraction is not None:
                self.words[start].text = contraction
                del self.words[start + 1]

    def time(self, time: Time) -> None:
        """Appends a time adverbial."""
        if time.adverb is not None:
            self._adverb(time.adverb.german)
        else:
            self._prepositional_phrase(*trees.TEMPORAL[required(time.preposition)], required(time.phrase))

    def place(self, place: Place) -> None:
        """Appends a place adverbial."""
        if place.adverb is not None:
            self._adverb(place.adverb.german)
        else:
            self._prepositional_phrase(*trees.LOCAL, required(place.phrase))

    def _adverb(self, texts: tuple[str, ...]) -> None:
        for text in texts:
            self.append(text)


def _case_foil(text: str, case: str, form: Callable[[str], str]) -> str | None:
    """The first form in another case that differs from `text`; None: all forms are equal. form: case to form."""
    return next((foil for other in FOIL_CASES[case] if (foil := form(other)) != text), None)


def _gender_foil(text: str, gender: str, form: Callable[[str], str]) -> str:
    """The form in another gender. form: gender to form, of which at most two genders share one."""
    foil = form(FOIL_GENDERS[gender])
    return foil if foil != text else form(FOIL_GENDERS[FOIL_GENDERS[gender]])

"""Parser of English words, noun phrases, times and places. Each method yields every reading at an index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import TypeVar

from bench.tasks.grammar.english import SUBJECTS
from bench.tasks.grammar.german_declension import DETERMINERS
from bench.tasks.grammar.lexicon import Adjective, Lexicon, Noun, Verb
from bench.tasks.grammar.trees import ATTACHED, TEMPORAL, Clause, Phrase, Place, Pronoun, Time, person

T = TypeVar("T")

Readings = Iterator[tuple[T, int]]
"""Pairs of a part of the tree and the index after its last word."""

SINGULAR, PLURAL = (False,), (True,)
NUMBERS = {"a": SINGULAR, "every": SINGULAR} | dict.fromkeys(
    ("bare", "many", "some", "all", "two", "three", "four", "five", "ten"), PLURAL
)
"""Determiners that occur with one number only."""

SPELLINGS = {"an": "a", "these": "this"}
"""Other spellings of determiners."""


class PhraseParser(ABC):
    """Parses phrases of a sentence. words: its words."""

    def __init__(self, words: list[str], lexicon: Lexicon) -> None:
        self.words, self.lexicon = words, lexicon

    @abstractmethod
    def predicate(
        self, at: int, verb_person: str, subject: Phrase | Pronoun | None, gap: bool = False
    ) -> Readings[Clause]:
        """Clauses from the verb on. verb_person: i, s or p. gap: the clause lacks its object."""

    # Words

    def word(self, at: int) -> str:
        """The word at an index; "" after the end."""
        return self.words[at] if at < len(self.words) else ""

    def matches(self, at: int, *texts: str) -> bool:
        """Whether these words stand at an index."""
        return self.words[at : at + len(texts)] == list(texts)

    @cached_property
    def _nouns(self) -> dict[str, tuple[Noun, bool]]:
        return {noun.english[plural]: (noun, plural) for noun in self.lexicon.nouns for plural in (False, True)}

    @cached_property
    def _adjectives(self) -> dict[str, Adjective]:
        return {adjective.english: adjective for adjective in self.lexicon.adjectives}

    def adjective(self, at: int) -> Adjective | None:
        """The adjective at an index."""
        return self._adjectives.get(self.word(at))

    def verbs(self, at: int, form: int) -> list[Verb]:
        """The verbs with the word at an index as their base (form 0), third person (1), past (2) or participle (3)."""
        return [verb for verb in self.lexicon.verbs if verb.english[form] == self.word(at)]

    # Phrases

    def time(self, at: int) -> Readings[Time]:
        """Time adverbials."""
        for adverb in self.lexicon.adverbs:
            if adverb.kind == "time" and self.matches(at, *adverb.english):
                yield Time(adverb=adverb), at + len(adverb.english)
        if self.word(at) in TEMPORAL:
            for phrase, end in self._full_noun_phrase(at + 1):
                yield Time(preposition=self.word(at), phrase=phrase), end

    def place(self, at: int) -> Readings[Place]:
        """Place adverbials."""
        for adverb in self.lexicon.adverbs:
            if adverb.kind == "place" and self.matches(at, *adverb.english):
                yield Place(adverb=adverb), at + len(adverb.english)
        if self.matches(at, "in"):
            for phrase, end in self._full_noun_phrase(at + 1):
                yield Place(phrase=phrase), end

    def noun_phrase(self, at: int, pronouns: dict[str, str]) -> Readings[Phrase | Pronoun]:
        """Pronouns and noun phrases. pronouns: english.SUBJECTS or OBJECTS."""
        for key, text in pronouns.items():
            if self.word(at) == text:
                yield Pronoun(key), at + 1
        yield from self._full_noun_phrase(at, coordinated=pronouns is SUBJECTS)

    def _full_noun_phrase(self, at: int, coordinated: bool = False) -> Readings[Phrase]:
        """Noun phrases with modifier, relative clause or, if `coordinated`, a conjunct; then without."""
        for phrase, after in self._simple_noun_phrase(at):
            yield from self._modified(phrase, after)
            if coordinated and self.matches(after, "and"):
                for conjunct, end in self._simple_noun_phrase(after + 1):
                    phrase.conjunct = conjunct
                    yield phrase, end
                    phrase.conjunct = None
            yield phrase, after

    def _simple_noun_phrase(self, at: int) -> Readings[Phrase]:
        """Determiner, adjective and noun."""
        word = self.word(at)
        determiner, after = SPELLINGS.get(word, word), at + 1
        if determiner not in DETERMINERS or determiner in ("bare", "no"):
            determiner, after = "bare", at
        adjective = self.adjective(after)
        after += adjective is not None
        if self.word(after) not in self._nouns:
            return
        noun, plural = self._nouns[self.word(after)]
        agrees = plural in NUMBERS.get(determiner, (False, True))
        if agrees and (determiner != "this" or (word == "these") is plural):
            yield Phrase(determiner, noun, plural, adjective=adjective), after + 1

    def _modified(self, phrase: Phrase, at: int) -> Readings[Phrase]:
        """The phrase with a modifier or a relative clause, which starts at an index."""
        for preposition in ATTACHED:
            texts = preposition.split()
            if self.matches(at, *texts):
                for modifier, end in self._simple_noun_phrase(at + len(texts)):
                    phrase.modifier = (preposition, modifier)
                    yield phrase, end
                phrase.modifier = None
        if self.word(at) == ("who" if phrase.noun.person else "that"):
            for clause, end in self.predicate(at + 1, "p" if phrase.plural else "s", None):
                if clause.verb is None or belongs_to(phrase, clause.verb.subjects):
                    phrase.relative, phrase.gap = clause, "subject"
                    yield phrase, end
        if self.word(at) == ("whom" if phrase.noun.person else "that"):
            for subject, after in self.noun_phrase(at + 1, SUBJECTS):
                for clause, end in self.predicate(after, person(subject), subject, gap=True):
                    if clause.verb is not None and belongs_to(phrase, clause.verb.objects):
                        phrase.relative, phrase.gap = clause, "object"
                        yield phrase, end
        phrase.relative = None


def belongs_to(phrase: Phrase | Pronoun, classes: tuple[str, ...]) -> bool:
    """Whether the noun is of one of these classes. A pronoun may be of any class."""
    return isinstance(phrase, Pronoun) or not set(classes).isdisjoint(phrase.noun.classes)

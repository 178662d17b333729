"""Noun phrases without clauses, times and places, drawn at random."""

from __future__ import annotations

from collections.abc import Collection

from bench.tasks.grammar.held_out import held_out
from bench.tasks.grammar.lexicon import Adjective, Lexicon, Noun
from bench.tasks.grammar.random_choices import RandomChoices
from bench.tasks.grammar.selection import SelectionalRestrictions
from bench.tasks.grammar.trees import MODALS, Phrase, Place, Time

ARTICLES = (("the", "the", "a"), ("the", "the", "bare"))
SINGULAR = (*("the",) * 8, *("a",) * 5, *("this",) * 2, "every", "my", "our", "his", "her")
PLURAL = (
    *(*("the",) * 6, *("bare",) * 3, "this", "my", "our", "his", "her"),
    *("two", "three", "four", "five", "ten", "many", "some", "all"),
)
AFTER_A_PREPOSITION = (("the", "the", "a", "this", "my", "our"), ("the", "the", "bare", "my", "two", "this"))
GENITIVE = (("the", "the", "a", "this", "my", "our"), ("the", "this", "my"))
NOT_NEGATED = ("every", "all", "many", "some", "two", "three", "four", "five", "ten")
"""Determiners that `not` would be ambiguous with."""

NOT_SUBJECT_NEGATED = (*NOT_NEGATED, "bare", "a")
STANDING = ("behind", "next to", "in front of")
AT = ("building", "door", "thing")

POSSESSIVES = ("my", "our", "his", "her")
UNOWNED = ("Mann", "Frau", "Herr", "Dame", "Mädchen", "Richter", "Präsident")
"""Nouns that mean something else, or are odd, after a possessive: `seine Frau` is his wife."""


class PhraseSampler(SelectionalRestrictions):
    """unseen: the pairs of words drawn since it was last set to 0 that training does not see."""

    def __init__(self, lexicon: Lexicon, rules: Collection[str], combinations: bool = False) -> None:
        super().__init__(lexicon, rules, combinations)
        self.held_out_pairs = 0
        self.random: RandomChoices

    def _bare(self, noun: Noun, negative: bool) -> Phrase:
        """Without modifier and clause."""
        many = self.random.chance(0.35)
        return Phrase(self._det(noun, many, negative, True, joined=True), noun, many, adjective=self._adjective(noun))

    def _det(self, noun: Noun, many: bool, negative: bool, subject: bool, joined: bool = False) -> str:
        random = self.random
        if "determiners" not in self.rules:
            return "the" if negative and subject else random.choice(ARTICLES[many])
        banned = () if not negative else NOT_SUBJECT_NEGATED if subject else NOT_NEGATED
        det = random.choice(PLURAL if many else SINGULAR)
        if det in banned or (joined and det == "every"):
            return "the"
        return _owned(det, noun)

    def _adjective(self, noun: Noun) -> Adjective | None:
        random = self.random
        if "adjectives" not in self.rules or not random.chance(0.3) or not self.adjectives[noun]:
            return None
        adjective = random.choice(self.adjectives[noun])
        if self.combinations and held_out(noun.german, adjective.german):
            self.held_out_pairs += 1
        return adjective

    def _modifier(self, phrase: Phrase) -> None:
        random, noun = self.random, phrase.noun
        choices = [*STANDING, *(("with", "without", "from") if noun.person else ("of", "of", "of"))]
        word = random.choice(choices)
        kinds = {"with": ("thing",), "without": ("thing",), "from": ("place",), "of": ("person",)}.get(word, AT)
        kinds = [kind for kind in kinds if kind in self.nouns]
        if not kinds:
            return
        other = random.choice(self.nouns[random.choice(kinds)])
        many = random.chance(0.3) and word != "from"
        det = _owned(random.choice((GENITIVE if word == "of" else AFTER_A_PREPOSITION)[many]), other)
        if word == "of" and phrase.determiner in POSSESSIVES:
            phrase.determiner = "the"  # a thing has one owner
        phrase.modifier = (word, Phrase(det, other, many, adjective=self._adjective(other)))

    def _time(self, tense: str) -> Time | None:
        random = self.random
        if tense == "perfect" or random.chance(0.35):
            if "event" in self.nouns and "modifiers" in self.rules:
                word = random.choice(("after", "before", "during"))
                event = Phrase(random.choice(("the", "the", "this")), random.choice(self.nouns["event"]))
                return Time(preposition=word, phrase=event)
            if tense == "perfect":
                return None
        if tense in MODALS:
            tense = "future" if MODALS[tense].future else "past" if MODALS[tense].past else "present"
        return Time(adverb=random.choice(self.times[tense])) if self.times[tense] else None

    def _place(self) -> Place:
        random = self.random
        if "place" not in self.nouns or random.chance(0.3):
            return Place(adverb=random.choice(self.places))
        noun = random.choice(self.nouns["place"])
        det = random.choice(("the", "the", "the", "a", "this", "our"))
        return Place(phrase=Phrase(det, noun, adjective=self._adjective(noun)))


def _owned(det: str, noun: Noun) -> str:
    return "the" if det in POSSESSIVES and noun.german in UNOWNED else det

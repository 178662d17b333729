"""Noun phrases without clauses, times and places, drawn at random."""

from __future__ import annotations

from collections.abc import Collection

from bench.tasks.grammar.held_out import held_out
from bench.tasks.grammar.lexicon import Adjective, Lexicon, Noun
from bench.tasks.grammar.random_choices import Dice
from bench.tasks.grammar.selection import Stock
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


class Phrases(Stock):
    """unseen: the pairs of words drawn since it was last set to 0 that training does not see."""

    def __init__(self, lexicon: Lexicon, rules: Collection[str], combinations: bool = False) -> None:
        super().__init__(lexicon, rules, combinations)
        self.unseen = 0
        self.dice: Dice

    def _bare(self, noun: Noun, negative: bool) -> Phrase:
        """Without modifier and clause."""
        many = self.dice.chance(0.35)
        return Phrase(self._det(noun, many, negative, True, joined=True), noun, many, adjective=self._adjective(noun))

    def _det(self, noun: Noun, many: bool, negative: bool, subject: bool, joined: bool = False) -> str:
        dice = self.dice
        if "determiners" not in self.rules:
            return "the" if negative and subject else dice.pick(ARTICLES[many])
        banned = () if not negative else NOT_SUBJECT_NEGATED if subject else NOT_NEGATED
        det = dice.pick(PLURAL if many else SINGULAR)
        if det in banned or (joined and det == "every"):
            return "the"
        return _owned(det, noun)

    def _adjective(self, noun: Noun) -> Adjective | None:
        dice = self.dice
        if "adjectives" not in self.rules or not dice.chance(0.3) or not self.adjectives[noun]:
            return None
        adjective = dice.pick(self.adjectives[noun])
        if self.combinations and held_out(noun.german, adjective.german):
            self.unseen += 1
        return adjective

    def _modifier(self, phrase: Phrase) -> None:
        dice, noun = self.dice, phrase.noun
        choices = [*STANDING, *(("with", "without", "from") if noun.person else ("of", "of", "of"))]
        word = dice.pick(choices)
        kinds = {"with": ("thing",), "without": ("thing",), "from": ("place",), "of": ("person",)}.get(word, AT)
        kinds = [kind for kind in kinds if kind in self.nouns]
        if not kinds:
            return
        other = dice.pick(self.nouns[dice.pick(kinds)])
        many = dice.chance(0.3) and word != "from"
        det = _owned(dice.pick((GENITIVE if word == "of" else AFTER_A_PREPOSITION)[many]), other)
        if word == "of" and phrase.det in POSSESSIVES:
            phrase.det = "the"  # a thing has one owner
        phrase.modifier = (word, Phrase(det, other, many, adjective=self._adjective(other)))

    def _time(self, tense: str) -> Time | None:
        dice = self.dice
        if tense == "perfect" or dice.chance(0.35):
            if "event" in self.nouns and "modifiers" in self.rules:
                word = dice.pick(("after", "before", "during"))
                event = Phrase(dice.pick(("the", "the", "this")), dice.pick(self.nouns["event"]))
                return Time(preposition=word, phrase=event)
            if tense == "perfect":
                return None
        if tense in MODALS:
            tense = "future" if MODALS[tense].future else "past" if MODALS[tense].past else "present"
        return Time(adverb=dice.pick(self.times[tense])) if self.times[tense] else None

    def _place(self) -> Place:
        dice = self.dice
        if "place" not in self.nouns or dice.chance(0.3):
            return Place(adverb=dice.pick(self.places))
        noun = dice.pick(self.nouns["place"])
        det = dice.pick(("the", "the", "the", "a", "this", "our"))
        return Place(phrase=Phrase(det, noun, adjective=self._adjective(noun)))


def _owned(det: str, noun: Noun) -> str:
    return "the" if det in POSSESSIVES and noun.german in UNOWNED else det

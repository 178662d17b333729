"""Random noun phrases, times and places."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection

from bench.tasks.grammar.german_declension import POSSESSIVES
from bench.tasks.grammar.held_out import held_out
from bench.tasks.grammar.lexicon import Adjective, Lexicon, Noun, Verb
from bench.tasks.grammar.random_choices import RandomChoices
from bench.tasks.grammar.selection import SelectionalRestrictions
from bench.tasks.grammar.trees import MODALS, Phrase, Place, Pronoun, Time

# Choices with repeated options: an option listed n times is n times as likely. Pairs are singular and plural.
ARTICLES = (("the", "the", "a"), ("the", "the", "bare"))
"""Determiners without the rule `determiners`."""

SINGULAR = (*("the",) * 8, *("a",) * 5, *("this",) * 2, "every", "my", "our", "his", "her")
PLURAL = (
    *(*("the",) * 6, *("bare",) * 3, "this", "my", "our", "his", "her"),
    *("two", "three", "four", "five", "ten", "many", "some", "all"),
)
AFTER_PREPOSITION = (("the", "the", "a", "this", "my", "our"), ("the", "the", "bare", "my", "two", "this"))
GENITIVE = (("the", "the", "a", "this", "my", "our"), ("the", "this", "my"))

NOT_NEGATED = ("every", "all", "many", "some", "two", "three", "four", "five", "ten")
"""Determiners that are ambiguous in a negated clause."""

NOT_NEGATED_SUBJECT = (*NOT_NEGATED, "bare", "a")

PLACE_PREPOSITIONS = ("behind", "next to", "in front of")
PLACE_CLASSES = ("building", "door", "thing")
CLASSES_AFTER = {"with": ("thing",), "without": ("thing",), "from": ("place",), "of": ("person",)}
"""Preposition to the classes of nouns after it; the others take PLACE_CLASSES."""

NO_POSSESSIVE = ("Mann", "Frau", "Herr", "Dame", "Mädchen", "Richter", "Präsident")
"""Nouns that are odd or change their meaning after a possessive: `seine Frau` is his wife."""

PERSONS = ("he", "she", "they", "we", "i")


class PhraseSampler(SelectionalRestrictions, ABC):
    """Draws phrases. held_out_pairs: the number of held-out combinations drawn since it was last set to 0."""

    def __init__(self, lexicon: Lexicon, rules: Collection[str], combinations: bool = False) -> None:
        super().__init__(lexicon, rules, combinations)
        self.held_out_pairs = 0
        self.random: RandomChoices

    @abstractmethod
    def add_relative(self, phrase: Phrase, depth: int, past: bool) -> None:
        """Adds a relative clause to a phrase. depth: the nesting depth left below it."""

    def subject(self, noun_class: str, depth: int, past: bool, negative: bool) -> Phrase | Pronoun:
        """A subject. negative: of a negated clause."""
        random = self.random
        if noun_class == "person" and "pronouns" in self.rules and random.chance(0.15):
            return Pronoun(random.choice(PERSONS))
        noun = random.choice(self.nouns[noun_class])
        if "coordination" in self.rules and not negative and random.chance(0.1):
            others = [other for other in self.nouns[noun_class] if other is not noun]
            if others:
                phrase = self._conjunct(noun)
                phrase.conjunct = self._conjunct(random.choice(others))
                return phrase
        return self.noun_phrase(noun, depth, past, negative, is_subject=True)

    def indirect_object(self, past: bool, negative: bool) -> Phrase:
        """A person, without modifier and relative clause."""
        noun = self.random.choice(self.nouns["person"])
        plural = self.random.chance(0.35)
        determiner = self._determiner(noun, plural, negative, is_subject=True)
        phrase = Phrase(determiner, noun, plural, adjective=self._adjective(noun))
        if determiner == "bare":
            # Between subject and object, nothing would show the case of a noun without an article.
            phrase.determiner = "the"
        return phrase

    def object_noun(self, verb: Verb) -> Noun:
        """A noun that the verb accepts as its object."""
        noun = self.random.choice(self.objects[verb])
        self.count_held_out(verb.infinitive, noun.german)
        return noun

    def noun_phrase(self, noun: Noun, depth: int, past: bool, negative: bool, is_subject: bool = False) -> Phrase:
        """A noun phrase. depth: the nesting depth left for a relative clause. negative: in a negated clause."""
        random = self.random
        plural = random.chance(0.35)
        determiner = self._determiner(noun, plural, negative, is_subject)
        phrase = Phrase(determiner, noun, plural, adjective=self._adjective(noun))
        roll = random.uniform()
        if depth > 0 and "relatives" in self.rules and roll < 0.3:
            self.add_relative(phrase, depth - 1, past)
        elif "modifiers" in self.rules and roll > 0.87:
            self._add_modifier(phrase)
        return phrase

    def count_held_out(self, first: str, second: str) -> None:
        """Counts a pair of German words if it is held out."""
        if self.combinations and held_out(first, second):
            self.held_out_pairs += 1

    def _conjunct(self, noun: Noun) -> Phrase:
        """One of two coordinated noun phrases, without modifier and relative clause."""
        plural = self.random.chance(0.35)
        determiner = self._determiner(noun, plural, negative=False, is_subject=True, coordinated=True)
        return Phrase(determiner, noun, plural, adjective=self._adjective(noun))

    def _determiner(
        self, noun: Noun, plural: bool, negative: bool, is_subject: bool, coordinated: bool = False
    ) -> str:
        if "determiners" not in self.rules:
            return "the" if negative and is_subject else self.random.choice(ARTICLES[plural])
        excluded = () if not negative else NOT_NEGATED_SUBJECT if is_subject else NOT_NEGATED
        determiner = self.random.choice(PLURAL if plural else SINGULAR)
        if determiner in excluded or (coordinated and determiner == "every"):
            return "the"
        return _without_odd_possessive(determiner, noun)

    def _adjective(self, noun: Noun) -> Adjective | None:
        random = self.random
        if "adjectives" not in self.rules or not random.chance(0.3) or not self.adjectives[noun]:
            return None
        adjective = random.choice(self.adjectives[noun])
        self.count_held_out(noun.german, adjective.german)
        return adjective

    def _add_modifier(self, phrase: Phrase) -> None:
        """Adds a preposition with a noun phrase."""
        random = self.random
        specific = ("with", "without", "from") if phrase.noun.person else ("of", "of", "of")
        preposition = random.choice((*PLACE_PREPOSITIONS, *specific))
        classes = [name for name in CLASSES_AFTER.get(preposition, PLACE_CLASSES) if name in self.nouns]
        if not classes:
            return
        noun = random.choice(self.nouns[random.choice(classes)])
        plural = random.chance(0.3) and preposition != "from"
        determiner = random.choice((GENITIVE if preposition == "of" else AFTER_PREPOSITION)[plural])
        if preposition == "of" and phrase.determiner in POSSESSIVES:
            phrase.determiner = "the"  # a thing has one owner
        determiner = _without_odd_possessive(determiner, noun)
        phrase.modifier = (preposition, Phrase(determiner, noun, plural, adjective=self._adjective(noun)))

    def time(self, tense: str) -> Time | None:
        """A time adverbial; None: the lexicon has none for the tense."""
        random = self.random
        if tense == "perfect" or random.chance(0.35):
            if "event" in self.nouns and "modifiers" in self.rules:
                preposition = random.choice(("after", "before", "during"))
                event = Phrase(random.choice(("the", "the", "this")), random.choice(self.nouns["event"]))
                return Time(preposition=preposition, phrase=event)
            if tense == "perfect":
                return None
        if tense in MODALS:
            tense = "future" if MODALS[tense].future else "past" if MODALS[tense].past else "present"
        return Time(adverb=random.choice(self.times[tense])) if self.times[tense] else None

    def place(self) -> Place:
        """A place adverbial."""
        random = self.random
        if "place" not in self.nouns or random.chance(0.3):
            return Place(adverb=random.choice(self.places))
        noun = random.choice(self.nouns["place"])
        determiner = random.choice(("the", "the", "the", "a", "this", "our"))
        return Place(phrase=Phrase(determiner, noun, adjective=self._adjective(noun)))


def _without_odd_possessive(determiner: str, noun: Noun) -> str:
    return "the" if determiner in POSSESSIVES and noun.german in NO_POSSESSIVE else determiner

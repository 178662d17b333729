"""Selectional restrictions: which words of a lexicon may combine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeVar

from bench.tasks.grammar.held_out import seen
from bench.tasks.grammar.lexicon import Adjective, Lexicon, Noun, Verb

Word = TypeVar("Word", Noun, Adjective)

ONE_OBJECT = ("accusative", "dative")
"""Frames of verbs with exactly one object."""

FRAMES = ("none", "none", "accusative", "accusative", "accusative", "dative", "double", "clause")
"""The frames of random clauses; a repeated frame is drawn more often. `clause` includes the lexicon's `question`."""

RULE_OF_FRAME = {"dative": "dative", "double": "double", "clause": "complements", "question": "complements"}
"""Frame to the rule that switches it on."""


class SelectionalRestrictions:
    """The words of a lexicon, grouped by what they combine with.

    rules: names of `sampling.RULES`. combinations: whether the combinations held out from training are included.

    nouns: by class. verbs: by frame. objects: nouns by verb. frames: the FRAMES for which there are verbs.
    adjectives: by noun, attributive; held-out pairs are excluded unless `combinations`. predicatives: by noun, all.
    verbs_by_subject: verbs by the class of their subject; verbs_by_object: verbs by the noun that can be their only
    object. times: adverbs by tense. places: adverbs.
    """

    def __init__(self, lexicon: Lexicon, rules: Collection[str], combinations: bool = False) -> None:
        self.rules = frozenset(rules)
        self.combinations = combinations
        self.nouns: dict[str, list[Noun]] = {}
        for noun in lexicon.nouns:
            for name in noun.classes:
                self.nouns.setdefault(name, []).append(noun)
        self.predicatives = {
            noun: [a for a in lexicon.adjectives if set(a.classes) & set(noun.classes)] for noun in lexicon.nouns
        }
        self.adjectives = {noun: self._allowed(noun.german, words) for noun, words in self.predicatives.items()}
        verbs = [verb for verb in lexicon.verbs if verb.prefix is None or "separable" in self.rules]
        self.objects = {verb: self._allowed(verb.infinitive, self._accepted(verb)) for verb in verbs}
        self.verbs = {"none": [verb for verb in verbs if verb.frame == "none"]}
        for frame in ("accusative", "dative", "double"):
            self.verbs[frame] = [verb for verb in verbs if verb.frame == frame and self.objects[verb]]
        self.verbs["clause"] = [verb for verb in verbs if verb.frame in ("clause", "question")]
        self.frames = [f for f in FRAMES if self.verbs[f] and RULE_OF_FRAME.get(f) in (None, *self.rules)]
        self.verbs_by_subject = {
            name: [v for f in self.frames if f != "clause" for v in self.verbs[f] if name in v.subjects]
            for name in self.nouns
        }
        self.verbs_by_object = {
            noun: [v for f in self.frames if f in ONE_OBJECT for v in self.verbs[f] if noun in self.objects[v]]
            for noun in lexicon.nouns
        }
        self.times = {
            tense: [a for a in lexicon.adverbs if a.kind == "time" and tense in a.tenses]
            for tense in ("past", "present", "future")
        }
        self.places = [a for a in lexicon.adverbs if a.kind == "place"]

    def _accepted(self, verb: Verb) -> list[Noun]:
        """The nouns of the classes that a verb accepts as its object."""
        return list(dict.fromkeys(noun for name in verb.objects for noun in self.nouns.get(name, ())))

    def _allowed(self, word: str, others: Sequence[Word]) -> list[Word]:
        """The words that may combine with a German word."""
        if self.combinations:
            return list(others)
        return [others[i] for i in seen(word, [other.german for other in others])]

"""Which words of a lexicon go with each other: nouns by class, adjectives by noun, verbs by frame, subject and object."""

from __future__ import annotations

from collections.abc import Collection

from bench.tasks.grammar.held_out import seen
from bench.tasks.grammar.lexicon import Lexicon, Noun, Verb

OF_ONE = ("accusative", "dative")
"""Frames of verbs with one object."""

FRAMES = ("none", "none", "accusative", "accusative", "accusative", "dative", "double", "clause")


class SelectionalRestrictions:
    """rules: names of building.RULES. combinations: whether pairs of words that training does not see are there too.

    nouns: by class. adjectives, predicatives: by noun, those that stand before it (held-out pairs left out) and those that
    may be said of it. verbs: by frame. objects: by verb. doing: verbs by the class of their subject; undergoing: by the
    noun that can be their object. times: by tense. places. frames: those that there are verbs for, as often as drawn.
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
        self.adjectives = {noun: self._known(noun.german, fitting) for noun, fitting in self.predicatives.items()}
        verbs = [verb for verb in lexicon.verbs if verb.prefix is None or "separable" in self.rules]
        simple = ("none", "accusative", "dative", "double")
        self.verbs = {frame: [v for v in verbs if v.frame == frame] for frame in simple}
        self.verbs["clause"] = [v for v in verbs if v.frame in ("clause", "question")]
        self.objects: dict[Verb, list[Noun]] = {}
        for verb in verbs:
            fitting = list(dict.fromkeys(noun for name in verb.objects for noun in self.nouns.get(name, ())))
            self.objects[verb] = self._known(verb.infinitive, fitting)
        for frame in ("accusative", "dative", "double"):
            self.verbs[frame] = [v for v in self.verbs[frame] if self.objects[v]]
        allowed = {"dative": "dative", "double": "double", "clause": "complements"}
        self.frames = [f for f in FRAMES if self.verbs[f] and (f not in allowed or allowed[f] in self.rules)]
        # For relative clauses: verbs by the class of the subject, and by the noun that can be their object.
        self.verbs_by_subject = {
            name: [v for f in self.frames if f != "clause" for v in self.verbs[f] if name in v.subjects]
            for name in self.nouns
        }
        self.verbs_by_object = {
            noun: [v for f in self.frames if f in OF_ONE for v in self.verbs[f] if noun in self.objects[v]]
            for noun in lexicon.nouns
        }
        self.times = {
            tense: [a for a in lexicon.adverbs if a.kind == "time" and tense in a.tenses]
            for tense in ("past", "present", "future")
        }
        self.places = [a for a in lexicon.adverbs if a.kind == "place"]

    def _known(self, word: str, others: list) -> list:
        if self.combinations:
            return others
        return [others[i] for i in seen(word, [other.german for other in others])]

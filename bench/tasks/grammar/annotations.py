"""What a German word depends on: marked while a sentence is put together, counted when it is whole."""

from __future__ import annotations

from dataclasses import dataclass

PHENOMENA = (
    *("agreement", "verb_second", "verb_final", "bracket", "separable", "case", "adjective", "weak_noun"),
    *("pronoun", "relative", "negation", "question"),
)
"""agreement: the finite verb and its subject's noun. verb_second: the finite verb and the first word of what stands
before it, where that is no subject. verb_final: the finite verb and the conjunction or relative pronoun. bracket:
participle or infinitive and auxiliary. separable: the prefix and its verb. case: an object's determiner or pronoun
and its verb. adjective: its ending and the noun. weak_noun: its ending and its verb or preposition. pronoun: it and
the noun it stands for. relative: the relative pronoun and its noun. negation: `nicht` or `kein` and the finite verb.
question: the first word and the finite verb, or the verb that comes first and the subject's noun."""


class Word:
    """A German word that something depends on, or that depends on something. plural: a noun's number; None: no noun.
    at: its place in the sentence, once it is whole."""

    __slots__ = ("at", "plural", "text")

    def __init__(self, text: str, plural: bool | None = None) -> None:
        self.text = text
        self.plural = plural
        self.at = -1


@dataclass(frozen=True, slots=True)
class Mark:
    """at: the place of the decisive word in the German sentence. distance: how many words further on or back the word
    is that decides it. wrong: the word that would be there if it were not right. attractors: nouns of the other
    number between the two, of agreement; 0 of others."""

    phenomenon: str
    at: int
    distance: int
    wrong: str
    attractors: int = 0

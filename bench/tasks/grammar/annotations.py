"""Dependencies between German words: recorded while a sentence is built, measured when it is complete."""

from __future__ import annotations

from dataclasses import dataclass

PHENOMENA = (
    *("agreement", "verb_second", "verb_final", "bracket", "separable", "case", "adjective", "weak_noun"),
    *("pronoun", "relative", "negation", "question"),
)
"""Each phenomenon is a dependency between two words, the decisive word and the word that determines it:

agreement    the finite verb and the noun of its subject
verb_second  the finite verb and the first word of the phrase before it, if that phrase is not the subject
verb_final   the finite verb and the conjunction or relative pronoun
bracket      the participle or infinitive and the auxiliary
separable    the verb prefix and its verb
case         the determiner of an object, or an object pronoun, and the verb
adjective    the adjective with its ending and the noun
weak_noun    the weak noun with its ending and its verb or preposition
pronoun      the pronoun and the noun of its antecedent
relative     the relative pronoun and its noun
negation     `nicht` or `kein` and the finite verb
question     the question word and the finite verb; in a yes-no question the verb and the noun of the subject
"""


class Word:
    """A word of a German sentence. plural: the number of a noun; None for other words. at: its index in the complete
    sentence, -1 before."""

    __slots__ = ("at", "plural", "text")

    def __init__(self, text: str, plural: bool | None = None) -> None:
        self.text = text
        self.plural = plural
        self.at = -1


@dataclass(frozen=True, slots=True)
class Dependency:
    """Two words of a sentence: `determining` decides the form or the position of `decisive`. foil: the incorrect
    alternative to the decisive word. foil_plural: whether the foil of an agreement is the plural form."""

    phenomenon: str
    decisive: Word
    determining: Word
    foil: str
    foil_plural: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """The annotation of one phenomenon in one sentence. at: index of the decisive word. distance: to the
    determining word, in words; 1 for neighbours. foil: the incorrect alternative. attractors: for agreement, how many
    nouns of the other number stand between the two words; 0 for other phenomena. follows: whether the decisive word
    stands after the determining one."""

    phenomenon: str
    at: int
    distance: int
    foil: str
    attractors: int = 0
    follows: bool = True


def complete(words: list[Word], dependencies: list[Dependency], end: str) -> tuple[list[str], list[Mark]]:
    """Finishes a sentence: merges adjacent commas, drops a final one, appends the mark `end`, and measures distances.

    Returns the words and, for each phenomenon in the sentence, the mark with the greatest distance (the first of
    equals).
    """
    texts: list[str] = []
    nouns: list[Word] = []
    for word in words:
        if word.text != "," or texts[-1] != ",":
            word.at = len(texts)
            texts.append(word.text)
            if word.plural is not None:
                nouns.append(word)
    if texts[-1] == ",":
        texts.pop()
    texts.append(end)
    farthest: dict[str, Dependency] = {}
    for dependency in dependencies:
        rival = farthest.get(dependency.phenomenon)
        if rival is None or _distance(dependency) > _distance(rival):
            farthest[dependency.phenomenon] = dependency
    return texts, [_mark(dependency, nouns) for dependency in farthest.values()]


def _distance(dependency: Dependency) -> int:
    return abs(dependency.decisive.at - dependency.determining.at)


def _mark(dependency: Dependency, nouns: list[Word]) -> Mark:
    decisive = dependency.decisive.at
    attractors = 0
    if dependency.phenomenon == "agreement":
        low, high = sorted((decisive, dependency.determining.at))
        attractors = sum(low < noun.at < high and noun.plural is dependency.foil_plural for noun in nouns)
    follows = dependency.determining.at < decisive
    return Mark(dependency.phenomenon, decisive, _distance(dependency), dependency.foil, attractors, follows)

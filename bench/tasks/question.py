"""Question formation: which auxiliary comes first, the main clause's or the sentence's first? (McCoy, Frank and Linzen
2018; 2020, "Does syntax need to grow on trees?")

Input: a sentence and what to do with it, `decl` or `quest`. Output: the sentence, or its question.

    the sailor could dance decl               ->  the sailor could dance .
    the sailor could dance quest              ->  could the sailor dance ?

In training, no question has a relative clause on its subject, so that two rules fit all of it: move the main clause's
auxiliary (hierarchical), or the first one (linear). `test` has sentences as in training. In `test_general` the two
rules differ, already in the first word:

    the sailor who can sing could dance quest ->  could the sailor who can sing dance ?   (hierarchical)
                                                  can the sailor who sing could dance ?   (linear)

The score `first_token` on `test_general` is near 1 for a model that took the hierarchical rule and near 0 for one that
took the linear rule. The grammar and its words are this project's; the ambiguity is the paper's.

    >>> task = Question(train_size=20, valid_size=5, test_size=5)
    >>> sentence = Sentence(["the", "sailor", "who", "can", "sing"], "could", ["dance"])
    >>> sentence.question, sentence.linear_question
    ('could the sailor who can sing dance ?', 'can the sailor who sing could dance ?')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.examples import FIRST_FREE_ID
from bench.data.ragged import Ragged
from bench.tasks.kinds.examples import Examples, SplitSpec
from bench.tasks.kinds.symbols import Symbols

DETERMINERS = ("the", "some", "my", "your", "our")
NOUNS = tuple(
    noun + ending
    for noun in ("sailor", "baker", "doctor", "farmer", "singer", "painter", "pilot", "guest", "clown", "judge")
    for ending in ("", "s")
)
AUXILIARIES = ("can", "could", "will", "would")
INTRANSITIVE = ("sing", "dance", "wait", "smile", "travel", "sleep")
TRANSITIVE = ("help", "call", "follow", "visit", "admire", "remember")
PREPOSITIONS = ("near", "behind", "with", "beside")
RELATIVES = ("who", "that")
STATEMENT, QUESTION = "decl", "quest"
STOP, MARK = ".", "?"

WORDS = (
    *(*DETERMINERS, *NOUNS, *AUXILIARIES, *INTRANSITIVE, *TRANSITIVE, *PREPOSITIONS, *RELATIVES),
    *(STATEMENT, QUESTION, STOP, MARK),
)

SHORTEST, LONGEST = 5, 17
"""Words of a source: `the sailor can sing decl`, and a relative clause of five words on subject and object."""

GENERAL = "test_general"


@dataclass(frozen=True)
class Sentence:
    """subject; the auxiliary of the main clause; predicate without it, all as words."""

    subject: list[str]
    auxiliary: str
    predicate: list[str]

    @property
    def words(self) -> list[str]:
        return [*self.subject, self.auxiliary, *self.predicate]

    @property
    def question(self) -> str:
        """The main clause's auxiliary first."""
        return " ".join([self.auxiliary, *self.subject, *self.predicate, MARK])

    @property
    def linear_question(self) -> str:
        """The sentence's first auxiliary first."""
        words = self.words
        first = next(i for i, word in enumerate(words) if word in AUXILIARIES)
        return " ".join([words[first], *words[:first], *words[first + 1 :], MARK])

    @property
    def tells_rules(self) -> bool:
        """Whether the first word of its question tells the two rules apart."""
        return self.question.split()[0] != self.linear_question.split()[0]


@dataclass
class Question(Symbols):
    """Statements and questions. Raises ValueError for impossible sizes."""

    metrics = ("exact_match", "first_token")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.chance = {"exact_match": 0.0, "first_token": 0.0}

    @property
    def training_bounds(self) -> tuple[int, int]:
        return SHORTEST, LONGEST

    def words(self) -> Sequence[str]:
        return WORDS

    def split_specs(self) -> list[SplitSpec]:
        return [*super().split_specs(), SplitSpec(GENERAL, "test", self.test_size, *self.training_bounds)]

    def draw(self, generator: np.random.Generator, count: int, spec: SplitSpec) -> Examples:
        sources: list[list[str]] = []
        targets: list[list[str]] = []
        while len(sources) < count:
            sentence = _sentence(generator)
            questioned = spec.name == GENERAL or generator.random() < 0.5
            # Both rules fit a question without a relative clause on its subject. With one, they do not, and the first
            # word tells them apart unless both clauses have the same auxiliary.
            usable = sentence.tells_rules if spec.name == GENERAL else not _has_relative_clause(sentence.subject)
            if questioned and not usable:
                continue
            sources.append([*sentence.words, QUESTION if questioned else STATEMENT])
            targets.append(sentence.question.split() if questioned else [*sentence.words, STOP])
        src, tgt = Ragged.of(map(_ids, sources)), Ragged.of(map(_ids, targets))
        return Examples(src, tgt, {self.axis: src.lengths})

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return source_lengths + 5


def _ids(words: Sequence[str]) -> list[int]:
    return [FIRST_FREE_ID + WORDS.index(word) for word in words]


def _sentence(generator: np.random.Generator) -> Sentence:
    transitive = generator.random() < 0.5
    verb = _choice(generator, TRANSITIVE if transitive else INTRANSITIVE)
    predicate = [verb, *_noun_phrase(generator)] if transitive else [verb]
    return Sentence(_noun_phrase(generator), _choice(generator, AUXILIARIES), predicate)


def _noun_phrase(generator: np.random.Generator) -> list[str]:
    """A noun alone, with a prepositional phrase, or with a relative clause; one in three each."""
    kind = generator.integers(3)
    phrase = _noun(generator)
    if kind == 1:
        return [*phrase, _choice(generator, PREPOSITIONS), *_noun(generator)]
    return [*phrase, *_relative_clause(generator)] if kind == 2 else phrase


def _relative_clause(generator: np.random.Generator) -> list[str]:
    """`who can sing`, `who can help the baker` or `who the baker can help`."""
    kind, relative, auxiliary = generator.integers(3), _choice(generator, RELATIVES), _choice(generator, AUXILIARIES)
    if kind == 0:
        return [relative, auxiliary, _choice(generator, INTRANSITIVE)]
    verb, noun = _choice(generator, TRANSITIVE), _noun(generator)
    return [relative, auxiliary, verb, *noun] if kind == 1 else [relative, *noun, auxiliary, verb]


def _noun(generator: np.random.Generator) -> list[str]:
    return [_choice(generator, DETERMINERS), _choice(generator, NOUNS)]


def _choice(generator: np.random.Generator, words: Sequence[str]) -> str:
    return words[int(generator.integers(len(words)))]


def _has_relative_clause(words: Sequence[str]) -> bool:
    return any(word in RELATIVES for word in words)

"""Summaries of paragraphs: one sentence, determined by a rule.

Input: a paragraph of sentences of the grammar (`bench.tasks.grammar`), in words. Output: a sentence about its topic.

The topic is the person who is the subject of most main clauses; no other is of as many. The summary is the last main
clause about the topic, reduced to subject, verb and objects: without adjectives before nouns, phrases after nouns,
relative clauses, times, places and adverbial clauses. So

    the old man slept . yesterday the woman who sang bought a red hat . the woman laughed because the man cried .

has the topic `the woman`, and the summary

    the woman laughed .

Persons also occur as objects and in subordinate clauses, which count for nothing. The first sentence is never the one
to summarise, and the last one only sometimes: the place of the last sentence about the topic is drawn uniformly.

    >>> task = Summary(train_size=20, valid_size=5, test_size=5)
    >>> split = task.load().train
    >>> 3 <= task.source_text(split.src[0]).count(".") <= 6, task.target_text(split.tgt[0]).count(".")
    (True, 1)

Axis `sentences`: sentences of the paragraph. Axis `distance`: words from the beginning of the sentence to summarise to
the end of the paragraph.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TypeVar

import numpy as np

from bench.data.examples import FIRST_FREE_ID
from bench.data.ragged import Ragged
from bench.metrics import SUMMARY
from bench.tasks.grammar import english
from bench.tasks.grammar.lexicon import Lexicon, Noun, lexicon
from bench.tasks.grammar.random_choices import RandomChoices
from bench.tasks.grammar.sampling import TreeSampler
from bench.tasks.grammar.trees import Clause, Phrase, Pronoun
from bench.tasks.grammar.vocabulary import english_words
from bench.tasks.kinds.examples import Examples, SplitSpec
from bench.tasks.kinds.lengths import Lengths
from bench.tasks.kinds.symbols import Symbols

T = TypeVar("T")

RULES = (
    *("adjectives", "modifiers", "relatives", "adverbials", "fronting", "perfect", "modals", "separable", "dative"),
    *("double", "subordinate", "negation", "copula"),
)
"""The rules of the grammar that its sentences use: statements without pronouns, joined main clauses or complement
clauses, so that each has one main clause with a noun as its subject."""

FEWEST_SENTENCES, FEWEST_PERSONS = 3, 3


@dataclass(frozen=True)
class Person:
    """What a subject refers to: a noun in one number."""

    noun: Noun
    plural: bool


@dataclass(frozen=True)
class Paragraph:
    """sentences, summary: in words. summarised: the place of the sentence that the summary reduces."""

    sentences: list[list[str]]
    summary: list[str]
    summarised: int

    @property
    def distance(self) -> int:
        return sum(map(len, self.sentences[self.summarised :]))


@dataclass
class Summary(Symbols, Lengths):
    """One sentence about the topic of a paragraph. Raises ValueError for impossible sizes."""

    lexicon: int | None = None  # words of each word class, from the first on; null: all
    deepest: int = 1  # nesting depth of clauses below a main clause
    train_shortest: int = 3  # sentences of a paragraph
    train_longest: int = 6
    test_longest: int | None = 10  # the second test set has train_longest + 1 to this; null: there is none

    metrics = ("exact_match", *SUMMARY)
    axis = "sentences"
    first = FEWEST_SENTENCES

    def __post_init__(self) -> None:
        if self.lexicon is not None and self.lexicon < FEWEST_PERSONS:
            raise ValueError(f"task.lexicon must be at least {FEWEST_PERSONS}, got {self.lexicon}")
        if not 0 <= self.deepest <= 3:
            raise ValueError(f"task.deepest must be 0 to 3, got {self.deepest}")
        super().__post_init__()
        self.chance = {"exact_match": 0.0}

    def words(self) -> Sequence[str]:
        return english_words(self._lexicon, RULES)

    def draw(self, generator: np.random.Generator, count: int, spec: SplitSpec) -> Examples:
        """`count` paragraphs with spec.low..spec.high sentences."""
        random = RandomChoices(generator)
        sizes = range(spec.low, spec.high + 1)
        paragraphs = [self._paragraph(random, random.choice(sizes)) for _ in range(count)]
        src = Ragged.of([self._word_ids[word] for words in each.sentences for word in words] for each in paragraphs)
        tgt = Ragged.of([self._word_ids[word] for word in each.summary] for each in paragraphs)
        axes = {
            "sentences": np.array([len(each.sentences) for each in paragraphs], dtype=np.int64),
            "distance": np.array([each.distance for each in paragraphs], dtype=np.int64),
        }
        return Examples(src, tgt, axes)

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return source_lengths + 2

    def _paragraph(self, random: RandomChoices, size: int) -> Paragraph:
        """A paragraph of `size` sentences."""
        persons, last = self._subjects(random, size)
        trees = [self._sentence(random, person) for person in persons]
        return Paragraph([english.realise(tree) for tree in trees], english.realise(reduced(trees[last])), last)

    def _subjects(self, random: RandomChoices, size: int) -> tuple[list[Person], int]:
        """The subject of each sentence, and the place of the last one about the topic."""
        nouns = _shuffled(random, self._sampler.nouns["person"])
        topic, *others = [Person(noun, random.chance(0.35)) for noun in nouns]
        mentions = _choice_of_mentions(random, size, len(others))
        rest = size - mentions
        # Enough others that each is the subject of fewer sentences than the topic, and at most one for each sentence.
        fewest, most = math.ceil(rest / (mentions - 1)), min(rest, len(others))
        once = list(islice(others, random.choice(range(fewest, most + 1))))
        more = _shuffled(random, [other for other in once for _ in range(mentions - 2)])
        rivals = _shuffled(random, [*once, *islice(more, rest - len(once))])
        last = random.choice(range(mentions - 1, size))
        about_topic = {last, *islice(_shuffled(random, range(last)), mentions - 1)}
        return [topic if place in about_topic else rivals.pop() for place in range(size)], last

    def _sentence(self, random: RandomChoices, person: Person) -> Clause:
        """A statement with this subject of its main clause. Drawn with any person, who is then replaced: what one
        person does or is, another can."""
        while True:
            tree = self._sampler.sentence(random, self.deepest)
            subject = tree.subject
            if isinstance(subject, Phrase) and subject.noun.person:
                subject.determiner, subject.noun, subject.plural = "the", person.noun, person.plural
                return tree

    @cached_property
    def _sampler(self) -> TreeSampler:
        return TreeSampler(self._lexicon, RULES)

    @cached_property
    def _lexicon(self) -> Lexicon:
        return lexicon(self.lexicon)

    @cached_property
    def _word_ids(self) -> dict[str, int]:
        return {word: FIRST_FREE_ID + i for i, word in enumerate(self.words())}


def reduced(clause: Clause) -> Clause:
    """A main clause of subject, verb and objects alone."""
    return Clause(
        clause.verb,
        clause.tense,
        _bare(clause.subject),
        object=_bare(clause.object),
        indirect_object=_bare(clause.indirect_object),
        predicative=clause.predicative,
        negative=clause.negative,
    )


def _bare(phrase: Phrase | Pronoun | None) -> Phrase | Pronoun | None:
    """A phrase of determiner and noun alone."""
    return Phrase(phrase.determiner, phrase.noun, phrase.plural) if isinstance(phrase, Phrase) else phrase


def _choice_of_mentions(random: RandomChoices, size: int, others: int) -> int:
    """In how many of `size` sentences the topic is the subject: at most in half of them, rounded up, if there are
    enough other persons who are subjects less often."""
    fewest = next(count for count in range(2, size) if size - count <= (count - 1) * others)
    return random.choice(range(fewest, max(fewest, (size + 1) // 2) + 1))


def _shuffled(random: RandomChoices, options: Iterable[T]) -> list[T]:
    return sorted(options, key=lambda _: random.uniform())

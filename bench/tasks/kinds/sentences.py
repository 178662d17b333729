"""Tasks whose examples are sentences of the grammar: their rules, their words, and limits of length and depth."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from bench.data.examples import ABSENT, FIRST_FREE_ID, Marks, Sizes
from bench.data.ragged import Ragged
from bench.errors import UserError
from bench.tasks.grammar.annotations import Mark
from bench.tasks.grammar.lexicon import Lexicon, lexicon
from bench.tasks.grammar.random_choices import RandomChoices
from bench.tasks.grammar.sampling import RULES, TreeSampler
from bench.tasks.grammar.trees import Clause, depth_of
from bench.tasks.kinds.examples import Examples, SplitSpec
from bench.tasks.kinds.generated import Generated
from bench.tasks.kinds.symbols import ids_of, text_of

UNSEEN = "test_unseen"
"""Test split in which every sentence contains a combination of words that no other split has."""

MAX_TRIES = 20_000
"""Sentences drawn for one example before we conclude that there is none."""

MIN_LEXICON = 2


@dataclass
class Sentences(Generated):
    """A task over sentences of the grammar. Raises ValueError for impossible sizes."""

    lexicon: int | None = None  # words of each word class, from the first on; null: all
    rules: list[str] | None = None  # names of bench.tasks.grammar.sampling.RULES; null: all
    deepest: int = 2  # nesting depth of clauses below the main clause, in training
    train_shortest: int = 3  # words of a source, the full stop included
    train_longest: int = 24
    test_longest: int | None = 40  # the second test set has lengths train_longest + 1 to this; null: there is none
    test_deepest: int = 3  # nesting depth in the second test set

    phenomena: ClassVar[tuple[str, ...]] = ()
    """Names of the phenomena that are annotated in the examples."""

    def __post_init__(self) -> None:
        if self.lexicon is not None and self.lexicon < MIN_LEXICON:
            raise ValueError(f"task.lexicon must be at least {MIN_LEXICON}, got {self.lexicon}")
        for rule in self.rules or ():
            if rule not in RULES:
                raise ValueError(f"task.rules: no {rule!r}; there are {', '.join(RULES)}")
        if not 0 <= self.deepest <= self.test_deepest <= 3:
            raise ValueError(
                f"0 <= task.deepest <= task.test_deepest <= 3 must hold, got {self.deepest}, {self.test_deepest}"
            )
        if not 3 <= self.train_shortest <= self.train_longest or (
            self.test_longest is not None and self.test_longest <= self.train_longest
        ):
            raise ValueError(
                "3 <= task.train_shortest <= task.train_longest < task.test_longest must hold, got "
                f"{self.train_shortest}, {self.train_longest}, {self.test_longest}"
            )
        super().__post_init__()
        self._samplers: dict[bool, TreeSampler] = {}

    @property
    def training_bounds(self) -> tuple[int, int]:
        return self.train_shortest, self.train_longest

    @property
    def extrapolation_bounds(self) -> tuple[int, int] | None:
        return None if self.test_longest is None else (self.train_longest + 1, self.test_longest)

    @property
    def active_rules(self) -> tuple[str, ...]:
        return RULES if self.rules is None else tuple(self.rules)

    @property
    def words(self) -> Lexicon:
        return lexicon(self.lexicon)

    @abstractmethod
    def source_words(self) -> Sequence[str]:
        """Every word of the sources; the first has the id FIRST_FREE_ID."""

    @abstractmethod
    def target_words(self) -> Sequence[str]:
        """Every word of the targets; the first has the id FIRST_FREE_ID."""

    @abstractmethod
    def example(self, tree: Clause) -> Example | None:
        """The example that a tree gives; None if the task has no use for the tree."""

    def draw(self, generator: np.random.Generator, count: int, spec: SplitSpec) -> Examples:
        """`count` examples with spec.low..spec.high source words; in UNSEEN, with a held-out combination of words."""
        unseen = spec.name == UNSEEN
        sampler = self._sampler(unseen)
        random = RandomChoices(generator)
        depth = self.deepest if spec.high <= self.train_longest else self.test_deepest
        examples: list[Example] = []
        depths: list[int] = []
        tries = 0
        while len(examples) < count:
            tries += 1
            if tries > MAX_TRIES * (len(examples) + 1):
                raise UserError(
                    f"split {spec.name}: drew no sentence of {spec.low}-{spec.high} words with "
                    f"task.deepest={self.deepest}, task.test_deepest={self.test_deepest} and these task.rules; choose "
                    "other lengths or more rules"
                )
            tree = sampler.sentence(random, depth)
            if unseen and not sampler.held_out_pairs:
                continue
            example = self.example(tree)
            if example is not None and spec.low <= len(example.source) <= spec.high:
                examples.append(example)
                depths.append(depth_of(tree))
        source_ids, target_ids = self._source_ids, self._target_ids
        src = Ragged.of([source_ids[word] for word in example.source] for example in examples)
        tgt = Ragged.of([target_ids[word] for word in example.target] for example in examples)
        axes = {"length": src.lengths, "depth": np.array(depths, dtype=np.int64)}
        for axis in examples[0].axes:
            axes[axis] = np.array([example.axes[axis] for example in examples], dtype=np.int64)
        return Examples(src, tgt, axes, self._marks(examples))

    def _marks(self, examples: Sequence[Example]) -> dict[str, Marks]:
        """Annotations of every phenomenon of the task, so that all chunks have the same ones."""
        arrays = {name: np.full((3, len(examples)), ABSENT, dtype=np.int64) for name in self.phenomena}
        for row, example in enumerate(examples):
            for mark in example.marks:
                arrays[mark.phenomenon][:, row] = mark.at, mark.distance, self._target_ids[mark.foil]
        return {name: Marks(*rows) for name, rows in arrays.items()}

    def _sampler(self, held_out: bool) -> TreeSampler:
        if held_out not in self._samplers:
            self._samplers[held_out] = TreeSampler(self.words, self.active_rules, held_out)
        return self._samplers[held_out]

    @cached_property
    def _source(self) -> tuple[str, ...]:
        return tuple(self.source_words())

    @cached_property
    def _target(self) -> tuple[str, ...]:
        return tuple(self.target_words())

    @cached_property
    def _source_ids(self) -> dict[str, int]:
        return {word: FIRST_FREE_ID + i for i, word in enumerate(self._source)}

    @cached_property
    def _target_ids(self) -> dict[str, int]:
        return {word: FIRST_FREE_ID + i for i, word in enumerate(self._target)}

    @property
    def sizes(self) -> Sizes:
        return Sizes(FIRST_FREE_ID + len(self._source), FIRST_FREE_ID + len(self._target), shared=False)

    def source_text(self, ids: Sequence[int]) -> str:
        return text_of(ids, self._source)

    def target_text(self, ids: Sequence[int]) -> str:
        return text_of(ids, self._target)

    def source_ids(self, text: str) -> list[int]:
        return ids_of(text, self._source_ids, type(self).__name__.lower())


@dataclass(frozen=True)
class Example:
    """One example in words. marks: annotations of the target. axes: values beside length and depth."""

    source: list[str]
    target: list[str]
    marks: list[Mark]
    axes: dict[str, int]

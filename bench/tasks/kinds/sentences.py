"""Tasks whose examples are sentences of the grammar: which rules and words they have, how long and how deep they
are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.data.examples import FIRST_FREE_ID, Marks, Sizes
from bench.data.ragged import Ragged
from bench.errors import UserError
from bench.tasks.grammar.lexicon import Lexicon, lexicon
from bench.tasks.grammar.random_choices import RandomChoices
from bench.tasks.grammar.sampling import RULES, TreeSampler
from bench.tasks.grammar.trees import Clause, depth_of
from bench.tasks.kinds.generated import Drawn, Generated, Part

UNSEEN = "test_unseen"
TRIES = 20_000
"""Sentences drawn for one that fits before it is said that there is none."""

FEWEST_WORDS = 2
SHOWN = 12


@dataclass
class Sentences(Generated):
    """Raises ValueError for sizes that cannot be."""

    lexicon: int | None = None  # words of every class, the first ones; null: all there are
    rules: list[str] | None = None  # what sentences are made with, of grammar.sampling.RULES; null: everything
    deepest: int = 2  # clauses inside each other, below the main one, in training
    train_shortest: int = 3  # words of a source, the full stop included
    train_longest: int = 24
    test_longest: int | None = 40  # of the second test set, which begins above train_longest; null: there is none
    test_deepest: int = 3  # clauses inside each other in the second test set

    axis = "length"
    beyond_name = "test_longer"

    def __post_init__(self) -> None:
        if self.lexicon is not None and self.lexicon < FEWEST_WORDS:
            raise ValueError(f"task.lexicon must be at least {FEWEST_WORDS}, got {self.lexicon}")
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
    def seen(self) -> tuple[int, int]:
        return self.train_shortest, self.train_longest

    @property
    def beyond(self) -> tuple[int, int] | None:
        return None if self.test_longest is None else (self.train_longest + 1, self.test_longest)

    @property
    def switched_on(self) -> tuple[str, ...]:
        """The rules in use."""
        return RULES if self.rules is None else tuple(self.rules)

    @property
    def words(self) -> Lexicon:
        return lexicon(self.lexicon)

    @abstractmethod
    def source_words(self) -> Sequence[str]:
        """All there are; the first has the id FIRST_FREE_ID."""

    @abstractmethod
    def target_words(self) -> Sequence[str]:
        """All there are; the first has the id FIRST_FREE_ID."""

    @abstractmethod
    def example(self, tree: Clause) -> Example | None:
        """What the task makes of a tree; None: nothing."""

    def draw(self, generator: np.random.Generator, count: int, part: Part) -> Drawn:
        """`count` examples with a source of part.low to part.high words; those of UNSEEN with a combination of words
        that no other part has."""
        unseen = part.name == UNSEEN
        sampler = self._sampler(unseen)
        random = RandomChoices(generator)
        depth = self.deepest if part.high <= self.train_longest else self.test_deepest
        source_ids, target_ids = self._source_ids, self._target_ids
        sources: list[list[int]] = []
        targets: list[list[int]] = []
        axes: dict[str, list[int]] = {}
        marks: list[tuple[int, str, int, int, int]] = []
        tried = 0
        while len(sources) < count:
            tried += 1
            if tried > TRIES * (len(sources) + 1):
                raise UserError(_none(self, part))
            tree = sampler.sentence(random, depth)
            if unseen and not sampler.held_out_pairs:
                continue
            made = self.example(tree)
            if made is None or not part.low <= len(made.source) <= part.high:
                continue
            for phenomenon, at, distance, wrong in made.marks:
                marks.append((len(sources), phenomenon, at, distance, target_ids[wrong]))
            sources.append([source_ids[word] for word in made.source])
            targets.append([target_ids[word] for word in made.target])
            for axis, value in ({"depth": depth_of(tree)} | made.axes).items():
                axes.setdefault(axis, []).append(value)
        src, tgt = Ragged.of(sources), Ragged.of(targets)
        found = {axis: np.array(values, dtype=np.int64) for axis, values in axes.items()}
        return Drawn(src, tgt, {"length": src.lengths, **found}, self._marks(marks, count))

    def _marks(self, found: list[tuple[int, str, int, int, int]], count: int) -> dict[str, Marks]:
        """By phenomenon, all of them, so that every chunk has the same."""
        arrays = {name: np.full((3, count), -1, dtype=np.int64) for name in self.phenomena}
        for row, phenomenon, at, distance, wrong in found:
            arrays[phenomenon][:, row] = at, distance, wrong
        return {name: Marks(*rows) for name, rows in arrays.items()}

    phenomena = ()
    """Those that examples are marked with."""

    def _sampler(self, combinations: bool) -> TreeSampler:
        if combinations not in self._samplers:
            self._samplers[combinations] = TreeSampler(self.words, self.switched_on, combinations)
        return self._samplers[combinations]

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
        return _text(self._source, ids)

    def target_text(self, ids: Sequence[int]) -> str:
        return _text(self._target, ids)

    def source_ids(self, text: str) -> list[int]:
        known, typed = self._source_ids, text.split()
        unknown = [word for word in typed if word not in known]
        if not typed or unknown:
            some = ", ".join(list(known)[:SHOWN])
            found = f"does not know {unknown[0]!r}" if unknown else "got no word"
            raise UserError(
                f"the task {type(self).__name__.lower()} reads words with spaces between, of {some}, ...; it {found}"
                f" in {text.strip()!r}"
            )
        return [known[word] for word in typed]


@dataclass(frozen=True)
class Example:
    """source and target in words; marks: phenomenon, place in the target, distance, wrong word; axes: beside length and
    depth."""

    source: list[str]
    target: list[str]
    marks: list[tuple[str, int, int, str]]
    axes: dict[str, int]


def _text(words: Sequence[str], ids: Sequence[int]) -> str:
    last = FIRST_FREE_ID + len(words)
    return " ".join(words[i - FIRST_FREE_ID] if FIRST_FREE_ID <= i < last else "?" for i in ids)


def _none(task: Sentences, part: Part) -> str:
    return (
        f"no sentence of {part.low}-{part.high} words was found for split {part.name} with "
        f"task.deepest={task.deepest}, task.test_deepest={task.test_deepest} and these task.rules; choose other lengths or "
        "more rules"
    )

"""Multi-query associative recall: several facts, then a question about each (Arora et al. 2023, "Zoology", sec. 3).

Input: `pairs` keys with their values, then, among fillers, each key once more, in another order. Output: the facts asked
for, key and value, in the order of the questions; a fact is right where both are. As in the paper, questions stand at
even places after the facts, early places a little more often (a power law), and fillers are random tokens
(`random_fillers`).

What differs: there, one stack of layers predicts the value at every question, where it has the key in hand; here, a
decoder writes the facts out, so it has to find the next question too. The paper's own measure, the value where the key is
given, is the score `values` (teacher-forced); `facts` and `exact_match` are free-running. So that a filler cannot be taken
for a question, it is never one of the source's own keys, which it may be there.

    >>> task = Mqar(length=16, pairs=2, vocabulary=12, random_fillers=False, train_size=20, valid_size=5, test_size=5)
    >>> drawn = task.draw(np.random.default_rng(1), 1, task.parts()[0])
    >>> task.source_text(drawn.src[0])
    'k4 v2 k5 v3 k5 . . . . . . . . . k4 .'
    >>> task.target_text(drawn.tgt[0])
    'k5 v3 k4 v2'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.examples import FIRST_FREE_ID
from bench.data.ragged import Ragged
from bench.tasks.kinds.generated import Drawn, Part
from bench.tasks.kinds.orders import lowest
from bench.tasks.kinds.symbols import Symbols

FILLER = "."
FIRST_KEY = FIRST_FREE_ID + 1


@dataclass
class Mqar(Symbols):
    """Raises ValueError for sizes that cannot be."""

    length: int = 64  # source tokens
    pairs: int = 4  # facts of a source, and questions about them
    fewest_pairs: int | None = None  # null: always `pairs`; else their number is drawn evenly from here on
    vocabulary: int = 8192  # one half keys, one half values
    power: float = 0.01  # exponent of the law by which questions are placed; 1: evenly
    random_fillers: bool = True  # fillers are random keys and values; false: one token of their own

    answer_at = 1
    forced = ("values", slice(1, None, 2))
    axis = "pairs"
    metrics = ("facts", "exact_match")

    def __post_init__(self) -> None:
        least = self.pairs if self.fewest_pairs is None else self.fewest_pairs
        if not 1 <= least <= self.pairs:
            raise ValueError(f"task.fewest_pairs must be 1 to task.pairs ({self.pairs}), got {self.fewest_pairs}")
        if self.length < 4 * self.pairs:
            raise ValueError(f"task.length must be at least 4 * task.pairs ({4 * self.pairs}), got {self.length}")
        if self.vocabulary % 2 or self.vocabulary < 2 * self.pairs + 2:
            raise ValueError(
                f"task.vocabulary must be even and at least 2 * task.pairs + 2 ({2 * self.pairs + 2}), for one half of "
                f"it are keys; got {self.vocabulary}"
            )
        if not 0 < self.power <= 1:
            raise ValueError(f"task.power must be above 0 and at most 1, got {self.power}")
        super().__post_init__()
        # Keys can be copied; a value is one of a half of the vocabulary.
        value, numbers = 2.0 / self.vocabulary, range(least, self.pairs + 1)
        whole = sum(value**pairs for pairs in numbers) / len(numbers)
        self.chance = {"facts": value, "values": value, "exact_match": whole}

    @property
    def seen(self) -> tuple[int, int]:
        return (self.pairs if self.fewest_pairs is None else self.fewest_pairs), self.pairs

    def words(self) -> Sequence[str]:
        half = range(self.vocabulary // 2)
        return [FILLER, *(f"k{i}" for i in half), *(f"v{i}" for i in half)]

    def draw(self, generator: np.random.Generator, count: int, part: Part) -> Drawn:
        numbers = generator.integers(part.low, part.high + 1, size=count)
        source = self._fillers(generator, count)
        target = np.zeros((count, 2 * part.high), dtype=np.int32)
        for pairs in np.unique(numbers):
            rows = np.flatnonzero(numbers == pairs)
            source[rows], target[rows, : 2 * pairs] = self._filled(generator, source[rows], pairs)
        return Drawn(Ragged.of_rows(source), Ragged.of_rows(target, 2 * numbers), {"pairs": numbers})

    def _fillers(self, generator: np.random.Generator, count: int) -> np.ndarray:
        """(N, length) sources without facts."""
        shape = (count, self.length)
        if not self.random_fillers:
            return np.full(shape, FIRST_FREE_ID, dtype=np.int32)
        return generator.integers(FIRST_KEY, FIRST_KEY + self.vocabulary, size=shape, dtype=np.int32)

    def _filled(self, generator: np.random.Generator, source: np.ndarray, pairs: int) -> tuple[np.ndarray, np.ndarray]:
        """Sources (N, length) with facts and questions put in, and the facts asked for (N, 2 * pairs)."""
        count, half = len(source), self.vocabulary // 2
        keys = FIRST_KEY + _distinct(generator, count, half, pairs)
        values = FIRST_KEY + half + _distinct(generator, count, half, pairs)
        if self.random_fillers:
            self._spare(generator, source, keys)
        source[:, 0 : 2 * pairs : 2], source[:, 1 : 2 * pairs : 2] = keys, values
        # Weighted places without replacement are the first to ring of alarms with these rates (Efraimidis and Spirakis
        # 2006).
        rate = np.arange(1, (self.length - 2 * pairs) // 2 + 1) ** (self.power - 1.0)
        alarm = generator.standard_exponential((count, len(rate)), dtype=np.float32) / rate.astype(np.float32)
        places = lowest(alarm, pairs)
        source[np.arange(count)[:, None], 2 * pairs + 2 * places] = keys
        order = places.argsort(axis=1)
        facts = np.stack([np.take_along_axis(part, order, axis=1) for part in (keys, values)], axis=2)
        return source, facts.reshape(count, 2 * pairs)

    def _spare(self, generator: np.random.Generator, source: np.ndarray, keys: np.ndarray) -> None:
        """Draw fillers again that are one of their source's keys, until none is."""
        clash = np.ones(source.shape, dtype=bool)
        while clash.any():
            clash[:] = False
            for column in range(keys.shape[1]):
                clash |= source == keys[:, column : column + 1]
            fresh = generator.integers(FIRST_KEY, FIRST_KEY + self.vocabulary, size=int(clash.sum()), dtype=np.int32)
            source[clash] = fresh

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return np.full_like(source_lengths, 2 * self.pairs + 3)


def _distinct(generator: np.random.Generator, count: int, among: int, take: int) -> np.ndarray:
    """(count, take) numbers below `among`, no row with one twice: drawn, and a row that has one twice drawn again."""
    # A row of distinct ones comes with a probability near exp(-take**2 / (2 * among)): too rare where many are taken.
    if among < 4 * take or take * take > 2 * among:
        return lowest(generator.random((count, among), dtype=np.float32), take).astype(np.int32)
    found = generator.integers(0, among, size=(count, take), dtype=np.int32)
    while True:
        ordered = np.sort(found, axis=1)
        again = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
        if not len(again):
            return found
        found[again] = generator.integers(0, among, size=(len(again), take), dtype=np.int32)

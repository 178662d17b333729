"""Multi-query associative recall: several facts, then a query for each (Arora et al. 2023, "Zoology", sec. 3).

Input: `pairs` keys with their values; then, among fillers, each key once more, in another order. Output: the queried
facts, key and value, in the order of the queries; a fact is correct if both are. As in the paper, queries stand at
even positions after the facts, early ones far more often (a power law: with `power` .01 the first is a query in seven
of ten sources, the last in one of twenty). Fillers are random tokens, the default of the paper's generator, or,
without `random_fillers`, one token of their own, as in the configurations of its figure 2.

With `one_stack`, the value is predicted at each query, as in the paper, and the accuracy of values is
`token_accuracy`. Otherwise a decoder writes the facts and so has to find the next query too; the paper's own measure
is then the score `values` (teacher-forced), while `facts` and `exact_match` are free-running. Here a filler is never
one of the source's own keys, so that it cannot be mistaken for a query; in the paper it may be.

    >>> task = Mqar(length=16, pairs=2, vocabulary=12, random_fillers=False, train_size=20, valid_size=5, test_size=5)
    >>> examples = task.draw(np.random.default_rng(1), 1, task.split_specs()[0])
    >>> task.source_text(examples.src[0])
    'k4 v2 k5 v3 k5 . . . . . . . . . k4 .'
    >>> task.target_text(examples.tgt[0])
    'k5 v3 k4 v2'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.examples import FIRST_FREE_ID
from bench.data.ragged import Ragged
from bench.tasks.kinds.examples import Examples, SplitSpec
from bench.tasks.kinds.orders import lowest_indices
from bench.tasks.kinds.symbols import Symbols

FILLER = "."
FIRST_KEY = FIRST_FREE_ID + 1


@dataclass
class Mqar(Symbols):
    """Several queried facts among fillers. Raises ValueError for impossible sizes."""

    length: int = 64  # source tokens
    pairs: int = 4  # facts of a source, and queries for them
    fewest_pairs: int | None = None  # null: always `pairs`; else the number is uniform from this to `pairs`
    vocabulary: int = 8192  # one half keys, one half values
    power: float = 0.01  # exponent of the law of query positions; 1: uniform
    random_fillers: bool = True  # fillers are random keys and values; false: one token of their own
    one_stack: bool = False  # predict each value at its query

    answer_position = 1
    teacher_forced_score = ("values", slice(1, None, 2))
    axis = "pairs"
    metrics = ("facts", "exact_match")

    def __post_init__(self) -> None:
        fewest, _ = self.training_bounds
        if not 1 <= fewest <= self.pairs:
            raise ValueError(f"task.fewest_pairs must be 1 to task.pairs ({self.pairs}), got {self.fewest_pairs}")
        if self.length < 4 * self.pairs:
            raise ValueError(f"task.length must be at least 4 * task.pairs ({4 * self.pairs}), got {self.length}")
        if self.vocabulary % 2 or self.vocabulary < 2 * self.pairs + 2:
            raise ValueError(
                f"task.vocabulary must be even and at least 2 * task.pairs + 2 ({2 * self.pairs + 2}), because "
                f"half of it are keys; got {self.vocabulary}"
            )
        if not 0 < self.power <= 1:
            raise ValueError(f"task.power must be above 0 and at most 1, got {self.power}")
        super().__post_init__()
        # A guess copies the keys and names one of the source's values for each; no two facts have the same value.
        numbers = range(fewest, self.pairs + 1)
        value = sum(1.0 / pairs for pairs in numbers) / len(numbers)
        whole = sum(pairs ** -float(pairs) for pairs in numbers) / len(numbers)
        self.chance = {"facts": value, "values": value, "exact_match": whole}
        if self.one_stack:
            self.chance = {"token_accuracy": value, "exact_match": whole}
            self.metrics = ("token_accuracy", "exact_match")

    @property
    def training_bounds(self) -> tuple[int, int]:
        return (self.pairs if self.fewest_pairs is None else self.fewest_pairs), self.pairs

    def words(self) -> Sequence[str]:
        half = range(self.vocabulary // 2)
        return [FILLER, *(f"k{i}" for i in half), *(f"v{i}" for i in half)]

    def draw(self, generator: np.random.Generator, count: int, spec: SplitSpec) -> Examples:
        numbers = generator.integers(spec.low, spec.high + 1, size=count)
        source = self._fillers(generator, count)
        target, queries = (
            np.zeros((count, 2 * spec.high), dtype=np.int32),
            np.zeros((count, spec.high), dtype=np.int32),
        )
        for pairs in np.unique(numbers):
            rows = np.flatnonzero(numbers == pairs)
            source[rows], target[rows, : 2 * pairs], queries[rows, :pairs] = self._insert_facts(
                generator, source[rows], pairs
            )
        if not self.one_stack:
            return Examples(Ragged.of_rows(source), Ragged.of_rows(target, 2 * numbers), {"pairs": numbers})
        values, positions = Ragged.of_rows(target[:, 1::2], numbers), Ragged.of_rows(queries, numbers)
        return Examples(Ragged.of_rows(source), values, {"pairs": numbers}, answered_at=positions)

    def _fillers(self, generator: np.random.Generator, count: int) -> np.ndarray:
        """(N, length) sources of fillers only."""
        shape = (count, self.length)
        if not self.random_fillers:
            return np.full(shape, FIRST_FREE_ID, dtype=np.int32)
        return generator.integers(FIRST_KEY, FIRST_KEY + self.vocabulary, size=shape, dtype=np.int32)

    def _insert_facts(
        self, generator: np.random.Generator, source: np.ndarray, pairs: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The sources (N, length) with facts and queries inserted, the targets (N, 2 * pairs), and where the queries
        stand (N, pairs), in their order."""
        count, half = len(source), self.vocabulary // 2
        keys = FIRST_KEY + distinct_integers(generator, count, half, pairs)
        values = FIRST_KEY + half + distinct_integers(generator, count, half, pairs)
        if self.random_fillers:
            self._redraw_keys(generator, source, keys)
        source[:, 0 : 2 * pairs : 2], source[:, 1 : 2 * pairs : 2] = keys, values
        # Weighted positions without replacement are those of the lowest exponential variables with these rates
        # (Efraimidis and Spirakis 2006).
        rate = np.arange(1, (self.length - 2 * pairs) // 2 + 1) ** (self.power - 1.0)
        arrival = generator.standard_exponential((count, len(rate)), dtype=np.float32) / rate.astype(np.float32)
        positions = lowest_indices(arrival, pairs)
        source[np.arange(count)[:, None], 2 * pairs + 2 * positions] = keys
        order = positions.argsort(axis=1)
        facts = np.stack([np.take_along_axis(part, order, axis=1) for part in (keys, values)], axis=2)
        queries = 2 * pairs + 2 * np.take_along_axis(positions, order, axis=1)
        return source, facts.reshape(count, 2 * pairs), queries

    def _redraw_keys(self, generator: np.random.Generator, source: np.ndarray, keys: np.ndarray) -> None:
        """Redraw, in place, the fillers that are one of their source's keys, until none is."""
        clash = np.ones(source.shape, dtype=bool)
        while clash.any():
            clash[:] = False
            for column in range(keys.shape[1]):
                clash |= source == keys[:, column : column + 1]
            fresh = generator.integers(FIRST_KEY, FIRST_KEY + self.vocabulary, size=int(clash.sum()), dtype=np.int32)
            source[clash] = fresh

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return np.full_like(source_lengths, 2 * self.pairs + 3)


def distinct_integers(generator: np.random.Generator, count: int, high: int, size: int) -> np.ndarray:
    """(count, size) integers in 0..high - 1, uniform among rows without repetition.

    Rows with a repetition are drawn again. A row has none with a probability near exp(-size^2 / (2 * high)), so where
    that is small we rank random keys instead.
    """
    if high < 4 * size or size * size > 2 * high:
        return lowest_indices(generator.random((count, high), dtype=np.float32), size).astype(np.int32)
    rows = generator.integers(0, high, size=(count, size), dtype=np.int32)
    while True:
        ordered = np.sort(rows, axis=1)
        repeated = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
        if not len(repeated):
            return rows
        rows[repeated] = generator.integers(0, high, size=(len(repeated), size), dtype=np.int32)

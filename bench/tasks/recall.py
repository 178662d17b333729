"""Recall one fact at a known distance, with everything but the distance constant.

Input: `slots` pairs of tokens, of which `pairs` are a key and its value and the others are fillers; then the query,
one of the keys. Output: the queried fact, key and value; only the value is hard, because the key can be copied from
the query. The length and the number of distractors never change. The distance is the number of tokens from the queried
key to the query, and is uniform. With `train_farthest`, training and the first test set have distances up to it, and a
second test set, `test_farther`, has the larger ones.

With 4 slots and 2 pairs, `. . k1 v3 k0 v2 . . k1` queries the value of k1, 6 tokens back: `k1 v3`.

The key is part of the output so that the decoder has it as input when it writes the value, like a model that predicts
at the query itself (Arora et al. 2023). Without it, attention needs one more step from query to decoder and learns
several times as slowly.

    >>> task = Recall(slots=4, pairs=2, keys=3, values=4, train_size=20, valid_size=5, test_size=5)
    >>> data = task.load()
    >>> words = task.source_text(data.train.src[0]).split()
    >>> position = words.index(words[-1])
    >>> len(words), words[position : position + 2] == task.target_text(data.train.tgt[0]).split()
    (9, True)
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


@dataclass
class Recall(Symbols):
    """One queried fact among others and fillers. Raises ValueError for impossible sizes."""

    slots: int = 16  # positions for a pair; the source has 2 * slots + 1 tokens
    pairs: int = 4  # key-value pairs in a source, the queried one included
    keys: int = 8  # different keys; those of one source are distinct
    values: int = 8  # different values
    train_farthest: int | None = None  # greatest distance in training, in tokens; null: the greatest possible

    answer_position = 1
    axis = "distance"
    extrapolation_split = "test_farther"
    metrics = ("exact_match",)

    def __post_init__(self) -> None:
        if not 1 <= self.pairs <= self.slots:
            raise ValueError(f"task.pairs must be 1 to task.slots ({self.slots}), got {self.pairs}")
        if self.keys < self.pairs:
            raise ValueError(f"task.keys must be at least task.pairs ({self.pairs}), got {self.keys}")
        if self.values < 2:
            raise ValueError(f"task.values must be at least 2, got {self.values}")
        if self.train_farthest is not None and not 2 <= self.train_farthest < 2 * self.slots:
            raise ValueError(
                f"task.train_farthest must be at least 2 and below the greatest distance of {self.slots} slots, "
                f"{2 * self.slots}, got {self.train_farthest}"
            )
        super().__post_init__()
        # A guess names one of the values of the source, without looking at the keys.
        self.chance = {"exact_match": 1.0 / self.pairs + (1.0 - 1.0 / self.pairs) / self.values}
        self._first_key = FIRST_FREE_ID + 1
        self._first_value = self._first_key + self.keys

    @property
    def training_bounds(self) -> tuple[int, int]:
        return 2, 2 * self.slots if self.train_farthest is None else self.train_farthest // 2 * 2

    @property
    def extrapolation_bounds(self) -> tuple[int, int] | None:
        return None if self.train_farthest is None else (self.training_bounds[1] + 2, 2 * self.slots)

    def words(self) -> Sequence[str]:
        return [FILLER, *(f"k{i}" for i in range(self.keys)), *(f"v{i}" for i in range(self.values))]

    def draw(self, generator: np.random.Generator, count: int, spec: SplitSpec) -> Examples:
        rows = np.arange(count)[:, None]
        distance = 2 * generator.integers(spec.low // 2, spec.high // 2 + 1, size=count)
        # The first `pairs` of a random order of the slots; a key of -1 puts the queried slot first.
        order = generator.random((count, self.slots), dtype=np.float32)
        order[rows[:, 0], self.slots - distance // 2] = -1.0
        slots = lowest_indices(order, self.pairs)
        keys = self._first_key + lowest_indices(generator.random((count, self.keys), dtype=np.float32), self.pairs)
        values = self._first_value + generator.integers(0, self.values, size=(count, self.pairs))
        source = np.full((count, 2 * self.slots + 1), FIRST_FREE_ID, dtype=np.int32)
        source[rows, 2 * slots] = keys
        source[rows, 2 * slots + 1] = values
        source[:, -1] = keys[:, 0]
        return Examples(
            Ragged.of_rows(source),
            Ragged.of_rows(np.stack([keys[:, 0], values[:, 0]], axis=1)),
            {"distance": distance},
        )

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return np.full_like(source_lengths, 4)

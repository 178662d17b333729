"""Recall one fact at a known distance: everything but the distance is held constant.

Input: `slots` pairs of tokens, of which `pairs` are a key and its value and the others are fillers; then the query, one
of the keys. Output: the value that followed that key. Length and number of distractors never change; the queried
pair's place is uniform. The distance is the number of tokens from the queried key to the query.

With 4 slots and 2 pairs, `. . k1 v3 k0 v2 . . k1` asks for the value of k1, 6 tokens back: v3.

    >>> task = Recall(slots=4, pairs=2, keys=3, values=4, train_size=20, valid_size=5, test_size=5)
    >>> data = task.load()
    >>> words = task.source_text(data.train.src[0]).split()
    >>> len(words), words[words.index(words[-1]) + 1] == task.target_text(data.train.tgt[0])
    (9, True)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.splits import belongs
from bench.errors import UserError
from bench.seeding import numpy_generator
from bench.tasks.base import FIRST_FREE_ID, Ragged, Sizes, Split, Task, TaskData, generated

FILLER = "."


@dataclass
class Recall(Task):
    """Raises ValueError for sizes that cannot be."""

    slots: int = 16  # places for a pair; the source has 2 * slots + 1 tokens
    pairs: int = 4  # key-value pairs in a source, the queried one included
    keys: int = 8  # different keys; those of one source are distinct
    values: int = 8  # different values
    train_size: int = 50_000  # examples
    valid_size: int = 500
    test_size: int = 800
    data_seed: int = 0  # the data are the same for every model and every cell's seed

    metrics = ("exact_match",)

    def __post_init__(self) -> None:
        if not 1 <= self.pairs <= self.slots:
            raise ValueError(f"task.pairs must be 1 to task.slots ({self.slots}), got {self.pairs}")
        if self.keys < self.pairs:
            raise ValueError(f"task.keys must be at least task.pairs ({self.pairs}), got {self.keys}")
        if self.values < 2:
            raise ValueError(f"task.values must be at least 2, got {self.values}")
        for name in ("train_size", "valid_size", "test_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"task.{name} must be at least 1, got {getattr(self, name)}")
        self.chance = {"exact_match": 1.0 / self.values}
        self.train_range = {"distance": (2, 2 * self.slots)}
        self._first_key = FIRST_FREE_ID + 1
        self._first_value = self._first_key + self.keys

    @property
    def sizes(self) -> Sizes:
        size = self._first_value + self.values
        return Sizes(size, size, shared=True)

    def load(self) -> TaskData:
        sizes = {"train": self.train_size, "valid": self.valid_size, "test": self.test_size}
        train, valid, test = (self._split(name, size) for name, size in sizes.items())
        return generated(train, valid, (test,), self.sizes.source)

    def _split(self, name: str, size: int) -> Split:
        generator = numpy_generator(self.data_seed, "recall", name)
        sources, targets, distances = [], [], []
        count = 0
        while count < size:
            source, target, distance = self._draw(generator, 2 * size)
            keep = belongs(name, source, np.full(len(source), source.shape[1]))
            sources.append(source[keep])
            targets.append(target[keep])
            distances.append(distance[keep])
            count += int(keep.sum())
        source, target = np.concatenate(sources)[:size], np.concatenate(targets)[:size]
        distance = np.concatenate(distances)[:size]
        return Split(name, Ragged.of(source), Ragged.of(target[:, None]), {"distance": distance})

    def _draw(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """count examples: sources (N, 2 * slots + 1), targets (N,), distances (N,)."""
        rows = np.arange(count)[:, None]
        # The first `pairs` of a random order of the slots; the first of them holds the queried pair, so that its
        # place is uniform.
        places = generator.random((count, self.slots)).argsort(axis=1)[:, : self.pairs]
        keys = self._first_key + generator.random((count, self.keys)).argsort(axis=1)[:, : self.pairs]
        values = self._first_value + generator.integers(0, self.values, size=(count, self.pairs))
        source = np.full((count, 2 * self.slots + 1), FIRST_FREE_ID, dtype=np.int32)
        source[rows, 2 * places] = keys
        source[rows, 2 * places + 1] = values
        source[:, -1] = keys[:, 0]
        return source, values[:, 0].astype(np.int32), 2 * (self.slots - places[:, 0])

    def source_text(self, ids: Sequence[int]) -> str:
        return " ".join(map(self._word, ids))

    target_text = source_text

    def _word(self, token: int) -> str:
        if token == FIRST_FREE_ID:
            return FILLER
        if self._first_key <= token < self._first_value:
            return f"k{token - self._first_key}"
        return f"v{token - self._first_value}" if token >= self._first_value else "?"

    def source_ids(self, text: str) -> list[int]:
        known = {self._word(i): i for i in range(FIRST_FREE_ID, self._first_value + self.values)}
        words = text.split()
        if not words or any(word not in known for word in words):
            raise UserError(
                f"the task recall reads words k0-k{self.keys - 1}, v0-v{self.values - 1} and {FILLER!r} with spaces "
                f"between, got {text!r}"
            )
        return [known[word] for word in words]

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return np.full_like(source_lengths, 3)

"""Reverse a string: the first symbol in is the last one out.

Input: symbols, their number drawn evenly from the training lengths. Output: the same symbols, backwards. Attention
can look each symbol up; without it, everything must pass through one fixed state.

    >>> task = Reverse(symbols=4, train_size=50, valid_size=10, test_size=10)
    >>> task.source_text([4, 5, 5, 7])
    'a b b d'
    >>> data = task.load()
    >>> data.train.src[0][::-1].tolist() == data.train.tgt[0].tolist()
    True
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.splits import belongs
from bench.errors import UserError
from bench.seeding import numpy_generator
from bench.tasks.base import FIRST_FREE_ID, Ragged, Sizes, Split, Task, TaskData, generated

LETTERS = string.ascii_lowercase


@dataclass
class Reverse(Task):
    """Raises ValueError for lengths or sizes that cannot be."""

    symbols: int = 16  # size of the alphabet, at most 26
    train_shortest: int = 1  # training and in-distribution test lengths, in symbols
    train_longest: int = 20
    test_longest: int = 40  # the second test set has lengths train_longest + 1 to this
    train_size: int = 50_000  # examples
    valid_size: int = 500
    test_size: int = 600  # examples in each test set
    data_seed: int = 0  # the data are the same for every model and every cell's seed

    metrics = ("exact_match", "token_accuracy")

    def __post_init__(self) -> None:
        if not 2 <= self.symbols <= len(LETTERS):
            raise ValueError(f"task.symbols must be 2 to {len(LETTERS)}, got {self.symbols}")
        if not 1 <= self.train_shortest <= self.train_longest < self.test_longest:
            raise ValueError(
                "task lengths must satisfy 1 <= train_shortest <= train_longest < test_longest, got "
                f"{self.train_shortest}, {self.train_longest}, {self.test_longest}"
            )
        for name in ("train_size", "valid_size", "test_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"task.{name} must be at least 1, got {getattr(self, name)}")
        self.train_range = {"length": (self.train_shortest, self.train_longest)}
        self.chance = {"exact_match": 0.0, "token_accuracy": 1.0 / self.symbols}

    @property
    def sizes(self) -> Sizes:
        size = FIRST_FREE_ID + self.symbols
        return Sizes(size, size, shared=True)

    def load(self) -> TaskData:
        near = (self.train_shortest, self.train_longest)
        train = self._split("train", "train", self.train_size, near, distinct=False)
        valid = self._split("valid", "valid", self.valid_size, near)
        test = self._split("test", "test", self.test_size, near)
        longer = self._split("test_longer", "test", self.test_size, (self.train_longest + 1, self.test_longest))
        return generated(train, valid, (test, longer), self.sizes.source)

    def _split(self, name: str, share: str, size: int, lengths: tuple[int, int], distinct: bool = True) -> Split:
        """`size` examples of a share of the space. `distinct`: none twice, so very short lengths, of which there are
        few strings, come up less often."""
        generator = numpy_generator(self.data_seed, "reverse", name)
        kept: list[np.ndarray] = []
        seen: set[bytes] = set()
        # A bounded number of rounds: a tiny alphabet may not hold enough distinct strings.
        for _ in range(50):
            drawn = generator.integers(lengths[0], lengths[1] + 1, size=2 * size)
            tokens = generator.integers(FIRST_FREE_ID, FIRST_FREE_ID + self.symbols, size=(2 * size, lengths[1]))
            tokens = tokens.astype(np.int32)
            for i in np.flatnonzero(belongs(share, tokens, drawn)):
                row = tokens[i, : drawn[i]]
                if distinct:
                    key = row.tobytes()
                    if key in seen:
                        continue
                    seen.add(key)
                kept.append(row)
                if len(kept) == size:
                    src = Ragged.of(kept)
                    return Split(name, src, Ragged.of([row[::-1] for row in kept]), {"length": src.lengths})
        raise ValueError(
            f"task.{share}_size={size} asks for more distinct strings than {self.symbols} symbols and lengths "
            f"{lengths[0]}-{lengths[1]} have; lower it or raise task.symbols"
        )

    def source_text(self, ids: Sequence[int]) -> str:
        return " ".join(
            LETTERS[i - FIRST_FREE_ID] if FIRST_FREE_ID <= i < FIRST_FREE_ID + self.symbols else "?" for i in ids
        )

    target_text = source_text

    def source_ids(self, text: str) -> list[int]:
        known = LETTERS[: self.symbols]
        symbols = text.split()
        if not symbols or any(len(symbol) != 1 or symbol not in known for symbol in symbols):
            raise UserError(f"the task reverse reads letters {known[0]}-{known[-1]} with spaces between, got {text!r}")
        return [FIRST_FREE_ID + known.index(symbol) for symbol in symbols]

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return source_lengths + 5

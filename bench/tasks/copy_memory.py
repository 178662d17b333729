"""Copy memory: repeat ten symbols after a long blank (Hochreiter and Schmidhuber 1997; Arjovsky et al. 2016).

Input: ten symbols from an alphabet of eight, T blanks, a mark. Output: the ten symbols. In the papers, a network reads
while it writes and makes T + 20 predictions, blanks until the mark; here, a decoder writes the ten symbols only. The
blanks are trivial, so we report the loss over T + 20 positions, as the papers do: a model that knows the form and
remembers nothing has the loss 10 ln 8 / (T + 20), the chance line.

    >>> task = CopyMemory(train_shortest=3, train_longest=5, test_longest=9, train_size=20, valid_size=5, test_size=5)
    >>> src, tgt = task.examples(np.random.default_rng(0), np.array([3]))
    >>> task.source_text(src[0])
    'g f e c c a a a b g . . . :'
    >>> task.target_text(tgt[0])
    'g f e c c a a a b g'
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.examples import FIRST_FREE_ID, Split
from bench.data.ragged import Ragged
from bench.tasks.kinds.letters import LETTERS
from bench.tasks.kinds.symbols import ByLength

BLANK, MARK = ".", ":"


@dataclass
class CopyMemory(ByLength):
    """The axis is the number of blanks, T. Raises ValueError for impossible lengths or sizes."""

    train_shortest: int = 1
    train_longest: int = 50
    test_longest: int | None = 100
    items: int = 10  # symbols to remember
    symbols: int = 8  # size of the alphabet, at most 26

    axis = "blanks"
    metrics = ("token_accuracy", "exact_match")

    def __post_init__(self) -> None:
        if not 2 <= self.symbols <= len(LETTERS):
            raise ValueError(f"task.symbols must be 2 to {len(LETTERS)}, got {self.symbols}")
        if self.items < 1:
            raise ValueError(f"task.items must be at least 1, got {self.items}")
        super().__post_init__()
        self.chance = {"token_accuracy": 1.0 / self.symbols, "exact_match": self.symbols**-self.items}

    def words(self) -> Sequence[str]:
        return [*LETTERS[: self.symbols], BLANK, MARK]

    def examples(self, generator: np.random.Generator, lengths: np.ndarray) -> tuple[Ragged, Ragged]:
        blank = FIRST_FREE_ID + self.symbols
        total = self.items + lengths + 1
        rows = np.full((len(lengths), int(total.max())), blank, dtype=np.int32)
        target = generator.integers(FIRST_FREE_ID, blank, size=(len(lengths), self.items), dtype=np.int32)
        rows[:, : self.items] = target
        rows[np.arange(len(rows)), total - 1] = blank + 1
        return Ragged.of_rows(rows, total), Ragged.of_rows(target)

    def loss_positions(self, split: Split) -> np.ndarray:
        return split.src.lengths - 1 + self.items

    def chance_loss(self, split: Split) -> float:
        return self.items * math.log(self.symbols) * len(split) / float(self.loss_positions(split).sum())

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return np.full_like(source_lengths, self.items + 5)

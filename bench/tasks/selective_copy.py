"""Selective copying: find the symbols among noise and repeat them (Gu and Dao 2023, sec. 4.1.1).

Input: `kept` symbols at random places, noise everywhere else. Output: the symbols, in order. Whatever the length, the
answer depends on the symbols alone: a model has to choose what to remember.

    >>> task = SelectiveCopy(train_shortest=8, train_longest=9, test_longest=12, most_kept=3, train_size=20)
    >>> src, tgt, _ = task.chosen(np.random.default_rng(0), np.array([8]))
    >>> task.source_text(src[0]), task.target_text(tgt[0])
    ('. . . . l j m .', 'l j m')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.examples import FIRST_FREE_ID
from bench.data.ragged import Ragged
from bench.tasks.kinds.generated import Drawn, Part
from bench.tasks.kinds.lengths import Lengths
from bench.tasks.kinds.letters import LETTERS
from bench.tasks.kinds.orders import lowest
from bench.tasks.kinds.symbols import Symbols

NOISE = "."


@dataclass
class SelectiveCopy(Symbols, Lengths):
    """Raises ValueError for lengths or sizes that cannot be."""

    train_shortest: int = 16
    train_longest: int = 64
    test_longest: int | None = 128
    fewest_kept: int = 1  # symbols among the noise; their number is drawn evenly
    most_kept: int = 8
    symbols: int = 14  # different ones, at most 26; with the noise and the end, the paper's 16

    metrics = ("exact_match", "token_accuracy")

    def __post_init__(self) -> None:
        if not 2 <= self.symbols <= len(LETTERS):
            raise ValueError(f"task.symbols must be 2 to {len(LETTERS)}, got {self.symbols}")
        if not 1 <= self.fewest_kept <= self.most_kept <= self.train_shortest:
            raise ValueError(
                "1 <= task.fewest_kept <= task.most_kept <= task.train_shortest must hold, got "
                f"{self.fewest_kept}, {self.most_kept}, {self.train_shortest}"
            )
        super().__post_init__()
        self.train_range["kept"] = (self.fewest_kept, self.most_kept)
        self.chance = {"exact_match": 0.0, "token_accuracy": 1.0 / self.symbols}

    def words(self) -> Sequence[str]:
        return [*LETTERS[: self.symbols], NOISE]

    def draw(self, generator: np.random.Generator, count: int, part: Part) -> Drawn:
        lengths = self.lengths(generator, count, part)
        src, tgt, kept = self.chosen(generator, lengths)
        return Drawn(src, tgt, {"length": lengths, "kept": kept})

    def chosen(self, generator: np.random.Generator, lengths: np.ndarray) -> tuple[Ragged, Ragged, np.ndarray]:
        """A source of each length, its target, and the number of symbols in it."""
        count, most = len(lengths), self.most_kept
        kept = generator.integers(self.fewest_kept, most + 1, size=count)
        order = generator.random((count, int(lengths.max())), dtype=np.float32)
        order[np.arange(order.shape[1]) >= lengths[:, None]] = 2.0
        # The places of the `most` lowest numbers, from the lowest on; of these the first `kept`, as they stand.
        places = lowest(order, most)
        places[np.arange(most) >= kept[:, None]] = order.shape[1]
        places.sort(axis=1)
        target = generator.integers(FIRST_FREE_ID, FIRST_FREE_ID + self.symbols, size=(count, most), dtype=np.int32)
        rows = np.full((count, order.shape[1] + 1), FIRST_FREE_ID + self.symbols, dtype=np.int32)
        rows[np.arange(count)[:, None], places] = target
        return Ragged.of_rows(rows[:, :-1], lengths), Ragged.of_rows(target, kept), kept

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return np.full_like(source_lengths, self.most_kept + 5)

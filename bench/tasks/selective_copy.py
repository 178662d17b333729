"""Selective copying: repeat the symbols that stand among noise (Gu and Dao 2023, sec. 4.1.1).

Input: `kept` symbols at random positions, noise elsewhere. Output: the symbols, in order. At every length the answer
depends on the symbols only, so a model must select what it remembers.

    >>> task = SelectiveCopy(train_shortest=8, train_longest=9, test_longest=12, most_kept=3, train_size=20)
    >>> src, tgt, _ = task.examples(np.random.default_rng(0), np.array([8]))
    >>> task.source_text(src[0]), task.target_text(tgt[0])
    ('. . . . l j m .', 'l j m')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.examples import FIRST_FREE_ID
from bench.data.ragged import Ragged
from bench.tasks.kinds.examples import Examples, SplitSpec
from bench.tasks.kinds.lengths import Lengths
from bench.tasks.kinds.letters import LETTERS
from bench.tasks.kinds.orders import lowest_indices
from bench.tasks.kinds.symbols import Symbols

NOISE = "."


@dataclass
class SelectiveCopy(Symbols, Lengths):
    """The symbols among noise, in order. Raises ValueError for impossible lengths or sizes."""

    train_shortest: int = 16
    train_longest: int = 64
    test_longest: int | None = 128
    fewest_kept: int = 1  # symbols among the noise; their number is uniform from this to most_kept
    most_kept: int = 8
    symbols: int = 14  # size of the alphabet, at most 26; with the noise and the end, the paper's 16

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

    def draw(self, generator: np.random.Generator, count: int, spec: SplitSpec) -> Examples:
        lengths = self.lengths(generator, count, spec)
        src, tgt, kept = self.examples(generator, lengths)
        return Examples(src, tgt, {"length": lengths, "kept": kept})

    def examples(self, generator: np.random.Generator, lengths: np.ndarray) -> tuple[Ragged, Ragged, np.ndarray]:
        """One source of each length (N,), its target, and (N,) the number of symbols in it."""
        count, most = len(lengths), self.most_kept
        kept = generator.integers(self.fewest_kept, most + 1, size=count)
        order = generator.random((count, int(lengths.max())), dtype=np.float32)
        order[np.arange(order.shape[1]) >= lengths[:, None]] = 2.0
        # Positions of the `most` lowest keys, lowest first; the first `kept` of them, sorted, hold symbols.
        positions = lowest_indices(order, most)
        positions[np.arange(most) >= kept[:, None]] = order.shape[1]
        positions.sort(axis=1)
        target = generator.integers(FIRST_FREE_ID, FIRST_FREE_ID + self.symbols, size=(count, most), dtype=np.int32)
        rows = np.full((count, order.shape[1] + 1), FIRST_FREE_ID + self.symbols, dtype=np.int32)
        rows[np.arange(count)[:, None], positions] = target
        return Ragged.of_rows(rows[:, :-1], lengths), Ragged.of_rows(target, kept), kept

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return np.full_like(source_lengths, self.most_kept + 5)

"""What `copy`, `reverse` and `duplicate` share: a string of letters in, a rearrangement of it out."""

from __future__ import annotations

import string
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.examples import FIRST_FREE_ID
from bench.data.ragged import Ragged
from bench.tasks.kinds.symbols import ByLength, random_strings

LETTERS = string.ascii_lowercase


@dataclass
class Letters(ByLength):
    """Raises ValueError for lengths or sizes that cannot be."""

    symbols: int = 16  # size of the alphabet, at most 26

    metrics = ("exact_match", "token_accuracy")

    def __post_init__(self) -> None:
        if not 2 <= self.symbols <= len(LETTERS):
            raise ValueError(f"task.symbols must be 2 to {len(LETTERS)}, got {self.symbols}")
        super().__post_init__()
        # Of a whole line the chance is far below a thousandth for all but the shortest.
        self.chance = {"exact_match": 0.0, "token_accuracy": 1.0 / self.symbols}

    def words(self) -> Sequence[str]:
        return LETTERS[: self.symbols]

    def examples(self, generator: np.random.Generator, lengths: np.ndarray) -> tuple[Ragged, Ragged]:
        rows, _ = random_strings(generator, lengths, self.symbols)
        src = Ragged.of_rows(rows.astype(np.int32) + FIRST_FREE_ID, lengths)
        return src, self.rearranged(src)

    @abstractmethod
    def rearranged(self, src: Ragged) -> Ragged:
        """The targets of these sources."""

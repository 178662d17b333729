"""Tasks `copy`, `reverse` and `duplicate`: the input is a string of letters, the output a rearrangement of it."""

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
    """Letters in, the same letters in another order out. Raises ValueError for impossible lengths or sizes."""

    symbols: int = 16  # size of the alphabet, at most 26

    metrics = ("exact_match", "token_accuracy")

    def __post_init__(self) -> None:
        if not 2 <= self.symbols <= len(LETTERS):
            raise ValueError(f"task.symbols must be 2 to {len(LETTERS)}, got {self.symbols}")
        super().__post_init__()
        # A whole line is guessed with a probability far below a thousandth, except for the shortest lines.
        self.chance = {"exact_match": 0.0, "token_accuracy": 1.0 / self.symbols}

    def words(self) -> Sequence[str]:
        return LETTERS[: self.symbols]

    def examples(self, generator: np.random.Generator, lengths: np.ndarray) -> tuple[Ragged, Ragged]:
        rows, _ = random_strings(generator, lengths, self.symbols)
        src = Ragged.of_rows(rows.astype(np.int32) + FIRST_FREE_ID, lengths)
        return src, self.rearrange(src)

    @abstractmethod
    def rearrange(self, src: Ragged) -> Ragged:
        """The targets of these sources, in their order."""

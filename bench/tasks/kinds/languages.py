"""What the formal languages share: a string in, one answer out, trained on lengths 1 to 40 and tested up to 500.

The protocol is that of Deletang et al. (2023), "Neural Networks and the Chomsky Hierarchy". A source in our form is the
string alone, and the answer is written by a decoder; there, it is read off at a blank after the string.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.examples import FIRST_FREE_ID
from bench.data.ragged import Ragged
from bench.tasks.kinds.symbols import ByLength, random_strings, single


@dataclass
class Language(ByLength):
    """Strings over `symbols` with one of `answers` each. Raises ValueError for lengths or sizes that cannot be."""

    train_longest: int = 40
    test_longest: int = 500

    symbols = ()
    """The words of a string; a row holds their places here."""

    answers = ()

    metrics = ("exact_match",)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.chance = {"exact_match": 1.0 / len(self.answers)}

    def words(self) -> Sequence[str]:
        """Symbols and answers; a word that is both has one id."""
        return list(dict.fromkeys((*self.symbols, *self.answers)))

    def strings(self, generator: np.random.Generator, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A string of each length as `random_strings` gives them: rows of places in `symbols`, and where they count."""
        return random_strings(generator, lengths, len(self.symbols))

    @abstractmethod
    def solved(self, rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """(N,) places in `answers`."""

    def examples(self, generator: np.random.Generator, lengths: np.ndarray) -> tuple[Ragged, Ragged]:
        rows, inside = self.strings(generator, lengths)
        ids = np.array([FIRST_FREE_ID + self._words.index(answer) for answer in self.answers])
        src = Ragged.of_rows(rows.astype(np.int32) + FIRST_FREE_ID, lengths)
        return src, single(ids[self.solved(rows, inside)])

    def answer(self, text: str) -> str:
        """The answer to a source as text."""
        rows = np.array([[self.symbols.index(word) for word in text.split()]])
        return self.answers[int(self.solved(rows, np.ones_like(rows, dtype=bool))[0])]

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return np.full_like(source_lengths, 3)

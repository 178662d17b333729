"""Formal languages: the input is a string, the output one answer; trained on lengths 1-40 and tested up to 500.

Protocol of Deletang et al. (2023), "Neural Networks and the Chomsky Hierarchy". With `one_stack`, the answer is read
off at a blank after the string, as in the paper. Otherwise the source is the string alone, and a decoder writes the
answer.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.data.examples import FIRST_FREE_ID
from bench.data.ragged import Ragged
from bench.tasks.kinds.examples import Examples, SplitSpec
from bench.tasks.kinds.symbols import BLANK, ByLength, answered_at_blanks, random_strings, single


@dataclass
class Language(ByLength):
    """Strings over `symbols`, each with one of `answers`. Raises ValueError for impossible lengths or sizes."""

    train_longest: int = 40
    test_longest: int = 500
    one_stack: bool = False  # read the answer off at a blank after the string

    symbols: ClassVar[tuple[str, ...]] = ()
    """The words of a string. Rows contain indices into this tuple."""

    answers: ClassVar[tuple[str, ...]] = ()

    metrics = ("exact_match",)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.chance = {"exact_match": 1.0 / len(self.answers)}

    def words(self) -> Sequence[str]:
        """Symbols and answers; a word that is both has one id. With `one_stack`, the blank too."""
        return list(dict.fromkeys((*self.symbols, *self.answers, *([BLANK] if self.one_stack else []))))

    def draw(self, generator: np.random.Generator, count: int, spec: SplitSpec) -> Examples:
        examples = super().draw(generator, count, spec)
        if not self.one_stack:
            return examples
        return answered_at_blanks(examples, FIRST_FREE_ID + len(self.words()) - 1)

    def strings(self, generator: np.random.Generator, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One random string of each length: rows (N, L) of symbol indices and their mask, as `random_strings`."""
        return random_strings(generator, lengths, len(self.symbols))

    @abstractmethod
    def solve(self, rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """(N,) the index in `answers` of each string's answer; rows and inside (N, L) as `strings` returns them."""

    def examples(self, generator: np.random.Generator, lengths: np.ndarray) -> tuple[Ragged, Ragged]:
        rows, inside = self.strings(generator, lengths)
        vocabulary = list(self.words())
        answer_ids = np.array([FIRST_FREE_ID + vocabulary.index(answer) for answer in self.answers])
        src = Ragged.of_rows(rows.astype(np.int32) + FIRST_FREE_ID, lengths)
        return src, single(answer_ids[self.solve(rows, inside)])

    def answer(self, text: str) -> str:
        """The answer to a source as text."""
        rows = np.array([[self.symbols.index(word) for word in text.split()]])
        return self.answers[int(self.solve(rows, np.ones_like(rows, dtype=bool))[0])]

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return np.full_like(source_lengths, 3)

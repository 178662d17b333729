"""Tasks over a small set of words, the same for source and target, and those of them whose axis is the length."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.data.examples import FIRST_FREE_ID, Sizes
from bench.data.ragged import Ragged
from bench.errors import UserError
from bench.tasks.kinds.generated import Drawn, Generated, Part
from bench.tasks.kinds.lengths import Lengths

SHOWN = 12
"""Words that a message names."""


@dataclass
class Symbols(Generated):
    """A task whose token ids stand for the words of `words()`, in that order."""

    @abstractmethod
    def words(self) -> Sequence[str]:
        """Every word of sources and targets; the first has the id FIRST_FREE_ID."""

    @cached_property
    def _words(self) -> tuple[str, ...]:
        return tuple(self.words())

    @property
    def sizes(self) -> Sizes:
        size = FIRST_FREE_ID + len(self._words)
        return Sizes(size, size, shared=True)

    def source_text(self, ids: Sequence[int]) -> str:
        last = FIRST_FREE_ID + len(self._words)
        return " ".join(self._words[i - FIRST_FREE_ID] if FIRST_FREE_ID <= i < last else "?" for i in ids)

    target_text = source_text

    def source_ids(self, text: str) -> list[int]:
        known = {word: FIRST_FREE_ID + i for i, word in enumerate(self._words)}
        typed = text.split()
        if not typed or any(word not in known for word in typed):
            some = ", ".join(list(known)[:SHOWN]) + (", ..." if len(known) > SHOWN else "")
            name = type(self).__name__.lower()
            raise UserError(f"the task {name} reads words with spaces between, of {some}; got {text.strip()!r}")
        return [known[word] for word in typed]


@dataclass
class ByLength(Symbols, Lengths):
    """A task that makes a source of any length asked for. Raises ValueError for lengths that cannot be."""

    def draw(self, generator: np.random.Generator, count: int, part: Part) -> Drawn:
        lengths = self.lengths(generator, count, part)
        src, tgt = self.examples(generator, lengths)
        return Drawn(src, tgt, {self.axis: lengths})

    @abstractmethod
    def examples(self, generator: np.random.Generator, lengths: np.ndarray) -> tuple[Ragged, Ragged]:
        """One source of each length, at random, and its target; ids."""


def random_strings(generator: np.random.Generator, lengths: np.ndarray, symbols: int) -> tuple[np.ndarray, np.ndarray]:
    """Strings over 0 to symbols - 1 as rows (N, longest), and a mask of the same shape, True inside a string; 0
    outside."""
    shape = (len(lengths), int(lengths.max()))
    inside = np.arange(shape[1]) < lengths[:, None]
    kind = np.uint8 if symbols <= 256 else np.int32
    return np.where(inside, generator.integers(0, symbols, size=shape, dtype=kind), kind(0)), inside


def single(ids: np.ndarray) -> Ragged:
    """Targets of one token each: ids (N,)."""
    return Ragged.of_rows(ids[:, None])

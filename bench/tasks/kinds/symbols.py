"""Tasks over a small set of words, the same for source and target."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bench.data.examples import FIRST_FREE_ID, Sizes
from bench.data.ragged import Ragged
from bench.errors import UserError
from bench.tasks.kinds.examples import Examples, SplitSpec
from bench.tasks.kinds.generated import Generated
from bench.tasks.kinds.lengths import Lengths

SHOWN = 12
"""Number of words that an error lists."""


@dataclass
class Symbols(Generated):
    """A task whose token ids are the indices of `words()`, counted from FIRST_FREE_ID."""

    one_stack = False
    """Whether the targets are predictions at positions of the source, see `bench.data.examples.Split`."""

    @abstractmethod
    def words(self) -> Sequence[str]:
        """Every word of sources and targets; the first has the id FIRST_FREE_ID."""

    @cached_property
    def _words(self) -> tuple[str, ...]:
        return tuple(self.words())

    @property
    def sizes(self) -> Sizes:
        size = FIRST_FREE_ID + len(self._words)
        return Sizes(size, size, shared=True, one_stack=self.one_stack)

    def source_text(self, ids: Sequence[int]) -> str:
        return text_of(ids, self._words)

    def target_text(self, ids: Sequence[int]) -> str:
        return text_of(ids, self._words)

    def source_ids(self, text: str) -> list[int]:
        ids = {word: FIRST_FREE_ID + i for i, word in enumerate(self._words)}
        return ids_of(text, ids, type(self).__name__.lower())


@dataclass
class ByLength(Symbols, Lengths):
    """A task that makes one source of any given length. Raises ValueError for impossible lengths."""

    def draw(self, generator: np.random.Generator, count: int, spec: SplitSpec) -> Examples:
        lengths = self.lengths(generator, count, spec)
        src, tgt = self.examples(generator, lengths)
        return Examples(src, tgt, {self.axis: lengths})

    @abstractmethod
    def examples(self, generator: np.random.Generator, lengths: np.ndarray) -> tuple[Ragged, Ragged]:
        """One random source of each length (N,), and its target, as ids."""


def text_of(ids: Sequence[int], words: Sequence[str]) -> str:
    """Ids as words separated by spaces; `?` for an id outside the vocabulary, which a model may write.

    >>> text_of([FIRST_FREE_ID, FIRST_FREE_ID + 1, 0], ["a", "b"])
    'a b ?'
    """
    last = FIRST_FREE_ID + len(words)
    return " ".join(words[i - FIRST_FREE_ID] if FIRST_FREE_ID <= i < last else "?" for i in ids)


def ids_of(text: str, ids: Mapping[str, int], task: str) -> list[int]:
    """The ids of words separated by spaces. task: its name. Raises UserError for other words, and for none.

    >>> ids_of("b a", {"a": 4, "b": 5}, "copy")
    [5, 4]
    """
    words, typed = list(ids), text.split()
    unknown = [word for word in typed if word not in ids]
    if not typed or unknown:
        some = ", ".join(words[:SHOWN]) + (", ..." if len(words) > SHOWN else "")
        reason = f"does not know {unknown[0]!r}" if unknown else "got no word"
        raise UserError(
            f"the task {task} reads words separated by spaces, from {some}; it {reason} in {text.strip()!r}"
        )
    return [ids[word] for word in typed]


def random_strings(generator: np.random.Generator, lengths: np.ndarray, symbols: int) -> tuple[np.ndarray, np.ndarray]:
    """Uniform random strings over 0..symbols - 1: rows (N, longest), 0 beyond a string's end, and a mask of the same
    shape, True inside a string."""
    shape = (len(lengths), int(lengths.max()))
    inside = np.arange(shape[1]) < lengths[:, None]
    dtype = np.uint8 if symbols <= 256 else np.int32
    return np.where(inside, generator.integers(0, symbols, size=shape, dtype=dtype), dtype(0)), inside


BLANK = "_"
"""The word in whose places one stack answers."""


def answered_at_blanks(examples: Examples, blank: int) -> Examples:
    """The examples with one blank after the source for each token of the target, which is predicted there.

    blank: its id."""
    before, after = examples.src.lengths, examples.tgt.lengths
    offsets = np.concatenate([[0], np.cumsum(before + after)])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], before + after)
    is_blank = within >= np.repeat(before, before + after)
    tokens = np.full(len(within), blank, dtype=np.int32)
    tokens[~is_blank] = examples.src.tokens
    places = Ragged(within[is_blank].astype(np.int32), examples.tgt.offsets)
    return replace(examples, src=Ragged(tokens, offsets), answered_at=places)


def single(ids: np.ndarray) -> Ragged:
    """Targets of one token each, from ids (N,)."""
    return Ragged.of_rows(ids[:, None])

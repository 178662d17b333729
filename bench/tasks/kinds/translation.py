"""Translation of any parallel text: subwords, cleaning, splits and the length axis."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.data import cleaning
from bench.data.bpe_dropout import redraw_with_dropout
from bench.data.cleaning import Cleaning
from bench.data.examples import MAX_LENGTH, Redraw, Sizes, Split, TaskData
from bench.data.ragged import Ragged
from bench.data.subwords import Subwords, learn
from bench.data.text import ParallelText
from bench.errors import DataError, UserError
from bench.tasks.base import Task


def length_bin(line: str, edges: Sequence[int]) -> int:
    """The lower edge of the bin of a line's length in white-space separated words; the last bin has no upper edge.

    >>> [length_bin("a " * n, (0, 5, 10)) for n in (1, 4, 5, 9, 10, 99)]
    [0, 0, 5, 5, 10, 10]
    """
    return edges[int(np.searchsorted(edges, len(line.split()), side="right")) - 1]


@dataclass
class Translation(Task):
    """Translates one side of a text into the other, with one joint subword vocabulary.

    Hypotheses are detokenised text and are scored against the raw references, as sacreBLEU's signature states. Runs of
    white space in a line become one space, and a line neither begins nor ends with one: BLEU and chrF ignore the
    difference, but no hypothesis could match a reference that ends in a space.

    The vocabulary is learned from the training text as read; then pairs are removed from training (see
    `bench.data.cleaning`). Validation and test sets are never cleaned.
    """

    source: str | None = None  # what is translated from; each subclass defines what it names
    target: str | None = None  # what is translated into
    vocabulary: int = 8000  # subwords of both sides together, special tokens included
    max_length: int = 100  # training pairs with more subwords than this on either side are left out
    max_ratio: float | None = None  # training pairs are left out where longer / shorter side is above this; null: none
    duplicates: bool = True  # false: identical training pairs are reduced to one
    overlap: str = "either"  # training pairs are left out where this side (source, either) is in a held-out text

    bins: ClassVar[tuple[int, ...]] = (0, 5, 10, 15, 20, 25, 30, 40, 50)
    """Lower edges of the axis `length`, in white-space separated words of the source."""

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("bleu", "chrf", "exact_match")

    def __post_init__(self) -> None:
        if not isinstance(self.vocabulary, int) or isinstance(self.vocabulary, bool) or self.vocabulary < 1:
            raise ValueError(f"vocabulary={self.vocabulary!r}: not a positive whole number")
        if self.max_length > MAX_LENGTH:
            raise ValueError(f"max_length={self.max_length}: at most {MAX_LENGTH} subwords a side are allowed")
        self._rules = Cleaning(self.overlap, self.duplicates, self.max_length, self.max_ratio)
        self._subwords: Subwords | None = None
        self.warnings: list[str] = []  # what reading noticed, a line each; shown on the terminal and in the report

    @abstractmethod
    def texts(self, counts: Counter[str]) -> dict[str, ParallelText]:
        """By name the training text, the validation text and the test sets, in this order. Counts repairs in
        `counts`."""

    @abstractmethod
    def checksums(self) -> dict[str, str]:
        """SHA-256 of every file that `texts` reads, by name."""

    @property
    def sizes(self) -> Sizes:
        """Exactly `vocabulary` ids. `load` raises UserError for a text that cannot fill it or has too many
        characters."""
        return Sizes(self.vocabulary, self.vocabulary, shared=True)

    def load(self) -> TaskData:
        """See `Task.load`. Also raises UserError if `vocabulary` or the cleaning does not suit the text."""
        counts: Counter[str] = Counter()
        texts = {name: cleaning.normalise_spaces(text, counts) for name, text in self.texts(counts).items()}
        train, valid, *tests = texts
        subwords = self._subwords = self._learn(texts[train])
        kept = cleaning.select_by_text(texts.pop(train), texts, self._rules, counts)
        data = TaskData(
            train=self._train_split(kept, counts),
            valid=self._split("valid", texts[valid]),
            tests={name: self._split(name, texts[name]) for name in tests},
            src_size=subwords.size,
            tgt_size=subwords.size,
            shared=True,
            checksums={**self.checksums(), "subwords": subwords.checksum},
            counts=dict(counts),
            vocabulary=subwords.model,
        )
        for split in (data.valid, *data.tests.values()):
            _check_lengths(split)
        self._set_train_range(data)
        return data

    def identity(self) -> dict[str, object]:
        return super().identity() | {"files": self.checksums()}

    def restore(self, data: TaskData) -> None:
        self._subwords = Subwords(data.vocabulary)
        self._set_train_range(data)

    def with_bpe_dropout(self, train: Split, bpe_dropout: float) -> Redraw:
        return redraw_with_dropout(self._vocabulary(), train, bpe_dropout)

    def source_text(self, ids: Sequence[int]) -> str:
        return self._vocabulary().decode(ids)

    def target_text(self, ids: Sequence[int]) -> str:
        return self._vocabulary().decode(ids)

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        # News has translations with explanations, more than twice as long as their source.
        return 3 * source_lengths + 20

    def source_ids(self, text: str) -> list[int]:
        line = " ".join(text.split())
        if not line:
            raise UserError("nothing to translate: the line is empty")
        return self._vocabulary().encode([line])[0]

    def _learn(self, train: ParallelText) -> Subwords:
        # Sides in alphabetical order of their names, so that both directions share one vocabulary.
        first, second = train if str(self.source) < str(self.target) else train.swapped
        return learn(first + second, self.vocabulary)

    def _vocabulary(self) -> Subwords:
        if self._subwords is None:
            train = next(iter(self.texts(Counter()).values()))
            self._subwords = self._learn(cleaning.normalise_spaces(train, Counter()))
        return self._subwords

    def _split(self, name: str, text: ParallelText) -> Split:
        subwords = self._vocabulary()
        return Split(
            name,
            Ragged.of(subwords.encode(text.sources)),
            Ragged.of(subwords.encode(text.targets)),
            axes={"length": np.array([length_bin(line, self.bins) for line in text.sources], dtype=np.int64)},
            sources=text.sources,
            references=text.targets,
        )

    def _train_split(self, text: ParallelText, counts: Counter[str]) -> Split:
        """The training pairs that meet `max_length` and `max_ratio`. Raises UserError if there is none."""
        whole = self._split("train", text)
        fits = cleaning.select_by_length(whole.src.lengths, whole.tgt.lengths, self._rules, counts)
        if not fits.any():
            ratio = "" if self.max_ratio is None else f" with max_ratio={self.max_ratio}"
            raise UserError(f"max_length={self.max_length}{ratio} leaves no training pair; use a larger one")
        kept = text.where(fits)
        axes = {axis: values[fits] for axis, values in whole.axes.items()}
        return Split("train", whole.src.take(fits), whole.tgt.take(fits), axes, kept.sources, kept.targets)

    def _set_train_range(self, data: TaskData) -> None:
        bins = data.train.axes["length"]
        self.train_range = {"length": (int(bins.min()), int(bins.max()))}


def _check_lengths(split: Split) -> None:
    """Raises DataError for a held-out line above MAX_LENGTH: it can neither be read nor left out."""
    for side, lengths in (("source", split.src.lengths), ("target", split.tgt.lengths)):
        row = int(lengths.argmax())
        if lengths[row] > MAX_LENGTH:
            raise DataError(
                f"{split.name}, {side}, line {row + 1}: {lengths[row]:,} subwords, and the limit is {MAX_LENGTH:,}; "
                "cut it into sentences, or remove it"
            )

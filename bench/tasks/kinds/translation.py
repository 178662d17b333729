"""Translation of any parallel text: subwords, cleaning, splits and the length axis."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bench.data import cleaning, conservation, report, script
from bench.data.bpe_dropout import redraw_with_dropout
from bench.data.cleaning import Cleaning
from bench.data.counts import CHANGED, SPLIT_OFF
from bench.data.examples import MAX_LENGTH, Redraw, Sizes, Split, TaskData
from bench.data.ragged import Ragged, lengths_with_end
from bench.data.subwords import Subwords, count_reserved, learn
from bench.data.text import DROPPED_EMPTY, ParallelText
from bench.errors import DataError, UserError
from bench.tasks.base import Task

LONGER_THAN_TRAINING = 1.2
"""An output may be this many times as long as the longest training target."""


def length_bin(line: str, edges: Sequence[int], unit: str = script.WORDS) -> int:
    """The lower edge of the bin of a line's length in a unit of `bench.data.script`; the last bin has no upper edge.
    Bins of characters are wider.

    >>> [length_bin("a " * n, (0, 5, 10)) for n in (1, 4, 5, 9, 10, 99)]
    [0, 0, 5, 5, 10, 10]
    >>> [length_bin("词" * n, (0, 5, 10), script.CHARACTERS) for n in (4, 9, 10, 20)]
    [0, 0, 10, 20]
    """
    edges = edges if unit == script.WORDS else [script.CHARACTERS_A_WORD * edge for edge in edges]
    return edges[int(np.searchsorted(edges, script.length(line, unit), side="right")) - 1]


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
    max_length: int | None = 100  # training pairs with more subwords on either side are left out; null: MAX_LENGTH
    max_ratio: float | None = None  # training pairs are left out where longer / shorter side is above this; null: none
    duplicates: bool = True  # false: identical training pairs are reduced to one
    overlap: str = "either"  # training pairs are left out where this side (source, either) is in a held-out text
    train_pairs: int | None = None  # as many random training pairs, fewer being a part of more; null: all
    output_limit: int | None = 0  # subwords that every output may have; null: 1.2 times the longest training target

    output_per_source: ClassVar[int] = 3
    output_plus: ClassVar[int] = 20
    """An output may have output_per_source x source + output_plus subwords, and `output_limit` if that is more. News
    has translations with explanations, more than twice as long as their source."""

    escapes_reserved: ClassVar[bool] = False
    """Whether the vocabulary keeps what SentencePiece reserves for itself; see `bench.data.subwords.learn`."""

    bins: ClassVar[tuple[int, ...]] = (0, 5, 10, 15, 20, 25, 30, 40, 50)
    """Lower edges of the axis `length`, in white-space separated words of the source."""

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("bleu", "chrf", "exact_match")

    def __post_init__(self) -> None:
        if not isinstance(self.vocabulary, int) or isinstance(self.vocabulary, bool) or self.vocabulary < 1:
            raise ValueError(f"vocabulary={self.vocabulary!r}: not a positive whole number")
        max_length = MAX_LENGTH if self.max_length is None else self.max_length
        if max_length > MAX_LENGTH:
            raise ValueError(f"max_length={self.max_length}: at most {MAX_LENGTH} subwords a side are allowed")
        if self.output_limit is not None and not 0 <= self.output_limit <= MAX_LENGTH:
            raise ValueError(f"output_limit={self.output_limit}: a number of subwords from 0 to {MAX_LENGTH}, or null")
        self._rules = Cleaning(self.overlap, self.duplicates, max_length, self.max_ratio, self.train_pairs)
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
        self.warnings = []
        texts = {name: cleaning.normalise_spaces(text, counts) for name, text in self.texts(counts).items()}
        if not self.escapes_reserved:
            count_reserved(texts.values(), counts)
        train_name, valid_name, *tests = texts
        whole = texts.pop(train_name)
        if not whole.sources:
            raise UserError("the training text has no pair with text on both sides")
        subwords = self._subwords = self._learn(whole)
        kept = cleaning.select_by_text(whole, texts, self._rules, counts)
        train, valid = self._train_split(kept, counts), self._split("valid", texts[valid_name])
        data = TaskData(
            train=train,
            valid=valid,
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
        self._set_ranges(data)
        pairs_read = self.pairs_read(whole, counts)
        conservation.check_pairs(pairs_read, len(train), counts)
        overlaps = {"valid": valid_name} | {name: name for name in tests}
        data.report.update(self._report(data, whole, pairs_read, overlaps))
        self.warnings += report.warnings_of(data.report)
        data.warnings.extend(self.warnings)
        return data

    def pairs_read(self, train: ParallelText, counts: Counter[str]) -> int:
        """The number of pairs that the training text had when it was read. train: what is left of it after reading and
        splitting off."""
        return len(train.sources) + counts[DROPPED_EMPTY] + sum(counts[key] for key in SPLIT_OFF)

    def identity(self) -> dict[str, object]:
        return super().identity() | {"files": self.checksums()}

    def restore(self, data: TaskData) -> None:
        self._subwords = Subwords(data.vocabulary, self.escapes_reserved)
        self.warnings = list(data.warnings)
        self._set_ranges(data)

    def with_bpe_dropout(self, train: Split, bpe_dropout: float) -> Redraw:
        return redraw_with_dropout(self._vocabulary(), train, bpe_dropout)

    def source_text(self, ids: Sequence[int]) -> str:
        return self._vocabulary().decode(ids)

    def target_text(self, ids: Sequence[int]) -> str:
        return self._vocabulary().decode(ids)

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        limits = self.output_per_source * source_lengths + self.output_plus
        if self.output_limit == 0:
            return limits
        return np.minimum(np.maximum(limits, self._least_output_limit), MAX_LENGTH)

    def source_ids(self, text: str) -> list[int]:
        line = " ".join(text.split())
        if not line:
            raise UserError("nothing to translate: the line is empty")
        return self._vocabulary().encode([line])[0]

    @property
    def _least_output_limit(self) -> int:
        """The output limit of the shortest sources. With `output_limit` null, only after `load` or `restore`."""
        if self.output_limit is not None:
            return self.output_limit
        return min(MAX_LENGTH, math.ceil(LONGER_THAN_TRAINING * self._longest_target))

    @property
    def length_edges(self) -> tuple[int, ...]:
        """Lower edges of the axis `length`, in words of the source."""
        return self.bins

    @property
    def side_names(self) -> tuple[str, str]:
        """Names of the two sides, in whose order the vocabulary is learned."""
        return str(self.source), str(self.target)

    def _learn(self, train: ParallelText) -> Subwords:
        # Sides in alphabetical order of their names, so that both directions share one vocabulary.
        source, target = self.side_names
        first, second = train if source < target else train.swapped
        return learn(first + second, self.vocabulary, self.escapes_reserved)

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
            axes={"length": np.array([length_bin(line, self.length_edges) for line in text.sources], dtype=np.int64)},
            sources=text.sources,
            references=text.targets,
        )

    def _train_split(self, text: ParallelText, counts: Counter[str]) -> Split:
        """The training pairs that meet `max_length` and `max_ratio`, and of these `train_pairs`. Raises UserError if
        there is none."""
        whole = self._split("train", text)
        fits = cleaning.select_by_length(whole.src.lengths, whole.tgt.lengths, self._rules, counts)
        cleaning.require_pairs(self._rules, counts)
        kept = text.where(fits)
        axes = {axis: values[fits] for axis, values in whole.axes.items()}
        return Split("train", whole.src.take(fits), whole.tgt.take(fits), axes, kept.sources, kept.targets)

    def _set_ranges(self, data: TaskData) -> None:
        bins = data.train.axes["length"]
        self.train_range = {"length": (int(bins.min()), int(bins.max()))}
        self._longest_target = int(lengths_with_end(data.train.tgt).max())

    def _report(
        self, data: TaskData, whole: ParallelText, pairs_read: int, overlaps: dict[str, str]
    ) -> dict[str, Any]:
        """See `bench.data.report`. whole: the training text before cleaning; overlaps: for each held-out split the
        name of its text in the counts."""
        splits = {split.name: split for split in (data.train, data.valid, *data.tests.values())}
        valid_sources = set(data.valid.sources or [])
        if self.output_limit is None:
            self._warn_of_outlier(data.train)
        return {
            "pairs": report.pairs_of(pairs_read, len(data.train), data.counts),
            "lengths": {
                name: {"source": report.lengths_of(split.src), "target": report.lengths_of(split.tgt)}
                for name, split in splits.items()
            },
            "limits": {
                "max_length": self._rules.max_length,
                "output_per_source": self.output_per_source,
                "output_plus": self.output_plus,
                "output_least": self._least_output_limit,
            },
            "held_out": {
                name: report.held_out_of(
                    splits[name],
                    data.counts[f"train_overlap_{text}"],
                    None if name == "valid" else valid_sources,
                    self.target_limit(splits[name].src.lengths),
                )
                for name, text in overlaps.items()
            },
            "changed": {key: data.counts[key] for key in CHANGED if data.counts.get(key)},
            "scripts": {side: report.scripts_of(lines) for side, lines in zip(report.SIDES, whole)},
            "identical_share": report.identical_share(whole),
            "unknown": {name: report.unknown_of(split) for name, split in splits.items()},
        }

    def _warn_of_outlier(self, train: Split) -> None:
        if (outlier := report.outlier(train.tgt)) is not None:
            index, longest, usual = outlier
            assert train.sources is not None, "translation has texts"
            self.warnings.append(
                f"the longest training target has {longest:,} subwords, 99.9 % have at most {usual:,} (its source "
                f"begins {train.sources[index][:40]!r}); every output may become as long: leave the pair out by "
                "task.max_length, or set task.output_limit"
            )


def _check_lengths(split: Split) -> None:
    """Raises DataError for a held-out line above MAX_LENGTH: it can neither be read nor left out."""
    for side, lengths in (("source", split.src.lengths), ("target", split.tgt.lengths)):
        row = int(lengths.argmax())
        if lengths[row] > MAX_LENGTH:
            raise DataError(
                f"{split.name}, {side}, line {row + 1}: {lengths[row]:,} subwords, and the limit is {MAX_LENGTH:,}; "
                "cut it into sentences, or remove it"
            )

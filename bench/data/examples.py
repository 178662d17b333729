"""Examples as arrays of ids: special ids, splits, their annotations, and all data of a task."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.data.ragged import Ragged, lengths_with_end

PAD, BOS, EOS, UNK = 0, 1, 2, 3


SPECIALS = ("<pad>", "<s>", "</s>", "<unk>")


FIRST_FREE_ID = len(SPECIALS)


MAX_LENGTH = 8192
"""Upper limit of the tokens of a source or a target. The cost of attention grows with the square: at this length the
distances of ALiBi take a gigabyte."""


ABSENT = -1
"""The annotation of an example that lacks a phenomenon; see `Marks`."""


PAIRS = "_pairs"
"""Ends the name of a split whose examples 2i and 2i + 1 are a pair, which counts if both are right."""


@dataclass(frozen=True)
class Marks:
    """Annotations of one phenomenon, each (N,) int64: target index of the decisive word, its distance from the word
    that determines it, and the id of the incorrect alternative (foil). All are ABSENT where an example lacks it."""

    at: np.ndarray
    distance: np.ndarray
    foil: np.ndarray

    def take(self, indices: np.ndarray) -> Marks:
        """The annotations of the examples at these indices, or where a boolean mask is True."""
        return Marks(self.at[indices], self.distance[indices], self.foil[indices])

    @classmethod
    def joined(cls, parts: Sequence[Marks]) -> Marks:
        """The annotations of all examples of the parts, in order."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("at", "distance", "foil")))


@dataclass(frozen=True)
class Split:
    """Examples of one split. src and tgt have no start and end tokens; batches add them.

    answered_at: for a task of one stack, the index in its source at which each token of a target is predicted; batches
    add nothing then. None: an encoder-decoder reads the source and writes the target.
    axes: by axis, one integer an example. Scores are broken down by these, one score for each distinct value, so the
    values are already binned. The usual axes are `length` and `distance`, in source tokens.
    marks: by phenomenon, the decisive word of each example; scored by distance.
    sources, references: the text that is shown and scored (raw corpus lines); None where it is the tokens written out.
    """

    name: str
    src: Ragged
    tgt: Ragged
    axes: dict[str, np.ndarray] = field(default_factory=dict)
    sources: list[str] | None = None
    references: list[str] | None = None
    marks: dict[str, Marks] = field(default_factory=dict)
    answered_at: Ragged | None = None

    def __len__(self) -> int:
        return len(self.src)

    @property
    def one_stack(self) -> bool:
        """Whether the targets are predictions at positions of the source."""
        return self.answered_at is not None

    @property
    def source_lengths(self) -> np.ndarray:
        """(N,) int64: length of each source in a batch, with the end token that batches add."""
        return self.src.lengths if self.one_stack else lengths_with_end(self.src)

    @property
    def target_lengths(self) -> np.ndarray:
        """(N,) int64: number of predictions of each example, end token included."""
        return self.tgt.lengths if self.one_stack else lengths_with_end(self.tgt)


@dataclass(frozen=True)
class Sizes:
    """Sizes of a task's vocabularies with special ids; the number of channels for a side of `values`.

    shared: whether source and target use one vocabulary. inputs, outputs: `tokens` or `values`. one_stack: whether the
    targets are predictions at positions of the source, see `Split`.
    """

    source: int
    target: int
    shared: bool
    inputs: str = "tokens"
    outputs: str = "tokens"
    one_stack: bool = False


@dataclass(frozen=True)
class TaskData:
    """All data of a task, for training and evaluation.

    tests: test splits by name, in the order of reports; the first is the in-distribution one. shared: whether source
    and target use one vocabulary. checksums: name to SHA-256 of files or of generated arrays. counts: counts for the
    record (sizes, overlaps, removed pairs). notes: remarks on a split for readers, by its name. vocabulary: the learnt
    vocabulary in the task's own form, so that it need not be learnt again; empty for tasks without one. report: of
    parallel text, see `bench.data.report`. warnings: what a reader should know of the data, a line each."""

    train: Split
    valid: Split
    tests: dict[str, Split]
    src_size: int
    tgt_size: int
    shared: bool
    checksums: dict[str, str]
    counts: dict[str, int]
    notes: dict[str, str] = field(default_factory=dict)
    vocabulary: bytes = b""
    report: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def sizes(self) -> Sizes:
        """Sizes of the vocabularies, as models need them."""
        train = self.train
        return Sizes(self.src_size, self.tgt_size, self.shared, train.src.kind, train.tgt.kind, train.one_stack)

    @property
    def mean_lengths(self) -> tuple[int, int]:
        """Mean lengths of training sources and targets with the end token, rounded; FLOPs are counted at these
        lengths."""
        source, target = self.train.source_lengths.mean(), self.train.target_lengths.mean()
        return max(1, round(float(source))), max(1, round(float(target)))


Redraw = Callable[[np.random.Generator], Split]
"""Makes the training data of one epoch with a generator: the same number of examples every time, in the same order."""


def fingerprint(split: Split) -> str:
    """SHA-256 of a split's ids or values, by which two machines can check that they trained on the same data."""
    digest = hashlib.sha256()
    for ragged in (split.src, split.tgt, *([split.answered_at] if split.answered_at is not None else [])):
        digest.update(ragged.offsets.astype("<i8").tobytes())
        digest.update(ragged.tokens.astype("<f4" if ragged.kind == "values" else "<i4").tobytes())
    return digest.hexdigest()

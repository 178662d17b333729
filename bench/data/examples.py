"""Examples as arrays of ids: the special ids, a split, its annotations, and all the data of a task."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.data.ragged import Ragged, closed_lengths

PAD, BOS, EOS, UNK = 0, 1, 2, 3


SPECIALS = ("<pad>", "<s>", "</s>", "<unk>")


FIRST_FREE_ID = len(SPECIALS)


LONGEST = 8192
"""Tokens of a source or a target, at most. What attention costs grows with the square: over so many, the distances of
ALiBi are a gigabyte."""


ABSENT = -1
"""Of an example that lacks a phenomenon; see `Marks`."""


@dataclass(frozen=True)
class Marks:
    """Annotations of one phenomenon, each (N,) int64: target index of the decisive word, its distance from the word that
    determines it, and the id of the incorrect alternative (foil). All are ABSENT where an example lacks it."""

    at: np.ndarray
    distance: np.ndarray
    foil: np.ndarray

    def take(self, places: np.ndarray) -> Marks:
        """Those of the examples at these places, or where a mask is True."""
        return Marks(self.at[places], self.distance[places], self.foil[places])

    @classmethod
    def joined(cls, parts: Sequence[Marks]) -> Marks:
        """Those of all examples of the parts, in order."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("at", "distance", "foil")))


@dataclass(frozen=True)
class Split:
    """Examples of one split. src and tgt hold no start and no end token; batches add them.

    axes: for each axis a score is broken down by, one integer an example (already binned: a score is reported for
    each distinct value). `length` and `distance` are the usual ones, in source tokens.
    marks: by phenomenon, the word that decides whether an example shows it rightly; scored by distance.
    sources, references: the text shown and scored where it is not simply the tokens written out (raw corpus lines).
    """

    name: str
    src: Ragged
    tgt: Ragged
    axes: dict[str, np.ndarray] = field(default_factory=dict)
    sources: list[str] | None = None
    references: list[str] | None = None
    marks: dict[str, Marks] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.src)


@dataclass(frozen=True)
class Sizes:
    """Of a task's vocabularies, in ids, specials included; of a side that is made of `values`, its channels. shared:
    source and target use one vocabulary."""

    source: int
    target: int
    shared: bool
    inputs: str = "tokens"
    outputs: str = "tokens"


@dataclass(frozen=True)
class TaskData:
    """All that training and evaluation need of a task.

    tests: by name, in the order of reports; the first is the in-distribution one. shared: source and target use one
    vocabulary. checksums: name to SHA-256, of files or of generated arrays. counts: facts for the record (sizes,
    overlaps found and removed). notes: what a reader has to know of a split, by its name. vocabulary: what the task
    learnt to write ids as text with, in its own form, so that it need not be learnt again; empty where it learns none.
    """

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

    @property
    def sizes(self) -> Sizes:
        """Of the vocabularies that the ids are of."""
        return Sizes(self.src_size, self.tgt_size, self.shared, self.train.src.kind, self.train.tgt.kind)

    @property
    def mean_lengths(self) -> tuple[int, int]:
        """Of a training source and target, in tokens with the end token, rounded: where FLOPs are counted."""
        source, target = (float(closed_lengths(side).mean()) for side in (self.train.src, self.train.tgt))
        return max(1, round(source)), max(1, round(target))


Redraw = Callable[[np.random.Generator], Split]
"""Makes the training data of one epoch with the generator: as many examples as in every other, in the same order."""


def fingerprint(split: Split) -> str:
    """SHA-256 of a split's ids or values, so that two machines can tell whether they trained on the same data."""
    digest = hashlib.sha256()
    for ragged in (split.src, split.tgt):
        digest.update(np.ascontiguousarray(ragged.offsets, dtype="<i8"))
        digest.update(np.ascontiguousarray(ragged.tokens, dtype="<f4" if ragged.kind == "values" else "<i4"))
    return digest.hexdigest()

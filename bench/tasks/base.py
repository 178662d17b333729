"""What a task is: data with splits, a way to write token ids as text, and the metrics it is scored by.

A task knows no model. Everything after decoding works on text, one line an example, so that every score can be
computed again from `outputs.tsv` alone.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from bench.errors import UserError

PAD, BOS, EOS, UNK = 0, 1, 2, 3
SPECIALS = ("<pad>", "<s>", "</s>", "<unk>")
FIRST_FREE_ID = len(SPECIALS)


@dataclass(frozen=True)
class Ragged:
    """Sequences of different lengths, end to end. tokens (N,) int32; offsets (M + 1,) int64; sequence i is
    tokens[offsets[i]:offsets[i + 1]]."""

    tokens: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, sequences: Iterable[Sequence[int] | np.ndarray]) -> "Ragged":
        """From any sequences of ids."""
        arrays = [np.asarray(sequence, dtype=np.int32) for sequence in sequences]
        offsets = np.zeros(len(arrays) + 1, dtype=np.int64)
        np.cumsum([len(array) for array in arrays], out=offsets[1:])
        return cls(np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.int32), offsets)

    @property
    def lengths(self) -> np.ndarray:
        """(M,) int64."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        return self.tokens[self.offsets[index] : self.offsets[index + 1]]


@dataclass(frozen=True)
class Split:
    """Examples of one split. src and tgt hold no start and no end token; batches add them.

    axes: for each axis a score is broken down by, one integer an example (already binned: a score is reported for
    each distinct value). `length` and `distance` are the usual ones, in source tokens.
    sources, references: the text shown and scored where it is not simply the tokens written out (raw corpus lines).
    """

    name: str
    src: Ragged
    tgt: Ragged
    axes: dict[str, np.ndarray] = field(default_factory=dict)
    sources: list[str] | None = None
    references: list[str] | None = None

    def __len__(self) -> int:
        return len(self.src)


@dataclass(frozen=True)
class Sizes:
    """Of a task's vocabularies, in ids, specials included. shared: source and target use one vocabulary."""

    source: int
    target: int
    shared: bool


@dataclass(frozen=True)
class TaskData:
    """All that training and evaluation need of a task.

    tests: by name, in the order of reports; the first is the in-distribution one. shared: source and target use one
    vocabulary. checksums: name to SHA-256, of files or of generated arrays. counts: facts for the record (sizes,
    overlaps found and removed). vocabulary: what the task learnt to write ids as text with, in its own form, so that
    it need not be learnt again; empty where it learns nothing.
    """

    train: Split
    valid: Split
    tests: dict[str, Split]
    src_size: int
    tgt_size: int
    shared: bool
    checksums: dict[str, str]
    counts: dict[str, int]
    vocabulary: bytes = b""

    @property
    def sizes(self) -> Sizes:
        """Of the vocabularies that the ids are of."""
        return Sizes(self.src_size, self.tgt_size, self.shared)

    @property
    def mean_lengths(self) -> tuple[int, int]:
        """Of a training source and target, in tokens with the end token, rounded: where FLOPs are counted."""
        source, target = (float((side.lengths + 1).mean()) for side in (self.train.src, self.train.tgt))
        return max(1, round(source)), max(1, round(target))


class Task(ABC):
    """A task's configuration (the fields of a dataclass) and its behaviour."""

    metrics: tuple[str, ...]
    """Names in `bench.metrics.METRICS`; the first is the headline."""

    train_range: dict[str, tuple[int, int]] = {}
    """For each axis, the range seen in training (inclusive), shaded in figures."""

    chance: dict[str, float] = {}
    """For a metric, what guessing scores."""

    @property
    @abstractmethod
    def sizes(self) -> Sizes:
        """Those of the data that `load` gives, known without loading any."""

    @abstractmethod
    def load(self) -> TaskData:
        """Make or read the data; the same at every call.

        Raises bench.errors.DataUnavailable where a corpus is missing, DataError where one is broken.
        """

    def identity(self) -> dict[str, object]:
        """What decides the data that `load` gives, as JSON can hold it: the fields. A task that reads files with no
        checksum of their own adds theirs."""
        return asdict(self)

    def adopt(self, data: TaskData) -> None:
        """Take over from data that another task with this identity loaded what it learnt on the way."""

    @abstractmethod
    def source_text(self, ids: Sequence[int]) -> str:
        """One line of text for source ids without specials."""

    @abstractmethod
    def target_text(self, ids: Sequence[int]) -> str:
        """One line of text for target ids without start and end."""

    def source_ids(self, text: str) -> list[int]:
        """Source ids of a line a user typed. Raises bench.errors.UserError for what the task cannot read."""
        raise UserError(f"{type(self).__name__} does not read text")

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        """(B,) the number of target tokens after which decoding an example is cut off, end token included."""
        return 2 * source_lengths + 10


def fingerprint(split: Split) -> str:
    """SHA-256 of a split's ids, so that two machines can tell whether they trained on the same data."""
    digest = hashlib.sha256()
    for ragged in (split.src, split.tgt):
        digest.update(ragged.offsets.astype("<i8").tobytes())
        digest.update(ragged.tokens.astype("<i4").tobytes())
    return digest.hexdigest()


def source_hashes(ragged: Ragged) -> np.ndarray:
    """(M,) uint64, one hash a sequence, for finding examples that two splits share."""
    return np.fromiter(
        (int.from_bytes(hashlib.blake2b(ragged[i].tobytes(), digest_size=8).digest(), "big") for i in range(len(ragged))),
        dtype=np.uint64,
        count=len(ragged),
    )


def generated(train: Split, valid: Split, tests: Iterable[Split], size: int) -> TaskData:
    """The data of a task that makes its own, with one vocabulary of `size` ids: splits fingerprinted, and sources
    that a split shares with training counted."""
    tests = {split.name: split for split in tests}
    held_out = (valid, *tests.values())
    seen = source_hashes(train.src)
    return TaskData(
        train=train,
        valid=valid,
        tests=tests,
        src_size=size,
        tgt_size=size,
        shared=True,
        checksums={split.name: fingerprint(split) for split in (train, *held_out)},
        counts={f"{split.name}_examples": len(split) for split in (train, *held_out)}
        | {f"{split.name}_also_in_train": int(np.isin(source_hashes(split.src), seen).sum()) for split in held_out},
    )

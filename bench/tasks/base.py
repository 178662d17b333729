"""What a task is: data with splits, a way to write token ids as text, and the metrics it is scored by.

A task knows no model. Everything after decoding works on text, one line an example, so that every score can be
computed again from `outputs.tsv` alone.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from bench.data.ragged import Ragged, closed_lengths
from bench.errors import UserError
from bench.metrics import correct

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
    """Of one phenomenon, each (N,) int64: the place in the target of the word that shows it, how far away that is which
    decides the word, and the id that would be there if it were wrong. All are ABSENT where an example has none."""

    at: np.ndarray
    distance: np.ndarray
    wrong: np.ndarray

    def take(self, places: np.ndarray) -> Marks:
        """Those of the examples at these places, or where a mask is True."""
        return Marks(self.at[places], self.distance[places], self.wrong[places])

    @classmethod
    def joined(cls, parts: Sequence[Marks]) -> Marks:
        """Those of all examples of the parts, in order."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("at", "distance", "wrong")))


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


class Task(ABC):
    """A task's configuration (the fields of a dataclass) and its behaviour."""

    metrics: tuple[str, ...]
    """Names in `bench.metrics.METRICS`; the first is the headline."""

    train_range: dict[str, tuple[int, int]] = {}
    """For each axis, the range seen in training (inclusive), shaded in figures."""

    chance: dict[str, float] = {}
    """For a metric, what guessing scores."""

    answer_at: int | None = None
    """The place in the target of the token that the task is about; None: every one is."""

    forced: tuple[str, slice] | None = None
    """A score's name and the target places it is of: how often the token there is right where all before it is given, for
    papers that ask for one token at a time. None: no such score."""

    order_free = False
    """Whether the answer is the same for every order of the source's elements."""

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

    def redrawn(self, train: Split, bpe_dropout: float) -> Redraw:
        """What makes the training data anew for every epoch, merges of subwords left out with this probability; train:
        the split of the data this task loaded or adopted. Raises bench.errors.UserError where it has no learnt
        subwords."""
        raise UserError(
            f"optim.bpe_dropout={bpe_dropout} is for tasks with learnt subwords, and {type(self).__name__} has none; "
            "use optim.bpe_dropout=0.0"
        )

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

    def correct(self, hypotheses: Sequence[str], references: Sequence[str]) -> np.ndarray:
        """(N,) bool: which outputs are right as a whole."""
        return correct(hypotheses, references)

    def loss_positions(self, split: Split) -> np.ndarray:
        """(N,) over how many positions the loss of each example is spread; end tokens count."""
        return closed_lengths(split.tgt)

    def chance_loss(self, split: Split) -> float | None:
        """What one who knows the form of the answers and guesses loses a position, in nats; None: nobody has said."""
        return None


def fingerprint(split: Split) -> str:
    """SHA-256 of a split's ids or values, so that two machines can tell whether they trained on the same data."""
    digest = hashlib.sha256()
    for ragged in (split.src, split.tgt):
        digest.update(np.ascontiguousarray(ragged.offsets, dtype="<i8"))
        digest.update(np.ascontiguousarray(ragged.tokens, dtype="<f4" if ragged.kind == "values" else "<i4"))
    return digest.hexdigest()

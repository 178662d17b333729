"""What a task is: data with splits, a way to write token ids as text, and the metrics it is scored by.

A task knows no model. Everything after decoding works on text, one line an example, so that every score can be
computed again from `outputs.tsv` alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from bench.data.examples import Redraw, Sizes, Split, TaskData
from bench.data.ragged import closed_lengths
from bench.errors import UserError
from bench.metrics import correct


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

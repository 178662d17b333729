"""The contract of a task: data in splits, token ids as text, and the metrics that score the text.

A task knows no model. Everything after decoding works on text, one line an example, so every score can be computed
again from `outputs.tsv` alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np

from bench.data import tokenisers
from bench.data.examples import BOS, PAD, UNK, Redraw, Sizes, Split, TaskData
from bench.errors import UserError
from bench.metrics import correct


class Task(ABC):
    """A task: its configuration, the fields of a dataclass, and its behaviour.

    N is the number of examples of a split, B that of a batch. Ids are token ids; a task of real values has vectors
    in their place.
    """

    train_range: dict[str, tuple[int, int]] = {}  # noqa: RUF012 - tasks assign their own and never change this one
    """For each axis the range in training, both ends included; figures shade it."""

    chance: dict[str, float] = {}  # noqa: RUF012 - as above
    """For a metric the score of guessing."""

    answer_position: int | None = None
    """Position in the target of the token that answers the question; None: every token does."""

    teacher_forced_score: tuple[str, slice] | None = None
    """A score's name and the target positions at which it measures teacher-forced accuracy; None: no such score.

    It serves comparison with papers whose models predict one token at a time.
    """

    tokeniser = tokenisers.DEFAULT
    """sacreBLEU's tokeniser of target text; a task of a user's text decides by its language."""

    context: int | None = None
    """Tokens of a window of running text, for a language model."""

    unwritten: tuple[int, ...] = (PAD, BOS, UNK)
    """Ids that a language model never writes."""

    scored_by_loss = False
    """Whether losses are the only scores, so that nothing is decoded; for language models. `metrics` is empty then."""

    order_free = False
    """Whether the answer is the same for every order of the source's elements."""

    @property
    @abstractmethod
    def metrics(self) -> tuple[str, ...]:
        """Names in `bench.metrics.METRICS`; the first is the headline. Usually a class attribute."""

    @property
    @abstractmethod
    def sizes(self) -> Sizes:
        """Vocabulary sizes of the data, known before they are loaded."""

    @abstractmethod
    def load(self) -> TaskData:
        """Make or read the data; the same at every call.

        Raises bench.errors.DataUnavailable for a missing corpus, DataError for a broken one.
        """

    def identity(self) -> dict[str, object]:
        """Everything that determines the data, as JSON values: the fields.

        A task that reads files whose checksums are not among its fields adds them.
        """
        assert is_dataclass(self), "a task is a dataclass"
        return asdict(self)

    def hashed_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """A cell's options of this task as they enter the cell's hash. A task of a user's files puts their contents in
        place of their paths, so that another spelling of a path is the same cell."""
        return options

    def restore(self, data: TaskData) -> None:  # noqa: B027 - most tasks learn nothing
        """Restore learned state, such as the subword vocabulary, from cached data of an identical task."""

    def with_bpe_dropout(self, train: Split, bpe_dropout: float) -> Redraw:
        """A function that segments the training data anew for each epoch, dropping BPE merges with this probability.

        train: the training split that this task loaded or restored. Raises bench.errors.UserError if the task has no
        learned subwords.
        """
        raise UserError(
            f"optim.bpe_dropout={bpe_dropout} is for tasks with learned subwords, and {type(self).__name__} has none; "
            "use optim.bpe_dropout=0.0"
        )

    @abstractmethod
    def source_text(self, ids: Sequence[Any]) -> str:
        """One line of text for source ids without special tokens."""

    @abstractmethod
    def target_text(self, ids: Sequence[Any]) -> str:
        """One line of text for target ids without start and end tokens."""

    def source_ids(self, text: str) -> list[int]:
        """Source ids of a line that a user typed. Raises bench.errors.UserError for text that the task cannot read."""
        raise UserError(f"{type(self).__name__} does not read text")

    def prompt_ids(self, text: str) -> list[int]:
        """Ids of the beginning of a running text, for a language model. Raises bench.errors.UserError for text with
        characters that the vocabulary does not know."""
        raise UserError(f"{type(self).__name__} is no running text, so there is no language model of it")

    def running_text(self, ids: Sequence[int]) -> str:
        """The text of ids, with its line breaks, for a language model."""
        raise NotImplementedError

    def copy_distances(self, target_length: int) -> np.ndarray | None:
        """(T,) for each token of a target of T tokens, how many tokens lie back the source token that it copies.

        Source and target count as one sequence. None where targets are no copies of single source tokens, or where all
        distances are equal.
        """
        return None

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        """(B,) the number of target tokens, end token included, after which decoding stops; source_lengths (B,)."""
        return 2 * source_lengths + 10

    def language_facts(self) -> dict[str, str]:
        """For the record, once the data are there: script and language of both sides, and what follows from them."""
        return {}

    def language_lines(self) -> list[str]:
        """The same for the terminal."""
        return []

    def correct(self, hypotheses: Sequence[str], references: Sequence[str]) -> np.ndarray:
        """(N,) bool: which outputs are right as a whole."""
        return correct(hypotheses, references)

    def loss_positions(self, split: Split) -> np.ndarray:
        """(N,) the number of positions over which each example's loss is averaged; end tokens count."""
        return split.target_lengths

    def chance_loss(self, split: Split) -> float | None:
        """Loss in nats a position of a model that knows the form of the answers and guesses; None: unknown."""
        return None

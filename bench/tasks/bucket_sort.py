"""Bucket sort: the symbols of a string in order (Deletang et al. 2023, "bucket sort").

Input: a string over five symbols. Output: the same symbols, sorted. Counting each symbol is enough to solve it. With
`one_stack`, the answers are read off at as many blanks after the string, as in the paper.

    >>> task = BucketSort(train_size=50, valid_size=5, test_size=5)
    >>> src, tgt = task.examples(np.random.default_rng(1), np.array([6]))
    >>> task.source_text(src[0]), task.target_text(tgt[0])
    ('5 5 1 3 5 4', '1 3 4 5 5 5')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.examples import FIRST_FREE_ID, TaskData
from bench.data.ragged import Ragged
from bench.tasks.kinds.examples import Examples, SplitSpec
from bench.tasks.kinds.symbols import BLANK, ByLength, answered_at_blanks, random_strings


@dataclass
class BucketSort(ByLength):
    """The symbols of a string in order. Raises ValueError for impossible lengths or sizes."""

    order_free = True

    train_longest: int = 40
    test_longest: int = 500
    symbols: int = 5  # at most 9
    one_stack: bool = False  # read the answers off at blanks after the string

    metrics = ("token_accuracy", "exact_match")

    def __post_init__(self) -> None:
        if not 2 <= self.symbols <= 9:
            raise ValueError(f"task.symbols must be 2 to 9, got {self.symbols}")
        super().__post_init__()
        self.chance = {"exact_match": 0.0, "token_accuracy": 1.0 / self.symbols}  # until the data are loaded

    def restore(self, data: TaskData) -> None:
        """Set the chance of a token to the score on the first test split of a guess by the length alone: every symbol
        equally often, in order."""
        targets = next(iter(data.tests.values())).tgt
        right = total = 0
        for i in range(len(targets)):
            length = len(targets[i])
            guess = FIRST_FREE_ID + np.arange(length) * self.symbols // length
            right, total = right + int((guess == targets[i]).sum()), total + length
        self.chance = self.chance | {"token_accuracy": right / total}

    def words(self) -> Sequence[str]:
        """The symbols. With `one_stack`, the blank too."""
        return [*(str(i + 1) for i in range(self.symbols)), *([BLANK] if self.one_stack else [])]

    def draw(self, generator: np.random.Generator, count: int, spec: SplitSpec) -> Examples:
        examples = super().draw(generator, count, spec)
        return answered_at_blanks(examples, FIRST_FREE_ID + self.symbols) if self.one_stack else examples

    def examples(self, generator: np.random.Generator, lengths: np.ndarray) -> tuple[Ragged, Ragged]:
        rows, inside = random_strings(generator, lengths, self.symbols)
        ordered = np.sort(np.where(inside, rows, np.uint8(255)), axis=1)
        src, tgt = (Ragged.of_rows(each.astype(np.int32) + FIRST_FREE_ID, lengths) for each in (rows, ordered))
        return src, tgt

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return source_lengths + 5

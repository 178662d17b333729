"""The adding problem: the sum of two marked numbers in a long row (Hochreiter and Schmidhuber 1997, experiment 4).

Input: T vectors of two numbers, one uniform in [0, 1] and a marker, which is 1 at two positions and 0 elsewhere. As in
Bai et al. (2018), the two positions can be anywhere. Output: the sum of the two marked numbers. Metric: mean squared
error. The best constant answer, 1, has the variance of the sum of two uniform numbers, 1/6 = 0.167 (published as
.1767, Le et al. 2015); it is the chance line. A sum within 0.04 counts as correct, as in the first paper.

    >>> task = Adding(train_shortest=5, train_longest=5, test_longest=None, train_size=20, valid_size=5, test_size=5)
    >>> examples = task.draw(np.random.default_rng(0), 1, task.split_specs()[0])
    >>> task.source_text(examples.src[0])
    '0.8506* 0.6370* 0.5111 0.2698 0.3078'
    >>> task.target_text(examples.tgt[0])
    '1.487586'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.examples import Sizes
from bench.data.ragged import Ragged
from bench.metrics import TOLERANCE, errors
from bench.tasks.kinds.examples import Examples, SplitSpec
from bench.tasks.kinds.lengths import Lengths

CONSTANT_MSE = 1.0 / 6.0
"""Mean squared error of the constant answer 1."""


@dataclass
class Adding(Lengths):
    """The sum of two marked numbers among T. Raises ValueError for impossible lengths or sizes."""

    order_free = True

    train_shortest: int = 50  # T in training and in the first test set
    train_longest: int = 50
    test_longest: int | None = 100  # the second test set has T from train_longest + 1 to this; null: there is none

    first = 2
    metrics = ("mse", "close")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.chance = {"mse": CONSTANT_MSE}

    @property
    def sizes(self) -> Sizes:
        return Sizes(2, 1, shared=False, inputs="values", outputs="values")

    def draw(self, generator: np.random.Generator, count: int, spec: SplitSpec) -> Examples:
        lengths = self.lengths(generator, count, spec)
        numbers = generator.random((count, int(lengths.max())), dtype=np.float32)
        # Two different positions: the second is drawn from one fewer and skips the first.
        first = generator.integers(0, lengths)
        second = generator.integers(0, lengths - 1)
        second += second >= first
        rows = np.arange(count)
        markers = np.zeros_like(numbers)
        markers[rows, first] = markers[rows, second] = 1.0
        sums = numbers[rows, first] + numbers[rows, second]
        src = Ragged.of_rows(np.stack([numbers, markers], axis=-1), lengths)
        distance = lengths - np.minimum(first, second)
        return Examples(src, Ragged.of_rows(sums[:, None, None]), {"length": lengths, "distance": distance})

    def source_text(self, ids: Sequence[Sequence[float]]) -> str:
        return " ".join(f"{number:.4f}{'*' if marker else ''}" for number, marker in ids)

    def target_text(self, ids: Sequence[Sequence[float]]) -> str:
        return " ".join(f"{value:.6f}" for (value,) in ids)

    def correct(self, hypotheses: Sequence[str], references: Sequence[str]) -> np.ndarray:
        return np.abs(errors(hypotheses, references)) < TOLERANCE

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return np.ones_like(source_lengths)

"""Tasks whose axis is a length: trained on some lengths, tested on the same and on longer ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.tasks.kinds.examples import SplitSpec
from bench.tasks.kinds.generated import Generated


@dataclass
class Lengths(Generated):
    """A task with a range of training lengths and a longer range for its second test set.

    Raises ValueError for impossible lengths.
    """

    train_shortest: int = 1  # training and in-distribution test lengths, in source tokens
    train_longest: int = 20
    test_longest: int | None = 40  # the second test set has lengths train_longest + 1 to this; null: there is none

    step = 1
    """Lengths are `first` plus multiples of this."""

    first = 1

    def __post_init__(self) -> None:
        longest = self.train_longest + 1 if self.test_longest is None else self.test_longest
        if not self.first <= self.train_shortest <= self.train_longest < longest:
            raise ValueError(
                f"{self.first} <= task.train_shortest <= task.train_longest < task.test_longest must hold for the "
                f"{self.axis}, got {self.train_shortest}, {self.train_longest}, {self.test_longest}"
            )
        for low, high in filter(None, (self.training_bounds, self.extrapolation_bounds)):
            if not len(self._possible_lengths(low, high)):
                raise ValueError(
                    f"no {self.axis} from {low} to {high} is {self.first} plus a multiple of {self.step}, as this "
                    "task needs; change task.train_shortest, task.train_longest or task.test_longest"
                )
        super().__post_init__()

    @property
    def training_bounds(self) -> tuple[int, int]:
        return self.train_shortest, self.train_longest

    @property
    def extrapolation_bounds(self) -> tuple[int, int] | None:
        return None if self.test_longest is None else (self.train_longest + 1, self.test_longest)

    def lengths(self, generator: np.random.Generator, count: int, spec: SplitSpec) -> np.ndarray:
        """(count,) lengths of a split, uniform over the possible ones."""
        return generator.choice(np.array(self._possible_lengths(spec.low, spec.high)), size=count)

    def _possible_lengths(self, low: int, high: int) -> range:
        return range(low + (self.first - low) % self.step, high + 1, self.step)

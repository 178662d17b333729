"""What tasks share whose axis is a length: trained on some, tested on these and on longer ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.tasks.kinds.generated import Generated, Part


@dataclass
class Lengths(Generated):
    """Trained on some lengths, tested on these and on longer ones. Raises ValueError for lengths that cannot be."""

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
                f"{self.first} <= task.train_shortest <= task.train_longest < task.test_longest must hold of the "
                f"{self.axis}, got {self.train_shortest}, {self.train_longest}, {self.test_longest}"
            )
        for low, high in filter(None, (self.seen, self.beyond)):
            if not len(self._lengths(low, high)):
                raise ValueError(
                    f"no {self.axis} from {low} to {high} is {self.first} plus a multiple of {self.step}, as this "
                    "task's are; change task.train_shortest, task.train_longest or task.test_longest"
                )
        super().__post_init__()

    @property
    def seen(self) -> tuple[int, int]:
        return self.train_shortest, self.train_longest

    @property
    def beyond(self) -> tuple[int, int] | None:
        return None if self.test_longest is None else (self.train_longest + 1, self.test_longest)

    def lengths(self, generator: np.random.Generator, count: int, part: Part) -> np.ndarray:
        """(count,) lengths of a part, drawn evenly from those there are."""
        return generator.choice(np.array(self._lengths(part.low, part.high)), size=count)

    def _lengths(self, low: int, high: int) -> range:
        """The lengths there are from low to high."""
        return range(low + (self.first - low) % self.step, high + 1, self.step)

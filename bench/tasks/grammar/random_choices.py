"""Random choices, one at a time, from numbers that a NumPy generator draws in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")

BATCH = 16_384
"""Numbers drawn per call of the generator: one call for each number would dominate the time."""


class RandomChoices:
    """Makes random choices. The same generator gives the same choices."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._numbers: list[float] = []

    def uniform(self) -> float:
        """A number in [0, 1)."""
        if not self._numbers:
            self._numbers = self._generator.random(BATCH).tolist()
        return self._numbers.pop()

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.uniform() < probability

    def choice(self, options: Sequence[T]) -> T:
        """One of the options with equal probability; an option listed twice is twice as likely."""
        return options[int(self.uniform() * len(options))]

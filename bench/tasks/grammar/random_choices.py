"""Random choices one by one, out of numbers that a generator draws many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")

DRAWN_AT_ONCE = 16_384


class RandomChoices:
    """The choices depend on the generator alone."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._left: list[float] = []

    def number(self) -> float:
        """From 0 up to 1."""
        if not self._left:
            self._left = self._generator.random(DRAWN_AT_ONCE).tolist()
        return self._left.pop()

    def chance(self, share: float) -> bool:
        return self.uniform() < share

    def pick(self, choices: Sequence[T]) -> T:
        """One of them, all alike; a choice that is there twice is as likely as two."""
        return choices[int(self.uniform() * len(choices))]

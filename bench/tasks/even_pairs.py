"""Even pairs: is the number of places where two neighbours differ even? (Deletang et al. 2023, "even pairs")

Input: a string of a's and b's. Output: `even` or `odd`, the number of `a b` and `b a` in it. That number is even just
where the first and the last symbol are equal, so two symbols decide it, and the length is the distance between them.

    >>> task = EvenPairs(train_size=50, valid_size=5, test_size=5)
    >>> task.answer("a a b b a"), task.answer("a b a b")
    ('even', 'odd')
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.tasks.kinds.languages import Language


@dataclass
class EvenPairs(Language):
    """Raises ValueError for lengths or sizes that cannot be."""

    symbols = ("a", "b")
    answers = ("even", "odd")

    def solved(self, rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
        changes = (rows[:, 1:] != rows[:, :-1]) & inside[:, 1:]
        return changes.sum(axis=1, dtype=np.int64) % 2

"""Even pairs: is the number of unequal neighbours even? (Deletang et al. 2023, "even pairs")

Input: a string of a's and b's. Output: `even` or `odd`, by the number of pairs `a b` and `b a`. It is even if and only
if the first and the last symbol are equal. So two symbols decide the answer, and the length is their distance.

    >>> task = EvenPairs(train_size=50, valid_size=5, test_size=5)
    >>> task.answer("a a b b a"), task.answer("a b a b")
    ('even', 'odd')
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.tasks.kinds import automata
from bench.tasks.kinds.languages import Language


@dataclass
class EvenPairs(Language):
    """Parity of the number of unequal neighbours. Raises ValueError for impossible lengths or sizes."""

    symbols = ("a", "b")
    answers = ("even", "odd")

    def solve(self, rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
        return automata.changes_parity(rows, inside)

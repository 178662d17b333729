"""Parity: is the number of b's even or odd? (Deletang et al. 2023, "parity check")

Input: a string of a's and b's. Output: `even` or `odd`. A finite automaton of two states solves it at any length; what
has to be carried is one bit, and every symbol of the string can change it.

    >>> task = Parity(train_size=50, valid_size=5, test_size=5)
    >>> task.answer("a a b a b b")
    'odd'
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.tasks.kinds.languages import Language


@dataclass
class Parity(Language):
    """Raises ValueError for lengths or sizes that cannot be."""

    order_free = True

    symbols = ("a", "b")
    answers = ("even", "odd")

    def solved(self, rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
        return rows.sum(axis=1, dtype=np.int64) % 2

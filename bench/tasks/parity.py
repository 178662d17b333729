"""Parity: is the number of b's even or odd? (Deletang et al. 2023, "parity check")

Input: a string of a's and b's. Output: `even` or `odd`. A finite automaton with two states solves it at any length: it
keeps one bit, and every symbol of the string can change it.

    >>> task = Parity(train_size=50, valid_size=5, test_size=5)
    >>> task.answer("a a b a b b")
    'odd'
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.tasks.kinds import automata
from bench.tasks.kinds.languages import Language


@dataclass
class Parity(Language):
    """Parity of the number of b's. Raises ValueError for impossible lengths or sizes."""

    order_free = True

    symbols = ("a", "b")
    answers = ("even", "odd")

    def solve(self, rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
        return automata.ones_parity(rows, inside)

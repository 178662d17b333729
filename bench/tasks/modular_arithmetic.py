"""Modular arithmetic: the value of a sum of products modulo 5 (Deletang et al. 2023, "modular arithmetic (simple)").

Input: digits 0 to 4 with `+`, `-` or `*` between them, so an odd number of tokens; products come before sums. Output:
the value modulo 5. A finite automaton that keeps the sum so far and the current product solves it at any length.

    >>> task = ModularArithmetic(train_size=50, valid_size=5, test_size=5)
    >>> task.answer("1 + 2 - 4"), task.answer("2 - 3 * 4")
    ('4', '0')
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.tasks.kinds import automata
from bench.tasks.kinds.languages import Language


@dataclass
class ModularArithmetic(Language):
    """The value of a sum of products modulo 5. Raises ValueError for impossible lengths or sizes."""

    symbols = ("0", "1", "2", "3", "4", "+", "-", "*")
    answers = ("0", "1", "2", "3", "4")
    step = 2

    def strings(self, generator: np.random.Generator, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return automata.expressions(generator, lengths)

    def solve(self, rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
        return automata.expression_value(rows, inside)

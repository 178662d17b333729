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

from bench.tasks.kinds.languages import Language

MODULUS = 5
PLUS, MINUS, TIMES = range(MODULUS, MODULUS + 3)


@dataclass
class ModularArithmetic(Language):
    """The value of a sum of products modulo 5. Raises ValueError for impossible lengths or sizes."""

    symbols = ("0", "1", "2", "3", "4", "+", "-", "*")
    answers = ("0", "1", "2", "3", "4")
    step = 2

    def strings(self, generator: np.random.Generator, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inside = np.arange(lengths.max()) < lengths[:, None]
        rows = generator.integers(0, MODULUS, size=inside.shape, dtype=np.uint8)
        rows[:, 1::2] = generator.integers(PLUS, TIMES + 1, size=rows[:, 1::2].shape, dtype=np.uint8)
        return np.where(inside, rows, np.uint8(0)), inside

    def solve(self, rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
        # After each digit the value is `total + product`: an operator continues the product or adds it to the total.
        total, product = np.zeros(len(rows), dtype=np.int64), rows[:, 0].astype(np.int64)
        for position in range(1, rows.shape[1] - 1, 2):
            operator, digit = rows[:, position], rows[:, position + 1].astype(np.int64)
            real = inside[:, position]
            times = operator == TIMES
            total = np.where(real & ~times, total + product, total)
            fresh = np.where(times, product * digit, np.where(operator == MINUS, -digit, digit))
            product = np.where(real, fresh % MODULUS, product)
        return (total + product) % MODULUS

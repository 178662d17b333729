"""Modular arithmetic: the value of a sum of products modulo 5 (Deletang et al. 2023, "modular arithmetic (simple)").

Input: digits 0 to 4 with `+`, `-` or `*` between them, so an odd number of tokens; products are formed first. Output:
the value modulo 5. A finite automaton that keeps the sum so far and the product it is at solves it at any length.

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
    """Raises ValueError for lengths or sizes that cannot be."""

    symbols = ("0", "1", "2", "3", "4", "+", "-", "*")
    answers = ("0", "1", "2", "3", "4")
    step = 2

    def strings(self, generator: np.random.Generator, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inside = np.arange(lengths.max()) < lengths[:, None]
        rows = generator.integers(0, MODULUS, size=inside.shape, dtype=np.uint8)
        rows[:, 1::2] = generator.integers(PLUS, TIMES + 1, size=rows[:, 1::2].shape, dtype=np.uint8)
        return np.where(inside, rows, np.uint8(0)), inside

    def solved(self, rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
        # After every digit the value is `total + product`: an operator either goes on with the product or closes it.
        total, product = np.zeros(len(rows), dtype=np.int64), rows[:, 0].astype(np.int64)
        for place in range(1, rows.shape[1] - 1, 2):
            operator, digit, real = rows[:, place], rows[:, place + 1].astype(np.int64), inside[:, place]
            times = operator == TIMES
            total = np.where(real & ~times, total + product, total)
            fresh = np.where(times, product * digit, np.where(operator == MINUS, -digit, digit))
            product = np.where(real, fresh % MODULUS, product)
        return (total + product) % MODULUS

"""Answers to strings of formal languages, each of which a finite automaton computes (Deletang et al. 2023).

rows (N, L) are strings as indices of symbols, with 0 beyond their end; inside (N, L) is True inside a string. Each
function returns (N,) int64.
"""

from __future__ import annotations

import numpy as np

MODULUS = 5
PLUS, MINUS, TIMES = range(MODULUS, MODULUS + 3)
"""Indices of the operators; those below are digits."""

MOVES = np.array([0, 1, -1])
"""Of a walk on a ring, by symbol: stay, forwards, backwards."""


def ones_parity(rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The number of ones modulo 2."""
    return rows.sum(axis=1, dtype=np.int64) % 2


def changes_parity(rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The number of unequal neighbours modulo 2."""
    changes = (rows[:, 1:] != rows[:, :-1]) & inside[:, 1:]
    return changes.sum(axis=1, dtype=np.int64) % 2


def walk_end(rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The place on a ring of five where a walk from 0 ends."""
    return MOVES[rows].sum(axis=1) % MODULUS


def expressions(generator: np.random.Generator, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Random expressions of these lengths (N,), digits and operators in turns, and their mask."""
    inside = np.arange(lengths.max()) < lengths[:, None]
    rows = generator.integers(0, MODULUS, size=inside.shape, dtype=np.uint8)
    rows[:, 1::2] = generator.integers(PLUS, TIMES + 1, size=rows[:, 1::2].shape, dtype=np.uint8)
    return np.where(inside, rows, np.uint8(0)), inside


def expression_value(rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The value of a sum of products modulo 5."""
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

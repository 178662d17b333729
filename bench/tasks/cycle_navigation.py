"""Cycle navigation: where does a walk on a ring end? (Deletang et al. 2023, "cycle navigation")

Input: steps `+` (forward), `-` (back) and `=` (stay) on a ring of five places, from place 0. Output: the place where
the walk ends. A finite automaton with five states solves it at any length.

    >>> task = CycleNavigation(train_size=50, valid_size=5, test_size=5)
    >>> task.answer("+ + = -"), task.answer("- -")
    ('1', '3')
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.tasks.kinds import automata
from bench.tasks.kinds.languages import Language


@dataclass
class CycleNavigation(Language):
    """The end of a walk on a ring of five places. Raises ValueError for impossible lengths or sizes."""

    order_free = True

    symbols = ("=", "+", "-")
    answers = ("0", "1", "2", "3", "4")

    def solve(self, rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
        return automata.walk_end(rows, inside)

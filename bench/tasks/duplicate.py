"""Duplicate a string: write its symbols twice (Deletang et al. 2023, "duplicate string").

Input: letters; the length is uniform over the training lengths. Output: the letters, then the letters again. The
paper's alphabet has two symbols (`symbols=2`).

    >>> task = Duplicate(symbols=4, train_size=50, valid_size=10, test_size=10)
    >>> task.target_text(task.rearrange(Ragged.of([task.source_ids("a b b d")])).tokens)
    'a b b d a b b d'
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.data.ragged import Ragged
from bench.tasks.kinds.letters import Letters


@dataclass
class Duplicate(Letters):
    """The letters twice. Raises ValueError for impossible lengths or sizes."""

    def rearrange(self, src: Ragged) -> Ragged:
        twice = src.take(np.repeat(np.arange(len(src)), 2))
        return Ragged(twice.tokens, twice.offsets[::2])

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return 2 * source_lengths + 5

"""Reverse a string: the first symbol in is the last one out.

Input: letters, their number drawn evenly from the training lengths. Output: the same letters, backwards. Attention can
look each symbol up; without it, everything must pass through one fixed state.

    >>> task = Reverse(symbols=4, train_size=50, valid_size=10, test_size=10)
    >>> data = task.load()
    >>> data.train.src[0][::-1].tolist() == data.train.tgt[0].tolist()
    True
    >>> task.target_text(task.rearranged(Ragged.of([task.source_ids("a b b d")])).tokens)
    'd b b a'
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.data.ragged import Ragged
from bench.tasks.kinds.letters import Letters


@dataclass
class Reverse(Letters):
    """Raises ValueError for lengths or sizes that cannot be."""

    def rearranged(self, src: Ragged) -> Ragged:
        # Everything backwards puts the strings backwards and in the opposite order; then each goes back to its place.
        backwards = Ragged(src.tokens[::-1], len(src.tokens) - src.offsets[::-1])
        return backwards.take(np.arange(len(src))[::-1])

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return source_lengths + 5

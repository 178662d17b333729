"""Reverse a string: the first symbol of the input is the last of the output.

Input: letters; the length is uniform over the training lengths. Output: the same letters in reverse order. With
attention a model can look up each symbol; without it, the whole string must pass through one state of fixed size.

    >>> task = Reverse(symbols=4, train_size=50, valid_size=10, test_size=10)
    >>> data = task.load()
    >>> data.train.src[0][::-1].tolist() == data.train.tgt[0].tolist()
    True
    >>> task.target_text(task.rearrange(Ragged.of([task.source_ids("a b b d")])).tokens)
    'd b b a'
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.data.ragged import Ragged
from bench.tasks.kinds.letters import Letters


@dataclass
class Reverse(Letters):
    """The letters in reverse order. Raises ValueError for impossible lengths or sizes."""

    def rearrange(self, src: Ragged) -> Ragged:
        # Reversing the flat array reverses each string and also their order; `take` restores the order.
        backwards = Ragged(src.tokens[::-1], len(src.tokens) - src.offsets[::-1])
        return backwards.take(np.arange(len(src))[::-1])

    def copy_distances(self, target_length: int) -> np.ndarray:
        # Token i of the output copies the source token that i others follow, and i outputs precede it.
        return 2 * np.arange(target_length) + 1

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return source_lengths + 5

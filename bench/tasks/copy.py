"""Copy a string: write the symbols again, in the same order.

Input: letters; the length is uniform over the training lengths. Output: the same letters.

    >>> task = Copy(symbols=4, train_size=50, valid_size=10, test_size=10)
    >>> data = task.load()
    >>> data.train.src[0].tolist() == data.train.tgt[0].tolist()
    True
    >>> task.target_text(task.rearrange(Ragged.of([task.source_ids("a b b d")])).tokens)
    'a b b d'
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.data.ragged import Ragged
from bench.tasks.kinds.letters import Letters


@dataclass
class Copy(Letters):
    """The letters in the same order. Raises ValueError for impossible lengths or sizes."""

    def rearrange(self, src: Ragged) -> Ragged:
        return src

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return source_lengths + 5

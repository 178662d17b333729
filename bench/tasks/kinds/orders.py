"""Places in the order of random keys, the same on every machine.

Which of two equal keys `numpy.argsort` puts first depends on the processor's vector instructions, and of keys with 24
random bits two are equal in one row of some ten thousand. Here the earlier place comes first.
"""

from __future__ import annotations

import numpy as np


def lowest(keys: np.ndarray, count: int | None = None) -> np.ndarray:
    """(N, count) places of the lowest keys of each row, from the lowest on; None: of all.

    keys (N, L) float32, none below 0; but a -1 comes before all others.

    >>> lowest(np.array([[0.5, 0.25, 0.5, 0.0]], dtype=np.float32), 3).tolist()
    [[3, 1, 0]]
    """
    # The bits of such floats, read as whole numbers, are in the same order; a place behind them makes each one unique.
    unique = keys.view(np.int32).astype(np.int64) << 32 | np.arange(keys.shape[1])
    if count is not None and count < keys.shape[1]:
        unique.partition(count - 1, axis=1)
        unique = unique[:, :count]
    return np.sort(unique, axis=1) & 0xFFFFFFFF

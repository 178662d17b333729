"""Ranks random keys in the same way on every machine.

`numpy.argsort` orders equal keys in a way that depends on the processor's vector instructions, and two keys of 24
random bits are equal in about one row of ten thousand. Here the key with the lower index comes first.
"""

from __future__ import annotations

import numpy as np


def lowest_indices(keys: np.ndarray, count: int | None = None) -> np.ndarray:
    """(N, count) indices of the lowest keys of each row, in ascending order of keys; None: of all keys.

    keys (N, L) float32, none negative except -1, which precedes all others.

    >>> lowest_indices(np.array([[0.5, 0.25, 0.5, 0.0]], dtype=np.float32), 3).tolist()
    [[3, 1, 0]]
    """
    # The bits of such floats, read as integers, have the same order; an index in the low bits makes each one unique.
    unique = keys.view(np.int32).astype(np.int64) << 32 | np.arange(keys.shape[1])
    if count is not None and count < keys.shape[1]:
        unique.partition(count - 1, axis=1)
        unique = unique[:, :count]
    return np.sort(unique, axis=1) & 0xFFFFFFFF

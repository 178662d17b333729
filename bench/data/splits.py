"""Which split a generated example belongs to: decided by a hash of its source, so that splits cannot overlap."""

from __future__ import annotations

import numpy as np

SHARES = {"train": range(0, 8), "valid": range(8, 9), "test": range(9, 10)}
"""Of ten equal parts of the space of all sources, those that each split draws from."""

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def source_parts(tokens: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """(N,) int64 in 0-9: the part each source falls in, the same on every machine.

    tokens (N, L) non-negative integers, of which row i counts up to lengths[i].
    """
    mixed = lengths.astype(np.uint64) * _MULTIPLIER
    for column in range(tokens.shape[1]):
        inside = column < lengths
        value = (mixed ^ (tokens[:, column].astype(np.uint64) + np.uint64(1))) * _MULTIPLIER
        value ^= value >> np.uint64(29)
        mixed = np.where(inside, value, mixed)
    return ((mixed >> np.uint64(11)) % np.uint64(10)).astype(np.int64)


def belongs(split: str, tokens: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """(N,) bool: whether each source may be drawn for this split."""
    part = source_parts(tokens, lengths)
    share = SHARES[split]
    return (part >= share.start) & (part < share.stop)

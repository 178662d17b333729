"""Assignment of examples to splits by a hash of their source, so that splits cannot overlap."""

from __future__ import annotations

import hashlib

import numpy as np

from bench.data.ragged import Ragged

SHARES = {"train": range(0, 8), "valid": range(8, 9), "test": range(9, 10)}
"""The parts that each split draws from, of ten equal parts of the space of all sources."""


def source_hashes(ragged: Ragged) -> np.ndarray:
    """(M,) uint64: a hash of each sequence, the same on every machine.

    Each element is hashed with its position, and the results are joined by exclusive or (Zobrist 1970). This takes a
    few passes over flat arrays."""
    lengths = ragged.lengths
    place = np.arange(len(ragged.tokens), dtype=np.int64) - np.repeat(ragged.offsets[:-1], lengths)
    mixed = place.astype(np.uint64)
    for channel in _channels(ragged):
        mixed = _mix((mixed << np.uint64(32)) ^ (mixed >> np.uint64(32)) ^ channel)
    joined = np.zeros(len(ragged), dtype=np.uint64)
    filled = lengths > 0
    if filled.any():
        joined[filled] = np.bitwise_xor.reduceat(mixed, ragged.offsets[:-1][filled])
    return _mix(joined ^ _mix(lengths.astype(np.uint64)))


def belongs(split: str, hashes: np.ndarray) -> np.ndarray:
    """(M,) bool: whether a split may draw the sources with these hashes."""
    part = (hashes >> np.uint64(11)) % np.uint64(10)
    share = SHARES[split]
    return (part >= share.start) & (part < share.stop)


def share_of(split: str) -> float:
    """The share of all sources that a split draws from."""
    return len(SHARES[split]) / 10


def fraction(text: str) -> float:
    """A hash of a text as a number in [0, 1), the same on every machine, to assign texts to splits.

    >>> [round(fraction(text), 3) for text in ("Hi.", "Hi!")]
    [0.094, 0.79]
    """
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64


def _channels(ragged: Ragged) -> list[np.ndarray]:
    """(N,) uint64 for each channel of the elements."""
    if ragged.kind == "tokens":
        return [ragged.tokens.astype(np.uint64)]
    bits = np.ascontiguousarray(ragged.tokens, dtype=np.float32).view(np.uint32)
    return [bits[:, channel].astype(np.uint64) for channel in range(bits.shape[1])]


def _mix(values: np.ndarray) -> np.ndarray:
    """A bijection of uint64 in which every bit depends on all bits (finaliser of SplitMix64; Steele et al. 2014)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))

"""Sequences of different lengths in one array: the form of the sources and targets of a split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ragged:
    """M sequences, concatenated. tokens: (N,) int32 ids, or (N, C) float32 values of C channels; offsets: (M + 1,)
    int64; sequence i is tokens[offsets[i]:offsets[i + 1]]."""

    tokens: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, sequences: Iterable[Sequence[int] | np.ndarray]) -> Ragged:
        """From sequences of ids."""
        arrays = [np.asarray(sequence, dtype=np.int32) for sequence in sequences]
        offsets = np.zeros(len(arrays) + 1, dtype=np.int64)
        np.cumsum([len(array) for array in arrays], out=offsets[1:])
        return cls(np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.int32), offsets)

    @classmethod
    def of_rows(cls, rows: np.ndarray, lengths: np.ndarray | None = None) -> Ragged:
        """From rows of equal width, (M, L) ids or (M, L, C) values: the first lengths[i] elements of row i, all if
        None."""
        if lengths is None:
            lengths = np.full(len(rows), rows.shape[1], dtype=np.int64)
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        tokens = rows[np.arange(rows.shape[1]) < lengths[:, None]]
        return cls(tokens.astype(np.float32 if rows.ndim == 3 else np.int32, copy=False), offsets)

    @classmethod
    def joined(cls, parts: Sequence[Ragged]) -> Ragged:
        """The sequences of all parts, in order."""
        lengths = np.concatenate([part.lengths for part in parts])
        return cls(np.concatenate([part.tokens for part in parts]), np.concatenate([[0], np.cumsum(lengths)]))

    def take(self, places: np.ndarray) -> Ragged:
        """The sequences at these indices, in this order, or those where a boolean mask is True."""
        if places.dtype == bool:
            places = np.flatnonzero(places)
        lengths = self.lengths[places]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return Ragged(self.tokens[np.repeat(self.offsets[places], lengths) + within], offsets)

    @property
    def lengths(self) -> np.ndarray:
        """(M,) int64: length of each sequence."""
        return np.diff(self.offsets)

    @property
    def kind(self) -> str:
        """Type of the elements: `tokens` (ids) or `values` (real numbers)."""
        return "values" if self.tokens.ndim == 2 else "tokens"

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        return self.tokens[self.offsets[index] : self.offsets[index + 1]]


def lengths_with_end(ragged: Ragged) -> np.ndarray:
    """(M,) int64: lengths including the end token, which sequences of values do not have."""
    return ragged.lengths + (ragged.kind == "tokens")

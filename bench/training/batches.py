"""Batches of about equal size in tokens, cut the same way for every model: sequences of like length together, or mixed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.data.examples import BOS, EOS, PAD, Split
from bench.data.ragged import Ragged, closed_lengths


@dataclass(frozen=True)
class Batch:
    """src (B, S) int64, each row closed by the end token; src_mask (B, S) boolean, None where no row is padded;
    tgt_in (B, T) begins with the start token; tgt_out (B, T) is what follows each of its positions, PAD beyond the
    end; real (N,) int64: where in the flattened tgt_out there is no padding, None where there is none at all.
    A side made of values has (B, S, C) float32 in the place of (B, S), no end token, and zeros for start and padding.
    rows (B,): the examples' places in their split. Token counts leave padding out."""

    src: Tensor
    src_mask: Tensor | None
    tgt_in: Tensor
    tgt_out: Tensor
    real: Tensor | None
    rows: np.ndarray
    source_tokens: int
    target_tokens: int


class Batcher:
    """Makes batches of one split. `batch_tokens` bounds rows times the longest side of a batch, padding included."""

    def __init__(self, split: Split, batch_tokens: int, device: str = "cpu") -> None:
        if batch_tokens < 1:
            raise ValueError(f"batch_tokens must be at least 1, got {batch_tokens}")
        self.split, self.batch_tokens, self.device = split, batch_tokens, device
        self.src_lengths, self.tgt_lengths = closed_lengths(split.src), closed_lengths(split.tgt)

    def plan(self, generator: np.random.Generator | None = None, mixed: bool = False) -> list[np.ndarray]:
        """Rows of each batch. With a generator: ties in length in random order, batch borders at random places and
        batches in random order; without: the same plan at every call, shortest sources first. mixed: any lengths
        together, as the generator draws them."""
        count = len(self.split)
        tie = np.arange(count) if generator is None else generator.permutation(count)
        # Back and forth: where a source length ends with the longest targets, the next one begins with them, so that a
        # batch across the border pads neither side much.
        turned = np.where(self.src_lengths % 2, self.tgt_lengths, -self.tgt_lengths)
        order = tie if mixed else np.lexsort((tie, turned, self.src_lengths))
        longest = np.maximum(self.src_lengths, self.tgt_lengths)[order]
        # A first batch of random size moves every later border, so that epochs differ in who meets whom.
        room = self.batch_tokens if generator is None else int(generator.integers(1, self.batch_tokens + 1))
        borders, start, widest = [0], 0, 0
        for i, length in enumerate(longest):
            widest = max(widest, int(length))
            if i > start and widest * (i - start + 1) > room:
                borders.append(i)
                start, widest, room = i, int(length), self.batch_tokens
        batches = [order[a:b] for a, b in zip(borders, [*borders[1:], count], strict=True) if b > a]
        if generator is not None:
            batches = [batches[i] for i in generator.permutation(len(batches))]
        return batches

    def make(self, rows: np.ndarray) -> Batch:
        """The batch of these rows."""
        src_lengths, tgt_lengths = self.src_lengths[rows], self.tgt_lengths[rows]
        src, tgt = _padded(self.split.src, rows), _padded(self.split.tgt, rows, begun=True)
        mask = None
        if src_lengths.min() < src.shape[1]:
            mask = torch.from_numpy(np.arange(src.shape[1]) < src_lengths[:, None]).to(self.device)
        real = None
        if tgt_lengths.min() < tgt.shape[1] - 1:
            places = np.flatnonzero(np.arange(tgt.shape[1] - 1) < tgt_lengths[:, None])
            real = torch.from_numpy(places).to(self.device)
        tgt_tensor = torch.from_numpy(tgt).to(self.device)
        return Batch(
            src=torch.from_numpy(src).to(self.device),
            src_mask=mask,
            tgt_in=tgt_tensor[:, :-1].contiguous(),
            tgt_out=tgt_tensor[:, 1:].contiguous(),
            real=real,
            rows=rows,
            source_tokens=int(src_lengths.sum()),
            target_tokens=int(tgt_lengths.sum()),
        )

    def epoch(self, generator: np.random.Generator | None = None) -> Iterator[Batch]:
        """All batches of one plan."""
        return (self.make(rows) for rows in self.plan(generator))


def _padded(side: Ragged, rows: np.ndarray, begun: bool = False) -> np.ndarray:
    """The sequences of these rows side by side: (B, longest) int64 closed by EOS, PAD beyond, or (B, longest, C) float32
    with zeros beyond. begun: with one more column in front, BOS or zeros."""
    chosen = side.take(rows)
    lengths, first = chosen.lengths, int(begun)
    longest = int(closed_lengths(chosen).max()) + first
    place = np.arange(longest)
    inside = (place >= first) & (place < first + lengths[:, None])
    if side.kind == "values":
        padded = np.zeros((len(rows), longest, side.tokens.shape[1]), dtype=np.float32)
    else:
        padded = np.full((len(rows), longest), PAD, dtype=np.int64)
        padded[np.arange(len(rows)), first + lengths] = EOS
        padded[:, :first] = BOS
    padded[inside] = chosen.tokens
    return padded

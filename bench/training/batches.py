"""Batches of about equal size in tokens, the same for every model: sequences of similar length together, or mixed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.data.examples import BOS, EOS, PAD, Split
from bench.data.ragged import Ragged, lengths_with_end
from bench.training.config import LENGTH, MIXED, SHORT_FIRST


@dataclass(frozen=True)
class Batch:
    """The examples of one batch as padded tensors.

    src: (B, S) int64, each row closed by the end token.
    src_mask: (B, S) boolean; None if no source is padded.
    tgt_in: (B, T) int64, begins with the start token.
    tgt_out: (B, T) int64, the next token at each position of tgt_in; PAD beyond the end.
    unpadded: (N,) int64, positions in the flattened tgt_out that are not padding; None if no target is padded.
    rows: (B,) indices of the examples in their split.
    source_tokens, target_tokens: numbers of tokens, without padding.

    For one stack, src has no end token, tgt_in is None, and tgt_out is (B, S): what is predicted at each position of
    src, PAD where nothing is. `unpadded` are the positions with a prediction.

    A side made of values has (B, S, C) float32 instead of (B, S), no end token, and zeros for start and padding.
    """

    src: Tensor
    src_mask: Tensor | None
    tgt_in: Tensor | None
    tgt_out: Tensor
    unpadded: Tensor | None
    rows: np.ndarray
    source_tokens: int
    target_tokens: int

    @property
    def decoder_inputs(self) -> Tensor:
        """`tgt_in` of a batch for an encoder-decoder."""
        assert self.tgt_in is not None, "one stack has no decoder"
        return self.tgt_in

    @property
    def padded_tokens(self) -> int:
        """Numbers of tokens with padding; one stack has no padding among its predictions."""
        targets = self.target_tokens if self.tgt_in is None else len(self.rows) * self.tgt_in.shape[1]
        return len(self.rows) * self.src.shape[1] + targets


class Batcher:
    """Makes the batches of one split. `batch_tokens` bounds rows times the longest side of a batch, with padding."""

    def __init__(self, split: Split, batch_tokens: int, device: str = "cpu") -> None:
        if batch_tokens < 1:
            raise ValueError(f"batch_tokens must be at least 1, got {batch_tokens}")
        self.split, self.batch_tokens, self.device = split, batch_tokens, device
        self.src_lengths, self.tgt_lengths = split.source_lengths, split.target_lengths

    def plan(self, generator: np.random.Generator | None = None, batching: str = LENGTH) -> list[np.ndarray]:
        """The rows of each batch.

        With a generator, examples of equal length are in random order, batch borders at random places, and batches in
        random order. Without one, every call returns the same plan, shortest sources first. batching: `mixed` takes
        examples in the generator's order, whatever their lengths; `short_first` keeps batches in the order of lengths
        (a curriculum, Bengio et al. 2009).
        """
        count = len(self.split)
        tie = np.arange(count) if generator is None else generator.permutation(count)
        # Target lengths fall and rise in turn: one source length ends with long targets and the next begins with them,
        # so a batch across the border has little padding.
        alternating = np.where(self.src_lengths % 2, self.tgt_lengths, -self.tgt_lengths)
        order = tie if batching == MIXED else np.lexsort((tie, alternating, self.src_lengths))
        longest_sides = np.maximum(self.src_lengths, self.tgt_lengths)[order]
        # A first batch of random size moves every later border, so the same examples do not always share a batch.
        capacity = self.batch_tokens if generator is None else int(generator.integers(1, self.batch_tokens + 1))
        borders, start, longest = [0], 0, 0
        for i, length in enumerate(longest_sides):
            longest = max(longest, int(length))
            if i > start and longest * (i - start + 1) > capacity:
                borders.append(i)
                start, longest, capacity = i, int(length), self.batch_tokens
        batches = [order[a:b] for a, b in zip(borders, [*borders[1:], count], strict=True) if b > a]
        if generator is not None and batching != SHORT_FIRST:
            batches = [batches[i] for i in generator.permutation(len(batches))]
        return batches

    def streams(self) -> list[np.ndarray]:
        """The rows of each batch where the examples are windows of one text: the text is cut into parallel streams, as
        many as there are windows in `batch_tokens`, and batch t has window t of each.

        Row i of a batch goes on where row i of the batch before ended. The first streams have one window more where
        their number does not divide; the last batch then has only their rows, and no window is left out.
        """
        count = len(self.split)
        width = min(count, max(1, self.batch_tokens // int(self.src_lengths.max())))
        streams = np.array_split(np.arange(count), width)
        return [np.array([rows[t] for rows in streams if t < len(rows)]) for t in range(len(streams[0]))]

    def make(self, rows: np.ndarray) -> Batch:
        """The batch of these rows."""
        if self.split.answered_at is not None:
            return self._make_one_stack(rows, self.split.answered_at)
        src_lengths, tgt_lengths = self.src_lengths[rows], self.tgt_lengths[rows]
        src, tgt = _pad(self.split.src, rows), _pad(self.split.tgt, rows, start_token=True)
        mask = None
        if src_lengths.min() < src.shape[1]:
            mask = torch.from_numpy(np.arange(src.shape[1]) < src_lengths[:, None]).to(self.device)
        unpadded = None
        if tgt_lengths.min() < tgt.shape[1] - 1:
            positions = np.flatnonzero(np.arange(tgt.shape[1] - 1) < tgt_lengths[:, None])
            unpadded = torch.from_numpy(positions).to(self.device)
        tgt_tensor = torch.from_numpy(tgt).to(self.device)
        return Batch(
            src=torch.from_numpy(src).to(self.device),
            src_mask=mask,
            tgt_in=tgt_tensor[:, :-1].contiguous(),
            tgt_out=tgt_tensor[:, 1:].contiguous(),
            unpadded=unpadded,
            rows=rows,
            source_tokens=int(src_lengths.sum()),
            target_tokens=int(tgt_lengths.sum()),
        )

    def _make_one_stack(self, rows: np.ndarray, answered_at: Ragged) -> Batch:
        lengths, answers = self.src_lengths[rows], self.tgt_lengths[rows]
        src = _pad(self.split.src, rows, end_token=False)
        row = np.repeat(np.arange(len(rows)), answers)
        positions = row * src.shape[1] + answered_at.take(rows).tokens
        targets = np.full((len(rows), src.shape[1]), PAD, dtype=np.int64)
        targets.reshape(-1)[positions] = self.split.tgt.take(rows).tokens
        mask = None
        if lengths.min() < src.shape[1]:
            mask = torch.from_numpy(np.arange(src.shape[1]) < lengths[:, None]).to(self.device)
        return Batch(
            src=torch.from_numpy(src).to(self.device),
            src_mask=mask,
            tgt_in=None,
            tgt_out=torch.from_numpy(targets).to(self.device),
            unpadded=None if len(positions) == targets.size else torch.from_numpy(positions).to(self.device),
            rows=rows,
            source_tokens=int(lengths.sum()),
            target_tokens=int(answers.sum()),
        )

    def part(self, batch: Batch, start: int, stop: int) -> Batch:
        """The rows from `start` to before `stop` of a batch that this batcher made, padded as before."""
        ends = np.concatenate([[0], np.cumsum(self.tgt_lengths[batch.rows])])
        rows = batch.rows[start:stop]
        unpadded = batch.unpadded
        if unpadded is not None:  # in order of the rows, as many of each as it has targets
            unpadded = unpadded[ends[start] : ends[stop]] - start * batch.tgt_out.shape[1]
        return Batch(
            src=batch.src[start:stop],
            src_mask=None if batch.src_mask is None else batch.src_mask[start:stop],
            tgt_in=None if batch.tgt_in is None else batch.tgt_in[start:stop],
            tgt_out=batch.tgt_out[start:stop],
            unpadded=unpadded,
            rows=rows,
            source_tokens=int(self.src_lengths[rows].sum()),
            target_tokens=int(ends[stop] - ends[start]),
        )

    def epoch(self, carried: bool = False) -> Iterator[Batch]:
        """All batches of the plan that is always the same; carried: of the one that `streams` makes."""
        return (self.make(rows) for rows in (self.streams() if carried else self.plan()))


def _pad(side: Ragged, rows: np.ndarray, start_token: bool = False, end_token: bool = True) -> np.ndarray:
    """Pad the sequences of these rows to the longest of them.

    Returns (B, L) int64, closed by EOS unless `end_token` is false, then PAD; or (B, L, C) float32, then zeros.
    start_token: one more column in front, BOS or zeros.
    """
    sequences = side.take(rows)
    lengths, first = sequences.lengths, int(start_token)
    max_length = int((lengths_with_end(sequences) if end_token else lengths).max()) + first
    position = np.arange(max_length)
    inside = (position >= first) & (position < first + lengths[:, None])
    if side.kind == "values":
        padded = np.zeros((len(rows), max_length, side.tokens.shape[1]), dtype=np.float32)
    else:
        padded = np.full((len(rows), max_length), PAD, dtype=np.int64)
        if end_token:
            padded[np.arange(len(rows)), first + lengths] = EOS
        padded[:, :first] = BOS
    padded[inside] = sequences.tokens
    return padded

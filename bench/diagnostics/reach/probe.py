"""The two probes of a model, which know its interface alone: where the gradient of an output goes, and what becomes of
the output when the source beyond a distance is replaced. Distances are those of `bench.records.reach_rows`.

Both look at one output of each example, written after the reference up to it (teacher-forced), in evaluation mode.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from bench.data.examples import Split
from bench.data.ragged import Ragged
from bench.errors import UserError
from bench.metrics import TOLERANCE
from bench.seeding import numpy_generator
from bench.training.batches import Batcher
from models.interface import Seq2Seq

POINTS = 25
"""Distances of a curve, at most; more are thinned out towards the far end."""

SEED = 0
"""Of positions and partners: the same for every cell, so that arms are asked the same."""

BATCH_TOKENS = 4096
"""Rows times longest side of a batch; it changes speed and memory, and nothing else."""


@dataclass(frozen=True)
class Examples:
    """What is probed. split: the examples, each target cut off after the position asked for; rows (N,): their places in
    the whole split; at (N,): that position, counted from 0."""

    split: Split
    rows: np.ndarray
    at: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """(N,) source tokens, without end tokens."""
        return self.split.src.lengths

    @property
    def distances(self) -> np.ndarray:
        """(M,) of every source token of every example, in order."""
        lengths = self.lengths
        return np.repeat(lengths + self.at, lengths) - _places(lengths)

    @property
    def longest(self) -> int:
        """The greatest distance."""
        return int((self.lengths + self.at).max())


def chosen(split: Split, count: int, position: int | None = None) -> Examples:
    """`count` examples evenly over the split, or all where it has fewer; of each one position of its reference: the one
    given, or one drawn evenly (of an answer of one token, that one)."""
    rows = np.unique(np.linspace(0, len(split) - 1, min(count, len(split))).round().astype(np.int64))
    lengths = np.maximum(split.tgt.lengths[rows], 1)  # an empty reference has its end token
    at = numpy_generator(SEED, "reach", "position").integers(0, lengths)
    if position is not None:
        at = np.minimum(position, lengths - 1)
    return Examples(Split(split.name, split.src.take(rows), _cut(split.tgt.take(rows), at + 1)), rows, at)


def partners(split: Split, examples: Examples, count: int) -> np.ndarray:
    """(N, count) places in the split of the examples that lend their sources, never an example itself.

    Raises UserError where there is no other.
    """
    if len(split) < 2:
        raise UserError(f"split {split.name} has one example: there is no other source to put in its place")
    drawn = numpy_generator(SEED, "reach", "partner").integers(0, len(split) - 1, size=(len(examples.rows), count))
    return drawn + (drawn >= examples.rows[:, None])


def grid(longest: int) -> list[int]:
    """0, then distances up to the longest: all of them, or about POINTS whose steps grow with the distance.

    >>> grid(3), grid(60)[-6:]
    ([0, 1, 2, 3], [26, 30, 36, 43, 51, 60])
    """
    if longest <= POINTS:
        return list(range(longest + 1))
    return [0, *np.unique(np.geomspace(1, longest, POINTS).round().astype(np.int64)).tolist()]


def gradient_norms(
    model: Seq2Seq, examples: Examples, batch_tokens: int = BATCH_TOKENS, device: str = "cpu"
) -> np.ndarray:
    """(M,) the norm over channels of the gradient at every embedded source token, in the order of
    `Examples.distances`: of the log probability of the reference's token, in nats, or of the predicted value (where it
    has several channels, the norm of all their gradients together).

    It is computed in float64: where a model is sure, one minus its probability is lost in float32.
    """
    batcher = Batcher(examples.split, batch_tokens, device)
    offsets = examples.split.src.offsets
    found = np.empty(offsets[-1])
    with _differentiable(model) as exact:
        for rows in batcher.plan():
            batch = batcher.make(rows)
            at = torch.from_numpy(examples.at[rows]).to(device)
            src, tgt_in = (_exact(side) for side in (batch.src, batch.tgt_in))
            norms = _norms(exact, src, batch.src_mask, tgt_in, batch.tgt_out, at).cpu().numpy()
            for row, norm in zip(rows, norms, strict=True):
                begin, end = offsets[row], offsets[row + 1]
                found[begin:end] = norm[: end - begin]
    return found


def right(
    model: Seq2Seq, split: Split, at: np.ndarray, batch_tokens: int = BATCH_TOKENS, device: str = "cpu"
) -> np.ndarray:
    """(N,) bool: whether the most probable token at each example's position is the reference's, or the predicted value
    within `bench.metrics.TOLERANCE` of it in every channel."""
    assert not model.training, "probe in evaluation mode"
    batcher = Batcher(split, batch_tokens, device)
    found = np.empty(len(split), dtype=bool)
    with torch.inference_mode():
        for rows in batcher.plan():
            batch = batcher.make(rows)
            places = torch.from_numpy(at[rows]).to(device)
            predicted = _predicted(model, batch.src, batch.src_mask, batch.tgt_in, places)
            wanted = batch.tgt_out[torch.arange(len(rows), device=device), places]
            if wanted.is_floating_point():
                same = ((predicted - wanted).abs() < TOLERANCE).all(dim=-1)
            else:
                same = predicted.argmax(dim=-1) == wanted
            found[rows] = same.cpu().numpy()
    return found


def replaced(src: Ragged, rows: np.ndarray, lenders: np.ndarray, kept: np.ndarray) -> Ragged:
    """The sources in `rows` with all but their last `kept` tokens replaced by the lender's at the same place, a shorter
    lender's over and over. rows, lenders, kept: (N,)."""
    lengths = src.lengths[rows]
    place = _places(lengths)
    own = np.repeat(src.offsets[rows], lengths) + place
    lent = np.repeat(src.offsets[lenders], lengths) + place % np.repeat(src.lengths[lenders], lengths)
    stays = place >= np.repeat(lengths - kept, lengths)
    return Ragged(src.tokens[np.where(stays, own, lent)], np.concatenate([[0], np.cumsum(lengths)]))


def kept_up_to(
    model: Seq2Seq,
    split: Split,
    examples: Examples,
    distances: Sequence[int],
    lenders: np.ndarray,
    batch_tokens: int = BATCH_TOKENS,
    device: str = "cpu",
) -> Iterator[np.ndarray]:
    """For each distance k, ascending: (N,) the share of an example's lenders with which its output is right when every
    source token farther than k is the lender's. split: the whole one; lenders (N, count): places in it."""
    lengths, at, count = examples.lengths, examples.at, lenders.shape[1]
    whole = right(model, examples.split, at, batch_tokens, device)
    shares, before = np.zeros(len(at)), np.full(len(at), -1)
    for k in distances:
        kept = np.clip(k - at, 0, lengths)
        shares[kept == lengths] = whole[kept == lengths]
        # What is replaced as it was at the distance before need not be asked again.
        new = np.flatnonzero((kept != before) & (kept < lengths))
        if len(new):
            times = np.repeat(new, count)
            src = replaced(split.src, examples.rows[times], lenders[new].reshape(-1), kept[times])
            asked = Split(split.name, src, examples.split.tgt.take(times))
            shares[new] = right(model, asked, at[times], batch_tokens, device).reshape(-1, count).mean(axis=1)
        before = kept
        yield shares.copy()


def constant(train: Split, split: Split, position: int | None = None) -> float:
    """How often the one token that is most frequent in training is right, over all tokens of the split's references, or
    over those at one position; of values, how often their mean is."""
    if train.tgt.kind == "values":
        return float((np.abs(split.tgt.tokens - train.tgt.tokens.mean(axis=0)) < TOLERANCE).all(axis=-1).mean())
    asked, known = (_at(side.tgt, position) for side in (split, train))
    return float((asked == np.bincount(known).argmax()).mean())


def _at(targets: Ragged, position: int | None) -> np.ndarray:
    """The tokens at a position of every target that is long enough; None: all there are."""
    if position is None:
        return targets.tokens
    return targets.tokens[targets.offsets[:-1][targets.lengths > position] + position]


def _places(lengths: np.ndarray) -> np.ndarray:
    """(sum of lengths,) the place of every token in its own sequence."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)


def _cut(sequences: Ragged, most: np.ndarray) -> Ragged:
    """Each sequence up to `most` (N,) of its tokens."""
    lengths = sequences.lengths
    short = np.minimum(lengths, most)
    stays = _places(lengths) < np.repeat(short, lengths)
    return Ragged(sequences.tokens[stays], np.concatenate([[0], np.cumsum(short)]))


def _exact(side: Tensor) -> Tensor:
    return side.double() if side.is_floating_point() else side


@contextmanager
def _differentiable(model: Seq2Seq) -> Iterator[Seq2Seq]:
    """Inside, the model is in float64, and a gradient goes through it to its inputs alone."""
    assert not model.training, "probe in evaluation mode"
    own = next(model.parameters()).dtype
    asked = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # cuDNN differentiates its recurrent kernels in training mode alone; what they compute is the same, since dropout
    # is elsewhere.
    kernels = [module for module in model.modules() if isinstance(module, nn.RNNBase)]
    try:
        model.double().requires_grad_(False)
        for kernel in kernels:
            assert kernel.dropout == 0.0, "dropout inside a kernel would be on"
            kernel.train()
        yield model
    finally:
        model.to(own).eval()
        for parameter in asked:
            parameter.requires_grad_(True)


def _predicted(model: Seq2Seq, src: Tensor, src_mask: Tensor | None, tgt_in: Tensor, at: Tensor) -> Tensor:
    """(B, V) logits, or values, at the positions `at` (B,)."""
    features = model.features(src, tgt_in, src_mask)
    return model.project(features[torch.arange(len(at), device=at.device), at])


def _norms(
    model: Seq2Seq, src: Tensor, src_mask: Tensor | None, tgt_in: Tensor, tgt_out: Tensor, at: Tensor
) -> Tensor:
    """(B, S) of the gradients at the embedded source."""
    leaves: list[Tensor] = []

    def watch(module: nn.Module, given: tuple[Tensor, ...], embedded: Tensor) -> Tensor | None:
        if given[0] is not src:  # a shared embedding has the target go through it as well
            return None
        leaves.append(embedded.detach().requires_grad_())
        return leaves[-1]

    handle = model.src_embedding.register_forward_hook(watch)
    try:
        predicted = _predicted(model, src, src_mask, tgt_in, at)
    finally:
        handle.remove()
    if not leaves:
        raise UserError(
            f"{type(model).__name__} does not give its source to src_embedding as it is: no gradient there"
        )
    if tgt_out.is_floating_point():
        outputs = list(predicted.sum(dim=0))
    else:
        wanted = tgt_out[torch.arange(len(at), device=at.device), at].unsqueeze(1)
        outputs = [predicted.log_softmax(dim=-1).gather(1, wanted).sum()]
    squares = torch.zeros_like(leaves[0][..., 0])
    for output in outputs:
        if output.requires_grad:  # or the source has no part in it
            gradients = torch.autograd.grad(output, leaves, retain_graph=True, allow_unused=True)
            used = [gradient for gradient in gradients if gradient is not None]
            squares = squares + sum(used).square().sum(dim=-1) if used else squares
    return squares.sqrt()

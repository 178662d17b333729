"""The two probes of a model: input gradients by distance, and accuracy with the distant source replaced. They use the
contracts of models alone. `bench.records.reach_rows` defines distances.

Both examine one output of each example, predicted after the reference up to its position (teacher forcing), or by one
stack at the end of the source (`bench.diagnostics.reach.prefixes`), in evaluation mode. Shapes: N examples, M source
tokens of all examples together, B rows of a batch, S source length, V vocabulary.
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
from bench.diagnostics.reach.prefixes import answers, read_positions
from bench.errors import UserError
from bench.metrics import TOLERANCE
from bench.seeding import numpy_generator
from bench.training.batches import Batcher
from models.interface import Model, Seq2Seq, SequenceModel

MAX_DISTANCES = 25
"""Maximum number of positive distances of a curve; more are thinned out towards the far end."""

SEED = 0
"""Seed of positions and partners, the same for every cell, so that all arms are probed on the same examples."""

BATCH_TOKENS = 4096
"""Batch size, rows times longest side. Affects speed and memory, not the numbers."""


@dataclass(frozen=True)
class Examples:
    """The probed examples. split: the examples, each target cut off after the probed position; indices (N,): their
    indices in the whole split; positions (N,): the probed target positions, from 0."""

    split: Split
    indices: np.ndarray
    positions: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """(N,) source tokens, end tokens excluded."""
        return self.split.src.lengths

    @property
    def distances(self) -> np.ndarray:
        """(M,) distance of every source token from its example's probed output, in order."""
        lengths = self.lengths
        return np.repeat(lengths + self.positions, lengths) - _token_indices(lengths)

    @property
    def max_distance(self) -> int:
        return int((self.lengths + self.positions).max())


def sample_examples(split: Split, count: int, position: int | None = None) -> Examples:
    """`count` examples at equal intervals over the split, or all if it has fewer, each with one target position.

    position: the position probed in every reference (the last one of a shorter reference). None: a position drawn
    uniformly for each example.
    """
    indices = np.unique(np.linspace(0, len(split) - 1, min(count, len(split))).round().astype(np.int64))
    lengths = np.maximum(split.tgt.lengths[indices], 1)  # an empty reference is probed at its end token
    positions = numpy_generator(SEED, "reach", "position").integers(0, lengths)
    if position is not None:
        positions = np.minimum(position, lengths - 1)
    targets = _truncate(split.tgt.take(indices), positions + 1)
    sampled = Split(split.name, split.src.take(indices), targets, answered_at=answers(split, indices))
    return Examples(sampled, indices, positions)


def draw_partners(split: Split, examples: Examples, count: int) -> np.ndarray:
    """(N, count) indices in the split of the partners, other examples whose sources replace an example's own.

    Raises UserError if the split has only one example.
    """
    if len(split) < 2:
        raise UserError(
            f"split {split.name} has one example, and no other source to replace its own; probe another split"
        )
    drawn = numpy_generator(SEED, "reach", "partner").integers(0, len(split) - 1, size=(len(examples.indices), count))
    return drawn + (drawn >= examples.indices[:, None])


def distance_grid(max_distance: int) -> list[int]:
    """0, then distances up to the maximum: all of them, or about MAX_DISTANCES at geometrically growing intervals.

    >>> distance_grid(3), distance_grid(60)[-6:]
    ([0, 1, 2, 3], [26, 30, 36, 43, 51, 60])
    """
    if max_distance <= MAX_DISTANCES:
        return list(range(max_distance + 1))
    return [0, *np.unique(np.geomspace(1, max_distance, MAX_DISTANCES).round().astype(np.int64)).tolist()]


def gradient_norms(
    model: Model, examples: Examples, batch_tokens: int = BATCH_TOKENS, device: str = "cpu"
) -> np.ndarray:
    """(M,) norm over channels of the gradient at every embedded source token, in the order of `Examples.distances`.

    The gradient is of the reference token's log probability, in nats. For real values it is of the predicted value;
    with several output channels, the norm is taken over the gradients of all of them. The computation is in float64,
    because float32 loses one minus the probability of a confident model.
    """
    batcher, offsets = Batcher(examples.split, batch_tokens, device), examples.split.src.offsets
    read_at = read_positions(examples.split, examples.positions)
    norms = np.empty(offsets[-1])
    with _differentiable(model) as float64_model:
        for rows in batcher.plan():
            batch = batcher.make(rows)
            positions = torch.from_numpy(read_at[rows]).to(device)
            src = _as_float64(batch.src)
            tgt_in = None if batch.tgt_in is None else _as_float64(batch.tgt_in)
            norms_BS = _batch_norms(float64_model, src, batch.src_mask, tgt_in, batch.tgt_out, positions).cpu().numpy()
            for row, norms_S in zip(rows, norms_BS, strict=True):
                begin, end = offsets[row], offsets[row + 1]
                norms[begin:end] = norms_S[: end - begin]
    return norms


def predict_correctly(
    model: Model, split: Split, positions: np.ndarray, batch_tokens: int = BATCH_TOKENS, device: str = "cpu"
) -> np.ndarray:
    """(N,) bool: whether the output at each example's position is correct.

    A token is correct if the reference token has the highest probability; a real value, if it is within
    `bench.metrics.TOLERANCE` of the reference in every channel.
    """
    assert not model.training, "probe in evaluation mode"
    batcher, read_at = Batcher(split, batch_tokens, device), read_positions(split, positions)
    correct = np.empty(len(split), dtype=bool)
    with torch.inference_mode():
        for rows in batcher.plan():
            batch = batcher.make(rows)
            batch_positions = torch.from_numpy(read_at[rows]).to(device)
            predicted = _predict(model, batch.src, batch.src_mask, batch.tgt_in, batch_positions)
            reference = batch.tgt_out[torch.arange(len(rows), device=device), batch_positions]
            if reference.is_floating_point():
                correct_B = ((predicted - reference).abs() < TOLERANCE).all(dim=-1)
            else:
                correct_B = predicted.argmax(dim=-1) == reference
            correct[rows] = correct_B.cpu().numpy()
    return correct


def replace_distant(src: Ragged, indices: np.ndarray, partners: np.ndarray, kept: np.ndarray) -> Ragged:
    """The sources at `indices`, with all but their last `kept` tokens replaced by the partner's token at the same
    index; a shorter partner is repeated. indices, partners, kept: (N,)."""
    lengths = src.lengths[indices]
    token_indices = _token_indices(lengths)
    own = np.repeat(src.offsets[indices], lengths) + token_indices
    other = np.repeat(src.offsets[partners], lengths) + token_indices % np.repeat(src.lengths[partners], lengths)
    is_kept = token_indices >= np.repeat(lengths - kept, lengths)
    return Ragged(src.tokens[np.where(is_kept, own, other)], np.concatenate([[0], np.cumsum(lengths)]))


def replacement_accuracy(
    model: Model,
    split: Split,
    examples: Examples,
    distances: Sequence[int],
    partners: np.ndarray,
    batch_tokens: int = BATCH_TOKENS,
    device: str = "cpu",
) -> Iterator[np.ndarray]:
    """For each distance k, ascending, yields (N,): the share of an example's partners with which its output is correct
    when the partner's tokens replace all source tokens farther than k.

    split: the whole split; partners (N, count): indices in it.
    """
    lengths, positions, count = examples.lengths, examples.positions, partners.shape[1]
    correct_unreplaced = predict_correctly(model, examples.split, positions, batch_tokens, device)
    accuracy, previous_kept = np.zeros(len(positions)), np.full(len(positions), -1)
    for k in distances:
        kept = np.clip(k - positions, 0, lengths)
        accuracy[kept == lengths] = correct_unreplaced[kept == lengths]
        # An example that keeps as many tokens as at the previous distance keeps its accuracy.
        changed = np.flatnonzero((kept != previous_kept) & (kept < lengths))
        if len(changed):
            repeated = np.repeat(changed, count)
            src = replace_distant(split.src, examples.indices[repeated], partners[changed].reshape(-1), kept[repeated])
            tgt, answered_at = examples.split.tgt.take(repeated), answers(examples.split, repeated)
            replaced = Split(split.name, src, tgt, answered_at=answered_at)
            correct = predict_correctly(model, replaced, positions[repeated], batch_tokens, device)
            accuracy[changed] = correct.reshape(-1, count).mean(axis=1)
        previous_kept = kept
        yield accuracy.copy()


def constant_accuracy(train: Split, split: Split, position: int | None = None) -> float:
    """Accuracy of the best constant answer: the most frequent token in training, or the mean of real values.

    Over all tokens of the split's references, or over those at one position.
    """
    if train.tgt.kind == "values":
        return float((np.abs(split.tgt.tokens - train.tgt.tokens.mean(axis=0)) < TOLERANCE).all(axis=-1).mean())
    references, training = (_tokens_at(side.tgt, position) for side in (split, train))
    return float((references == np.bincount(training).argmax()).mean())


def _tokens_at(targets: Ragged, position: int | None) -> np.ndarray:
    """The token at a position of every target that is long enough; None: all tokens."""
    if position is None:
        return targets.tokens
    return targets.tokens[targets.offsets[:-1][targets.lengths > position] + position]


def _token_indices(lengths: np.ndarray) -> np.ndarray:
    """(sum of lengths,) index of every token in its own sequence."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)


def _truncate(sequences: Ragged, max_lengths: np.ndarray) -> Ragged:
    """The sequences, each cut to at most its own maximum length; max_lengths: (N,)."""
    lengths = sequences.lengths
    new_lengths = np.minimum(lengths, max_lengths)
    is_kept = _token_indices(lengths) < np.repeat(new_lengths, lengths)
    return Ragged(sequences.tokens[is_kept], np.concatenate([[0], np.cumsum(new_lengths)]))


def _as_float64(side: Tensor) -> Tensor:
    return side.double() if side.is_floating_point() else side


@contextmanager
def _differentiable(model: Model) -> Iterator[Model]:
    """Within this context the model is in float64, and gradients flow to its inputs but not to its parameters."""
    assert not model.training, "probe in evaluation mode"
    dtype = next(model.parameters()).dtype
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # cuDNN differentiates its recurrent kernels in training mode only. Their outputs do not change, because dropout is
    # applied outside the kernels.
    kernels = [module for module in model.modules() if isinstance(module, nn.RNNBase)]
    try:
        model.double().requires_grad_(False)
        for kernel in kernels:
            assert kernel.dropout == 0.0, "training mode would switch on dropout inside the kernel"
            kernel.train()
        yield model
    finally:
        model.to(dtype).eval()
        for parameter in trainable:
            parameter.requires_grad_(True)


def _predict(model: Model, src: Tensor, src_mask: Tensor | None, tgt_in: Tensor | None, positions: Tensor) -> Tensor:
    """(B, V) logits, or (B, channels) values, at `positions` (B,). tgt_in: None for one stack."""
    if isinstance(model, SequenceModel):
        features = model.features(src, src_mask)
    else:
        assert isinstance(model, Seq2Seq) and tgt_in is not None
        features = model.features(src, tgt_in, src_mask)
    return model.project(features[torch.arange(len(positions), device=positions.device), positions])


def _batch_norms(
    model: Model, src: Tensor, src_mask: Tensor | None, tgt_in: Tensor | None, tgt_out: Tensor, positions: Tensor
) -> Tensor:
    """(B, S) norms of the gradients at the embedded source, for outputs at `positions` (B,)."""
    leaves: list[Tensor] = []

    def capture(module: nn.Module, arguments: tuple[Tensor, ...], embedded: Tensor) -> Tensor | None:
        if arguments[0] is not src:  # a shared embedding also embeds the target
            return None
        leaves.append(embedded.detach().requires_grad_())
        return leaves[-1]

    name = "embedding" if isinstance(model, SequenceModel) else "src_embedding"
    handle = getattr(model, name).register_forward_hook(capture)
    try:
        predicted = _predict(model, src, src_mask, tgt_in, positions)
    finally:
        handle.remove()
    if not leaves:
        raise UserError(
            f"{type(model).__name__} does not pass its source to {name} unchanged, so there is no gradient"
        )
    if tgt_out.is_floating_point():
        outputs = list(predicted.sum(dim=0))
    else:
        reference = tgt_out[torch.arange(len(positions), device=positions.device), positions].unsqueeze(1)
        outputs = [predicted.log_softmax(dim=-1).gather(1, reference).sum()]
    squares_BS = torch.zeros_like(leaves[0][..., 0])
    for output in outputs:
        if not output.requires_grad:  # the output does not depend on the source
            continue
        gradients = torch.autograd.grad(output, leaves, retain_graph=True, allow_unused=True)
        used = (gradient for gradient in gradients if gradient is not None)
        squares_BS = squares_BS + sum(used, start=torch.zeros_like(leaves[0])).square().sum(dim=-1)
    return squares_BS.sqrt()

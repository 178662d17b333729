"""A split of one stack as the probes read it: of each sequence the part up to one answer, drawn uniformly.

A causal model predicts the answer from that part alone. Its last token, at the position of the answer, has distance 1.
"""

from __future__ import annotations

import numpy as np

from bench.data.examples import Split
from bench.data.ragged import Ragged
from bench.seeding import numpy_generator


def to_one_answer(split: Split, seed: int) -> Split:
    """The sequences of a split of one stack up to the position of one of their answers, with this answer alone."""
    assert split.answered_at is not None, "a split of one stack"
    answers = numpy_generator(seed, "reach", "position").integers(0, split.tgt.lengths)
    chosen = split.tgt.offsets[:-1] + answers
    last = split.answered_at.tokens[chosen]
    inside = np.arange(len(split.src.tokens)) - np.repeat(split.src.offsets[:-1], split.src.lengths)
    kept = inside <= np.repeat(last, split.src.lengths)
    src = Ragged(split.src.tokens[kept], np.concatenate([[0], np.cumsum(last + 1, dtype=np.int64)]))
    one_each = np.arange(len(split) + 1)
    tgt, answered_at = (Ragged(side.tokens[chosen], one_each) for side in (split.tgt, split.answered_at))
    return Split(split.name, src, tgt, answered_at=answered_at)


def answers(split: Split, rows: np.ndarray) -> Ragged | None:
    """Where the answers of these examples are in their sequences; None for encoder-decoders."""
    return None if split.answered_at is None else split.answered_at.take(rows)


def read_positions(split: Split, positions: np.ndarray) -> np.ndarray:
    """(N,) the positions of the features that predict the probed outputs: those of the answers for one stack, else
    the positions (N,) in the targets."""
    return positions if split.answered_at is None else split.answered_at.tokens.astype(np.int64)

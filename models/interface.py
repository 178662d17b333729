"""The two contracts of models, encoder-decoder and one stack, with the shape legend and the mask convention.

Shape legend, one letter for each axis:

    B  batch                    D  model width
    N  hypotheses, N = n * B    H  heads
    S  source length            K  width of a head's queries and keys
    T  target length            V  vocabulary; after H: width of a head's values
                                C  channels of real-valued inputs and outputs

A tensor may carry its axes in its name: `scores_BHTS`.

Mask convention, the only one in the project: boolean, True = may be attended to (a real token). `None` = every
position is real, so the kernels take their faster unmasked path. Padding is on the right, and every source has at
least one real token.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor, nn

State = dict[str, Tensor]
"""What a decoder carries from one step to the next. The first axis of every tensor is the batch, so a search can
repeat, drop or reorder hypotheses with `select` without knowing the model."""

SOURCE = "source."
"""Prefix of state entries that hold the encoded source. They are read-only and stored once for each source, not once
for each hypothesis. A model without such entries stores everything for each hypothesis."""


def select(state: State, rows: Tensor, sources: Tensor | None = None) -> State:
    """Select hypotheses from a decoding state, in the order of `rows`.

    rows: (N',) int64, repeats allowed. sources: (B',) int64, rows of the entries that hold the source; None keeps
    these entries unchanged. N' must be a multiple of B', with the hypotheses of one source adjacent.
    """
    selected: State = {}
    for name, tensor in state.items():
        indices = sources if name.startswith(SOURCE) else rows
        selected[name] = tensor if indices is None else tensor.index_select(0, indices)
    return selected


def source_rows(state: State) -> int:
    """The number of sources B in a state that holds the encoded source. N / B hypotheses belong to each."""
    return next(len(tensor) for name, tensor in state.items() if name.startswith(SOURCE))


@dataclass(frozen=True)
class Depth:
    """Lengths of the chains of operations in one teacher-forced pass over one pair.

    Counted are the operations that mix positions: one step of a recurrence, one attention, one level of a parallel
    scan (Vaswani et al. 2017, Table 1).

    sequential: operations that must follow one another, summed over layers; within a layer, operations that can run at
    the same time count as one.
    source_path: operations on the shortest path from a source token to the last prediction, for the source token with
    the longest such path.
    target_path: the same for an earlier target token; 0 where there is none, as in one stack.
    """

    sequential: int
    source_path: int
    target_path: int


class Model(nn.Module, ABC):
    """What both contracts have: sizes, the projection to predictions, and the accounting of costs."""

    input_dim: int
    output_dim: int
    d_model: int
    inputs: str = "tokens"
    """`tokens` or `values`: what an input sequence consists of."""
    outputs: str = "tokens"
    """`tokens` or `values`: what is predicted."""
    max_length: int | None = None
    """Longest sequence the model can read, end or start token included. None: any length."""
    projection: nn.Linear
    """The layer that `project` applies, so that a loss can be fused with it."""

    @classmethod
    @abstractmethod
    def of_width(cls, width: int, input_dim: int, output_dim: int, *, rounded: bool = True, **options: Any) -> Self:
        """Build the model whose inner sizes all follow from `width`, which `models.width_search.solve_width` varies.

        The keyword parameters and their types are the options that configuration files may set. With `**options`, they
        may also set the constructor's.
        rounded: inner sizes are rounded where the width does not divide; False where the user set exactly this width.
        Raises ValueError where the options are impossible at this width.
        """

    @abstractmethod
    def project(self, features: Tensor) -> Tensor:
        """Vocabulary logits (..., V) of features (..., D)."""

    @abstractmethod
    def component_of(self, parameter_name: str) -> str:
        """The component a parameter is counted under, one of `models.cost.COMPONENTS`."""

    @abstractmethod
    def matmul_flops(self, source_length: int, target_length: int) -> int:
        """FLOPs of the matrix products in one teacher-forced forward pass over one unpadded pair.

        One stack: over a sequence of `source_length` positions with `target_length` predictions. A multiply and an add
        count as two.
        """

    @abstractmethod
    def depth(self, source_length: int, target_length: int) -> Depth:
        """The lengths of the operation chains in one teacher-forced forward pass, lengths as in `matmul_flops`."""


class Seq2Seq(Model):
    """An encoder-decoder over token ids, or over real-valued vectors on either side.

    Training uses `features` (all target positions at once, teacher-forced) and `project`; decoding uses `start` and
    `step` (one position at a time). Both must give the same logits: this is the first contract test.

    The shapes below are those of tokens. Real-valued sources are (B, S, input_dim) instead of (B, S). Real-valued
    targets are (B, T, output_dim) instead of (B, T), with zeros for the start token, and `project` gives predictions
    instead of logits.
    """

    src_embedding: nn.Module
    """The first module applied to the raw source: (B, S) to (B, S, D). It may embed targets as well."""

    @abstractmethod
    def features(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None
    ) -> Tensor:
        """Teacher-forced decoder outputs before the vocabulary projection.

        src (B, S) int64; tgt (B, T) int64, beginning with the start token; src_mask (B, S), tgt_mask (B, T) boolean.
        Returns (B, T, D). Position t depends on tgt[:, :t + 1] only.
        """

    @abstractmethod
    def start(self, src: Tensor, src_mask: Tensor | None = None) -> State:
        """Encode src (B, S) and return the state before the first target token."""

    @abstractmethod
    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one target token of each hypothesis (N,). Return the logits (N, V) of the next token and the new state.

        N is B, or a multiple of B after `select`. The input state is not modified.
        """

    def forward(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None
    ) -> Tensor:
        """Teacher-forced logits (B, T, V); arguments as in `features`. This is the article's `forward`."""
        return self.project(self.features(src, tgt, src_mask, tgt_mask))


class SequenceModel(Model):
    """One stack over one sequence of token ids or real-valued vectors, with a prediction at every position.

    Training uses `features` and `project`; a causal model also has `start` and `step`, which read one position at a
    time and must give the same logits. Real-valued inputs are (B, T, input_dim) instead of (B, T).
    """

    causal: bool
    """Whether position t depends on inputs[:, :t + 1] only. Otherwise it depends on all of the sequence, and the model
    has no steps."""
    embedding: nn.Module
    """The first module applied to the raw inputs: (B, T) to (B, T, D)."""
    carries_state: bool = False
    """Whether the model has `features_from`: it is causal, and its state has one size, whatever it has read."""

    @abstractmethod
    def features(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """inputs (B, T) int64, mask (B, T) boolean. Returns (B, T, D), to which `project` applies."""

    def features_from(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """`features` of inputs (B, T) that follow what the state has read, and the state after them.

        Window by window from `start`, a sequence has the features that it has at once. The input state is not
        modified. Raises ValueError where `carries_state` is false.
        """
        raise ValueError(f"{type(self).__name__} has no recurrent state that goes on from one window to the next")

    @abstractmethod
    def start(self, rows: int) -> State:
        """The state of `rows` sequences before their first position. Raises ValueError if the model is not causal."""

    @abstractmethod
    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one position of each sequence, token (B,). Return its logits (B, V) and the new state.

        The input state is not modified.
        """

    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits (B, T, V) at every position; arguments as in `features`."""
        return self.project(self.features(inputs, mask))

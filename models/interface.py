"""The contract every model keeps, and the words shared by all of `models`.

Shape legend, one letter an axis: B batch, S source length, T target length, D model width, H heads, K width of a
head's queries and keys, V vocabulary (or width of a head's values where it follows H), C channels of real-valued
input. A tensor may carry its axes in its name: `scores_BHTS`.

Mask convention, the only one in the project: boolean, True = may be attended to (a real token). `None` = every
position is real, which lets the kernels take their faster unmasked path. Padding stands on the right, and every
source has at least one real token.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

State = dict[str, Tensor]
"""What a decoder carries from one step to the next. Every tensor has the batch as its first axis, so that a search
can repeat, drop or reorder hypotheses with `select` without knowing which model it drives."""

SOURCE = "source."
"""How the names of those tensors of a state begin that a model reads and never changes: they hold the source, one row
for each, however many hypotheses of it there are. A model that names none keeps all it has for every hypothesis."""


def select(state: State, rows: Tensor, sources: Tensor | None = None) -> State:
    """The decoding state of the given hypotheses.

    rows: (N',) int64, repeats allowed. sources: (B',) int64, the rows of what is held of the sources, None = as they
    are. N' must be a multiple of B', the hypotheses of one source next to each other. Returns a state in that order.
    """
    selected: State = {}
    for name, tensor in state.items():
        chosen = sources if name.startswith(SOURCE) else rows
        selected[name] = tensor if chosen is None else tensor.index_select(0, chosen)
    return selected


@dataclass(frozen=True)
class Depth:
    """How long the chains are in a teacher-forced pass over one pair, counted in operations that mix positions: one
    step of a recurrence, one attention, one level of a parallel scan (Vaswani et al. 2017, Table 1).

    sequential: operations done one after another, layer after layer, where within a layer all that can be done at once
    is.
    source_path: from a source token to the last prediction, by the shortest way, for the worst placed token: the
    steps of a recurrence and the attentions that its information is carried through.
    target_path: the same from an earlier target token.
    """

    sequential: int
    source_path: int
    target_path: int


class Seq2Seq(nn.Module, ABC):
    """An encoder-decoder over token ids, or over real-valued vectors on either side.

    Training uses `features` (all target positions at once, teacher-forced) and `project`; decoding uses `start` and
    `step` (one position at a time). Both must give the same logits: that is the first contract test.

    Shapes below are those of tokens. Real-valued inputs are (B, S, input_dim) in place of (B, S); real-valued targets
    (B, T, output_dim) in place of (B, T), with zeros for the start token, and predictions in place of logits.
    """

    input_dim: int
    output_dim: int
    d_model: int
    inputs: str = "tokens"
    """`tokens` or `values`: what a source is made of."""
    outputs: str = "tokens"
    longest: int | None = None
    """Tokens of a source, or of a target, that it can read, end or start token included; None: any number."""
    src_embedding: nn.Module
    """What the source goes through first, as it was given: (B, S) to (B, S, D). It may embed targets too."""
    projection: nn.Linear
    """What `project` applies, so that a loss may be fused with it."""

    @classmethod
    @abstractmethod
    def of_width(
        cls, width: int, input_dim: int, output_dim: int, *, rounded: bool = True, **options: object
    ) -> Seq2Seq:
        """The model whose every inner size follows from one `width`; what `models.width_search.solve_width` varies.

        The keyword parameters here are what configuration files may say, with their types; where they end in
        `**options`, those of the constructor may be said too.
        rounded: inner sizes may be rounded where the width does not divide; False where somebody asked for exactly
        this width. Raises ValueError where the options cannot be had at that width.
        """

    @abstractmethod
    def features(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None
    ) -> Tensor:
        """Teacher-forced decoder outputs before the vocabulary projection.

        src (B, S) int64; tgt (B, T) int64, beginning with the start token; src_mask (B, S), tgt_mask (B, T) boolean.
        Returns (B, T, D). Position t depends on tgt[:, :t + 1] only.
        """

    @abstractmethod
    def project(self, features: Tensor) -> Tensor:
        """Vocabulary logits (..., V) of decoder outputs (..., D)."""

    @abstractmethod
    def start(self, src: Tensor, src_mask: Tensor | None = None) -> State:
        """Encode src (B, S) and return the state in which the first target token is to be read."""

    @abstractmethod
    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one target token of each hypothesis (N,) and return the logits (N, V) of the next one, and the new state.

        N is B, or a multiple of it where the state was so selected. The given state is left as it was.
        """

    def forward(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None
    ) -> Tensor:
        """Teacher-forced logits (B, T, V); arguments as in `features`. The article's `forward`."""
        return self.project(self.features(src, tgt, src_mask, tgt_mask))

    @abstractmethod
    def component_of(self, parameter_name: str) -> str:
        """The component a parameter is counted under: one of `models.cost.COMPONENTS`."""

    @abstractmethod
    def matmul_flops(self, source_length: int, target_length: int) -> int:
        """Floating-point operations of the matrix products in one teacher-forced forward pass over one pair without
        padding; a multiply and an add count as two."""

    @abstractmethod
    def depth(self, source_length: int, target_length: int) -> Depth:
        """The chains of one teacher-forced forward pass over one pair."""

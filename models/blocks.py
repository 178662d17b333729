"""The Transformer's frame: residual blocks around something that mixes along time, whatever that is.

A layer of the encoder mixes positions and then applies a feed-forward network to each; a layer of the decoder attends
to the source in between. Self-attention in this frame is the Transformer; an LSTM in it is `residual_lstm`. Between
two such arms nothing differs but the `Mixer`. Shapes and the mask convention: see `models.interface`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch.nn.functional as F
from torch import Tensor, nn

from models.attention import MultiHeadAttention
from models.checks import known
from models.cost import linear_flops
from models.dropout import Dropout, dropout_at
from models.hidden import HiddenLayer
from models.interface import State

NORMS = ("pre", "post")
ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


class Mixer(nn.Module, ABC):
    """What carries information from position to position. Made to look both ways (encoder) or back only (decoder)."""

    component: str
    """Where its parameters are counted: one of `models.cost.COMPONENTS`."""

    @abstractmethod
    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """All positions at once: inputs (B, T, D), mask (B, T). Returns (B, T, D)."""

    @abstractmethod
    def start(self, inputs: Tensor) -> State:
        """The state before the first position; inputs (B, ...) gives batch, device and type. For those that look back
        only, like `step`."""

    @abstractmethod
    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """One position: inputs (B, 1, D) and the state after the earlier ones. Returns (B, 1, D) and the new state."""

    @abstractmethod
    def matmul_flops(self, length: int) -> int:
        """Of `forward` over one sequence."""

    @abstractmethod
    def sequential(self, length: int) -> int:
        """Operations of `forward` that must be done one after another (see `models.interface.Depth`)."""

    @abstractmethod
    def path(self, length: int) -> int:
        """Operations that information is carried through from the first position to the last."""


class FeedForward(HiddenLayer):
    """f(x W_1 + b_1) W_2 + b_2 at each position, f = relu (Vaswani et al. 2017, eq. 2) or gelu."""

    kind = "feed_forward"

    def __init__(self, d_model: int, d_ff: int, dropout: float, activation: str) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[known("activation", activation, tuple(ACTIVATIONS))]
        self.inner = nn.Linear(d_model, d_ff)
        self.outer = nn.Linear(d_ff, d_model)
        self.dropout = Dropout(dropout)
        for part in (self.inner, self.outer):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        return self.outer(self.dropout(self.activation(self.inner(inputs))))

    @property
    def units(self) -> int:
        return self.inner.out_features

    def matmul_flops(self, length: int) -> int:
        """Of one sequence."""
        return linear_flops(self.inner, length) + linear_flops(self.outer, length)


class Residual(nn.Module):
    """The frame around a sublayer: `x + f(norm(x))` before, `norm(x + f(x))` after."""

    def __init__(self, d_model: int, dropout: Dropout, norm: str) -> None:
        super().__init__()
        self.pre = known("norm", norm, NORMS) == "pre"
        self.norm = nn.LayerNorm(d_model)
        self.dropout = dropout

    def before(self, inputs: Tensor) -> Tensor:
        """What the sublayer reads."""
        return self.norm(inputs) if self.pre else inputs

    def after(self, inputs: Tensor, result: Tensor) -> Tensor:
        """The sublayer's result added to what came in."""
        total = inputs + self.dropout(result)
        return total if self.pre else self.norm(total)


class EncoderLayer(nn.Module):
    """A mixer, then a feed-forward network (left out at d_ff = 0), each in a residual frame.

    dropout: of the feed-forward network's hidden layer. dropout_residual: of each sublayer's result before it is added
    (Vaswani et al. 2017, sec. 5.4); None: as `dropout`.
    """

    def __init__(
        self,
        mixer: Mixer,
        d_model: int,
        d_ff: int,
        dropout: float,
        norm: str,
        activation: str = "relu",
        dropout_residual: float | None = None,
    ) -> None:
        super().__init__()
        self.mixer = mixer
        self.mixer_frame = Residual(d_model, dropout_at("residual", dropout_residual, dropout), norm)
        self.feed_forward = FeedForward(d_model, d_ff, dropout, activation) if d_ff else None
        self.feed_forward_frame = None
        if d_ff:
            self.feed_forward_frame = Residual(d_model, dropout_at("residual", dropout_residual, dropout), norm)

    def forward(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """inputs (B, S, D), mask (B, S). Returns (B, S, D)."""
        return self.around(inputs, self.mixer(self.mixer_frame.before(inputs), mask))

    def around(self, inputs: Tensor, mixed: Tensor) -> Tensor:
        """The layer's result for its inputs and what was mixed from them in the frame, (B, S, D) both."""
        return self._transform(self.mixer_frame.after(inputs, mixed))

    def _transform(self, inputs: Tensor) -> Tensor:
        """The feed-forward network in its frame."""
        if self.feed_forward is None:
            return inputs
        frame = self.feed_forward_frame
        return frame.after(inputs, self.feed_forward(frame.before(inputs)))

    def matmul_flops(self, length: int) -> int:
        """Of one sequence."""
        return self.mixer.matmul_flops(length) + (self.feed_forward.matmul_flops(length) if self.feed_forward else 0)


class DecoderLayer(EncoderLayer):
    """A mixer that looks back only, attention over the source, then a feed-forward network."""

    def __init__(
        self,
        mixer: Mixer,
        cross_attention: MultiHeadAttention,
        d_model: int,
        d_ff: int,
        dropout: float,
        norm: str,
        activation: str = "relu",
        dropout_residual: float | None = None,
    ) -> None:
        super().__init__(mixer, d_model, d_ff, dropout, norm, activation, dropout_residual)
        self.cross_attention = cross_attention
        self.cross_frame = Residual(d_model, dropout_at("residual", dropout_residual, dropout), norm)

    def forward(
        self,
        inputs: Tensor,
        mask: Tensor | None,
        source: tuple[Tensor, Tensor],
        source_mask: Tensor | None,
    ) -> Tensor:
        """All target positions: inputs (B, T, D), mask (B, T); source: this layer's keys and values of the source
        (B, H, S, .); source_mask (B, S). Returns (B, T, D)."""
        mixed = self.mixer(self.mixer_frame.before(inputs), mask)
        return self._look(self.mixer_frame.after(inputs, mixed), source, source_mask)

    def step(
        self, inputs: Tensor, past: State, source: tuple[Tensor, Tensor], source_mask: Tensor | None
    ) -> tuple[Tensor, State]:
        """One more target position of each hypothesis: inputs (N, 1, D); past: the mixer's state. The N are as many for
        every source, side by side. Returns (N, 1, D) and the mixer's new state."""
        mixed, new = self.mixer.step(self.mixer_frame.before(inputs), past)
        return self._look(self.mixer_frame.after(inputs, mixed), source, source_mask), new

    def _look(self, inputs: Tensor, source: tuple[Tensor, Tensor], source_mask: Tensor | None) -> Tensor:
        """Attention over the source in its frame, then the feed-forward network in its own."""
        mask_B11S = None if source_mask is None else source_mask[:, None, None, :]
        # Nothing here knows positions, so what looks at the same source may stand in one row, whether as positions of one
        # target or as hypotheses.
        queries = self.cross_frame.before(inputs)
        looked = self.cross_attention(queries.reshape(len(source[0]), -1, queries.shape[-1]), *source, mask_B11S)
        return self._transform(self.cross_frame.after(inputs, looked.view_as(inputs)))

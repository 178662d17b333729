"""Residual blocks around a `Mixer`, the only module that carries information between positions of one sequence.

An encoder layer mixes positions and then applies a feed-forward network to each; a decoder layer attends to the source
in between. Self-attention as the mixer gives the Transformer; an LSTM gives `residual_lstm`. Two such arms differ in
the mixer alone. Shapes and the mask convention: see `models.interface`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from models.attention import MultiHeadAttention, key_padding_mask
from models.checks import check_choice
from models.cost import linear_flops
from models.dropout import Dropout, dropout_at
from models.hidden import HiddenLayer
from models.interface import State

NORMS = ("pre", "post")
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


class Mixer(nn.Module, ABC):
    """Carries information between positions: both ways in an encoder, from earlier to later ones in a decoder."""

    component: str
    """The component its parameters are counted under, one of `models.cost.COMPONENTS`."""

    carries_state: bool = False
    """Whether the state has one size, whatever was read. `step` then takes several positions, (B, T, D), as well."""

    @abstractmethod
    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mix all positions at once: inputs (B, T, D), mask (B, T). Returns (B, T, D)."""

    @abstractmethod
    def start(self, inputs: Tensor) -> State:
        """The state before the first position. inputs (B, ...) gives batch size, device and type.

        `start` and `step` are for mixers of a decoder.
        """

    @abstractmethod
    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Mix one position (B, 1, D) with the earlier ones in the state. Returns (B, 1, D) and the new state."""

    @abstractmethod
    def matmul_flops(self, length: int) -> int:
        """FLOPs of `forward` over one sequence."""

    @abstractmethod
    def sequential(self, length: int) -> int:
        """Operations of `forward` that must follow one another (see `models.interface.Depth`)."""

    @abstractmethod
    def path(self, length: int) -> int:
        """Operations that carry information from the first position to the last."""


class FeedForward(HiddenLayer):
    """f(x W_1 + b_1) W_2 + b_2 at each position, f = relu (Vaswani et al. 2017, eq. 2) or gelu."""

    kind = "feed_forward"

    def __init__(self, d_model: int, d_ff: int, dropout: float, activation: str) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[check_choice("activation", activation, tuple(ACTIVATIONS))]
        self.inner = nn.Linear(d_model, d_ff)
        self.outer = nn.Linear(d_ff, d_model)
        self.dropout = Dropout(dropout)
        for layer in (self.inner, self.outer):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        return self.outer(self.dropout(self.activation(self.inner(inputs))))

    @property
    def units(self) -> int:
        return self.inner.out_features

    def matmul_flops(self, length: int) -> int:
        """FLOPs of one sequence."""
        return linear_flops(self.inner, length) + linear_flops(self.outer, length)


class Residual(nn.Module):
    """Norm and dropout of a residual connection around a sublayer f.

    `pre`: x + dropout(f(norm(x))). `post`: norm(x + dropout(f(x))). A layer writes both as
    post_norm(x + dropout(f(pre_norm(x)))), where the norm of the other kind is the identity.
    """

    def __init__(self, d_model: int, dropout: Dropout, norm: str) -> None:
        super().__init__()
        self.pre = check_choice("norm", norm, NORMS) == "pre"
        self.norm = nn.LayerNorm(d_model)
        self.dropout = dropout

    def pre_norm(self, inputs: Tensor) -> Tensor:
        """Normalise the sublayer's inputs where the norm comes before it."""
        return self.norm(inputs) if self.pre else inputs

    def post_norm(self, outputs: Tensor) -> Tensor:
        """Normalise the sum where the norm comes after it."""
        return outputs if self.pre else self.norm(outputs)


class Block(nn.Module):
    """The mixer and the feed-forward network of a layer (none at d_ff = 0), each with a residual connection.

    dropout: of the feed-forward network's hidden layer. dropout_residual: of each sublayer's output before it is added
    (Vaswani et al. 2017, sec. 5.4); None: the value of `dropout`.
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
        self.feed_forward: FeedForward | None = None
        self.feed_forward_frame: Residual | None = None
        if d_ff:
            self.feed_forward = FeedForward(d_model, d_ff, dropout, activation)
            self.feed_forward_frame = Residual(d_model, dropout_at("residual", dropout_residual, dropout), norm)

    def add_mixed(self, inputs: Tensor, mixed: Tensor) -> Tensor:
        """Add the mixer's outputs to the layer's inputs, (B, T, D) both."""
        frame = self.mixer_frame
        return frame.post_norm(inputs + frame.dropout(mixed))

    def transform(self, inputs: Tensor) -> Tensor:
        """Apply the feed-forward network with its residual connection to (B, T, D)."""
        frame = self.feed_forward_frame
        if self.feed_forward is None or frame is None:
            return inputs
        return frame.post_norm(inputs + frame.dropout(self.feed_forward(frame.pre_norm(inputs))))

    def matmul_flops(self, length: int) -> int:
        """FLOPs of mixer and feed-forward network over one sequence."""
        return self.mixer.matmul_flops(length) + (self.feed_forward.matmul_flops(length) if self.feed_forward else 0)


class EncoderLayer(Block):
    """A mixer over all positions, or over the earlier ones where it is causal, then a feed-forward network."""

    def forward(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """inputs (B, S, D), mask (B, S). Returns (B, S, D)."""
        # 1. Mix the source positions.
        hidden = self.add_mixed(inputs, self.mixer(self.mixer_frame.pre_norm(inputs), mask))
        # 2. Transform each position.
        return self.transform(hidden)

    def step(self, inputs: Tensor, past: State) -> tuple[Tensor, State]:
        """The next position of each sequence, as in `forward` with a causal mixer: inputs (B, 1, D), or (B, T, D) if
        the mixer `carries_state`; past: the mixer's state. Returns the same shape and the mixer's new state."""
        mixed, new_past = self.mixer.step(self.mixer_frame.pre_norm(inputs), past)
        return self.transform(self.add_mixed(inputs, mixed)), new_past


class DecoderLayer(Block):
    """A mixer from earlier to later positions, attention over the source, then a feed-forward network."""

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
        """All target positions: inputs (B, T, D), mask (B, T); source: this layer's keys and values of the source,
        (B, H, S, K) and (B, H, S, V); source_mask (B, S). Returns (B, T, D)."""
        # 1. Mix the target positions.
        hidden = self.add_mixed(inputs, self.mixer(self.mixer_frame.pre_norm(inputs), mask))
        # 2. Attend to the source.
        hidden = self.attend_source(hidden, source, source_mask)
        # 3. Transform each position.
        return self.transform(hidden)

    def step(
        self, inputs: Tensor, past: State, source: tuple[Tensor, Tensor], source_mask: Tensor | None
    ) -> tuple[Tensor, State]:
        """The next target position of each hypothesis, as in `forward`: inputs (N, 1, D); past: the mixer's state.

        N is a multiple of B, with the hypotheses of one source adjacent. Returns (N, 1, D) and the mixer's new state.
        """
        mixed, new_past = self.mixer.step(self.mixer_frame.pre_norm(inputs), past)
        hidden = self.attend_source(self.add_mixed(inputs, mixed), source, source_mask)
        return self.transform(hidden), new_past

    def attend_source(self, inputs: Tensor, source: tuple[Tensor, Tensor], source_mask: Tensor | None) -> Tensor:
        """Attention over the source with its residual connection: inputs (B, T, D) or (N, 1, D), returned alike."""
        frame = self.cross_frame
        queries = frame.pre_norm(inputs)
        # This attention knows no positions, so the hypotheses of one source can be its queries, like the positions of
        # one target, and keys and values are not repeated for each hypothesis.
        queries = queries.reshape(len(source[0]), -1, queries.shape[-1])  # (B, n, D)
        attended = self.cross_attention(queries, *source, key_padding_mask(source_mask))
        return frame.post_norm(inputs + frame.dropout(attended.view_as(inputs)))

"""The Transformer of Vaswani et al. (2017): self-attention in residual blocks, with the article's constructor and
`forward`. Shapes and the mask convention: see `models.interface`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.attention import MultiHeadAttention, causal_mask
from models.blocks import Mixer
from models.checks import known
from models.interface import State
from models.positional import POSITIONS, RELATIVE, Positional
from models.stack import BlockSeq2Seq, under

KINDS = ("keys", "values")
CHUNK = 64
"""Positions after which what is kept of them is put with the earlier ones."""


def length_of(state: State) -> int:
    """The positions that a state of `SelfAttention` holds."""
    return sum(state[name].shape[2] for name in ("keys", "earlier_keys") if name in state)


class SelfAttention(Mixer):
    """Every position attends to every other, or to itself and the earlier ones where `causal`.

    Its state is the keys and values of all positions so far: it grows with every step. Those of the last positions,
    CHUNK at most, are kept apart, so that a step copies these alone and not all that came before.
    """

    component = "attention"

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        d_k: int,
        d_v: int,
        positions: str = "none",
        *,
        causal: bool,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.causal = causal
        self.attention = MultiHeadAttention(d_model, n_heads, d_k, d_v, positions, dropout)

    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        mask_B1TS = None if mask is None else mask[:, None, None, :]
        if self.causal and mask is not None:
            mask_B1TS = causal_mask(inputs.shape[1], inputs.device) & mask_B1TS
        keys, values = self.attention.keys_values(inputs)
        return self.attention(inputs, keys, values, mask_B1TS, causal=self.causal and mask is None)

    def start(self, inputs: Tensor) -> State:
        batch, heads = inputs.shape[0], self.attention.n_heads
        return {
            "keys": inputs.new_zeros(batch, heads, 0, self.attention.d_k),
            "values": inputs.new_zeros(batch, heads, 0, self.attention.d_v),
        }

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        first = length_of(state)
        fresh = dict(zip(KINDS, self.attention.keys_values(inputs, first), strict=True))
        new = {kind: torch.cat([state[kind], fresh[kind]], dim=2) for kind in KINDS}
        earlier = {kind: state[f"earlier_{kind}"] for kind in KINDS if f"earlier_{kind}" in state}
        held = {kind: (earlier[kind], new[kind]) for kind in KINDS} if earlier else new
        outputs = self.attention(inputs, **held, first=first)
        if new["keys"].shape[2] == CHUNK:
            earlier = {kind: torch.cat([earlier[kind], new[kind]], dim=2) if earlier else new[kind] for kind in KINDS}
            new = self.start(inputs)
        return outputs, new | {f"earlier_{kind}": tensor for kind, tensor in earlier.items()}

    def matmul_flops(self, length: int) -> int:
        return self.attention.matmul_flops(length, length)

    def sequential(self, length: int) -> int:
        return 1

    def path(self, length: int) -> int:
        return 1


class Transformer(BlockSeq2Seq):
    """An encoder and a decoder of `n_layers` layers each; self-attention with `n_heads` heads of d_k and d_v.

    positions: `none`, `sinusoidal`, `learned` (added to the embeddings; learned ones end at max_len), `rotary` or
    `alibi` (in self-attention; attention over the source has no distance to speak of). The rest: see
    `models.stack.BlockSeq2Seq`.

    Raises ValueError for sizes that cannot be built.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        n_layers: int,
        n_heads: int,
        d_k: int,
        d_v: int,
        d_model: int,
        dropout: float = 0.1,
        *,
        positions: str = "sinusoidal",
        max_len: int = 1024,
        dropout_attention: float = 0.0,
        **options: object,
    ) -> None:
        known("positions", positions, POSITIONS)

        def mixer(causal: bool) -> SelfAttention:
            return SelfAttention(d_model, n_heads, d_k, d_v, positions, causal=causal, dropout=dropout_attention)

        super().__init__(
            input_dim,
            output_dim,
            n_layers,
            n_heads,
            d_k,
            d_v,
            d_model,
            dropout,
            encoder_mixer=lambda: mixer(causal=False),
            decoder_mixer=lambda: mixer(causal=True),
            dropout_attention=dropout_attention,
            **options,
        )
        self.longest = max_len if positions == "learned" else None
        self.positional = Positional("none" if positions in RELATIVE else positions, d_model, max_len)

    @classmethod
    def head_width(cls, width: int, n_heads: int, rounded: bool, **options: object) -> int:
        """Even for rotary positions, which turn pairs of channels: the even number nearest to an equal share."""
        head = super().head_width(width, n_heads, rounded, **options)
        if not rounded or options.get("positions") != "rotary":
            return head
        return max(2, 2 * round(width / n_heads / 2))

    def placed(self, embedded: Tensor, past: State | None = None) -> Tensor:
        return self.positional(embedded, 0 if past is None else length_of(under("past.0.", past)))

    def component_of(self, parameter_name: str) -> str:
        return "embedding" if parameter_name.startswith("positional") else super().component_of(parameter_name)

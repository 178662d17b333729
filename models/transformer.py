"""The Transformer of Vaswani et al. (2017): self-attention in residual blocks, with the article's constructor and
`forward`. Shapes and the mask convention: see `models.interface`.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from models.attention import MultiHeadAttention, causal_mask, key_padding_mask
from models.blocks import Mixer
from models.checks import check_choice
from models.interface import State
from models.kv_cache import KVCache
from models.positional import POSITIONS, RELATIVE, Positional
from models.stack import BlockSeq2Seq, substate


class SelfAttention(Mixer):
    """Every position attends to every position, or to itself and the earlier ones where `causal`.

    Its state is a `KVCache`, which grows with every step.
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
        allowed = key_padding_mask(mask)  # (B, 1, 1, T)
        if self.causal and allowed is not None:
            allowed = causal_mask(inputs.shape[1], inputs.device) & allowed  # (B, 1, T, T)
        keys, values = self.attention.keys_values(inputs)
        return self.attention(inputs, keys, values, allowed, causal=self.causal and mask is None)

    def start(self, inputs: Tensor) -> State:
        return KVCache.empty(inputs, self.attention.n_heads, self.attention.d_k, self.attention.d_v).entries()

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        past = KVCache.from_state(state)
        cache = past.append(*self.attention.keys_values(inputs, past.length))
        outputs = self.attention(inputs, *cache.parts(), position_offset=past.length)
        return outputs, cache.merged().entries()

    def matmul_flops(self, length: int) -> int:
        return self.attention.matmul_flops(length, length)

    def sequential(self, length: int) -> int:
        return 1

    def path(self, length: int) -> int:
        return 1


def positioned(positional: Positional, embedded: Tensor, past: State | None) -> Tensor:
    """Add positions to embeddings (B, T, D): those after the tokens read in the state `past` of blocks whose mixer is
    self-attention, or the first ones."""
    if past is None:
        return positional(embedded)
    return positional(embedded, KVCache.from_state(substate("past.0.", past)).length)


class Transformer(BlockSeq2Seq):
    """An encoder and a decoder of `n_layers` layers each; self-attention with `n_heads` heads of d_k and d_v.

    positions: `none`, `sinusoidal` or `learned` (added to the embeddings; learned ones end at max_len), `rotary` or
    `alibi` (in self-attention only: between a source and a target position there is no distance). Other options: see
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
        **options: Any,
    ) -> None:
        check_choice("positions", positions, POSITIONS)

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
        self.max_length = max_len if positions == "learned" else None
        self.positional = Positional("none" if positions in RELATIVE else positions, d_model, max_len)

    @classmethod
    def head_width(cls, width: int, n_heads: int, rounded: bool, **options: Any) -> int:
        """An equal share. For rotary positions, which rotate pairs of channels, rounded to the nearest even number."""
        head = super().head_width(width, n_heads, rounded, **options)
        if not rounded or options.get("positions") != "rotary":
            return head
        return max(2, 2 * round(width / n_heads / 2))

    def add_positions(self, embedded: Tensor, past: State | None = None) -> Tensor:
        return positioned(self.positional, embedded, past)

    def component_of(self, parameter_name: str) -> str:
        return "embedding" if parameter_name.startswith("positional") else super().component_of(parameter_name)

"""An encoder without a decoder: the control for the effect of a decoder and of its causal mask.

A causal decoder knows how many tokens precede each position, so it has some information about order even without
positions. Nothing here is causal: each target token is processed together with the source by the encoder's own layers
and attends to no other target token. Without positions, the source is a set to this model, whatever it learns. Shapes
and the mask convention: see `models.interface`.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from models.attention import MultiHeadAttention, key_padding_mask
from models.blocks import EncoderLayer
from models.interface import SOURCE, Depth, State
from models.transformer import SelfAttention, Transformer


class EncoderOnly(Transformer):
    """`n_layers` encoder layers that process source and target tokens alike.

    The target token at t has position t, and a learned vector that marks it as a target token. The earlier target
    tokens are unknown at t, so the model predicts a sequence position by position from the source and the previous
    token alone. For answers of one token it is an encoder with a classification token (Devlin et al. 2019). Options:
    see `models.transformer.Transformer`.
    """

    decodes = False

    def __init__(self, *sizes: Any, **options: Any) -> None:
        super().__init__(*sizes, **options)
        self.mark = nn.Parameter(torch.empty(self.d_model))
        nn.init.normal_(self.mark, std=1.0)

    def features(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None
    ) -> Tensor:
        # No target position attends to another, so tgt_mask has no effect.
        return self._read(self.tgt_embedding(tgt), self.start(src, src_mask))

    def start(self, src: Tensor, src_mask: Tensor | None = None) -> State:
        state: State = {} if src_mask is None else {f"{SOURCE}mask": src_mask}
        hidden = self.embedding_dropout(self.add_positions(self.src_embedding(src)))
        for i, layer in enumerate(self.encoder):
            attention = _attention(layer)
            inputs = layer.mixer_frame.pre_norm(hidden)
            keys, values = attention.keys_values(inputs)
            state |= {f"{SOURCE}keys.{i}": keys.contiguous(), f"{SOURCE}values.{i}": values.contiguous()}
            if i < len(self.encoder) - 1:  # no layer reads the source after the last one
                mixed = attention(inputs, keys, values, key_padding_mask(src_mask))
                hidden = layer.transform(layer.add_mixed(hidden, mixed))
        # An entry without values whose length counts the target tokens read.
        return state | {"read": hidden.new_zeros(len(hidden), 0, 0)}

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        features = self._read(self.tgt_embedding(token.unsqueeze(1)), state)
        read = state["read"]
        return self.project(features.squeeze(1)), state | {"read": read.new_zeros(len(read), read.shape[1] + 1, 0)}

    def _read(self, embedded: Tensor, state: State) -> Tensor:
        """Features of target tokens: embedded (B, T, D), all positions; or (N, 1, D), one of each hypothesis. Returns
        the same shape."""
        position_offset = state["read"].shape[1]
        hidden = self.embedding_dropout(self.positional(embedded + self.mark, position_offset))
        mask_B11S = key_padding_mask(state.get(f"{SOURCE}mask"))
        for i, layer in enumerate(self.encoder):
            keys, values = state[f"{SOURCE}keys.{i}"], state[f"{SOURCE}values.{i}"]
            inputs = layer.mixer_frame.pre_norm(hidden)
            # Hypotheses of one source, all at the same position, become its queries.
            one_position = inputs.shape[1] == 1
            queries = inputs.view(len(keys), -1, inputs.shape[-1]) if one_position else inputs  # (B, n, D)
            mixed = _attention(layer)(
                queries, keys, values, mask_B11S, position_offset=position_offset, same_position=one_position
            )
            hidden = layer.transform(layer.add_mixed(hidden, mixed.view_as(inputs)))
        return self.decoder_norm(hidden)

    def component_of(self, parameter_name: str) -> str:
        if parameter_name == "mark":  # it joins source and target
            return "bridge"
        return "attention" if ".mixer." in parameter_name else super().component_of(parameter_name)

    def matmul_flops(self, source_length: int, target_length: int) -> int:
        S, T = source_length, target_length
        last = len(self.encoder) - 1
        flops = self.embedding_and_output_flops(S, T)
        for i, layer in enumerate(self.encoder):
            attention, feed_forward = _attention(layer), layer.feed_forward
            flops += attention.matmul_flops(T, S)
            flops += 0 if feed_forward is None else feed_forward.matmul_flops(T)
            if i < last:
                # The source's keys and values are counted with the target's queries above.
                flops += attention.matmul_flops(S, S) - attention.matmul_flops(0, S)
                flops += 0 if feed_forward is None else feed_forward.matmul_flops(S)
        return flops

    def depth(self, source_length: int, target_length: int) -> Depth:
        """A target token reads the source as the layer below left it, so one layer processes both at the same time."""
        return Depth(len(self.encoder), 1, 0)


def _attention(layer: EncoderLayer) -> MultiHeadAttention:
    """The attention of a layer whose mixer is self-attention."""
    return cast(SelfAttention, layer.mixer).attention

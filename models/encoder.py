"""An encoder alone: the control that shows what a decoder adds, and what a causal mask gives away.

A decoder that looks back only knows how many tokens came before it, and so knows something of order without any
positions. Here nothing is causal: a target token stands in front of the source, looks at the source through the
encoder's own layers, and at no other target token. Without positions the source is a set to this model, whatever it
learns. Shapes: see `models.interface`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.interface import SOURCE, Depth, State
from models.transformer import Transformer


class EncoderOnly(Transformer):
    """`n_layers` encoder layers that source and target tokens go through alike.

    The target token at t has position t and a learned vector that tells it from a source token. What was read before it
    is not known at t: a sequence is written all at once, as far as it depends on the source and the token before. For
    answers of one token that is an encoder with a classification token (Devlin et al. 2019). The rest: see
    `models.transformer.Transformer`.
    """

    decodes = False

    def __init__(self, *sizes: float, **options: object) -> None:
        super().__init__(*sizes, **options)
        self.mark = nn.Parameter(torch.empty(self.d_model))
        nn.init.normal_(self.mark, std=1.0)

    def features(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None
    ) -> Tensor:
        # tgt_mask is not needed: no target position looks at another.
        return self._read(self.tgt_embedding(tgt), self.start(src, src_mask))

    def start(self, src: Tensor, src_mask: Tensor | None = None) -> State:
        state: State = {} if src_mask is None else {f"{SOURCE}mask": src_mask}
        mask_B11S = None if src_mask is None else src_mask[:, None, None, :]
        hidden = self.embedding_dropout(self.placed(self.src_embedding(src)))
        for i, layer in enumerate(self.encoder):
            inputs = layer.mixer_frame.before(hidden)
            keys, values = layer.mixer.attention.keys_values(inputs)
            state |= {f"{SOURCE}keys.{i}": keys.contiguous(), f"{SOURCE}values.{i}": values.contiguous()}
            if i < len(self.encoder) - 1:  # nobody looks at the source after the last layer
                hidden = layer.around(hidden, layer.mixer.attention(inputs, keys, values, mask_B11S))
        # As wide as nothing, and as long as the target so far.
        return state | {"read": hidden.new_zeros(len(hidden), 0, 0)}

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        features = self._read(self.tgt_embedding(token.unsqueeze(1)), state)
        read = state["read"]
        return self.project(features.squeeze(1)), state | {"read": read.new_zeros(len(read), read.shape[1] + 1, 0)}

    def _read(self, embedded: Tensor, state: State) -> Tensor:
        """embedded (B, T, D): all target positions, or (N, 1, D): one of each hypothesis. Returns features alike."""
        first = state["read"].shape[1]
        hidden = self.embedding_dropout(self.positional(embedded + self.mark, first))
        mask = state.get(f"{SOURCE}mask")
        mask_B11S = None if mask is None else mask[:, None, None, :]
        for i, layer in enumerate(self.encoder):
            keys, values = state[f"{SOURCE}keys.{i}"], state[f"{SOURCE}values.{i}"]
            inputs = layer.mixer_frame.before(hidden)
            # Hypotheses of one source stand at one position, side by side.
            alone = inputs.shape[1] == 1
            queries = inputs.view(len(keys), -1, inputs.shape[-1]) if alone else inputs
            looked = layer.mixer.attention(queries, keys, values, mask_B11S, first=first, standing=alone)
            hidden = layer.around(hidden, looked.view_as(inputs))
        return self.decoder_norm(hidden)

    def component_of(self, parameter_name: str) -> str:
        if parameter_name == "mark":  # what joins the two sides here
            return "bridge"
        return "attention" if ".mixer." in parameter_name else super().component_of(parameter_name)

    def matmul_flops(self, source_length: int, target_length: int) -> int:
        S, T = source_length, target_length
        last = len(self.encoder) - 1
        flops = self.end_flops(S, T)
        for i, layer in enumerate(self.encoder):
            attention, forward = layer.mixer.attention, layer.feed_forward
            flops += attention.matmul_flops(T, S)
            flops += 0 if forward is None else forward.matmul_flops(T)
            if i < last:
                # The source's own keys and values are counted above.
                flops += attention.matmul_flops(S, S) - attention.matmul_flops(0, S)
                flops += 0 if forward is None else forward.matmul_flops(S)
        return flops

    def depth(self, source_length: int, target_length: int) -> Depth:
        """A target token looks at what the layer below made of the source, so both go up together."""
        return Depth(len(self.encoder), 1, 0)

"""An encoder and a decoder of residual blocks, whatever mixes along time in them. Shapes: see `models.interface`."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from models.attention import MultiHeadAttention
from models.blocks import DecoderLayer, EncoderLayer, Mixer
from models.checks import MOST_LAYERS, at_least
from models.encoder_decoder import EncoderDecoder
from models.interface import SOURCE, Depth, State


class BlockSeq2Seq(EncoderDecoder):
    """An encoder and a decoder of `n_layers` blocks each. Its subclasses say what mixes along time.

    encoder_mixer, decoder_mixer: make the mixer of one layer. n_heads heads of key width d_k and value width d_v look
    at the source. d_ff: width of the feed-forward network, 0 = none. norm: `pre` (normalise, mix, add), which trains
    without a long warm-up (Xiong et al. 2020), or `post`, the original order. dropout: of embeddings and residuals
    where `dropout_embedding` and `dropout_residual` are None, and of the feed-forward network's hidden layer;
    dropout_attention: of the weights of attention over the source, and of self-attention where a mixer has it. The
    rest: see `models.encoder_decoder.EncoderDecoder`.

    Raises ValueError for sizes that cannot be built.
    """

    decodes = True
    """Whether there are decoder layers beside the encoder's."""

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
        encoder_mixer: Callable[[], Mixer],
        decoder_mixer: Callable[[], Mixer],
        d_ff: int | None = None,
        activation: str = "relu",
        norm: str = "pre",
        dropout_embedding: float | None = None,
        dropout_residual: float | None = None,
        dropout_attention: float = 0.0,
        shared: bool = False,
        tied: bool = True,
        inputs: str = "tokens",
        outputs: str = "tokens",
    ) -> None:
        ends = {"shared": shared, "tied": tied, "inputs": inputs, "outputs": outputs}
        super().__init__(input_dim, output_dim, d_model, dropout, dropout_embedding=dropout_embedding, **ends)
        d_ff = 4 * d_model if d_ff is None else d_ff
        at_least(1, MOST_LAYERS, n_layers=n_layers)
        at_least(0, d_ff=d_ff)
        layer = (d_model, d_ff, dropout, norm, activation, dropout_residual)
        heads = (d_model, n_heads, d_k, d_v)
        self.encoder = nn.ModuleList(EncoderLayer(encoder_mixer(), *layer) for _ in range(n_layers))
        self.decoder = nn.ModuleList(
            DecoderLayer(decoder_mixer(), MultiHeadAttention(*heads, dropout=dropout_attention), *layer)
            for _ in range(n_layers if self.decodes else 0)
        )
        # Pre-norm layers leave their sum unnormalised; one norm closes each stack.
        self.encoder_norm = nn.LayerNorm(d_model) if norm == "pre" and self.decodes else nn.Identity()
        self.decoder_norm = nn.LayerNorm(d_model) if norm == "pre" else nn.Identity()

    @classmethod
    def of_width(
        cls,
        width: int,
        input_dim: int,
        output_dim: int,
        *,
        rounded: bool = True,
        n_layers: int = 2,
        n_heads: int = 4,
        d_k: int | None = None,
        d_v: int | None = None,
        d_ff: int | None = None,
        ff_ratio: float = 4.0,
        **options: object,
    ) -> BlockSeq2Seq:
        """d_model = width; d_k = d_v = width / n_heads, rounded down, and d_ff = ff_ratio * width, unless given."""
        at_least(1, n_heads=n_heads)
        if d_k is None or d_v is None:
            head = cls.head_width(width, n_heads, rounded, **options)
            d_k, d_v = head if d_k is None else d_k, head if d_v is None else d_v
        d_ff = round(ff_ratio * width) if d_ff is None else d_ff
        return cls(input_dim, output_dim, n_layers, n_heads, d_k, d_v, width, d_ff=d_ff, **options)

    @classmethod
    def head_width(cls, width: int, n_heads: int, rounded: bool, **options: object) -> int:
        """The width of one head where none is given. Raises ValueError where there is none."""
        if width < n_heads or (width % n_heads and not rounded):
            raise ValueError(f"width {width} does not divide into n_heads={n_heads}; change one, or give d_k and d_v")
        return width // n_heads

    def placed(self, embedded: Tensor, past: State | None = None) -> Tensor:
        """Embeddings (B, T, D) told where they stand: after what the state has read, or at the beginning. A mixer that
        goes from position to position need not be told."""
        return embedded

    def encode(self, src: Tensor, src_mask: Tensor | None = None) -> Tensor:
        """src (B, S), src_mask (B, S). Returns the memory (B, S, D)."""
        hidden = self.embedding_dropout(self.placed(self.src_embedding(src)))
        for layer in self.encoder:
            hidden = layer(hidden, src_mask)
        return self.encoder_norm(hidden)

    def features(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None
    ) -> Tensor:
        memory = self.encode(src, src_mask)
        hidden = self.embedding_dropout(self.placed(self.tgt_embedding(tgt)))
        for layer in self.decoder:
            hidden = layer(hidden, tgt_mask, layer.cross_attention.keys_values(memory), src_mask)
        return self.decoder_norm(hidden)

    def start(self, src: Tensor, src_mask: Tensor | None = None) -> State:
        memory = self.encode(src, src_mask)
        state: State = {} if src_mask is None else {f"{SOURCE}mask": src_mask}
        for i, layer in enumerate(self.decoder):
            keys, values = layer.cross_attention.keys_values(memory)
            # As they come, a product would copy them at every step.
            state |= {f"{SOURCE}keys.{i}": keys.contiguous(), f"{SOURCE}values.{i}": values.contiguous()}
            state |= {f"past.{i}.{name}": tensor for name, tensor in layer.mixer.start(memory).items()}
        return state

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        new = dict(state)
        hidden = self.embedding_dropout(self.placed(self.tgt_embedding(token.unsqueeze(1)), state))
        for i, layer in enumerate(self.decoder):
            source = state[f"{SOURCE}keys.{i}"], state[f"{SOURCE}values.{i}"]
            hidden, past = layer.step(hidden, under(f"past.{i}.", state), source, state.get(f"{SOURCE}mask"))
            new |= {f"past.{i}.{name}": tensor for name, tensor in past.items()}
        return self.project(self.decoder_norm(hidden).squeeze(1)), new

    def component_of(self, parameter_name: str) -> str:
        if "norm" in parameter_name:
            return "norm"
        if "feed_forward" in parameter_name:
            return "feed_forward"
        if ".mixer." in parameter_name:
            return self.decoder[0].mixer.component
        return "attention" if ".cross_attention." in parameter_name else super().component_of(parameter_name)

    def matmul_flops(self, source_length: int, target_length: int) -> int:
        S, T = source_length, target_length
        encoder = sum(layer.matmul_flops(S) for layer in self.encoder)
        decoder = sum(layer.matmul_flops(T) + layer.cross_attention.matmul_flops(T, S) for layer in self.decoder)
        return encoder + decoder + self.end_flops(S, T)

    def depth(self, source_length: int, target_length: int) -> Depth:
        S, T = source_length, target_length
        encoder = sum(layer.mixer.sequential(S) for layer in self.encoder)
        decoder = sum(layer.mixer.sequential(T) + 1 for layer in self.decoder)
        # Every residual stream is a way around the mixers: a source token needs one attention to reach any target.
        return Depth(encoder + decoder, 1, self.decoder[0].mixer.path(T))


def under(prefix: str, state: State) -> State:
    """The part of a state whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}

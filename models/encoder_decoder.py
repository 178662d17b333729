"""Embeddings of tokens or real values, and the projection to predictions: the same for every family.

Shapes: see `models.interface`.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from models.checks import check_choice, check_range
from models.cost import linear_flops
from models.dropout import dropout_at
from models.interface import Seq2Seq

KINDS = ("tokens", "values")


class TokenEmbedding(nn.Embedding):
    """A table row for each token, times sqrt(D) (Vaswani et al. 2017, sec. 3.4). Outputs start with unit variance."""

    def __init__(self, size: int, d_model: int) -> None:
        super().__init__(size, d_model)
        nn.init.normal_(self.weight, std=d_model**-0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, T) int64. Returns (B, T, D)."""
        return super().forward(tokens) * math.sqrt(self.embedding_dim)


class ValueEmbedding(nn.Linear):
    """An affine map of real-valued vectors: the article's `nn.Linear` embedding. values (B, T, C) to (B, T, D)."""

    def __init__(self, channels: int, d_model: int) -> None:
        super().__init__(channels, d_model)
        nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)


class EncoderDecoder(Seq2Seq):
    """A `Seq2Seq` with embeddings, dropout on them, and the projection to predictions. Subclasses add the rest.

    inputs, outputs: `tokens`, or `values`: real-valued vectors, projected on the way in and predicted by regression.
    input_dim, output_dim: the vocabulary size of tokens, the number of channels of values.
    shared: one embedding for source and target; needs equal vocabularies. tied: token predictions use the transposed
    target embedding, without a bias (Press & Wolf 2017); no effect on values. dropout_embedding: of the embeddings,
    positions included; None: the value of `dropout`.

    Raises ValueError for sizes that cannot be built.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        d_model: int,
        dropout: float,
        *,
        dropout_embedding: float | None,
        shared: bool,
        tied: bool,
        inputs: str,
        outputs: str,
    ) -> None:
        super().__init__()
        check_range(1, input_dim=input_dim, output_dim=output_dim, d_model=d_model)
        self.inputs, self.outputs = check_choice("inputs", inputs, KINDS), check_choice("outputs", outputs, KINDS)
        if shared and (inputs, outputs) != ("tokens", "tokens"):
            raise ValueError(f"a shared embedding needs tokens on both sides, got {inputs} in and {outputs} out")
        if shared and input_dim != output_dim:
            raise ValueError(f"a shared embedding needs equal vocabularies, got {input_dim} and {output_dim}")
        self.input_dim, self.output_dim, self.d_model = input_dim, output_dim, d_model
        self.tgt_embedding = embedding_of(outputs, output_dim, d_model)
        self.src_embedding = self.tgt_embedding if shared else embedding_of(inputs, input_dim, d_model)
        self.embedding_dropout = dropout_at("embedding", dropout_embedding, dropout)
        tied = tied and outputs == "tokens"
        self.projection = nn.Linear(d_model, output_dim, bias=not tied)
        if tied:
            self.projection.weight = self.tgt_embedding.weight

    def project(self, features: Tensor) -> Tensor:
        return self.projection(features)

    def component_of(self, parameter_name: str) -> str:
        """The component of embeddings and projection. Subclasses handle their own parameters first."""
        if parameter_name.startswith("projection"):
            return "output"
        assert parameter_name.startswith(("src_embedding", "tgt_embedding")), parameter_name
        return "embedding"

    def embedding_and_output_flops(self, source_length: int, target_length: int) -> int:
        """FLOPs of embeddings and projection. The lookup of a token has no matrix product."""
        embeddings = ((self.src_embedding, source_length), (self.tgt_embedding, target_length))
        projected = sum(linear_flops(layer, length) for layer, length in embeddings if isinstance(layer, nn.Linear))
        return projected + linear_flops(self.projection, target_length)


def embedding_of(kind: str, size: int, d_model: int) -> TokenEmbedding | ValueEmbedding:
    """The input layer of tokens (a vocabulary of this size) or of values (this number of channels)."""
    return TokenEmbedding(size, d_model) if kind == "tokens" else ValueEmbedding(size, d_model)

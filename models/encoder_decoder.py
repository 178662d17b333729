"""Where tokens or real values enter a model and predictions leave it: the same for every family.

Shapes: see `models.interface`.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from models.checks import at_least, known
from models.cost import linear_flops
from models.dropout import dropout_at
from models.interface import Seq2Seq

KINDS = ("tokens", "values")


class TokenEmbedding(nn.Embedding):
    """A row of a table for each token, times sqrt(D) (Vaswani et al. 2017, sec. 3.4); starts with unit variance."""

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
    """A `Seq2Seq` with its ends: embeddings, dropout on them, and the projection to predictions.

    input_dim, output_dim: vocabulary sizes where `inputs`, `outputs` are `tokens`, numbers of channels where they are
    `values` (then the source is projected, and the output is a regression head).
    shared: one embedding for source and target (needs equal vocabularies). tied: token predictions use the target
    embedding transposed, without a bias (Press & Wolf 2017); values have no embedding to tie. dropout_embedding: of
    each value of what has been embedded, positions included; None: as `dropout`.

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
        at_least(1, input_dim=input_dim, output_dim=output_dim, d_model=d_model)
        self.inputs, self.outputs = known("inputs", inputs, KINDS), known("outputs", outputs, KINDS)
        if shared and (inputs, outputs) != ("tokens", "tokens"):
            raise ValueError(f"a shared embedding needs tokens on both sides, got {inputs} in and {outputs} out")
        if shared and input_dim != output_dim:
            raise ValueError(f"a shared embedding needs equal vocabularies, got {input_dim} and {output_dim}")
        self.input_dim, self.output_dim, self.d_model = input_dim, output_dim, d_model
        self.tgt_embedding = _embedding(outputs, output_dim, d_model)
        self.src_embedding = self.tgt_embedding if shared else _embedding(inputs, input_dim, d_model)
        self.embedding_dropout = dropout_at("embedding", dropout_embedding, dropout)
        tied = tied and outputs == "tokens"
        self.projection = nn.Linear(d_model, output_dim, bias=not tied)
        if tied:
            self.projection.weight = self.tgt_embedding.weight

    def project(self, features: Tensor) -> Tensor:
        return self.projection(features)

    def component_of(self, parameter_name: str) -> str:
        """Of the ends; a family's own class knows the rest."""
        if parameter_name.startswith("projection"):
            return "output"
        assert parameter_name.startswith(("src_embedding", "tgt_embedding")), parameter_name
        return "embedding"

    def end_flops(self, source_length: int, target_length: int) -> int:
        """Matrix products of the ends; looking a token up is none."""
        embeddings = ((self.src_embedding, source_length), (self.tgt_embedding, target_length))
        return linear_flops(self.projection, target_length) + sum(
            linear_flops(layer, length) for layer, length in embeddings if isinstance(layer, ValueEmbedding)
        )


def _embedding(kind: str, size: int, d_model: int) -> TokenEmbedding | ValueEmbedding:
    return TokenEmbedding(size, d_model) if kind == "tokens" else ValueEmbedding(size, d_model)

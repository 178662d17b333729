"""The article's own class and recipe: what it prints has to run here."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.data.examples import BOS, EOS
from bench.evaluation.decoding import decode_tokens
from bench.evaluation.search_config import Search
from models.dropout import set_dropout_generator
from models.transformer import Transformer
from tests.unit.oracles import Draw

B, S, V = 6, 4, 100


def model_of_the_article(**options: object) -> Transformer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Transformer(input_dim=V, output_dim=V, n_layers=2, n_heads=2, d_k=10, d_v=10, d_model=20, **options)


def trained(model: Transformer, loss_of: Callable[[], Tensor], steps: int) -> list[float]:
    """The loss of every step."""
    set_dropout_generator(model.train(), torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses


def test_constructor_and_forward() -> None:
    """Positional arguments in the article's order, and sizes of heads that do not add up to d_model."""
    model = Transformer(11, 13, 2, 3, 5, 7, 16, 0.1).eval()
    assert model.encoder[0].mixer.attention.query.out_features == 15
    assert model.encoder[0].mixer.attention.output.in_features == 21
    assert model.decoder[1].cross_attention.output.in_features == 21
    draw = Draw()
    src, tgt = draw.tokens(11, 3, 7), draw.tokens(13, 3, 5)
    src_mask, tgt_mask = torch.ones(3, 7, dtype=torch.bool), torch.ones(3, 5, dtype=torch.bool)
    assert model(src, tgt, src_mask, tgt_mask).shape == (3, 5, 13)
    torch.testing.assert_close(model(src, tgt, src_mask, tgt_mask), model(src, tgt), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("search", [Search(1), Search(4)], ids=lambda search: search.name)
def test_its_call_builds_trains_and_decodes(search: Search) -> None:
    """A batch learnt by heart, and given back by the search from the sources alone."""
    model = model_of_the_article()
    src = 4 + Draw().tokens(V - 4, B, S)
    tgt = torch.cat([torch.full((B, 1), BOS), src], dim=1)
    out = torch.cat([src, torch.full((B, 1), EOS)], dim=1)
    losses = trained(model, lambda: F.cross_entropy(model(src, tgt).flatten(0, 1), out.flatten()), 100)
    assert losses[-1] < 0.1 * losses[0]
    hypotheses = decode_tokens(model, src, None, [S + 3] * B, search)
    assert hypotheses.tokens == src.tolist() and all(hypotheses.ended)


@pytest.mark.slow
def test_its_recipe_trains_with_the_mean_squared_error_on_values() -> None:
    """One-hot vectors in and out, zeros for the start. No constant is better than 1/V everywhere, and the model is,
    but not by much: 20 channels cannot tell 100 directions apart."""
    model = model_of_the_article(inputs="values", outputs="values")
    src = F.one_hot(Draw().tokens(V, B, S), V).float()
    tgt = torch.cat([torch.zeros(B, 1, V), src[:, :-1]], dim=1)
    losses = trained(model, lambda: F.mse_loss(model(src, tgt), src), 200)
    constant = F.mse_loss(torch.full_like(src, 1 / V), src).item()
    with torch.no_grad():
        loss = F.mse_loss(model(src, tgt), src).item()
    assert loss < 0.9 * constant < 0.1 * losses[0]

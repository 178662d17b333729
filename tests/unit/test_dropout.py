"""Dropout's own random bits, their distribution and where they come from; and the places that have a dropout of their
own."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from bench.errors import UserError
from models.attention import SHORT, attend, attention_weights
from models.cells import Recurrent
from models.dropout import Dropout, set_dropout_generator
from models.interface import Seq2Seq
from tests.contract.arms import build, ragged_batch


def test_dropout_has_the_distribution_it_says() -> None:
    """Share of zeros against the binomial, mean kept, values independent of their neighbours, scale exact."""
    p, count = 0.15, 1_000_000
    dropout = Dropout(p)
    set_dropout_generator(dropout, torch.Generator().manual_seed(5))
    kept = dropout(torch.ones(count)) != 0
    share = 1 - kept.float().mean().item()
    deviation = math.sqrt(dropout.effective_p * (1 - dropout.effective_p) / count)
    assert abs(share - dropout.effective_p) < 4 * deviation
    assert abs(dropout.effective_p - p) <= 1 / 512
    for place in range(8):  # each byte of a 64-bit draw alike
        part = 1 - kept[place::8].float().mean().item()
        assert abs(part - dropout.effective_p) < 4 * deviation * math.sqrt(8)
    centred = kept.double() - kept.double().mean()
    variance = (centred**2).mean()
    for lag in (1, 2, 4, 8):
        correlation = (centred[lag:] * centred[:-lag]).mean() / variance
        assert abs(correlation) < 5 / math.sqrt(count)
    value = dropout(torch.full((1000,), 2.0)).max().item()
    assert value == pytest.approx(2.0 / (1 - dropout.effective_p))


def test_dropout_without_a_generator_is_a_programming_error() -> None:
    with pytest.raises(AssertionError, match="set_dropout_generator"):
        Dropout(0.5)(torch.ones(3))


# By place

PLACES = {
    "transformer": ("embedding", "attention", "residual"),
    "transformer_encoder": ("embedding", "attention", "residual"),
    "mingru": ("embedding", "attention", "residual"),
    "residual_lstm": ("embedding", "attention", "residual", "recurrent"),
    "lstm_multihead": ("embedding", "attention", "recurrent"),
    "gru_additive": ("embedding", "attention", "recurrent"),
    "rnn_none": ("embedding", "recurrent"),
}
EVERY = ("embedding", "attention", "residual", "recurrent")
OFF = {"dropout": 0.0}


def features(model: Seq2Seq, seed: int = 3) -> torch.Tensor:
    """In training mode, with dropout of this seed."""
    set_dropout_generator(model, torch.Generator().manual_seed(seed))
    src, mask, tgt = ragged_batch(model)
    return model.train().features(src, tgt, mask)


@pytest.mark.parametrize(("name", "place"), [(name, place) for name, places in PLACES.items() for place in places])
def test_a_place_alone_is_active_in_training_alone(name: str, place: str) -> None:
    plain, changed = build(name, **OFF), build(name, **OFF, **{f"dropout_{place}": 0.5})
    src, mask, tgt = ragged_batch(plain)
    assert torch.equal(plain.features(src, tgt, mask), changed.features(src, tgt, mask))
    assert torch.equal(features(plain), features(plain, 4))
    assert not torch.equal(features(changed), features(plain))
    assert torch.equal(features(changed), features(changed))
    assert not torch.equal(features(changed), features(changed, 4))


@pytest.mark.parametrize(("name", "place"), [(name, place) for name in PLACES for place in EVERY])
def test_a_place_that_a_model_lacks_is_refused(name: str, place: str) -> None:
    if place in PLACES[name]:
        build(name, **{f"dropout_{place}": 0.25})
        with pytest.raises(ValueError, match=f"dropout_{place} must be at least 0 and below 1, got 1.5"):
            build(name, **{f"dropout_{place}": 1.5})
        return
    with pytest.raises((ValueError, UserError), match=f"dropout_{place}"):
        build(name, **{f"dropout_{place}": 0.25})


@pytest.mark.parametrize("name", ["transformer", "residual_gru"])
def test_a_place_not_named_has_the_models_dropout(name: str) -> None:
    implied = build(name, dropout=0.3)
    named = build(name, dropout=0.3, dropout_embedding=0.3, dropout_residual=0.3)
    assert torch.equal(features(implied), features(named))
    fewer = build(name, dropout=0.3, dropout_embedding=0.0, dropout_residual=0.0, d_ff=0)
    assert torch.equal(features(fewer), features(build(name, **OFF, d_ff=0))), "nothing else is left to drop"


def test_attention_dropout_drops_weights_after_the_softmax() -> None:
    """Every weight is 0 or the softmax's over 1 - p, with the products written out and, beyond SHORT keys, in their
    place too."""
    torch.manual_seed(0)
    for keys in (5, SHORT + 7):
        queries_BHTK, keys_BHSK = torch.randn(2, 3, 4, 8), torch.randn(2, 3, keys, 8)
        dropout = Dropout(0.25)
        set_dropout_generator(dropout, torch.Generator().manual_seed(1))
        identity = torch.eye(keys).expand(2, 3, keys, keys)
        found = attend(queries_BHTK, keys_BHSK, identity, dropout=dropout)
        weights = attention_weights(queries_BHTK, keys_BHSK)
        dropped = found == 0
        assert 0.1 < dropped.float().mean() < 0.4
        assert torch.allclose(found[~dropped], (weights / 0.75)[~dropped])


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("both", [False, True])
def test_recurrent_dropout_is_of_the_weights_from_state_to_state(cell: str, both: bool) -> None:
    """Against torch's own layer with the dropped weights copied in: values, gradients, and only those weights."""
    torch.manual_seed(0)
    layer = Recurrent(cell, 6, 8, both, dropout=0.5).train()
    set_dropout_generator(layer, torch.Generator().manual_seed(2))
    weights = layer.weights()
    reference = copy.deepcopy(layer.run)
    masks = {}
    with torch.no_grad():
        assert list(weights) == [name for name, _ in reference.named_parameters()]
        for name, parameter in reference.named_parameters():
            used = weights[name]
            masks[name] = torch.where(used == 0, 0.0, 2.0) if name.startswith("weight_hh") else torch.ones_like(used)
            assert torch.equal(used, dict(layer.run.named_parameters())[name] * masks[name])
            parameter.copy_(used)
    assert 0.3 < torch.cat([m.flatten() for n, m in masks.items() if "weight_hh" in n]).eq(0).float().mean() < 0.7
    inputs, lengths = torch.randn(3, 5, 6), torch.tensor([5, 2, 4])
    outputs, _ = layer(inputs, lengths=lengths, weights=weights)
    packed = torch.nn.utils.rnn.pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(reference(packed)[0], batch_first=True)
    assert torch.equal(outputs, expected)
    outputs.sum().backward()
    expected.sum().backward()
    for name, parameter in layer.run.named_parameters():
        assert torch.allclose(parameter.grad, reference.get_parameter(name).grad * masks[name], atol=1e-6)
    layer.eval()
    again, _ = layer(inputs)
    assert torch.equal(again, layer.run(inputs)[0]), "its own weights are back"
    assert not torch.equal(again[0], outputs[0])
    assert copy.deepcopy(layer).state_dict().keys() == layer.state_dict().keys(), "no tensor of the pass is left"


def test_one_draw_of_recurrent_weights_holds_for_all_steps_of_a_pass() -> None:
    """Input feeding calls the layer once a step; the weights are drawn once a pass."""
    model = build("lstm_feeding", **OFF, dropout_recurrent=0.5).train()
    drawn = []
    for layer in model.decoder:
        own = layer.weights
        layer.weights = lambda own=own: drawn.append(own()) or drawn[-1]
    features(model)
    assert len(drawn) == len(model.decoder)

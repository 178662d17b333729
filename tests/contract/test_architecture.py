"""The inspection of any arm agrees with its modules and its runs, and leaves the model unchanged."""

from __future__ import annotations

from operator import itemgetter

import pytest
import torch

from bench.analysis.messages import texts
from bench.evaluation import architecture
from bench.evaluation.architecture import hidden_layers, inspect_model
from models.cost import parameters
from models.recurrent import RecurrentSeq2Seq
from models.transformer import Transformer
from tests.contract.arms import NAMES, WIDTH, build, slow_unless_representative

CASES = [(name, "") for name in NAMES] + [
    *[("transformer", "no feed-forward"), ("transformer", "values"), ("gru_none", "values")],
    *[("lstm_dot", "input feeding"), ("minlstm", "values")],
]


@pytest.mark.parametrize(
    "case", slow_unless_representative(CASES, itemgetter(0)), ids=[" ".join(case) for case in CASES]
)
def test_the_inspection_agrees_with_the_counts_and_leaves_the_model_unchanged(case: tuple[str, str]) -> None:
    model = build(*case).train()
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    random = torch.get_rng_state()
    inspection = inspect_model(model)
    assert torch.equal(random, torch.get_rng_state()) and model.training
    assert list(model.state_dict()) == list(weights)
    assert all(torch.equal(weight, weights[name]) for name, weight in model.state_dict().items())
    assert inspection == inspect_model(model)
    counts = parameters(model)
    for kind in ("recurrent", "feed_forward"):
        layers = [layer for layer in inspection["hidden_layers"] if layer["kind"] == kind]
        # Of kind feed-forward there are also the tanh layers behind attention and between encoder and decoder.
        assert sum(layer["parameters"] for layer in layers) >= counts[kind]
    state = inspection["state"]
    assert state["grows"] == (state["last"] > state["first"])
    for share in ("kept", "changed"):
        assert state[share] is None if not state["last"] else 0 <= state[share] <= 1


@pytest.mark.parametrize("name", slow_unless_representative(NAMES))
def test_units_are_what_a_layer_gives_at_a_position(name: str) -> None:
    """Seen by hooks: the inner half of a feed-forward network, the outputs of all others."""
    model = build(name)
    widths: dict[str, int] = {}

    def seen(path: str):
        return lambda _m, _inputs, out: widths.update({path: (out[0] if isinstance(out, tuple) else out).shape[-1]})

    layers = {layer["path"]: layer for layer in hidden_layers(model)}
    for path in layers:
        module = model.get_submodule(path)
        getattr(module, "inner", module).register_forward_hook(seen(path))
    with torch.no_grad():
        model(torch.full((1, 3), 5), torch.full((1, 2), 5))
    assert widths and widths == {path: layers[path]["units"] for path in widths}


def test_a_transformer_without_feed_forward_networks_is_the_one_built_so() -> None:
    whole, built = build("transformer"), build("transformer", d_ff=0)
    inspection = inspect_model(whole)
    norms = sum(p.numel() for name, p in whole.named_parameters() if "feed_forward_frame" in name)
    assert norms and inspection["without_feed_forward"] == {
        "parameters": parameters(built)["total"] + norms, "runs": True,
    }  # fmt: skip
    assert inspection["hidden_layers"] and inspect_model(built)["hidden_layers"] == []
    assert inspect_model(built)["without_feed_forward"] is None
    assert len(inspection["hidden_layers"]) == 4 and {one["kind"] for one in inspection["hidden_layers"]} == {
        "feed_forward"
    }


def test_a_model_that_needs_its_feed_forward_layers_does_not_run_without() -> None:
    assert inspect_model(build("lstm_dot"))["without_feed_forward"]["runs"] is False


@pytest.mark.parametrize("name", slow_unless_representative(NAMES))
def test_what_each_family_hands_on(name: str) -> None:
    state = inspect_model(build(name))["state"]
    if name == "transformer":
        # Two layers' keys and values, 16 numbers each: one more of each at every position, and none is touched again.
        assert (state["first"], state["last"]) == (64, 64 * architecture.TOKENS)
        assert state["kept"] == 1.0 and 0 < state["changed"] < 1 and state["prediction_changed"]
    elif name == "transformer_encoder":
        assert state["last"] == 0 and not state["prediction_changed"]
    elif name.startswith(("rnn", "gru", "lstm", "residual", "min")):
        assert not state["grows"] and state["first"] == state["last"] > 0
        assert state["kept"] < 0.05 and state["changed"] > 0.9 and state["prediction_changed"]


class Forgetful(RecurrentSeq2Seq):
    """Named and built like one that remembers, but every step begins from nothing."""

    def step(self, token, state):
        return super().step(token, {name: torch.zeros_like(part) for name, part in state.items()})


class Frozen(Transformer):
    """Its cache holds zeros."""

    def step(self, token, state):
        predicted, new = super().step(token, state)
        return predicted, {name: part * (not name.startswith("past")) for name, part in new.items()}


def test_what_is_handed_on_is_measured_and_not_a_matter_of_names() -> None:
    model = Forgetful(23, 19, 1, 16, attention="none")
    state = inspect_model(model)["state"]
    assert state["changed"] == 0.0 and not state["prediction_changed"]
    state = inspect_model(Frozen(23, 19, 1, 2, 8, 8, 16))["state"]
    assert state["grows"] and state["changed"] == 0.0


@pytest.mark.parametrize(
    ("name", "options", "squares"),
    [
        ("transformer", {"ff_ratio": 2.0}, 8),
        ("transformer", {"ff_ratio": 4.0}, 12),
        ("lstm_none", {"encoder": "uni"}, 8),
        ("gru_none", {"encoder": "uni"}, 6),
        ("rnn_none", {"encoder": "uni"}, 2),
    ],
)
def test_weights_of_an_encoder_layer_at_equal_width_are_those_that_claim_d_counts(name, options, squares) -> None:
    layer = build(name, **options).encoder[0]
    assert sum(weight.numel() for weight in layer.parameters() if weight.dim() > 1) == squares * WIDTH**2
    assert f"{squares} d²" in texts("en")["claims.D.scope"]

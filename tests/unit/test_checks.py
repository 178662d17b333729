"""What cannot be built says so: the field, the value it has, and what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch

from models.global_attention import global_attention
from models.recurrent import RecurrentSeq2Seq
from models.residual import ResidualSeq2Seq
from models.transformer import Transformer

SIZES = {"input_dim": 9, "output_dim": 9, "n_layers": 1, "n_heads": 2, "d_k": 4, "d_v": 4, "d_model": 8}


def transformer(**options: object) -> Transformer:
    return Transformer(**SIZES | options)


def residual(**options: object) -> ResidualSeq2Seq:
    return ResidualSeq2Seq(**SIZES | options)


def recurrent(**options: object) -> RecurrentSeq2Seq:
    return RecurrentSeq2Seq(**{"input_dim": 9, "output_dim": 9, "n_layers": 1, "d_model": 8} | options)


REFUSED: list[tuple[Callable, dict[str, object], str]] = [
    (recurrent, {"cell": "elman"}, "cell must be one of rnn, lstm, gru; got 'elman'"),
    (recurrent, {"cell": "mingru"}, "cell must be one of rnn, lstm, gru; got 'mingru'"),
    (residual, {"cell": "elman"}, "cell must be one of rnn, lstm, gru, minlstm, mingru; got 'elman'"),
    (recurrent, {"attention": "luong"}, "attention must be one of none, additive, dot, general; got 'luong'"),
    (recurrent, {"encoder": "both"}, "encoder must be one of uni, bi; got 'both'"),
    (residual, {"encoder": "both"}, "encoder must be one of uni, bi; got 'both'"),
    (
        transformer,
        {"positions": "fixed"},
        "positions must be one of none, sinusoidal, learned, rotary, alibi; got 'fixed'",
    ),
    (transformer, {"norm": "mid"}, "norm must be one of pre, post; got 'mid'"),
    (residual, {"norm": "mid"}, "norm must be one of pre, post; got 'mid'"),
    (transformer, {"activation": "tanh"}, "activation must be one of relu, gelu; got 'tanh'"),
    *(
        (kind, {side: "words"}, f"{side} must be one of tokens, values; got 'words'")
        for kind in (transformer, recurrent)
        for side in ("inputs", "outputs")
    ),
    *((kind, {"n_heads": 0}, "n_heads must be at least 1, got 0") for kind in (transformer, residual, recurrent)),
    *((kind, {"n_layers": 0}, "n_layers must be at least 1, got 0") for kind in (transformer, residual, recurrent)),
    *((kind, {"d_model": 0}, "d_model must be at least 1, got 0") for kind in (transformer, residual, recurrent)),
    *((kind, {"input_dim": 0}, "input_dim must be at least 1, got 0") for kind in (transformer, recurrent)),
    *((kind, {"d_k": 0}, "d_k must be at least 1, got 0") for kind in (transformer, residual)),
    *((kind, {"d_v": 0}, "d_v must be at least 1, got 0") for kind in (transformer, residual)),
    *((kind, {"d_ff": -1}, "d_ff must be at least 0, got -1") for kind in (transformer, residual)),
    (transformer, {"max_len": 0, "positions": "learned"}, "max_len must be at least 1, got 0"),
    (
        transformer,
        {"positions": "rotary", "d_k": 5},
        "d_k must be even for rotary positions, which turn pairs of channels; got 5",
    ),
    *(
        (kind, {"d_model": 7} | options, "d_model must be even for two directions, got 7")
        for kind, options in ((recurrent, {}), (residual, {}), (residual, {"cell": "mingru"}))
    ),
    *(
        (
            recurrent,
            {"n_heads": 2, "attention": score},
            f"n_heads above 1 needs attention dot; got n_heads 2, attention {score}",
        )
        for score in ("additive", "general")
    ),
    (recurrent, {"n_heads": 2, "attention": "none"}, "n_heads must be 1 where attention is none, got 2"),
    (recurrent, {"n_heads": 9}, "d_model must be at least n_heads=9, got 8"),
    (
        recurrent,
        {"input_feeding": True, "attention": "none"},
        "input_feeding needs attention dot, general or additive; got attention none",
    ),
    *(
        (kind, {"shared": True, "output_dim": 8}, "a shared embedding needs equal vocabularies, got 9 and 8")
        for kind in (transformer, recurrent)
    ),
    *(
        (
            transformer,
            {"shared": True, "inputs": i, "outputs": o},
            f"a shared embedding needs tokens on both sides, got {i} in and {o} out",
        )
        for i, o in (("values", "tokens"), ("tokens", "values"), ("values", "values"))
    ),
    *(
        (kind, {"dropout": 1.0}, "dropout must be at least 0 and below 1, got 1.0")
        for kind in (transformer, recurrent)
    ),
    (transformer, {"dropout": -0.1}, "dropout must be at least 0 and below 1, got -0.1"),
    (
        partial(global_attention, 8),
        {"score": "none"},
        "attention must be one of additive, dot, general; got 'none'",
    ),
    *(
        (
            partial(kind.of_width, 10, 9, 9),
            {"n_heads": 4, "rounded": False},
            "width 10 does not divide into n_heads=4; change one, or give d_k and d_v",
        )
        for kind in (Transformer, ResidualSeq2Seq)
    ),
    *(
        (partial(kind.of_width, 10, 9, 9), {"n_heads": 0}, "n_heads must be at least 1, got 0")
        for kind in (Transformer, ResidualSeq2Seq, RecurrentSeq2Seq)
    ),
    (
        partial(RecurrentSeq2Seq.of_width, 10, 9, 9),
        {"n_heads": 4, "rounded": False},
        "width 10 does not divide into n_heads=4; change one",
    ),
    *(
        (
            partial(kind.of_width, 3, 9, 9),
            {"n_heads": 4},
            "width 3 does not divide into n_heads=4; change one, or give d_k and d_v",
        )
        for kind in (Transformer, ResidualSeq2Seq)
    ),
    (
        partial(Transformer.of_width, 20, 9, 9),
        {"n_heads": 4, "rounded": False, "positions": "rotary"},
        "d_k must be even for rotary positions, which turn pairs of channels; got 5",
    ),
]


@pytest.mark.parametrize(("make", "options", "said"), REFUSED, ids=[f"{options}" for _, options, _ in REFUSED])
def test_what_cannot_be_built_says_so(make: Callable, options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError) as refusal:
        make(**options)
    assert str(refusal.value) == said


def test_the_same_without_what_is_wrong_can_be_built() -> None:
    """So that each refusal above has its own cause."""
    assert all(kind().d_model == 8 for kind in (transformer, residual, recurrent))
    assert recurrent(d_model=7, encoder="uni").d_model == residual(d_model=7, encoder="uni").d_model == 7
    assert transformer(d_k=5, positions="alibi").d_model == 8
    assert recurrent(n_heads=8).d_model == 8
    assert Transformer.of_width(10, 9, 9, n_heads=4, rounded=False, d_k=3, d_v=3).d_model == 10
    assert Transformer.of_width(4, 9, 9, n_heads=4).d_model == 4
    assert RecurrentSeq2Seq.of_width(10, 9, 9, n_heads=4).d_model == 10


def test_a_width_of_heads_is_rounded_where_it_may_be() -> None:
    """Down; for rotary positions, of the Transformer alone, to the nearest even number."""
    widths = {
        positions: Transformer.of_width(23, 9, 9, n_heads=4, positions=positions).encoder[0].mixer.attention.d_k
        for positions in ("none", "rotary")
    }
    assert widths == {"none": 5, "rotary": 6}
    assert ResidualSeq2Seq.of_width(22, 9, 9, n_heads=4).decoder[0].cross_attention.d_v == 5
    assert RecurrentSeq2Seq.of_width(22, 9, 9, n_heads=4).attention.heads.d_v == 5


def test_an_option_that_a_model_does_not_have_is_refused() -> None:
    """Nothing configured is silently ignored, though options are handed on as a whole."""
    for kind, option in ((transformer, "cell"), (residual, "positions"), (recurrent, "d_ff"), (recurrent, "norm")):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{option}'"):
            kind(**{option: "x"})


def test_learned_positions_end() -> None:
    """On both sides, whole and step by step."""
    model = transformer(positions="learned", max_len=4).eval()
    four, five = torch.ones(1, 4, dtype=torch.int64), torch.ones(1, 5, dtype=torch.int64)
    said = "a sequence of 5 tokens is longer than the 4 learned positions; raise max_len or use sinusoidal positions"
    model(four, four)
    for src, tgt in ((five, four), (four, five)):
        with pytest.raises(ValueError) as refusal:
            model(src, tgt)
        assert str(refusal.value) == said
    state = model.start(four)
    for _ in range(4):
        _, state = model.step(torch.ones(1, dtype=torch.int64), state)
    with pytest.raises(ValueError) as refusal:
        model.step(torch.ones(1, dtype=torch.int64), state)
    assert str(refusal.value) == said

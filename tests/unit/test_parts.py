"""The parts of models against torch's own, closed forms and statistics."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models.attention import DotAttention, MultiHeadAttention
from models.cost import parameters, solve_width, training_flops
from models.dropout import Dropout, set_dropout_generator
from models.positional import Positional, sinusoidal
from models.recurrent import Recurrent, RecurrentSeq2Seq
from models.transformer import DecoderLayer, EncoderLayer, Transformer

B, S, T, D, H = 3, 7, 5, 16, 4


def copy_attention(ours: MultiHeadAttention, theirs: nn.MultiheadAttention) -> None:
    """torch packs W_Q, W_K, W_V in one matrix; ours packs each head's keys and values side by side."""
    with torch.no_grad():
        W_Q, W_K, W_V = theirs.in_proj_weight.chunk(3)
        b_Q, b_K, b_V = theirs.in_proj_bias.chunk(3)
        ours.query.weight.copy_(W_Q)
        ours.query.bias.copy_(b_Q)
        K = D // H
        weight = torch.cat([W_K.view(H, K, D), W_V.view(H, K, D)], dim=1)
        ours.key_value.weight.copy_(weight.reshape(2 * D, D))
        ours.key_value.bias.copy_(torch.cat([b_K.view(H, K), b_V.view(H, K)], dim=1).reshape(-1))
        ours.output.weight.copy_(theirs.out_proj.weight)
        ours.output.bias.copy_(theirs.out_proj.bias)


@pytest.mark.parametrize("pre", [True, False])
def test_encoder_layer_equals_torch(pre: bool) -> None:
    theirs = nn.TransformerEncoderLayer(D, H, 32, 0.0, batch_first=True, norm_first=pre).eval()
    ours = EncoderLayer(D, H, D // H, D // H, 32, 0.0, "pre" if pre else "post").eval()
    copy_attention(ours.attention, theirs.self_attn)
    copy_feed_forward(ours, theirs)
    ours.attention_frame.norm.load_state_dict(theirs.norm1.state_dict())
    ours.feed_forward_frame.norm.load_state_dict(theirs.norm2.state_dict())
    x, mask = torch.randn(B, S, D), torch.arange(S) < torch.tensor([7, 4, 1]).unsqueeze(1)
    expected = theirs(x, src_key_padding_mask=~mask)
    got = ours(x, mask[:, None, None, :])
    torch.testing.assert_close(got[mask], expected[mask], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pre", [True, False])
def test_decoder_layer_equals_torch(pre: bool) -> None:
    theirs = nn.TransformerDecoderLayer(D, H, 32, 0.0, batch_first=True, norm_first=pre).eval()
    ours = DecoderLayer(D, H, D // H, D // H, 32, 0.0, "pre" if pre else "post").eval()
    copy_attention(ours.self_attention, theirs.self_attn)
    copy_attention(ours.cross_attention, theirs.multihead_attn)
    copy_feed_forward(ours, theirs)
    for frame, norm in ((ours.self_frame, theirs.norm1), (ours.cross_frame, theirs.norm2)):
        frame.norm.load_state_dict(norm.state_dict())
    ours.feed_forward_frame.norm.load_state_dict(theirs.norm3.state_dict())
    x, memory = torch.randn(B, T, D), torch.randn(B, S, D)
    mask = torch.arange(S) < torch.tensor([7, 4, 1]).unsqueeze(1)
    causal = nn.Transformer.generate_square_subsequent_mask(T)
    expected = theirs(x, memory, tgt_mask=causal, memory_key_padding_mask=~mask)
    got, _ = ours(x, ours.cross_attention.keys_values(memory), mask[:, None, None, :], None)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def copy_feed_forward(ours: nn.Module, theirs: nn.Module) -> None:
    ours.feed_forward.inner.load_state_dict(theirs.linear1.state_dict())
    ours.feed_forward.outer.load_state_dict(theirs.linear2.state_dict())


def test_the_articles_constructor_and_forward() -> None:
    """Positional arguments in the article's order, and sizes of heads that do not add up to d_model."""
    model = Transformer(11, 13, 2, 3, 5, 7, D, 0.1).eval()
    assert model.encoder[0].attention.query.out_features == 15
    assert model.decoder[1].cross_attention.output.in_features == 21
    src, tgt = torch.randint(11, (B, S)), torch.randint(13, (B, T))
    src_mask, tgt_mask = torch.ones(B, S, dtype=torch.bool), torch.ones(B, T, dtype=torch.bool)
    assert model(src, tgt, src_mask, tgt_mask).shape == (B, T, 13)
    torch.testing.assert_close(model(src, tgt, src_mask, tgt_mask), model(src, tgt), rtol=1e-4, atol=1e-5)


def test_a_target_mask_hides_padding_from_later_positions() -> None:
    model = Transformer(11, 13, 1, 2, 8, 8, D).eval()
    src, tgt = torch.randint(11, (1, S)), torch.randint(13, (1, T))
    mask = torch.ones(1, T, dtype=torch.bool)
    mask[0, 1] = False
    other = tgt.clone()
    other[0, 1] = (other[0, 1] + 1) % 13
    torch.testing.assert_close(model(src, tgt, None, mask)[:, 2:], model(src, other, None, mask)[:, 2:])
    assert not torch.allclose(model(src, tgt)[:, 2:], model(src, other)[:, 2:])


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_a_padded_row_ends_in_the_state_of_its_last_token(cell: str, bidirectional: bool) -> None:
    layer = Recurrent(cell, D, D, bidirectional)
    x = torch.randn(B, S, D)
    outputs, state = layer(x, lengths=torch.tensor([7, 4, 1]))
    for row, length in enumerate((7, 4, 1)):
        alone, last = layer(x[row : row + 1, :length])
        torch.testing.assert_close(outputs[row, :length], alone[0], rtol=1e-4, atol=1e-5)
        for ours, theirs in zip(state, last, strict=True):
            torch.testing.assert_close(ours[row], theirs[0], rtol=1e-4, atol=1e-5)
        assert not outputs[row, length:].any()


def test_dot_attention_equals_its_equations() -> None:
    """Luong et al. (2015), eqs. 5, 7, 8, position by position."""
    attention = DotAttention(D)
    hidden, memory = torch.randn(B, T, D), torch.randn(B, S, D)
    lengths = [7, 4, 1]
    mask = torch.arange(S) < torch.tensor(lengths).unsqueeze(1)
    got = attention(hidden, memory, mask)
    for b, length in enumerate(lengths):
        for t in range(T):
            weight = torch.softmax(torch.stack([hidden[b, t] @ memory[b, s] for s in range(length)]), 0)
            context = sum(weight[s] * memory[b, s] for s in range(length))
            expected = torch.tanh(attention.combine.weight @ torch.cat([context, hidden[b, t]]))
            torch.testing.assert_close(got[b, t], expected, rtol=1e-4, atol=1e-5)


def test_sinusoidal_positions_equal_the_formula() -> None:
    table = sinusoidal(50, D)
    for position in (0, 1, 17, 49):
        for i in range(D // 2):
            angle = position / 10000 ** (2 * i / D)
            assert table[position, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-5)
            assert table[position, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-5)


def test_learned_positions_start_at_zero_and_end() -> None:
    positions = Positional("learned", D, 10)
    x = torch.randn(B, 10, D)
    assert torch.equal(positions(x), x)
    with pytest.raises(ValueError, match="10 learned positions"):
        positions(torch.randn(B, 4, D), first=7)


def test_the_sinusoidal_table_grows() -> None:
    positions = Positional("sinusoidal", D, 4)
    torch.testing.assert_close(positions(torch.zeros(1, 9, D))[0], sinusoidal(9, D))


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


def test_transformer_flops_equal_the_counter() -> None:
    """An independent count; the counter sees every product of a Transformer, also inside attention."""
    model = Transformer(11, 13, 2, H, 6, 10, D, d_ff=24).eval()
    with FlopCounterMode(display=False) as counter, nn.attention.sdpa_kernel(nn.attention.SDPBackend.MATH):
        model(torch.randint(11, (1, S)), torch.randint(13, (1, T)))
    assert model.matmul_flops(S, T) == counter.get_total_flops()


@pytest.mark.parametrize("attention", ["dot", "none"])
@pytest.mark.parametrize("encoder", ["bi", "uni"])
def test_gru_flops_equal_the_counter(attention: str, encoder: str) -> None:
    """torch's counter sees the products of an unfused GRU; those of an LSTM are the same with four gates for three."""
    model = RecurrentSeq2Seq(11, 13, 2, D, cell="gru", attention=attention, encoder=encoder).eval()
    with FlopCounterMode(display=False) as counter, nn.attention.sdpa_kernel(nn.attention.SDPBackend.MATH):
        model(torch.randint(11, (1, S)), torch.randint(13, (1, T)))
    assert model.matmul_flops(S, T) == counter.get_total_flops()
    lstm = RecurrentSeq2Seq(11, 13, 2, D, cell="lstm", attention=attention, encoder=encoder)
    recurrent = sum(p.numel() for n, p in model.named_parameters() if "weight" in n and ".run." in n)
    in_lstm = sum(p.numel() for n, p in lstm.named_parameters() if "weight" in n and ".run." in n)
    assert in_lstm * 3 == recurrent * 4
    assert training_flops(model, S, T) == 3 * model.matmul_flops(S, T)


@pytest.mark.parametrize("budget", [60_000, 200_000, 2_350_000])
@pytest.mark.parametrize("kind", ["transformer", "lstm", "gru"])
def test_the_solved_width_is_the_nearest(kind: str, budget: int) -> None:
    def build(width: int):
        if kind == "transformer":
            return Transformer.of_width(width, 40, 40, shared=True)
        return RecurrentSeq2Seq.of_width(width, 40, 40, shared=True, cell=kind)

    fit = solve_width(build, budget)
    assert abs(fit.mismatch) < 0.05
    assert parameters(build(fit.width))["total"] == fit.parameters
    for other in (fit.width - 2, fit.width + 2):
        assert abs(parameters(build(other))["total"] - budget) >= abs(fit.parameters - budget)


def test_a_budget_below_the_smallest_width_shows_as_a_mismatch() -> None:
    fit = solve_width(lambda width: RecurrentSeq2Seq.of_width(width, 8000, 8000, shared=True), 100)
    assert fit.mismatch > 1


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Transformer(9, 9, 0, 2, 4, 4, 8), "n_layers"),
        (lambda: Transformer(9, 8, 1, 2, 4, 4, 8, shared=True), "equal vocabularies"),
        (lambda: Transformer(9, 9, 1, 2, 4, 4, 8, norm="mid"), "norm must be"),
        (lambda: Transformer(9, 9, 1, 2, 4, 4, 8, positions="x"), "positions must be"),
        (lambda: Transformer(9, 9, 1, 2, 4, 4, 8, dropout=1.0), "dropout"),
        (lambda: Transformer.of_width(10, 9, 9, n_heads=4, rounded=False), "does not divide into 4 heads"),
        (lambda: RecurrentSeq2Seq(9, 9, 1, 7), "even"),
        (lambda: RecurrentSeq2Seq(9, 9, 1, 8, cell="x"), "cell must be"),
        (lambda: RecurrentSeq2Seq(9, 9, 1, 8, attention="x"), "attention must be"),
    ],
)
def test_what_cannot_be_built_says_so(build, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build()

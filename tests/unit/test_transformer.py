"""The Transformer against torch's own, with copied weights: layer by layer and whole."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.attention import MultiHeadAttention
from models.blocks import DecoderLayer, EncoderLayer
from models.kv_cache import CHUNK
from models.positional import POSITIONS
from models.transformer import SelfAttention, Transformer
from tests.unit.oracles import Draw, copy_attention, real

B, S, T, D, H, FF = 3, 7, 5, 16, 4, 32
LENGTHS, TARGET_LENGTHS = (7, 4, 1), (3, 5, 2)
EXACT = {"rtol": 0.0, "atol": 1e-11}
KINDS = [
    pytest.param(pre, activation, id=f"{'pre' if pre else 'post'}-{activation}")
    for pre in (True, False)
    for activation in ("relu", "gelu")
]


def copy_layer(ours: EncoderLayer, theirs: nn.TransformerEncoderLayer | nn.TransformerDecoderLayer) -> None:
    """Weights of a layer; a decoder's has one attention and one norm more."""
    copy_attention(ours.mixer.attention, theirs.self_attn)
    frames = [ours.mixer_frame, ours.feed_forward_frame]
    if isinstance(ours, DecoderLayer):
        copy_attention(ours.cross_attention, theirs.multihead_attn)
        frames.insert(1, ours.cross_frame)
    for number, frame in enumerate(frames, 1):
        frame.norm.load_state_dict(getattr(theirs, f"norm{number}").state_dict())
    ours.feed_forward.inner.load_state_dict(theirs.linear1.state_dict())
    ours.feed_forward.outer.load_state_dict(theirs.linear2.state_dict())


@pytest.mark.parametrize(("pre", "activation"), KINDS)
def test_encoder_layer_equals_torch(pre: bool, activation: str) -> None:
    draw = Draw()
    theirs = draw.fill(nn.TransformerEncoderLayer(D, H, FF, 0.0, activation, batch_first=True, norm_first=pre))
    mixer = SelfAttention(D, H, D // H, D // H, causal=False)
    ours = EncoderLayer(mixer, D, FF, 0.0, "pre" if pre else "post", activation).double()
    copy_layer(ours, theirs)
    x, mask = draw.normal(B, S, D), real(*LENGTHS)
    expected = theirs(x, src_key_padding_mask=~mask)
    torch.testing.assert_close(ours(x, mask)[mask], expected[mask], **EXACT)


@torch.no_grad()
@pytest.mark.parametrize("positions", POSITIONS)
def test_a_state_in_chunks_gives_the_logits_of_the_whole_pass(positions: str) -> None:
    draw = Draw()
    steps = 2 * CHUNK + 2
    model = draw.fill(Transformer(13, 11, 2, 2, 4, 6, D, positions=positions)).eval()
    src, tgt = draw.tokens(13, B, S), draw.tokens(11, B, steps)
    expected = model(src, tgt, real(*LENGTHS))
    state = model.start(src, real(*LENGTHS))
    for t in range(steps):
        logits, state = model.step(tgt[:, t], state)
        torch.testing.assert_close(logits, expected[:, t], **EXACT)
        recent = state["past.1.values"].shape[2]
        assert recent == (t + 1) % CHUNK
        assert t + 1 < CHUNK or state["past.1.earlier_values"].shape[2] == t + 1 - recent


@pytest.mark.parametrize(("pre", "activation"), KINDS)
def test_decoder_layer_equals_torch(pre: bool, activation: str) -> None:
    draw = Draw()
    theirs = draw.fill(nn.TransformerDecoderLayer(D, H, FF, 0.0, activation, batch_first=True, norm_first=pre))
    mixer = SelfAttention(D, H, D // H, D // H, causal=True)
    cross = MultiHeadAttention(D, H, D // H, D // H)
    ours = DecoderLayer(mixer, cross, D, FF, 0.0, "pre" if pre else "post", activation).double()
    copy_layer(ours, theirs)
    x, memory, mask = draw.normal(B, T, D), draw.normal(B, S, D), real(*LENGTHS)
    expected = theirs(x, memory, tgt_mask=torch.ones(T, T).triu(1).bool(), memory_key_padding_mask=~mask)
    got = ours(x, None, ours.cross_attention.keys_values(memory), mask)
    torch.testing.assert_close(got, expected, **EXACT)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("padded", [True, False], ids=["padded target", "whole target"])
@pytest.mark.parametrize(("pre", "activation"), KINDS)
def test_the_whole_model_equals_torch(pre: bool, activation: str, padded: bool) -> None:
    """Between the embeddings and the projection, which torch's has not. Its stacks end in a norm for post-norm layers
    too, which those do not need."""
    draw = Draw()
    theirs = draw.fill(
        nn.Transformer(D, H, 2, 2, FF, dropout=0.0, activation=activation, batch_first=True, norm_first=pre)
    )
    ours = draw.fill(
        Transformer(11, 13, 2, H, D // H, D // H, D, d_ff=FF, norm="pre" if pre else "post", activation=activation)
    )
    for mine, its in ((ours.encoder, theirs.encoder), (ours.decoder, theirs.decoder)):
        for layer, its_layer in zip(mine, its.layers, strict=True):
            copy_layer(layer, its_layer)
    if pre:
        ours.encoder_norm.load_state_dict(theirs.encoder.norm.state_dict())
        ours.decoder_norm.load_state_dict(theirs.decoder.norm.state_dict())
    else:
        theirs.encoder.norm = theirs.decoder.norm = None
    src, tgt = draw.tokens(11, B, S), draw.tokens(13, B, T)
    src_mask, tgt_mask = real(*LENGTHS), real(*TARGET_LENGTHS) if padded else None
    features = theirs(
        ours.positional(ours.src_embedding(src)),
        ours.positional(ours.tgt_embedding(tgt)),
        tgt_mask=torch.ones(T, T).triu(1).bool(),
        src_key_padding_mask=~src_mask,
        tgt_key_padding_mask=None if tgt_mask is None else ~tgt_mask,
        memory_key_padding_mask=~src_mask,
    )
    where = torch.ones(B, T, dtype=torch.bool) if tgt_mask is None else tgt_mask
    got = ours(src, tgt, src_mask, tgt_mask)
    torch.testing.assert_close(got[where], (features @ ours.tgt_embedding.weight.T)[where], **EXACT)


def test_an_embedding_is_scaled_and_has_its_position_added() -> None:
    """sqrt(D) times the table's row (Vaswani et al. 2017, sec. 3.4), then the position: what stands before the layers
    compared above."""
    model = Draw().fill(Transformer(11, 13, 1, H, 4, 4, D, d_ff=0, norm="post", positions="learned"))
    read = []
    model.encoder[0].register_forward_pre_hook(lambda layer, inputs: read.append(inputs[0]))
    model.encode(torch.tensor([[3, 5]]))
    expected = 4.0 * model.src_embedding.weight[[3, 5]] + model.positional.table[:2]
    torch.testing.assert_close(read[0][0], expected, **EXACT)


def test_a_target_mask_hides_padding_from_later_positions() -> None:
    draw = Draw()
    model = draw.fill(Transformer(11, 13, 1, 2, 8, 8, D))
    src, tgt = draw.tokens(11, 1, S), draw.tokens(13, 1, T)
    mask = torch.ones(1, T, dtype=torch.bool)
    mask[0, 1] = False
    other = tgt.clone()
    other[0, 1] = (other[0, 1] + 1) % 13
    assert torch.equal(model(src, tgt, None, mask)[:, 2:], model(src, other, None, mask)[:, 2:])
    assert not torch.allclose(model(src, tgt)[:, 2:], model(src, other)[:, 2:])


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_without_a_feed_forward_network_a_layer_is_its_attention_in_its_frame(norm: str) -> None:
    draw = Draw()
    mixer = SelfAttention(D, H, 4, 4, causal=False)
    layer = draw.fill(EncoderLayer(mixer, D, 0, 0.0, norm))
    x = draw.normal(B, S, D)
    norm_of = layer.mixer_frame.norm
    expected = x + mixer(norm_of(x)) if norm == "pre" else norm_of(x + mixer(x))
    torch.testing.assert_close(layer(x, None), expected, **EXACT)
    assert sum(p.numel() for p in layer.parameters()) == sum(p.numel() for p in mixer.parameters()) + 2 * D

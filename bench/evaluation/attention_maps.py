"""Attention weights of a trained model over one example, the same for every arm evaluated on the same split."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.data.examples import EOS, SPECIALS, Split
from bench.data.ragged import Ragged
from bench.evaluation.decoding import decoding_function
from bench.evaluation.search_config import Search
from bench.tasks.base import Task
from bench.training.batches import Batch, Batcher
from models.attention import watch_attention
from models.interface import Model, Seq2Seq, SequenceModel

MAX_TOKENS = 40
"""Tokens of the source and of the output that are shown; more would be unreadable."""

DIGITS = 4
SPACE_SUBWORD = "\u2581"
"""Shown for a subword that is only a space."""

KINDS = CROSS, ENCODER = "cross", "encoder"


@torch.inference_mode()
def attention_maps(model: Model, task: Task, split: Split, device: str) -> dict[str, Any] | None:
    """The content of `attention.json` (see results/README.md) for the first example of a split.

    None for a model without attention. The model, in evaluation mode, decodes its output greedily and then reads it,
    teacher-forced.
    """
    source = Ragged.of_rows(split.src[0][None, :MAX_TOKENS])
    if isinstance(model, SequenceModel):
        return _of_one_stack(model, task, split, source, device)
    assert isinstance(model, Seq2Seq)
    question = Batcher(Split(split.name, source, source), 1, device).make(np.array([0]))
    max_lengths = np.minimum(task.target_limit(source.lengths), MAX_TOKENS)
    if model.max_length is not None:
        # Read after the start token, and perhaps with one position more: `_record_attention`.
        max_lengths = np.minimum(max_lengths, max(1, model.max_length - 2))
    decode, end_tokens = decoding_function(model)
    hypotheses = decode(model, question.src, None, max_lengths, Search())
    output = np.asarray(hypotheses.tokens[0], dtype=np.int32 if end_tokens else np.float32)
    answer = Batcher(Split(split.name, source, Ragged.of_rows(output[None])), 1, device).make(np.array([0]))
    attention = _record_attention(model, answer)
    if not attention:
        return None
    rows = len(output) + (end_tokens if hypotheses.ended[0] else 0)
    if CROSS in attention:
        path, weights_HTS = attention[CROSS]
        attention[CROSS] = path, weights_HTS[:, :rows]
    shown = ([_label(task.target_text([token])) for token in hypotheses.tokens[0]] + [SPECIALS[EOS]])[:rows]
    end = [SPECIALS[EOS]] * (model.inputs == "tokens")
    return _content(split, _labels(task, source) + end, shown, attention)


def _content(
    split: Split, source: list[str], output: list[str], attention: dict[str, tuple[str, Tensor]]
) -> dict[str, Any]:
    """attention: by kind, the path and weights (H, T, S) of a layer."""
    return {
        "schema": 1,
        "split": split.name,
        "index": 0,
        "cut": len(split.src[0]) > MAX_TOKENS,
        "source": source,
        "output": output,
        "maps": [
            {"kind": kind, "layer": attention[kind][0], "head": head, "weights": _rounded(weights)}
            for kind in KINDS
            if kind in attention
            for head, weights in enumerate(attention[kind][1])
        ],
    }


def _of_one_stack(
    model: SequenceModel, task: Task, split: Split, source: Ragged, device: str
) -> dict[str, Any] | None:
    """The same of one stack: its last attention over the sequence, as kind ENCODER."""
    sequence = torch.from_numpy(np.asarray(source.tokens[None], dtype=np.int64 if source.kind == "tokens" else None))
    with watch_attention(model) as watched:
        model.features(sequence.to(device))
    layers = [(path, calls[0][0]) for path, calls in watched.items() if calls]
    if not layers:
        return None
    return _content(split, _labels(task, source), [], {ENCODER: layers[-1]})


def _record_attention(model: Seq2Seq, batch: Batch) -> dict[str, tuple[str, Tensor]]:
    """The path and weights (H, T, S) of two layers.

    CROSS: the last one that attends from the target to the source. ENCODER: from the source to the source.
    """
    S = batch.src.shape[1]
    tgt = batch.decoder_inputs
    if tgt.shape[1] == S:
        # One more position makes the target longer than the source, so self-attention of the decoder cannot be
        # mistaken for attention over the source. It changes no earlier position.
        tgt = torch.cat([tgt, tgt[:, -1:]], dim=1)
    with watch_attention(model) as in_encoder:
        model.start(batch.src)
    with watch_attention(model) as in_both:
        model.features(batch.src, tgt)
    recorded = {}
    for path, weights in in_both.items():
        encoder_calls = len(in_encoder[path])
        # A decoder that runs step by step records one row at a time.
        by_target = torch.cat(weights[encoder_calls:], dim=2) if weights[encoder_calls:] else None
        if by_target is not None and by_target.shape[-1] == S:
            recorded[CROSS] = path, by_target[0, :, : batch.decoder_inputs.shape[1]]
        if encoder_calls:
            recorded[ENCODER] = path, weights[0][0]
    return recorded


def _labels(task: Task, source: Ragged) -> list[str]:
    """The tokens of its one row."""
    return [_label(task.source_text(source[0][i : i + 1].tolist())) for i in range(len(source[0]))]


def _label(text: str) -> str:
    return text or SPACE_SUBWORD


def _rounded(weights_TS: Tensor) -> list[list[float]]:
    return [[round(weight, DIGITS) for weight in row] for row in weights_TS.double().tolist()]

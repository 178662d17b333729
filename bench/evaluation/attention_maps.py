"""Where a trained model's attention looks, over one example: the same one for every arm that answers the same split."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.data.examples import EOS, SPECIALS, Split
from bench.data.ragged import Ragged
from bench.evaluation.decoding import decoder
from bench.evaluation.search_config import Search
from bench.tasks.base import Task
from bench.training.batches import Batch, Batcher
from models.attention import watch_attention
from models.interface import Seq2Seq

LONGEST = 40
"""Tokens of the source, and of the output, that are shown; more would be too small to read."""

DIGITS = 4
BLANK = "\u2581"
"""What is shown of a subword that is a space and nothing else."""

KINDS = CROSS, ENCODER = "cross", "encoder"


@torch.inference_mode()
def maps(model: Seq2Seq, task: Task, split: Split, device: str) -> dict | None:
    """The content of `attention.json` (see results/README.md) for the first example of the split; None for a model
    without attention.

    The model, in evaluation mode, writes its own output by greedy search and then reads it, teacher-forced.
    """
    source = Ragged.of_rows(split.src[0][None, :LONGEST])
    asked = Batcher(Split(split.name, source, source), 1, device).make(np.array([0]))
    limits = np.minimum(task.target_limit(source.lengths), LONGEST)
    decode, closing = decoder(model)
    found = decode(model, asked.src, None, limits, Search())
    output = np.asarray(found.tokens[0], dtype=np.int32 if closing else np.float32)
    answered = Batcher(Split(split.name, source, Ragged.of_rows(output[None])), 1, device).make(np.array([0]))
    seen = _seen(model, answered)
    if not seen:
        return None
    rows = len(output) + (closing if found.ended[0] else 0)
    return {
        "schema": 1,
        "split": split.name,
        "index": 0,
        "cut": len(split.src[0]) > LONGEST,
        "source": [_shown(task.source_text(source[0][i : i + 1].tolist())) for i in range(len(source[0]))]
        + [SPECIALS[EOS]] * (model.inputs == "tokens"),
        "output": ([_shown(task.target_text([token])) for token in found.tokens[0]] + [SPECIALS[EOS]])[:rows],
        "maps": [
            {
                "kind": kind,
                "layer": seen[kind][0],
                "head": head,
                "weights": _rounded(weights[:rows] if kind == CROSS else weights),
            }
            for kind in KINDS
            if kind in seen
            for head, weights in enumerate(seen[kind][1])
        ],
    }


def _seen(model: Seq2Seq, batch: Batch) -> dict[str, tuple[str, Tensor]]:
    """Of the last layer that looks at the source from the target, and of the last that looks at it from the source: its
    path and weights (H, T, S). What the target looks at of itself is left out."""
    S = batch.src.shape[1]
    tgt = batch.tgt_in
    if tgt.shape[1] == S:
        # One position more, which changes none before it: a look at the target cannot pass for one at the source.
        tgt = torch.cat([tgt, tgt[:, -1:]], dim=1)
    with watch_attention(model) as of_source:
        model.start(batch.src)
    with watch_attention(model) as of_both:
        model.features(batch.src, tgt)
    found = {}
    for path, weights in of_both.items():
        encoder = len(of_source[path])
        # A decoder that goes step by step shows a row at a time.
        later = torch.cat(weights[encoder:], dim=2) if weights[encoder:] else None
        if later is not None and later.shape[-1] == S:
            found[CROSS] = path, later[0, :, : batch.tgt_in.shape[1]]
        if encoder:
            found[ENCODER] = path, weights[0][0]
    return found


def _shown(text: str) -> str:
    return text or BLANK


def _rounded(weights_TS: Tensor) -> list[list[float]]:
    return [[round(weight, DIGITS) for weight in row] for row in weights_TS.double().tolist()]

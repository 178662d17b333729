"""Greedy and beam search through `Seq2Seq.step` alone: one loop for every model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.data.examples import BOS, EOS, PAD, Split
from bench.evaluation.search_config import Search
from bench.system.resources import clock
from bench.training import precision
from bench.training.batches import Batcher
from bench.training.progress import Progress, Silent
from models.interface import Seq2Seq, select


@dataclass(frozen=True)
class Hypotheses:
    """One a source. tokens: ids without the end token, or predicted values, C each; ended: whether the end token came
    before the limit, which of values is how many there are."""

    tokens: list[list[int]] | list[list[list[float]]]
    ended: list[bool]


@torch.inference_mode()
def search(
    model: Seq2Seq, src: Tensor, src_mask: Tensor | None, limits: Sequence[int] | np.ndarray, how: Search
) -> Hypotheses:
    """The best hypothesis for each source.

    src (B, S), src_mask (B, S) or None; limits (B,): the number of tokens, end token included, after which a
    hypothesis is cut off. A sentence that is done leaves the batch; the padding and start tokens are never chosen.
    A cut-off hypothesis counts only where none ended.
    """
    assert not model.training, "decode in evaluation mode"
    with precision.products_in(how.precision, src.device):
        return _searched(model, src, src_mask, limits, how)


def _searched(
    model: Seq2Seq, src: Tensor, src_mask: Tensor | None, limits: Sequence[int] | np.ndarray, how: Search
) -> Hypotheses:
    device, beam = src.device, how.beam
    count = src.shape[0]
    limit = torch.as_tensor(np.asarray(limits), device=device)
    state = model.start(src, src_mask)
    sentence = torch.arange(count, device=device)  # (R,) which source each row of the search belongs to
    # N hypotheses of each: one at first, `beam` from the first step on, or fewer where the vocabulary is small.
    prefix = torch.full((count, 1, 1), BOS, device=device)  # (R, N, 1 + t)
    score = torch.zeros(count, 1, device=device)
    best_score = torch.full((count,), -torch.inf, device=device)
    ended_count = torch.zeros(count, dtype=torch.int64, device=device)
    best: list[list[int]] = [[] for _ in range(count)]
    ended = [False] * count
    length = 0
    while len(sentence):
        length += 1
        rows, alive = score.shape
        logits, state = model.step(prefix[:, :, -1].reshape(-1), state)
        log_probability = torch.log_softmax(logits, dim=-1, dtype=torch.float32)
        log_probability[:, [PAD, BOS]] = -torch.inf
        # Of 2 * beam candidates at most `beam` end here, so `beam` are left to go on.
        value, token = largest(log_probability, min(2 * beam, logits.shape[-1]))
        width = value.shape[-1]
        total = (score.unsqueeze(-1) + value.view(rows, alive, width)).flatten(1)
        value, index = total.topk(min(2 * beam, total.shape[-1]), dim=-1)
        parent, token = index // width, token.view(rows, -1).gather(1, index)
        ends = token == EOS

        # Candidates that end count only where they are among the `beam` best.
        finishing = (ends & value.isfinite())[:, :beam]
        normalised = torch.where(finishing, value[:, :beam] / length**how.length_penalty, -torch.inf)
        top, which = normalised.max(dim=-1)
        better = (top > best_score).nonzero().flatten()
        finished = prefix[better, parent[better, which[better]], 1:]
        for number, ids in zip(sentence[better].tolist(), finished.tolist(), strict=True):
            best[number], ended[number] = ids, True
        best_score = torch.maximum(best_score, top)
        ended_count += finishing.sum(dim=-1)

        score, chosen = value.masked_fill(ends, -torch.inf).topk(min(beam, value.shape[-1]), dim=-1)
        parent, token = parent.gather(1, chosen), token.gather(1, chosen)
        prefix = torch.cat(
            [prefix.gather(1, parent.unsqueeze(-1).expand(-1, -1, length)), token.unsqueeze(-1)], dim=-1
        )

        # Log probabilities only fall, so no longer hypothesis can be worth more than the best alive at the limit.
        reachable = score[:, 0] / limit.pow(how.length_penalty)
        done = (ended_count >= beam) | (limit <= length) | (best_score >= reachable)
        leaving = done.nonzero().flatten()
        keep = None
        if len(leaving):
            for number, ids in zip(sentence[leaving].tolist(), prefix[leaving, 0, 1:].tolist(), strict=True):
                if not ended[number]:
                    best[number] = ids
            keep = (~done).nonzero().flatten()
            sentence, prefix, score, limit = sentence[keep], prefix[keep], score[keep], limit[keep]
            best_score, ended_count, parent = best_score[keep], ended_count[keep], parent[keep]
        if beam > 1 or keep is not None:
            place = torch.arange(rows, device=device) if keep is None else keep
            state = select(state, (place.unsqueeze(1) * alive + parent).flatten(), keep)
    return Hypotheses(best, ended)


@torch.inference_mode()
def predict(
    model: Seq2Seq, src: Tensor, src_mask: Tensor | None, limits: Sequence[int] | np.ndarray, how: Search
) -> Hypotheses:
    """`search` for a model whose outputs are values: each is read as the next input, `limits` (B,) of them a source."""
    assert not model.training, "decode in evaluation mode"
    with precision.products_in(how.precision, src.device):
        state = model.start(src, src_mask)
        value = torch.zeros(src.shape[0], model.output_dim, device=src.device)
        found = []
        for _ in range(int(np.max(limits))):
            value, state = model.step(value, state)
            value = value.float()
            found.append(value)
    values = torch.stack(found, dim=1).tolist()
    return Hypotheses([own[:limit] for own, limit in zip(values, limits, strict=True)], [True] * len(values))


def decoder(model: Seq2Seq) -> tuple[Callable[..., Hypotheses], int]:
    """`search`, or `predict` for a model of values, and how many tokens it takes to say that a hypothesis ends."""
    return (search, 1) if model.outputs == "tokens" else (predict, 0)


BLOCK = 64


def largest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest of each row of values (N, V) and where they are, as `topk` gives them but for the order of
    equal ones: sought among the blocks whose own largest are largest, a tenth of the time for a vocabulary."""
    blocks = values.shape[-1] // BLOCK
    if blocks < 4 * count:
        return values.topk(count, dim=-1)
    whole = blocks * BLOCK
    chosen = values[:, :whole].unflatten(1, (blocks, BLOCK)).amax(dim=-1).topk(count, dim=-1).indices
    inside = torch.arange(BLOCK, device=values.device)
    rest = torch.arange(whole, values.shape[-1], device=values.device).expand(len(values), -1)
    places = torch.cat([(chosen.unsqueeze(-1) * BLOCK + inside).flatten(1), rest], dim=1)
    found, which = values.gather(1, places).topk(count, dim=-1)
    return found, places.gather(1, which)


@dataclass(frozen=True)
class Decoded:
    """All of a split, in its order. samples: non-padding target tokens a second, one a batch, the first left out."""

    hypotheses: Hypotheses
    samples: list[float]


def decode_split(
    model: Seq2Seq,
    split: Split,
    target_limit: np.ndarray,
    how: Search,
    batch_tokens: int,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Decoded:
    """Decode every source of a split, in batches of like length.

    target_limit (N,): the limit of each example. batch_tokens bounds sources times beam times source length.
    """
    progress = progress or Silent()
    batcher = Batcher(split, max(1, batch_tokens // how.beam), device)
    tokens: list[list[int]] = [[] for _ in range(len(split))]
    ended = [False] * len(split)
    samples: list[float] = []
    plan = batcher.plan()
    decode, closing = decoder(model)
    progress.stage(f"decode {split.name} {how.name}", len(split), "sentences")
    decoded = 0
    for number, rows in enumerate(plan):
        batch = batcher.make(rows)
        begun = clock(device)
        found = decode(model, batch.src, batch.src_mask, target_limit[rows], how)
        seconds = clock(device) - begun
        if number > 0 or len(plan) == 1:
            samples.append(sum(len(ids) + closing for ids in found.tokens) / seconds)
        for row, ids, end in zip(rows.tolist(), found.tokens, found.ended, strict=True):
            tokens[row], ended[row] = ids, end
        decoded += len(rows)
        progress.advance(decoded)
    return Decoded(Hypotheses(tokens, ended), samples)

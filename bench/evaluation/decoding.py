"""Greedy and beam search through `Seq2Seq.step` alone: one loop for every model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.data.examples import BOS, EOS, PAD, Split
from bench.evaluation.search_config import Search
from bench.system.resources import clock
from bench.training import precision, ranks
from bench.training.batches import Batch, Batcher
from bench.training.progress import Progress, Silent
from models.interface import Seq2Seq, State, select

MaxLengths = Sequence[int] | np.ndarray


@dataclass(frozen=True)
class Hypotheses:
    """One hypothesis for each source.

    tokens: ids without the end token, or predicted values, a list of C floats each. ended: whether the hypothesis
    ended by itself before its maximum length. Values have no end token: their number is fixed, and ended is True.
    """

    tokens: list[list[Any]]
    ended: list[bool]


@dataclass(frozen=True)
class Beam:
    """The unfinished hypotheses of the R sentences that are still decoded, N each, in order of their score.

    N is 1 at the start, then the beam size, or fewer if the vocabulary is small.
    """

    sentence: Tensor  # (R,) index of the sentence among the sources
    max_length: Tensor  # (R,) tokens of a hypothesis, end token included
    prefix: Tensor  # (R, N, 1 + t) start token and the t tokens so far
    score: Tensor  # (R, N) log probability
    best_score: Tensor  # (R,) normalised score of the best finished hypothesis, -inf if there is none
    ended_count: Tensor  # (R,) number of finished hypotheses

    @classmethod
    def start(cls, max_lengths: MaxLengths, device: torch.device) -> Beam:
        """One empty hypothesis for each sentence."""
        count = len(max_lengths)
        return cls(
            sentence=torch.arange(count, device=device),
            max_length=torch.as_tensor(np.asarray(max_lengths), device=device),
            prefix=torch.full((count, 1, 1), BOS, device=device),
            score=torch.zeros(count, 1, device=device),
            best_score=torch.full((count,), -torch.inf, device=device),
            ended_count=torch.zeros(count, dtype=torch.int64, device=device),
        )

    def keep(self, rows: Tensor) -> Beam:
        """The beam of these rows (sentences) alone."""
        return Beam(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True)
class Candidates:
    """The best extensions of a beam by one token, best first: score, parent (index among N) and token, (R, C) each."""

    score: Tensor
    parent: Tensor
    token: Tensor

    @property
    def ends(self) -> Tensor:
        """(R, C): whether a candidate ends here."""
        return self.token == EOS


@torch.inference_mode()
def decode_tokens(
    model: Seq2Seq, src: Tensor, src_mask: Tensor | None, max_lengths: MaxLengths, search: Search
) -> Hypotheses:
    """Search for the best hypothesis of each source, greedily if the beam is 1.

    src (B, S), src_mask (B, S) or None; max_lengths (B,): the number of tokens, end token included, after which a
    hypothesis is cut off. A cut-off hypothesis is returned only if none has ended. The padding and start tokens are
    never chosen. A finished sentence leaves the batch.
    """
    assert not model.training, "decode in evaluation mode"
    with precision.products_in(search.precision, src.device):
        beam = Beam.start(max_lengths, src.device)
        hypotheses = Hypotheses([[] for _ in max_lengths], [False] * len(max_lengths))
        state = model.start(src, src_mask)
        while len(beam.sentence):
            width = beam.score.shape[1]
            logits, state = model.step(beam.prefix[:, :, -1].reshape(-1), state)
            candidates = _expand(beam, logits, search.beam)
            finished = _finish(beam, candidates, search, hypotheses)
            beam, parent = _extend(finished, candidates, search.beam)
            done = _done(beam, search)
            beam, parent, kept = _leave(beam, parent, done, hypotheses)
            state = _select_state(state, parent, kept, width, search.beam)
        return hypotheses


def _expand(beam: Beam, logits: Tensor, size: int) -> Candidates:
    """The 2 * size best extensions of each sentence's hypotheses: at most `size` end, so `size` can be extended."""
    rows, width = beam.score.shape
    log_probability = torch.log_softmax(logits, dim=-1, dtype=torch.float32)
    log_probability[:, [PAD, BOS]] = -torch.inf
    score, token = blockwise_topk(log_probability, min(2 * size, logits.shape[-1]))
    count = score.shape[-1]
    total = (beam.score.unsqueeze(-1) + score.view(rows, width, count)).flatten(1)
    score, index = total.topk(min(2 * size, total.shape[-1]), dim=-1)
    return Candidates(score, index // count, token.view(rows, -1).gather(1, index))


def _finish(beam: Beam, candidates: Candidates, search: Search, hypotheses: Hypotheses) -> Beam:
    """Record the hypotheses that end and are the best of their sentence so far.

    Only the `search.beam` best candidates can end. Their score is divided by length ** length_penalty.
    """
    length = beam.prefix.shape[-1]  # with the end token, without the start token
    ending = (candidates.ends & candidates.score.isfinite())[:, : search.beam]
    normalised = candidates.score[:, : search.beam] / length**search.length_penalty
    score, index = torch.where(ending, normalised, -torch.inf).max(dim=-1)
    better = (score > beam.best_score).nonzero().flatten()
    tokens = beam.prefix[better, candidates.parent[better, index[better]], 1:]
    for sentence, ids in zip(beam.sentence[better].tolist(), tokens.tolist(), strict=True):
        hypotheses.tokens[sentence], hypotheses.ended[sentence] = ids, True
    return replace(
        beam,
        best_score=torch.maximum(beam.best_score, score),
        ended_count=beam.ended_count + ending.sum(dim=-1),
    )


def _extend(beam: Beam, candidates: Candidates, size: int) -> tuple[Beam, Tensor]:
    """Replace the hypotheses by the best candidates that do not end. Returns their parents (R, N) too."""
    score = candidates.score.masked_fill(candidates.ends, -torch.inf)
    score, chosen = score.topk(min(size, score.shape[-1]), dim=-1)
    parent, token = candidates.parent.gather(1, chosen), candidates.token.gather(1, chosen)
    length = beam.prefix.shape[-1]
    prefix = beam.prefix.gather(1, parent.unsqueeze(-1).expand(-1, -1, length))
    return replace(beam, prefix=torch.cat([prefix, token.unsqueeze(-1)], dim=-1), score=score), parent


def _done(beam: Beam, search: Search) -> Tensor:
    """(R,): whether a sentence needs no further step."""
    length = beam.prefix.shape[-1] - 1
    # A log probability never rises, so the best unfinished hypothesis cannot exceed its score at the maximum length.
    reachable = beam.score[:, 0] / beam.max_length.pow(search.length_penalty)
    return (beam.ended_count >= search.beam) | (beam.max_length <= length) | (beam.best_score >= reachable)


def _leave(beam: Beam, parent: Tensor, done: Tensor, hypotheses: Hypotheses) -> tuple[Beam, Tensor, Tensor | None]:
    """Remove the sentences that are done. Returns the beam, the parents and the kept rows, None if all are kept.

    A sentence without a finished hypothesis gets its best unfinished one.
    """
    leaving = done.nonzero().flatten()
    if len(leaving) == 0:
        return beam, parent, None
    unfinished = beam.prefix[leaving, 0, 1:].tolist()
    for sentence, ids in zip(beam.sentence[leaving].tolist(), unfinished, strict=True):
        if not hypotheses.ended[sentence]:
            hypotheses.tokens[sentence] = ids
    kept = (~done).nonzero().flatten()
    return beam.keep(kept), parent[kept], kept


def _select_state(state: State, parent: Tensor, kept: Tensor | None, width: int, size: int) -> State:
    """The state of each hypothesis in the new beam: that of its parent. width: hypotheses of a sentence in `state`."""
    if size == 1 and kept is None:
        return state
    rows = torch.arange(len(parent), device=parent.device) if kept is None else kept
    return select(state, (rows.unsqueeze(1) * width + parent).flatten(), kept)


@torch.inference_mode()
def decode_values(
    model: Seq2Seq, src: Tensor, src_mask: Tensor | None, max_lengths: MaxLengths, search: Search
) -> Hypotheses:
    """Predict values; each prediction is the next input. max_lengths (B,): number of predictions for each source."""
    assert not model.training, "decode in evaluation mode"
    with precision.products_in(search.precision, src.device):
        state = model.start(src, src_mask)
        value = torch.zeros(src.shape[0], model.output_dim, device=src.device)
        steps = []
        for _ in range(int(np.max(max_lengths))):
            value, state = model.step(value, state)
            value = value.float()
            steps.append(value)
    values = torch.stack(steps, dim=1).tolist()
    tokens = [sequence[:length] for sequence, length in zip(values, max_lengths, strict=True)]
    return Hypotheses(tokens, [True] * len(values))


def decoding_function(model: Seq2Seq) -> tuple[Callable[..., Hypotheses], int]:
    """The function that decodes with this model, and the number of end tokens of a hypothesis: 1, or 0 for values."""
    return (decode_tokens, 1) if model.outputs == "tokens" else (decode_values, 0)


BLOCK = 64


def blockwise_topk(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest scores of each row (N, V) and their indices, as `topk` but for the order of equal scores.

    Searches only the blocks with the largest maxima, which takes a tenth of the time for a large vocabulary.
    """
    blocks = scores.shape[-1] // BLOCK
    if blocks < 4 * count:
        return scores.topk(count, dim=-1)
    whole = blocks * BLOCK
    chosen = scores[:, :whole].unflatten(1, (blocks, BLOCK)).amax(dim=-1).topk(count, dim=-1).indices
    inside = torch.arange(BLOCK, device=scores.device)
    rest = torch.arange(whole, scores.shape[-1], device=scores.device).expand(len(scores), -1)
    indices = torch.cat([(chosen.unsqueeze(-1) * BLOCK + inside).flatten(1), rest], dim=1)
    top, position = scores.gather(1, indices).topk(count, dim=-1)
    return top, indices.gather(1, position)


@dataclass(frozen=True)
class DecodedSplit:
    """The hypotheses of a split, in its order.

    samples: non-padding target tokens a second of each batch but the first of each process, unless it is the only one.
    """

    hypotheses: Hypotheses
    samples: list[float]

    def gathered(self, rows: list[np.ndarray]) -> DecodedSplit:
        """The whole split, where several processes have each decoded the batches of `ranks.turns`.

        rows: of every batch of the split. self: of this process, with empty hypotheses for the rest.
        """
        own = [row for batch in ranks.turns(rows) for row in batch.tolist()]
        mine = [(row, self.hypotheses.tokens[row], self.hypotheses.ended[row]) for row in own]
        samples: list[float] = []
        for of_process, speeds in ranks.gather((mine, self.samples)):
            samples += speeds
            for row, ids, ended in of_process:
                self.hypotheses.tokens[row], self.hypotheses.ended[row] = ids, ended
        return DecodedSplit(self.hypotheses, samples)


Answer = Callable[[Batch], tuple[Hypotheses, int]]
"""What a model answers to a batch, and the number of tokens in it."""


def searching(model: Seq2Seq, max_lengths: np.ndarray, search: Search) -> Answer:
    """Answers that are searched for. max_lengths (N,): of each example of the split."""
    decode, end_tokens = decoding_function(model)

    def answer(batch: Batch) -> tuple[Hypotheses, int]:
        hypotheses = decode(model, batch.src, batch.src_mask, max_lengths[batch.rows], search)
        return hypotheses, sum(len(ids) + end_tokens for ids in hypotheses.tokens)

    return answer


def decode_split(
    model: Seq2Seq,
    split: Split,
    max_lengths: np.ndarray,
    search: Search,
    batch_tokens: int,
    device: str = "cpu",
    progress: Progress | None = None,
) -> DecodedSplit:
    """Decode every source of a split; see `answer_split`. max_lengths (N,): of each example. batch_tokens bounds
    sources times beam times the longer of source and reference."""
    progress = progress or Silent()
    progress.stage(f"decode {split.name} {search.name}", len(split), "sentences")
    batcher = Batcher(split, max(1, batch_tokens // search.beam), device)
    return answer_split(batcher, searching(model, max_lengths, search), progress)


def answer_split(batcher: Batcher, answer: Answer, progress: Progress) -> DecodedSplit:
    """The answers to a batcher's whole split, in batches of similar lengths, which several processes share."""
    count, plan = len(batcher.split), batcher.plan()
    hypotheses, samples = Hypotheses([[] for _ in range(count)], [False] * count), []
    examples = np.cumsum([len(rows) for rows in plan]).tolist()
    for number, rows in ranks.turns(enumerate(plan)):
        batch = batcher.make(rows)
        of_batch, speed = timed(answer, batch, batcher.device)
        samples.append(speed)
        for row, ids, ended in zip(rows.tolist(), of_batch.tokens, of_batch.ended, strict=True):
            hypotheses.tokens[row], hypotheses.ended[row] = ids, ended
        progress.advance(examples[number])
    return DecodedSplit(hypotheses, samples[1:] or samples).gathered(plan)


def timed(answer: Answer, batch: Batch, device: str) -> tuple[Hypotheses, float]:
    """The answer to a batch, and its tokens a second."""
    started = clock(device)
    hypotheses, tokens = answer(batch)
    return hypotheses, tokens / (clock(device) - started)

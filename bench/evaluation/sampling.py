"""Sampling from a language model, one token at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.interface import SequenceModel, State


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn. temperature: divides the logits; 0: the most probable token. top_k: only from so many most
    probable tokens (Fan et al. 2018); 0: all. top_p: only from the fewest most probable ones that have at least this
    probability together (Holtzman et al. 2020); 1: all.

    Raises ValueError for numbers out of range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"the temperature must be 0 or more and finite, got {self.temperature:g}")
        if self.top_k < 0:
            raise ValueError(f"top-k must be 0 (all) or more, got {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top-p must be above 0 and at most 1, got {self.top_p:g}")

    def probabilities(self, logits: Tensor, never: Sequence[int] = ()) -> Tensor:
        """(V,) the probabilities that a token is drawn with, from logits (V,). never: ids that are not drawn."""
        logits = logits.double().clone()
        logits[list(never)] = -torch.inf
        if self.temperature == 0:
            return torch.nn.functional.one_hot(logits.argmax(), len(logits)).double()
        if 0 < self.top_k < len(logits):
            logits[logits < logits.topk(self.top_k).values[-1]] = -torch.inf
        ordered, order = torch.softmax((logits - logits.max()) / self.temperature, dim=-1).sort(descending=True)
        # A token stays while the ones before it have less than top_p together.
        ordered[ordered.cumsum(0) - ordered >= self.top_p] = 0.0
        return torch.zeros_like(ordered).scatter(0, order, ordered / ordered.sum())


@torch.inference_mode()
def sample(
    model: SequenceModel,
    prompt: Sequence[int],
    sampling: Sampling,
    generator: torch.Generator,
    limit: int | None,
    never: Sequence[int] = (),
) -> Iterator[int]:
    """Endless ids after a prompt of one or more. Draws from the generator, on the CPU. never: ids that are not drawn.

    limit: the most tokens that the model may have before it; None: any number. Once there are so many, the last half
    of them is read again as a new context.
    """
    assert not model.training, "sample in evaluation mode"
    device = next(model.parameters()).device
    read = list(prompt)
    logits, state = _read(model, read if limit is None else read[-limit:], device)
    length = len(read) if limit is None else min(limit, len(read))
    while True:
        token = int(torch.multinomial(sampling.probabilities(logits.cpu(), never), 1, generator=generator))
        yield token
        read.append(token)
        if limit is not None and length == limit:
            length = max(1, limit // 2)
            logits, state = _read(model, read[-length:], device)
        else:
            length += 1
            logits, state = _step(model, token, state, device)


def _read(model: SequenceModel, ids: Sequence[int], device: torch.device) -> tuple[Tensor, State]:
    """The logits (V,) after the ids, and the state."""
    state = model.start(1)
    for token in ids:
        logits, state = _step(model, token, state, device)
    return logits, state


def _step(model: SequenceModel, token: int, state: State, device: torch.device) -> tuple[Tensor, State]:
    logits, state = model.step(torch.tensor([token], device=device), state)
    return logits[0], state

"""Dropout from random bits of an explicit generator.

`torch.nn.functional.dropout` cannot be given a generator, and draws one float for each value from the global one; on a
CPU this alone took a fifth of a small Transformer's training step. Here one 64-bit draw serves eight values.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class BatchShare:
    """The rows of a global batch that this process has, where several processes train together.

    first: index of its first row; rows: number of rows of the global batch. The trainer sets both before each step.
    """

    first: int = 0
    rows: int = 0


class Dropout(nn.Module):
    """Zeroes each value with probability `p` and scales the others to keep the mean (Srivastava et al. 2014).

    `p` is rounded to a multiple of 1/256 (`effective_p`). The scale is that of the rounded value, so the mean is
    exact. The draws come from `generator`, which `set_dropout_generator` must set before training.

    With a `share`, the mask of the global batch is drawn, and the rows of this process are taken from it. So the masks
    are the same with any number of processes.
    """

    def __init__(self, p: float, name: str = "dropout", of_weights: bool = False) -> None:
        """name: the option that sets `p`, for the message of the ValueError where `p` is not in [0, 1). of_weights:
        the values are weights, the same for all rows, and their first axis is not the batch."""
        super().__init__()
        if not 0.0 <= p < 1.0:
            raise ValueError(f"{name} must be at least 0 and below 1, got {p}")
        self.threshold = min(round(p * 256), 255)
        self.effective_p = self.threshold / 256
        self.of_weights = of_weights
        self.generator: torch.Generator | None = None
        self.share: BatchShare | None = None

    @property
    def active(self) -> bool:
        """Whether values are dropped: in training mode, with p above 0."""
        return self.training and self.threshold > 0

    def forward(self, values: Tensor) -> Tensor:
        """values: (B, ...), or weights of any shape. Returns the same shape; the values themselves where dropout is
        not `active`."""
        if not self.active:
            return values
        assert self.generator is not None, "set_dropout_generator(model, generator) comes before training"
        first, own = 0, values.numel()
        count = own
        if self.share is not None and not self.of_weights:
            row = own // len(values)
            first, count = self.share.first * row, self.share.rows * row
        words = torch.empty((count + 7) // 8, dtype=torch.int64, device=values.device)
        # The full int64 range: the default range leaves the sign bit at zero, which biases every eighth byte.
        words.random_(-(2**63), None, generator=self.generator)
        keep = words.view(torch.uint8)[first : first + own].view(values.shape) >= self.threshold
        # One mask of zeros and scales takes one product forward and one backward, without a change of type in either.
        return values * keep.to(values.dtype).mul_(1.0 / (1.0 - self.effective_p))

    def extra_repr(self) -> str:
        return f"p={self.effective_p:.4f}"


def dropout_at(place: str, p: float | None, default: float) -> Dropout:
    """The dropout of a place with an option of its own, `dropout_<place>`. Where p is None, the model's `default`."""
    return Dropout(default) if p is None else Dropout(p, f"dropout_{place}")


def set_dropout_generator(model: nn.Module, generator: torch.Generator, share: BatchShare | None = None) -> None:
    """Make every `Dropout` of the model draw from this generator, in the order of the forward pass.

    share: None where this process has whole batches.
    """
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator, module.share = generator, share

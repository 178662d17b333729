"""What a model costs: parameters by component, analytic FLOPs, and the width that meets a parameter budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from models.interface import Seq2Seq

COMPONENTS = ("embedding", "recurrent", "attention", "feed_forward", "norm", "bridge", "output")

TRAINING_FACTOR = 3
"""A training step costs about three forward passes: the backward pass has two matrix products for each forward one
(Kaplan et al. 2020, sec. 2.1)."""

MAX_WIDTH = 16384


def parameters(model: Seq2Seq) -> dict[str, int]:
    """Trainable values by component, `total` first. A shared tensor is counted once, under its first name."""
    counts = dict.fromkeys(COMPONENTS, 0)
    for name, parameter in model.named_parameters():  # yields a shared tensor once
        counts[model.component_of(name)] += parameter.numel()
    return {"total": sum(counts.values()), **counts}


def training_flops(model: Seq2Seq, source_length: int, target_length: int) -> int:
    """Matrix-product FLOPs of one training step on one unpadded pair of these lengths."""
    return TRAINING_FACTOR * model.matmul_flops(source_length, target_length)


@dataclass(frozen=True)
class Fit:
    """A width and how near it comes to the budget."""

    width: int
    parameters: int
    budget: int

    @property
    def mismatch(self) -> float:
        """Signed share: +0.02 is two per cent above the budget."""
        return self.parameters / self.budget - 1.0


def solve_width(build: Callable[[int], Seq2Seq], budget: int, step: int = 2) -> Fit:
    """The width, a multiple of `step`, whose model comes nearest to `budget` parameters.

    `build(width)` is called on the meta device, so nothing is allocated. It may raise ValueError for widths too small
    to build. Raises ValueError where even the smallest width that can be built is far above the budget.
    """

    def count(width: int) -> int | None:
        try:
            with torch.device("meta"):
                return parameters(build(width))["total"]
        except ValueError:
            return None

    low, high = 1, 1
    while (size := count(high * step)) is None or size < budget:
        low, high = high, high * 2
        if high * step > MAX_WIDTH:
            break
    while high - low > 1:
        middle = (low + high) // 2
        size = count(middle * step)
        low, high = (middle, high) if size is None or size < budget else (low, middle)
    sizes = {n * step: count(n * step) for n in (low, high)}
    buildable = {width: size for width, size in sizes.items() if size is not None}
    if not buildable:
        build(high * step)  # raises the model's own message
        raise AssertionError("build(width) failed on the meta device only")
    width = min(buildable, key=lambda width: abs(buildable[width] - budget))
    return Fit(width, buildable[width], budget)

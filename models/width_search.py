"""The search for the model width that meets a target size under a matching rule, so that arms are comparable.

Models are built on the meta device, where nothing is allocated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from models.cost import parameters
from models.interface import Model
from models.meta_device import on_meta_device

RULES = ("params", "nonembedding", "flops", "width")

MAX_WIDTH = 16384
"""The search stops doubling beyond this width."""

NEIGHBOURS = 4
"""Number of widths tried on either side of the bisection's result. Inner sizes are rounded, the width of a head for
one, so a wider model can be a little smaller."""

Build = Callable[[int], Model]
"""Builds the model of a width. Raises ValueError for a width that cannot be built."""


@dataclass(frozen=True)
class Fit:
    """A width and how close its model comes to the target size.

    got, target: sizes under the rule, in the unit of `measure`. parameters: all trainable values, whatever the rule.
    smallest: no narrower model can be built.
    """

    rule: str
    width: int
    got: float
    target: float
    parameters: int
    smallest: bool = False

    @property
    def mismatch(self) -> float:
        """Signed relative difference: +0.02 is two per cent above the target."""
        return self.got / self.target - 1.0


def measure(model: Model, rule: str, source_length: int, target_length: int) -> float:
    """The size of a model under a rule. Raises ValueError for a rule that is not one of RULES.

    params: trainable values, a shared one counted once.
    nonembedding: those that do not grow with the vocabulary, so neither embeddings (of tokens and of positions) nor
    the output projection (Kaplan et al. 2020, sec. 2.1).
    flops: FLOPs of the matrix products of a forward pass over one pair of these lengths, for each target token.
    width: d_model.
    """
    if rule == "width":
        return model.d_model
    if rule == "flops":
        return model.matmul_flops(source_length, target_length) / target_length
    counts = parameters(model)
    if rule == "params":
        return counts["total"]
    if rule == "nonembedding":
        return counts["total"] - counts["embedding"] - counts["output"]
    raise ValueError(f"rule must be one of {', '.join(RULES)}; got {rule!r}")


def at_width(
    build: Build, width: int, rule: str, target: float, source_length: int = 1, target_length: int = 1
) -> Fit:
    """Build and measure the model of a given width. Raises ValueError where it cannot be built."""
    model = on_meta_device(lambda: build(width))
    size = measure(model, rule, source_length, target_length)
    return Fit(rule, width, size, target, parameters(model)["total"])


def solve_width(
    build: Build, rule: str, target: float, source_length: int = 1, target_length: int = 1, step: int = 2
) -> Fit:
    """Find the width, a multiple of `step`, whose model is closest to the target under a rule.

    For the rule `width`, the target is the width. Widths too small to build are skipped. A target below the smallest
    model gives the smallest: see `Fit.smallest`. Raises the model's ValueError where no width can be built.
    """
    if rule == "width":
        return at_width(build, int(target), rule, target, source_length, target_length)
    fits: dict[int, Fit | None] = {}
    refusals: list[ValueError] = []

    def fit(multiple: int) -> Fit | None:
        """The fit of the width `multiple * step`; None where it cannot be built."""
        if multiple not in fits:
            try:
                fits[multiple] = at_width(build, multiple * step, rule, target, source_length, target_length)
            except ValueError as error:
                refusals.append(error)
                fits[multiple] = None
        return fits[multiple]

    def too_small(multiple: int) -> bool:
        candidate = fit(multiple)
        return candidate is None or candidate.got < target

    low, high = 0, 1
    while too_small(high) and high * step <= MAX_WIDTH:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if too_small(middle) else (low, middle)
    around = range(max(1, high - NEIGHBOURS), high + NEIGHBOURS + 1)
    candidates = {multiple: candidate for multiple in around if (candidate := fit(multiple)) is not None}
    if not candidates:
        raise refusals[-1]
    best = min(candidates, key=lambda multiple: abs(candidates[multiple].got - target))
    return replace(candidates[best], smallest=best == 1 or fit(best - 1) is None)

"""The width at which a model has the size it is to have, by one of several rules: how families are made comparable.

Nothing here is allocated: models are built on the meta device, where a tensor has a shape and no values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from models.cost import parameters
from models.interface import Seq2Seq
from models.meta_device import sketched

RULES = ("params", "nonembedding", "flops", "width")

MAX_WIDTH = 16384
"""Where the search for a width gives up."""

NEIGHBOURS = 4
"""How many widths on either side of the one the bisection ends at are looked at too. Inner sizes are rounded, the
width of a head for one, so that a wider model may be a little smaller."""

Build = Callable[[int], Seq2Seq]
"""The model of a width. Raises ValueError for a width that cannot be built."""


@dataclass(frozen=True)
class Fit:
    """A width, and how near it comes to what was asked.

    got, target: by the rule, in the unit of `measure`. parameters: all trainable values, whatever the rule. smallest:
    the search found that no narrower model can be built.
    """

    rule: str
    width: int
    got: float
    target: float
    parameters: int
    smallest: bool = False

    @property
    def mismatch(self) -> float:
        """Signed share: +0.02 is two per cent above the target."""
        return self.got / self.target - 1.0


def measure(model: Seq2Seq, rule: str, source_length: int, target_length: int) -> float:
    """How large a model is by a rule. Raises ValueError for a rule that is not one of RULES.

    params: trainable values, a shared one counted once.
    nonembedding: those that do not grow with the vocabulary, so neither embeddings (of tokens and of positions) nor
    the output projection (Kaplan et al. 2020, sec. 2.1).
    flops: of the matrix products of a forward pass over one pair of these lengths, for each target token.
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
    """How near the model of a given width comes to the target. Raises ValueError where it cannot be built."""
    model = sketched(lambda: build(width))
    got = measure(model, rule, source_length, target_length)
    return Fit(rule, width, got, target, parameters(model)["total"])


def solve_width(
    build: Build, rule: str, target: float, source_length: int = 1, target_length: int = 1, step: int = 2
) -> Fit:
    """The width, a multiple of `step`, whose model comes nearest to the target by a rule; for the rule `width` the
    target itself.

    Widths too small to build are passed over. A target below the smallest model gives that model: see `Fit.smallest`.
    Raises ValueError, the model's own, where no width can be built.
    """
    if rule == "width":
        return at_width(build, int(target), rule, target, source_length, target_length)
    fits: dict[int, Fit | None] = {}
    refusals: list[ValueError] = []

    def fit(multiple: int) -> Fit | None:
        """Of the width `multiple * step`; None where it cannot be built."""
        if multiple not in fits:
            try:
                fits[multiple] = at_width(build, multiple * step, rule, target, source_length, target_length)
            except ValueError as error:
                refusals.append(error)
                fits[multiple] = None
        return fits[multiple]

    def too_small(multiple: int) -> bool:
        found = fit(multiple)
        return found is None or found.got < target

    low, high = 0, 1
    while too_small(high) and high * step <= MAX_WIDTH:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if too_small(middle) else (low, middle)
    near = [n for n in range(max(1, high - NEIGHBOURS), high + NEIGHBOURS + 1) if fit(n) is not None]
    if not near:
        raise refusals[-1]
    best = min(near, key=lambda n: abs(fits[n].got - target))
    return replace(fits[best], smallest=best == 1 or fit(best - 1) is None)

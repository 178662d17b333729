"""Learning-rate schedules: a linear warm-up to the peak, and what comes after it."""

from __future__ import annotations

import math
from dataclasses import dataclass

SCHEDULES = ("cosine", "linear", "constant", "inverse_sqrt", "one_cycle", "plateau")

START, END = 25.0, 1e4
"""Of `one_cycle`: the first rate is the peak over START, the last one that over END once more (torch's defaults)."""


@dataclass
class Schedule:
    """The rate of every step of a training of `total` steps, planned before the first one: stopping early changes none.

    The warm-up rises linearly from zero over `warmup` * total steps, at least one, to `peak`. Then:
    `cosine` and `linear` fall to zero at the end (Loshchilov & Hutter 2017 for the cosine), `constant` stays.
    `inverse_sqrt`: peak * sqrt(w / step) with w the steps of the warm-up (Vaswani et al. 2017, eq. 3, whose peak is
    (d_model * w) ** -0.5).
    `one_cycle`: no linear warm-up, but half a cosine from peak / START up and half a cosine down to far below that
    (Smith & Topin 2018, in the form of torch's OneCycleLR). AdamW's beta1 stays as it is.
    `plateau`: times `factor` after each `patience` validations in a row without a new lowest loss.
    """

    name: str
    peak: float
    warmup: float
    total: int
    factor: float = 0.5
    patience: int = 2
    scale: float = 1.0  # what the plateaus so far have left of the rate; this and the next two are for `plateau` alone
    lowest: float = math.inf
    waited: int = 0

    def rate(self, step: int) -> float:
        """Learning rate of step 0 <= step < total."""
        warm = max(1, round(self.warmup * self.total))
        if self.name == "one_cycle":
            return self._one_cycle(step, warm - 1)
        if step < warm:
            return self.scale * self.peak * (step + 1) / warm
        if self.name == "inverse_sqrt":
            return self.peak * math.sqrt(warm / (step + 1))
        share = (step - warm) / max(1, self.total - warm)
        if self.name == "cosine":
            return self.peak * 0.5 * (1.0 + math.cos(math.pi * share))
        return self.peak * (1.0 - share) if self.name == "linear" else self.scale * self.peak

    def _one_cycle(self, step: int, top: int) -> float:
        """top: the step that has the peak."""
        first = self.peak / START
        if step <= top:
            return _half_cosine(first, self.peak, step / top if top else 1.0)
        return _half_cosine(self.peak, first / END, (step - top) / (self.total - 1 - top))

    def validated(self, loss: float) -> None:
        """Take note of a validation's loss."""
        if self.name != "plateau":
            return
        if loss < self.lowest:
            self.lowest, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited == self.patience:
            self.scale, self.waited = self.scale * self.factor, 0

    @property
    def state(self) -> dict[str, float]:
        """What validations have changed so far, to go on from."""
        return {"scale": self.scale, "lowest": self.lowest, "waited": self.waited}

    @state.setter
    def state(self, state: dict[str, float]) -> None:
        self.scale, self.lowest, self.waited = state["scale"], state["lowest"], int(state["waited"])


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1.0 + math.cos(math.pi * share))

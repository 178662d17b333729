"""Learning-rate schedules: a linear warm-up to the peak, then one of several curves."""

from __future__ import annotations

import math
from dataclasses import dataclass

SCHEDULES = ("cosine", "linear", "constant", "inverse_sqrt", "one_cycle", "plateau")

FIRST_DIVISOR, LAST_DIVISOR = 25.0, 1e4
"""`one_cycle`: the first rate is peak / FIRST_DIVISOR, the last one that / LAST_DIVISOR (torch's defaults)."""


@dataclass
class Schedule:
    """The learning rate of each of `total` planned steps. Stopping early changes none of them.

    The warm-up rises linearly from zero to `peak` over `warmup` * total steps, at least one. Then:
    `cosine` and `linear` fall to zero at the end (Loshchilov & Hutter 2017 for the cosine); `constant` stays.
    `inverse_sqrt`: peak * sqrt(w / step), w = warm-up steps (Vaswani et al. 2017, eq. 3, where the peak is
    (d_model * w) ** -0.5).
    `one_cycle`: in place of the linear warm-up, half a cosine from peak / FIRST_DIVISOR up to the peak; then half a
    cosine down (Smith & Topin 2018, in the form of torch's OneCycleLR). AdamW's beta1 is not changed.
    `plateau`: multiplied by `factor` after each `patience` validations in a row without a new lowest loss.
    """

    name: str
    peak: float
    warmup: float
    total: int
    factor: float = 0.5
    patience: int = 2
    scale: float = 1.0  # plateau: product of the factors applied so far
    lowest: float = math.inf  # plateau: lowest validation loss so far
    since_lowest: int = 0  # plateau: validations since the lowest loss, or since the rate was last lowered

    def rate(self, step: int) -> float:
        """The learning rate of a step, 0 <= step < total."""
        warmup_steps = max(1, round(self.warmup * self.total))
        if self.name == "one_cycle":
            return self._one_cycle(step, warmup_steps - 1)
        if step < warmup_steps:
            return self.scale * self.peak * (step + 1) / warmup_steps
        if self.name == "inverse_sqrt":
            return self.peak * math.sqrt(warmup_steps / (step + 1))
        share = (step - warmup_steps) / max(1, self.total - warmup_steps)
        if self.name == "cosine":
            return self.peak * 0.5 * (1.0 + math.cos(math.pi * share))
        return self.peak * (1.0 - share) if self.name == "linear" else self.scale * self.peak

    def _one_cycle(self, step: int, peak_step: int) -> float:
        first = self.peak / FIRST_DIVISOR
        if step <= peak_step:
            return _half_cosine(first, self.peak, step / peak_step if peak_step else 1.0)
        return _half_cosine(self.peak, first / LAST_DIVISOR, (step - peak_step) / (self.total - 1 - peak_step))

    def observe(self, loss: float) -> None:
        """Adapt the schedule to a validation loss; only `plateau` does."""
        if self.name != "plateau":
            return
        if loss < self.lowest:
            self.lowest, self.since_lowest = loss, 0
            return
        self.since_lowest += 1
        if self.since_lowest == self.patience:
            self.scale, self.since_lowest = self.scale * self.factor, 0

    @property
    def state(self) -> dict[str, float]:
        """The effect of past validations, for resuming."""
        return {"scale": self.scale, "lowest": self.lowest, "waited": self.since_lowest}

    @state.setter
    def state(self, state: dict[str, float]) -> None:
        self.scale, self.lowest, self.since_lowest = state["scale"], state["lowest"], int(state["waited"])


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1.0 + math.cos(math.pi * share))

"""A published number, the score of ours that is set beside it, and the protocol that it was published with."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.analysis.messages import Text
from bench.analysis.solved import SOLVED
from bench.metrics import LOSS

MEAN, MEDIAN, BEST = "mean", "median", "best seed"
"""What of our seeds is compared with a published number."""

VALID = "valid"
"""In the place of a test split: the lowest validation loss of a training."""

NEAR_POINTS, FAR_POINTS = 1.0, 5.0
"""Widths of bands of accuracy and BLEU: points (of 100) below a number, and on both sides of one that shows a
failure."""

NEAR = {LOSS: 0.02, "mse": 0.1}
"""Widths of bands of errors, as shares of the number. All other metrics grow to a perfect score. A squared error of
1,000 examples varies by several percent, a loss does not."""


@dataclass(frozen=True)
class OwnScore:
    """This project's score beside a published one. arms: the most similar to the published system, by name without
    options; split: also VALID; times: factor from our unit to theirs; languages: source and target of a
    translation."""

    task: str
    arms: tuple[str, ...]
    metric: str
    split: str = "test"
    search: str = "greedy"
    times: float = 1.0
    languages: tuple[str, str] | None = None

    @property
    def perfect(self) -> float:
        """The perfect score in the published unit: 0 (of an error), 1 or 100."""
        if self.metric in NEAR:
            return 0.0
        return 100.0 if self.metric.startswith("bleu") else self.times


@dataclass(frozen=True)
class Protocol:
    """What stands behind a published number, in English.

    text: data and training; same: options of a cell's configuration without which a score of ours is of another
    protocol (`task.train_longest` -> 40); differs: what our runs do in another way, whatever their options; compared:
    MEAN, MEDIAN or BEST, as the source does with its own runs; steps: of their training, if known.
    """

    text: str
    differs: str
    same: Mapping[str, object] = field(default_factory=dict)
    compared: str = MEAN
    steps: int | None = None


@dataclass(frozen=True)
class Band:
    """The values that count as the published number reproduced, both ends included."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"at least {self.low:.4g}"
        return f"at most {self.high:.4g}" if math.isinf(self.low) else f"{self.low:.4g} to {self.high:.4g}"


@dataclass(frozen=True)
class PublishedScore:
    """A published number. claims: letters, "" for a number about none of them; what: data and measure; number: as
    published; source: where it was read; differs: differences to this project beyond sizes and budgets; ours: None
    without a comparable score; stack: the same score of an arm of one stack, if such a task exists; protocol: with
    `ours`; failure: whether the number shows what a system does not learn; parameters: of the published system."""

    claims: str
    what: str | Text
    system: str | Text
    number: str | Text
    source: str | Text
    differs: str | Text
    ours: OwnScore | None = None
    protocol: Protocol | None = None
    stack: OwnScore | None = None
    failure: bool = False
    parameters: float | None = None

    @property
    def compared(self) -> str:
        """MEAN, MEDIAN or BEST. A number with a deviation is a mean, whatever the other numbers of its source are."""
        return MEAN if self.protocol is None or "+-" in self.number else self.protocol.compared

    @property
    def band(self) -> Band | None:
        """The values that count as this number reproduced; None if it is not a number, or nothing of ours is like it.

        A published range is the band: a mean with its deviation, or `at least N`. Of a single number: at least the
        number less NEAR_POINTS, or an error of at most NEAR more. Of a number that shows a failure: at most
        FAR_POINTS, or NEAR of an error, away on either side.
        """
        match = re.fullmatch(r"(at least )?([\d.e+-]*\d)(?: \+- ([\d.]+))?", self.number)
        if match is None or self.ours is None:
            return None
        value, perfect = float(match[2]), self.ours.perfect
        if match[1]:
            return Band(value, math.inf)
        if match[3]:
            return Band(value - float(match[3]), value + float(match[3]))
        near = NEAR.get(self.ours.metric, 0.0)
        if self.failure:
            width = perfect * FAR_POINTS / 100 + value * near
            return Band(value - width, value + width)
        return Band(-math.inf, value * (1 + near)) if near else Band(value - perfect * NEAR_POINTS / 100, math.inf)


def shows_failure(number: str, perfect: float) -> bool:
    """Whether a published accuracy does not solve its task."""
    return float(number) < SOLVED * perfect

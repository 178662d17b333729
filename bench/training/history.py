"""The history of a training: counts, times, validation curve and selection. Part of the resumable state."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

END, PATIENCE = "end", "patience"
"""Why training stopped: all planned steps are done, or too many validations in a row brought no new lowest loss."""


@dataclass
class History:
    """The history of one training.

    curve: a row for each validation, columns as in `bench.records.store`. Losses are in nats a target token, or
    squared error a target value; accuracies are None for values.
    samples: training throughput in non-padding target tokens a second, without the first sample of each process.
    stopped: END or PATIENCE; None if training has not ended.
    average: None without averaging, else `of` (one of `bench.training.config.AVERAGE_OF`), `steps` (of the
    checkpoints), `value` (validation loss of their mean) and `chosen` (whether the model has these weights).
    resumed: the steps at which a process resumed from a saved state. Work lost after that state is not counted.
    """

    curve: list[dict[str, Any]] = field(default_factory=list)
    samples: list[float] = field(default_factory=list)
    steps: int = 0
    examples: int = 0
    source_tokens: int = 0
    target_tokens: int = 0
    padded_tokens: int = 0  # of both sides, padding included
    train_seconds: float = 0.0
    validate_seconds: float = 0.0
    best_step: int = 0
    best_loss: float = math.inf
    stopped: str | None = None
    average: dict[str, Any] | None = None
    resumed: list[int] = field(default_factory=list)

    def validations_since_best(self) -> int:
        """The number of validations after the one with the lowest loss."""
        return sum(row["step"] > self.best_step for row in self.curve)

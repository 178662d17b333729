"""How many tokens an output may have, and how many outputs reached that limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.data.examples import Split, TaskData
from bench.errors import UserError
from bench.evaluation.decoding import Hypotheses
from bench.evaluation.degenerate_outputs import repeats
from bench.tasks.base import Task
from models.interface import Model


def output_limits(model: Model, task: Task, split: Split) -> np.ndarray:
    """(N,) the limit of each output, end token included: that of the task, or of the model's positions if it is
    lower."""
    limits = task.target_limit(split.src.lengths)
    return limits if model.max_length is None else np.minimum(limits, model.max_length)


def check_positions(model: Model, data: TaskData) -> None:
    """Raises UserError if the model has fewer positions than a source or a target of any split, or fewer than two."""
    if model.max_length is None:
        return
    if model.max_length < 2:
        raise UserError("model.max_len=1 leaves nothing to attend to; use at least 2")
    for split in (data.train, data.valid, *data.tests.values()):
        longest = int(max(split.source_lengths.max(), split.target_lengths.max()))
        if longest > model.max_length:
            raise UserError(
                f"model.positions=learned reads at most {model.max_length:,} tokens, and {split.name} has a sequence "
                f"of {longest:,}; set model.max_len={longest} or other positions"
            )


@dataclass
class CutOutputs:
    """Outputs that reached their limit before they ended.

    counts: by split and search; share: the largest share, over splits and searches, of outputs that were cut and do
    not merely repeat themselves: those would reach any limit."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    share: float = 0.0
    warnings: list[str] = field(default_factory=list)

    def add(
        self, split: str, search: str, decoded: Hypotheses, hypotheses: Sequence[str], references: Sequence[str]
    ) -> None:
        """Count the outputs of one split by one search."""
        cut = [row for row, ended in enumerate(decoded.ended) if not ended]
        endless = sum(repeats(hypotheses[row]) and not repeats(references[row]) for row in cut)
        self.counts.setdefault(split, {})[search] = len(cut)
        self.share = max(self.share, (len(cut) - endless) / len(decoded.ended))
        if cut:
            self.warnings.append(
                f"{len(cut):,} of {len(decoded.ended):,} outputs of {split} ({search}) reached the output limit and "
                f"were cut, of which {endless:,} only repeat themselves; task.output_limit sets the limit"
            )

"""Examples as a generated task draws them, and the specification of a split that asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from bench.data.examples import Marks
from bench.data.ragged import Ragged


@dataclass(frozen=True)
class SplitSpec:
    """What a split contains: `size` examples whose value of the task's axis is in low..high, both included.

    share: train, valid or test; only sources that hash into this share of all sources are used (`bench.data.splits`).
    """

    name: str
    share: str
    size: int
    low: int
    high: int

    @property
    def distinct(self) -> bool:
        """Whether every source occurs once at most: so in held-out splits."""
        return self.share != "train"


@dataclass(frozen=True)
class Examples:
    """N examples. axes: for each axis (N,) whole numbers, not binned yet. marks, answered_at: as in `Split`."""

    src: Ragged
    tgt: Ragged
    axes: dict[str, np.ndarray]
    marks: dict[str, Marks] = field(default_factory=dict)
    answered_at: Ragged | None = None

    def take(self, indices: np.ndarray) -> Examples:
        """The examples at these indices, or where a boolean mask is True."""
        return Examples(
            self.src.take(indices),
            self.tgt.take(indices),
            {axis: values[indices] for axis, values in self.axes.items()},
            {name: marks.take(indices) for name, marks in self.marks.items()},
            None if self.answered_at is None else self.answered_at.take(indices),
        )

    @classmethod
    def joined(cls, parts: Sequence[Examples]) -> Examples:
        """All examples of the parts, in order."""
        positions = [part.answered_at for part in parts if part.answered_at is not None]
        return cls(
            Ragged.joined([part.src for part in parts]),
            Ragged.joined([part.tgt for part in parts]),
            {axis: np.concatenate([part.axes[axis] for part in parts]) for axis in parts[0].axes},
            {name: Marks.joined([part.marks[name] for part in parts]) for name in parts[0].marks},
            Ragged.joined(positions) if positions else None,
        )


class ExampleSource(Protocol):
    """What drawing a split needs of a task."""

    data_seed: int
    axis: str

    def draw(self, generator: np.random.Generator, count: int, spec: SplitSpec) -> Examples:
        """`count` random examples of a split."""
        ...

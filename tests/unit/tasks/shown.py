"""Examples as text, and assertions about distributions, for the tests of tasks. No tests of its own."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from bench.data.examples import TaskData
from bench.tasks.kinds.examples import Examples
from bench.tasks.kinds.generated import Generated

SIGMAS = 5.0
"""A count may be this many standard deviations from its mean. By chance one in two million exceeds it; seeds are
fixed."""


@dataclass(frozen=True)
class Shown:
    """One example. axes: its values."""

    source: list[str]
    target: list[str]
    axes: dict[str, int]


def draw(task: Generated, count: int, seed: int = 0, part: int = 0) -> Examples:
    """Examples of a split (0: training) as the task draws them, before any is left out."""
    return task.draw(np.random.default_rng(seed), count, task.split_specs()[part])


def show(task: Generated, drawn: Examples) -> list[Shown]:
    """Every example as text."""
    return [
        Shown(
            task.source_text(drawn.src[i].tolist()).split(),
            task.target_text(drawn.tgt[i].tolist()).split(),
            {axis: int(values[i]) for axis, values in drawn.axes.items()},
        )
        for i in range(len(drawn.src))
    ]


def every(task: Generated, count: int = 500, seed: int = 0) -> list[Shown]:
    """`count` examples of each split of a task."""
    return [one for part in range(len(task.split_specs())) for one in show(task, draw(task, count, seed, part))]


def splits(data: TaskData) -> Iterator[tuple[str, Examples]]:
    """All splits by name, with binned axes: each value is the lower edge of its bin."""
    for split in (data.train, data.valid, *data.tests.values()):
        yield split.name, Examples(split.src, split.tgt, split.axes)


def near(count: int, trials: int, share: float) -> bool:
    """Whether a count in this number of trials agrees with the probability `share`, within SIGMAS."""
    return abs(count - trials * share) <= SIGMAS * math.sqrt(trials * share * (1 - share))


def assert_shares(counts: Mapping[Hashable, int], shares: Mapping[Hashable, float]) -> None:
    """Asserts that every value occurs as often as its share predicts, and no other value occurs."""
    trials = sum(counts.values())
    assert set(counts) <= set(shares), f"not expected: {sorted(set(counts) - set(shares), key=str)}"
    off = {value: counts.get(value, 0) for value in shares if not near(counts.get(value, 0), trials, shares[value])}
    assert not off, f"of {trials}: {off}, expected { ({value: round(trials * shares[value], 1) for value in off}) }"


def assert_even(values: Counter, among: list) -> None:
    """Asserts that every value of `among` is equally frequent, and no other value occurs."""
    assert_shares(values, {value: 1 / len(among) for value in among})


def assert_binned(kept: np.ndarray, raw: list[int], low: int, high: int) -> None:
    """Each kept value is the lower edge of the raw value's bin. Bins begin at `low`, are 1, 2 or 5 times a power of
    ten wide, no more than 25, and would be more if they were narrower."""
    widths = sorted(step * 10**power for power in range(5) for step in (1, 2, 5))
    width = next(width for width in widths if math.ceil((high - low + 1) / width) <= 25)
    edges = list(range(low, high + 1, width))
    assert kept.tolist() == [max(edge for edge in edges if edge <= value) for value in raw]

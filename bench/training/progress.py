"""What a long run tells about itself: one protocol for the work, its speed, and the way from a child to its parent.

The work (`bench.runs.cell.run_cell`) sees three methods and nothing of where the words go; `bench.runs.display` shows them. Rate
and time left are computed here, from what `advance` is told. No torch here.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

Clock = Callable[[], float]
"""Seconds from any origin; never runs backwards."""


class Progress(Protocol):
    """What one cell's work tells about itself."""

    def stage(self, name: str, total: int, unit: str) -> None:
        """A new stage begins: `train`, 4000, `steps`. total 0: unknown."""

    def advance(self, done: int, note: str = "") -> None:
        """`done` of the stage's total is finished, counted from 0. note: what else is worth showing now."""

    def say(self, line: str) -> None:
        """One line to keep on screen and in the log."""


class Silent:
    """Shows nothing; the default."""

    def stage(self, name: str, total: int, unit: str) -> None:
        pass

    def advance(self, done: int, note: str = "") -> None:
        pass

    def say(self, line: str) -> None:
        pass


class Meter:
    """Rate and time left of one stage, over about the last minute.

    The first reading is the base: a resumed stage begins high, and that is not speed.
    """

    WINDOW = 60.0

    def __init__(self, name: str, total: int, unit: str, clock: Clock = time.monotonic) -> None:
        self.name, self.total, self.unit = name, total, unit
        self.done = 0
        self._clock = clock
        self._readings: deque[tuple[float, int]] = deque()

    def read(self, done: int) -> None:
        """Take a reading now."""
        now = self._clock()
        self.done = done
        self._readings.append((now, done))
        while len(self._readings) > 2 and now - self._readings[1][0] >= self.WINDOW:
            self._readings.popleft()

    @property
    def rate(self) -> float | None:
        """Units a second; None before there are two readings some time apart."""
        if len(self._readings) < 2:
            return None
        (first, low), (last, high) = self._readings[0], self._readings[-1]
        return (high - low) / (last - first) if last > first and high > low else None

    @property
    def left(self) -> float | None:
        """Seconds to the stage's end at this rate; None where it cannot be told."""
        rate = self.rate
        return max(self.total - self.done, 0) / rate if rate is not None and self.total > 0 else None

    def line(self, note: str = "") -> str:
        """`train 1200/4000 steps, 12.3 steps/s, 3 min 48 s left, <note>`."""
        count = f"{self.done}/{self.total}" if self.total > 0 else str(self.done)
        parts = [f"{self.name} {count} {self.unit}"]
        if self.rate is not None:
            parts.append(f"{self.rate:.3g} {self.unit}/s" if self.rate < 100 else f"{self.rate:.0f} {self.unit}/s")
        if self.left is not None:
            parts.append(f"{duration(self.left)} left")
        if note:
            parts.append(note)
        return ", ".join(parts)


def duration(seconds: float) -> str:
    """Seconds as people say them, two units at most.

    >>> duration(7.2), duration(228), duration(3 * 3600 + 61)
    ('7 s', '3 min 48 s', '3 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"

"""Progress of a long run: the protocol that the work reports to, and the meter that computes rate and time left.

The work (`bench.runs.cell.run_cell`) sees three methods and does not know where messages go; `bench.runs.display`
shows them. No torch here.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

Clock = Callable[[], float]
"""Seconds from any origin; never decreases."""


class Progress(Protocol):
    """Receives the progress of one cell."""

    def stage(self, name: str, total: int, unit: str) -> None:
        """Begin a stage: `train`, 4000, `steps`. total 0: unknown."""

    def advance(self, done: int, note: str = "") -> None:
        """`done` units of the stage are finished, counted from its beginning. note: text to show beside them."""

    def say(self, line: str) -> None:
        """A line that stays on the screen and in the log."""


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

    The rate is measured from the first reading on, so the steps before a resumed stage do not count.
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
        """Units a second; None before there are two readings at different times."""
        if len(self._readings) < 2:
            return None
        (first, low), (last, high) = self._readings[0], self._readings[-1]
        return (high - low) / (last - first) if last > first and high > low else None

    @property
    def left(self) -> float | None:
        """Seconds to the end of the stage at this rate; None if the rate or the total is unknown."""
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
    """A duration in at most two units.

    >>> duration(7.2), duration(228), duration(3 * 3600 + 61)
    ('7 s', '3 min 48 s', '3 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"

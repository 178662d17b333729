"""Training throughput, sampled over windows of steps that contain training alone."""

from __future__ import annotations

from collections.abc import Callable


class ThroughputMeter:
    """Measures training time, and target tokens a second over successive windows.

    The time of validating and of saving a state belongs to no window: the caller pauses the meter. The first window of
    a process is not reported, since it includes warm-up (memory allocation, kernel selection).
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tokens = 0
        self._warm = False
        self._running_since = self._window_start = clock()
        self._paused_at = 0.0

    def add(self, tokens: int) -> None:
        """Count the target tokens of a step, without padding."""
        self._tokens += tokens

    def end_window(self) -> float | None:
        """End a window and begin the next one. Returns its tokens a second, None for the first window."""
        now = self._clock()
        rate = self._tokens / (now - self._window_start) if self._warm else None
        self._warm, self._tokens, self._window_start = True, 0, now
        return rate

    def pause(self) -> float:
        """Stop the clock. Returns the seconds of training since the meter was made or last resumed."""
        self._paused_at = self._clock()
        return self._paused_at - self._running_since

    def resume(self, new_window: bool) -> None:
        """Start the clock again. new_window: discard the window that was paused and begin another."""
        now = self._clock()
        if new_window:
            self._tokens, self._window_start = 0, now
        else:
            self._window_start += now - self._paused_at
        self._running_since = now

"""The throughput meter: windows hold training alone, and the first one of a process is not reported."""

from __future__ import annotations

import pytest

from bench.training.throughput import ThroughputMeter


class Clock:
    """Seconds set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def warm(clock: Clock) -> ThroughputMeter:
    """A meter at the beginning of its second window, ten seconds after it was made."""
    meter = ThroughputMeter(clock)
    meter.add(5000)
    clock.now += 10
    assert meter.end_window() is None, "the first window is warm-up"
    return meter


def test_a_window_is_tokens_over_seconds(clock: Clock, warm: ThroughputMeter) -> None:
    for seconds, tokens in ((4.0, 100), (2.0, 300)):
        warm.add(tokens - 20)
        warm.add(20)
        clock.now += seconds
        assert warm.end_window() == pytest.approx(tokens / seconds)


def test_saving_inside_a_window_takes_no_time_from_it(clock: Clock, warm: ThroughputMeter) -> None:
    warm.add(100)
    clock.now += 2
    assert warm.pause() == pytest.approx(12), "training time since the meter was made"
    clock.now += 50
    warm.resume(new_window=False)
    warm.add(100)
    clock.now += 3
    assert warm.end_window() == pytest.approx(200 / 5)
    assert warm.pause() == pytest.approx(3), "training time since it was resumed"


def test_a_validation_discards_its_window(clock: Clock, warm: ThroughputMeter) -> None:
    warm.add(9999)
    clock.now += 1
    assert warm.pause() == pytest.approx(11)
    clock.now += 60
    warm.resume(new_window=True)
    warm.add(100)
    clock.now += 4
    assert warm.end_window() == pytest.approx(25)


def test_a_validation_in_the_first_window_leaves_it_the_first(clock: Clock) -> None:
    meter = ThroughputMeter(clock)
    clock.now += 1
    meter.pause()
    meter.resume(new_window=True)
    meter.add(100)
    clock.now += 1
    assert meter.end_window() is None

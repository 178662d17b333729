"""Progress: rates and time left, the lines of a log, and the way from a child to its parent."""

from __future__ import annotations

import io

import pytest

from bench.runs.display import Board, LiveBoard, board
from bench.runs.pipe import Pipe, relay
from bench.training.progress import Meter, duration


class Clock:
    """Seconds set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Heard:
    """A progress that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple] = []

    def stage(self, name, total, unit):
        self.events.append(("stage", name, total, unit))

    def advance(self, done, note=""):
        self.events.append(("advance", done, note))

    def say(self, line):
        self.events.append(("say", line))


def test_rate_and_time_left():
    clock = Clock()
    meter = Meter("train", 100, "steps", clock)
    meter.read(10)
    assert (meter.rate, meter.left) == (None, None)
    clock.now += 4
    meter.read(30)
    assert meter.rate == pytest.approx(5)
    assert meter.left == pytest.approx(14)
    assert meter.line("loss 2.1") == "train 30/100 steps, 5 steps/s, 14 s left, loss 2.1"


def test_a_resumed_stage_is_not_fast():
    clock = Clock()
    meter = Meter("train", 1000, "steps", clock)
    meter.read(900)
    clock.now += 1
    meter.read(901)
    assert meter.rate == pytest.approx(1)


def test_the_rate_is_that_of_the_last_minute():
    clock = Clock()
    meter = Meter("train", 10**6, "steps", clock)
    done = 0
    for speed in [100] * 100 + [10] * 100:
        meter.read(done)
        clock.now += 1
        done += speed
    meter.read(done)
    assert meter.rate == pytest.approx(10)


def test_unknown_total_has_no_time_left():
    clock = Clock()
    meter = Meter("data", 0, "examples", clock)
    meter.read(1)
    clock.now += 1
    meter.read(3)
    assert meter.left is None
    assert meter.line() == "data 3 examples, 2 examples/s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599.6, "1 h 0 min"), (90_000, "25 h 0 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_a_log_has_a_line_when_a_cell_starts_and_ends_and_every_thirty_seconds():
    clock, stream = Clock(), io.StringIO()
    with Board(stream, 2, clock=clock) as shown:
        cell = shown.start("a")
        assert stream.getvalue() == ""
        cell.say("width 12")
        cell.stage("train", 1000, "steps")
        for done in range(0, 70):
            cell.advance(done)
            clock.now += 1
        cell.say("kept")
        shown.end("a", "done in 1 min 10 s")
        shown.count(1, "b finished before")
    lines = stream.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "a: started",
        "a: width 12",
        "a: train 30/1000 steps",
        "a: train 60/1000 steps",
        "a: kept",
        "[1/2] a: done in 1 min 10 s",
        "[2/2] b finished before",
    ]
    assert lines[2].endswith("1 steps/s, 16 min 10 s left")


def test_a_terminal_shows_running_cells_and_keeps_what_is_said():
    stream = io.StringIO()
    with LiveBoard(stream, 3, ended=1) as shown:
        cell = shown.start("a")
        cell.stage("train", 10, "steps")
        cell.advance(3, "[not markup]")
        drawn = shown._draw()
        assert [str(text) for column in drawn.columns for text in column.cells] == [
            *("1 of 3 cells done", "a"),
            *("", "train 3/10 steps, [not markup]"),
        ]
        cell.say("[kept]")
        shown.end("a", "done")
    assert "a: [kept]" in stream.getvalue()
    assert "[2/3] a: done" in stream.getvalue()


def test_a_stream_that_is_no_terminal_gets_plain_lines():
    assert type(board(io.StringIO(), 1)) is Board


def test_what_a_child_says_arrives_in_full():
    clock, wire, heard = Clock(), io.StringIO(), Heard()
    pipe = Pipe(wire, clock=clock)
    pipe.stage("train", 3, "steps")
    pipe.advance(1, "ä")
    pipe.say("two\nlines")
    clock.now += 1
    pipe.advance(2)
    pipe.advance(3)
    pipe.end("done")
    ends = [relay(line, heard) for line in wire.getvalue().splitlines()]
    assert heard.events == [
        ("stage", "train", 3, "steps"),
        ("advance", 1, "ä"),
        ("say", "two\nlines"),
        ("advance", 2, ""),
        ("advance", 3, ""),
    ]
    assert ends == [{}, {}, {}, {}, {}, {"status": "done"}]


def test_a_child_does_not_flood_its_parent_and_always_tells_the_last_step():
    wire, heard = io.StringIO(), Heard()
    pipe = Pipe(wire, clock=Clock())
    pipe.stage("train", 1000, "steps")
    for done in range(1, 1001):
        pipe.advance(done)
    for line in wire.getvalue().splitlines():
        relay(line, heard)
    assert [event[1] for event in heard.events[1:]] == [1, 1000]


@pytest.mark.parametrize("line", ["", "hello", "3", "[]", '["stage", 1, 2, 3]', '["advance", "1", ""]', '{"a": 1}'])
def test_a_line_no_pipe_wrote_is_refused(line):
    with pytest.raises(ValueError):
        relay(line, Heard())

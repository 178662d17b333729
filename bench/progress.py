"""What a long run shows while it runs: one protocol for the work, and displays for a terminal, a log and a parent.

The work (`bench.run.run_cell`) sees three methods and nothing of where the words go. Rate and time left are computed
here, from what `advance` is told. No torch here.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.live import Live

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


class Pipe:
    """Child to parent: one JSON line an event, at most one `advance` in `every` seconds."""

    def __init__(self, stream: TextIO, every: float = 0.2, clock: Clock = time.monotonic) -> None:
        self._stream, self._every, self._clock = stream, every, clock
        self._total: int | None = None
        self._next = 0.0

    def stage(self, name: str, total: int, unit: str) -> None:
        self._total, self._next = total, 0.0
        self._send("stage", name, total, unit)

    def advance(self, done: int, note: str = "") -> None:
        now = self._clock()
        if now >= self._next or done == self._total:
            self._next = now + self._every
            self._send("advance", done, note)

    def say(self, line: str) -> None:
        self._send("say", line)

    def end(self, status: str) -> None:
        """The last event of a cell that ran: its status."""
        self._send("status", status)

    def refuse(self, message: str) -> None:
        """The last event of a cell that could not be run as it was asked for."""
        self._send("refused", message)

    def _send(self, *event: object) -> None:
        self._stream.write(json.dumps(event) + "\n")
        self._stream.flush()


def relay(line: str, progress: Progress) -> dict[str, str]:
    """Repeat one line of a `Pipe` to `progress`; returns the last event as `status` or `refused`, {} before.

    Raises ValueError for a line that no `Pipe` wrote.
    """
    event = json.loads(line)
    match event:
        case ["stage", str(name), int(total), str(unit)]:
            progress.stage(name, total, unit)
        case ["advance", int(done), str(note)]:
            progress.advance(done, note)
        case ["say", str(text)]:
            progress.say(text)
        case ["status" | "refused" as kind, str(text)]:
            return {kind: text}
        case _:
            raise ValueError(f"not a progress event: {line!r}")
    return {}


class Board:
    """All running cells in one place. As it stands, a board for logs: whole lines, never rewritten.

    A line when a cell starts and ends, and at most one each `every` seconds between, for each cell. Safe to use from
    several threads. ended: of the total, how many cells have ended.
    """

    def __init__(
        self, stream: TextIO, total: int, ended: int = 0, every: float = 30.0, clock: Clock = time.monotonic
    ) -> None:
        self.total, self.ended = total, ended
        self._stream, self._every, self._clock = stream, every, clock
        self._lock = threading.RLock()

    def __enter__(self) -> "Board":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def start(self, cell: str) -> "CellProgress":
        """A cell starts; its work reports to what is returned. The log's line waits for its first stage, so that a
        cell refused before it begins leaves its error message alone."""
        return CellProgress(self, cell, self._clock)

    def started(self, cell: str) -> None:
        """A cell's first stage begins."""
        self.say(f"{cell}: started")

    def end(self, cell: str, text: str) -> None:
        """A cell ended; text says how."""
        self.count(1, f"{cell}: {text}")

    def count(self, cells: int, line: str) -> None:
        """So many more cells have ended, or did not need to run."""
        with self._lock:
            self.ended += cells
            self.say(f"[{self.ended}/{self.total}] {line}")

    def say(self, line: str) -> None:
        """One line to keep."""
        with self._lock:
            self._stream.write(line + "\n")
            self._stream.flush()

    def changed(self, cell: "CellProgress") -> None:
        """A cell's latest line is a new one."""
        with self._lock:
            now = self._clock()
            if now >= cell.next_line:
                cell.next_line = now + self._every
                self.say(f"{cell.name}: {cell.line}")


class CellProgress:
    """A cell's `Progress` on a board."""

    def __init__(self, board: Board, name: str, clock: Clock) -> None:
        self.name, self.line = name, "starting"
        self.next_line = clock() + board._every
        self._board, self._clock = board, clock
        self._meter: Meter | None = None

    def stage(self, name: str, total: int, unit: str) -> None:
        if self._meter is None:
            self._board.started(self.name)
        self._meter = Meter(name, total, unit, self._clock)
        self.line = name
        self._board.changed(self)

    def advance(self, done: int, note: str = "") -> None:
        if self._meter is None:
            self.stage("work", 0, "units")
        self._meter.read(done)
        self.line = self._meter.line(note)
        self._board.changed(self)

    def say(self, line: str) -> None:
        self._board.say(f"{self.name}: {line}")


class LiveBoard(Board):
    """The board of a terminal: kept lines scroll by above one line a running cell, redrawn in place."""

    def __init__(self, stream: TextIO, total: int, ended: int = 0, clock: Clock = time.monotonic) -> None:
        super().__init__(stream, total, ended, 0.0, clock)
        self._running: dict[str, CellProgress] = {}
        self._live: "Live | None" = None

    def __enter__(self) -> "LiveBoard":
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self._stream, highlight=False)
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=4, transient=True)
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def start(self, cell: str) -> CellProgress:
        with self._lock:
            self._running[cell] = CellProgress(self, cell, self._clock)
            return self._running[cell]

    def started(self, cell: str) -> None:
        """Nothing to do: the cell has its line from `start`."""

    def end(self, cell: str, text: str) -> None:
        with self._lock:
            self._running.pop(cell, None)
            super().end(cell, text)

    def say(self, line: str) -> None:
        if self._live is None:
            super().say(line)
        else:
            self._live.console.print(line, markup=False, soft_wrap=True)

    def changed(self, cell: CellProgress) -> None:
        """Nothing to do: the display reads each cell's line when it redraws itself."""

    def _draw(self) -> "object":
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True, overflow="ellipsis")
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        grid.add_row(Text(f"{self.ended} of {self.total} cells done", style="bold"), Text(""))
        # No lock here: rich calls this while it holds its own, and `end` prints while it holds ours.
        for name, cell in list(self._running.items()):
            grid.add_row(Text(name, style="cyan"), Text(cell.line))
        return grid


def board(stream: TextIO, total: int, ended: int = 0) -> Board:
    """The display that suits the stream: live on a terminal, plain lines in a log. ended: cells of the total that
    ended before it was made."""
    return LiveBoard(stream, total, ended) if stream.isatty() else Board(stream, total, ended)

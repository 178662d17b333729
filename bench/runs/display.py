"""Progress on screen: one line for each running cell on a terminal, plain lines in a log. No torch here."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from bench.training.progress import Clock, Meter

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table


class Board:
    """Shows the progress of all running cells. This class writes a log: whole lines, never rewritten.

    Each cell has a line when it starts, a line when it ends, and at most one line every `every` seconds in between.
    total: number of cells; ended: how many of them have ended. Safe to use from several threads.
    """

    def __init__(
        self, stream: TextIO, total: int, ended: int = 0, every: float = 30.0, clock: Clock = time.monotonic
    ) -> None:
        self.total, self.ended = total, ended
        self._stream, self._every, self._clock = stream, every, clock
        self._lock = threading.RLock()

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def start(self, cell: str) -> CellProgress:
        """Start a cell; its work reports to the returned progress. The line in the log is written at the first report,
        so that a cell refused before it starts shows only its error message."""
        return CellProgress(self, cell, self._clock)

    def started(self, cell: str) -> None:
        """A cell reports for the first time."""
        self.say(f"{cell}: started")

    def end(self, cell: str, text: str) -> None:
        """A cell has ended; text: its status, time and reason."""
        self.count(1, f"{cell}: {text}")

    def count(self, cells: int, line: str) -> None:
        """Count cells that have ended or did not need to run, and write a line about them."""
        with self._lock:
            self.ended += cells
            self.say(f"[{self.ended}/{self.total}] {line}")

    def say(self, line: str) -> None:
        """Write one line that stays."""
        with self._lock:
            self._stream.write(line + "\n")
            self._stream.flush()

    def changed(self, cell: CellProgress) -> None:
        """A cell's current line has changed."""
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
        self._has_started = False

    def stage(self, name: str, total: int, unit: str) -> None:
        self._report_start()
        self._meter = Meter(name, total, unit, self._clock)
        self.line = name
        self._board.changed(self)

    def advance(self, done: int, note: str = "") -> None:
        if self._meter is None:
            self._meter = Meter("work", 0, "units", self._clock)
        self._meter.read(done)
        self.line = self._meter.line(note)
        self._board.changed(self)

    def say(self, line: str) -> None:
        self._report_start()
        self._board.say(f"{self.name}: {line}")

    def _report_start(self) -> None:
        if not self._has_started:
            self._has_started = True
            self._board.started(self.name)


class LiveBoard(Board):
    """The board of a terminal: one line for each running cell, redrawn in place; lines that stay scroll above."""

    def __init__(self, stream: TextIO, total: int, ended: int = 0, clock: Clock = time.monotonic) -> None:
        super().__init__(stream, total, ended, 0.0, clock)
        self._running: dict[str, CellProgress] = {}
        self._live: Live | None = None

    def __enter__(self) -> LiveBoard:
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
        """Nothing to do: the display reads each cell's line when it redraws."""

    def _draw(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True, overflow="ellipsis")
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        grid.add_row(Text(f"{self.ended} of {self.total} cells done", style="bold"), Text(""))
        # No lock here: rich calls this while holding its own lock, and `end` prints while holding ours.
        for name, cell in list(self._running.items()):
            grid.add_row(Text(name, style="cyan"), Text(cell.line))
        return grid


def board(stream: TextIO, total: int, ended: int = 0) -> Board:
    """The board that suits the stream: live on a terminal, plain lines in a log. ended: cells that ended earlier."""
    return LiveBoard(stream, total, ended) if stream.isatty() else Board(stream, total, ended)

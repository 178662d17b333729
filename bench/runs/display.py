"""Progress on screen: one line a running cell on a terminal, plain lines in a log. No torch here."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from bench.training.progress import Clock, Meter

if TYPE_CHECKING:
    from rich.live import Live


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

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def start(self, cell: str) -> CellProgress:
        """A cell starts; its work reports to what is returned. The log's line waits for its first word, so that a
        cell refused before it begins leaves its error message alone."""
        return CellProgress(self, cell, self._clock)

    def started(self, cell: str) -> None:
        """A cell tells something for the first time."""
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

    def changed(self, cell: CellProgress) -> None:
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
        self._begun = False

    def stage(self, name: str, total: int, unit: str) -> None:
        self._begin()
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
        self._begin()
        self._board.say(f"{self.name}: {line}")

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._board.started(self.name)


class LiveBoard(Board):
    """The board of a terminal: kept lines scroll by above one line a running cell, redrawn in place."""

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
        """Nothing to do: the display reads each cell's line when it redraws itself."""

    def _draw(self) -> object:
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

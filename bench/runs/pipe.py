"""Progress over a pipe: a cell's process writes one JSON line for each event, its parent repeats them."""

from __future__ import annotations

import json
import time
from typing import TextIO

from bench.training.progress import Clock, Progress


class Pipe:
    """The child's end: one JSON line for each event, at most one `advance` every `every` seconds."""

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
        """The last event of a cell that has its record: the status."""
        self._send("status", status)

    def refuse(self, message: str) -> None:
        """The last event of a cell whose input was refused: the reason."""
        self._send("refused", message)

    def full(self, message: str) -> None:
        """The last event of a cell whose record could not be written: the reason."""
        self._send("full", message)

    def _send(self, *event: object) -> None:
        self._stream.write(json.dumps(event) + "\n")
        self._stream.flush()


def relay(line: str, progress: Progress) -> dict[str, str]:
    """Repeat one line of a `Pipe` to `progress`. Returns the last event as {"status" | "refused" | "full": text}, else
    {}.

    Raises ValueError for a line that a `Pipe` did not write.
    """
    event = json.loads(line)
    match event:
        case ["stage", str(name), int(total), str(unit)]:
            progress.stage(name, total, unit)
        case ["advance", int(done), str(note)]:
            progress.advance(done, note)
        case ["say", str(text)]:
            progress.say(text)
        case ["status" | "refused" | "full" as kind, str(text)]:
            return {kind: text}
        case _:
            raise ValueError(f"not a progress event: {line!r}")
    return {}

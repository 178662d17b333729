"""Requests to end a process. Training defers one until its state is saved; all other work ends at once. No torch
here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class Interrupted(BaseException):
    """The process was told to end. Not an Exception, so that no handler records it as a failure of the work."""


class Stop:
    """Remembers whether the process was told to end; `request` is the signal handler."""

    def __init__(self) -> None:
        self.requested = False
        self._deferred = False

    def request(self, *_: object) -> None:
        """Raise Interrupted, except inside `deferred`."""
        self.requested = True
        if not self._deferred:
            raise Interrupted

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Inside the block a request raises nothing: the block polls `requested` and ends when it is ready. A request
        made inside then raises Interrupted at the end of the block."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        if self.requested:
            raise Interrupted

"""How a process that trains is asked to end: at once, but for training, which saves its state first. No torch here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class Interrupted(BaseException):
    """This process was asked to end. No Exception: nothing that records a failure of the work is to catch it."""


class Stop:
    """Whether the process was asked to end; `ask` is the handler of its signals."""

    def __init__(self) -> None:
        self.asked = False
        self._deferred = False

    def ask(self, *_: object) -> None:
        """Raise Interrupted, where nobody has deferred it."""
        self.asked = True
        if not self._deferred:
            raise Interrupted

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Inside, asking raises nothing: who is inside looks at `asked` and ends when it is ready."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        if self.asked:
            raise Interrupted

"""A command run in this process under watch: what it said, how it ended, how long it took, and what it did to
files."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import __main__

SECONDS = 20
"""More than any refusal takes on a busy machine."""


@dataclass(frozen=True)
class Ended:
    """code: exit status; errors: standard error; changed: files and folders that are not as they were; trace: of an
    exception that came out of the command."""

    code: int | None
    said: str
    errors: str
    changed: list[str]
    trace: str = ""

    @property
    def refused(self) -> bool:
        """Whether it was, as bad input is to be: one line, exit status 2, and nothing written."""
        line = self.errors.startswith("bench: ") and self.errors.count("\n") == 1 and self.errors.endswith("\n")
        return self.code == 2 and line and not self.said and not self.changed and not self.trace


class TooLong(BaseException):
    """A case took more than SECONDS. Not an Exception: nobody is to catch it and go on."""


@contextmanager
def limited(seconds: int = SECONDS) -> Iterator[None]:
    """What takes longer is ended by TooLong."""

    def end(number, frame) -> None:
        raise TooLong

    earlier = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, earlier)


def listing(folder: Path) -> dict[str, tuple[int, ...]]:
    """Everything under a folder, files with their size and time of change; links are not followed."""
    found = {}
    for place, names, files in os.walk(folder):
        for name in [*names, *files]:
            about = os.lstat(os.path.join(place, name))
            is_folder = name in names and not os.path.islink(os.path.join(place, name))
            found[os.path.join(place, name)] = () if is_folder else (about.st_size, about.st_mtime_ns)
    return found


def run(arguments: Sequence[str], folder: Path, capfd) -> Ended:
    """`bench` with these arguments; folder: what is watched for changes."""
    before, code, trace = listing(folder), None, ""
    capfd.readouterr()
    try:
        with limited():
            code = __main__.main(list(arguments))
    except BaseException as error:  # SystemExit too: no command is to end this process
        if isinstance(error, KeyboardInterrupt):
            raise
        trace = "".join(traceback.format_exception(error))
    said, errors = capfd.readouterr()
    after = listing(folder)
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return Ended(code, said, errors, changed, trace)

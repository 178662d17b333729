"""One process at a time for a piece of work, by a lock file that the system frees however its holder ends."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows: two processes may do the same work
    fcntl = None

EVERY = 0.05
"""Seconds between two tries."""


class Busy(Exception):
    """Another process has the lock."""


@contextlib.contextmanager
def alone(path: Path, patience: float | None = None) -> Iterator[BinaryIO]:
    """Inside, no other process is inside with the same path, where the system has such locks.

    patience: seconds to wait for another one, None = as long as it takes; then Busy is raised. Gives the file that is
    locked: a child that inherits it holds the lock too, for as long as it lives. Raises OSError where there can be no
    such file.
    """
    end = None if patience is None else time.monotonic() + patience
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = open(path, "ab")
        except FileNotFoundError:
            continue  # its folder was tidied away between the two lines
        if _taken(file) and _is_still(file, path):
            break
        file.close()
        if end is not None and time.monotonic() >= end:
            raise Busy(str(path))
        time.sleep(EVERY)
    try:
        yield file
    finally:
        path.unlink(missing_ok=True)  # before the lock is free: who comes later makes a file of its own
        file.close()


def _taken(file: BinaryIO) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still(file: BinaryIO, path: Path) -> bool:
    """Whether the locked file is the one under that name: its last holder may have deleted it meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False

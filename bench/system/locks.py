"""A lock file that one process holds at a time. The system releases it however the process ends."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

if sys.platform != "win32":
    import fcntl

POLL_SECONDS = 0.05
"""Time between two attempts to take a lock."""

UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""Errors of a file system without locks, such as Lustre mounted without `flock`."""

WORK = sys.platform != "win32"
"""Whether two processes of this machine exclude each other."""


class Busy(Exception):
    """Another process holds the lock."""


@contextlib.contextmanager
def exclusive(path: Path, timeout: float | None = None) -> Iterator[FileIO]:
    """Hold the lock at `path` during the block. Windows has no such locks: there, two processes may enter.

    timeout: seconds to wait for another process before Busy is raised; None waits without a limit. Yields the locked
    file: a child process that inherits it holds the lock too, until the child ends. Raises OSError where the lock file
    cannot be made.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    while (file := acquire(path)) is None:
        if deadline is not None and time.monotonic() >= deadline:
            raise Busy(str(path))
        time.sleep(POLL_SECONDS)
    try:
        yield file
    finally:
        release(path, file)


def acquire(path: Path) -> FileIO | None:
    """The locked file, or None while another process holds the lock. `release` must follow. Raises OSError where the
    lock file cannot be made, and with an errno of UNSUPPORTED where the file system has no locks."""
    while True:
        try:
            file = open(path, "ab", buffering=0)  # noqa: SIM115 - stays open while the lock is held
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)  # another process may delete the folder again
            continue
        try:
            locked = _lock(file)
        except BaseException:
            file.close()
            raise
        if locked and _is_current(file, path):
            return file
        file.close()
        if not locked:
            return None


def release(path: Path, file: FileIO) -> None:
    """Give up a lock that `acquire` returned, and delete its file."""
    if _is_current(file, path):
        path.unlink(missing_ok=True)  # before the lock is released: the next process makes a new file
    file.close()


def is_held(path: Path) -> bool:
    """Whether a process holds the lock at `path`. Nothing is written. On Windows always False."""
    if sys.platform == "win32":
        return False
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # released when the file is closed
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _lock(file: FileIO) -> bool:
    """Try to lock a file; False if another process holds its lock."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_current(file: FileIO, path: Path) -> bool:
    """Whether `path` still names the locked file: its previous holder may have deleted it in the meantime."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False

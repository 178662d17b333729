"""A cache folder for files that are costly to make, named `<key>-<SHA-256 of the content><suffix>`.

A file is used only if its content has the checksum in its name, so a file that was cut off or changed is made again.
If the cache cannot be written, every run makes the files again, and nothing else changes."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from bench.system import locks
from bench.system.files import replacing


def find(folder: Path, key: str, suffix: str) -> bytes | None:
    """The content stored under a key; None without an intact file, or in a folder that cannot be read. Also marks the
    file as the last one used."""
    try:
        paths = sorted(folder.glob(f"{key}-*{suffix}"))
    except OSError:
        return None
    for path in paths:
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            if path.name == _name(key, content, suffix):
                with contextlib.suppress(OSError):
                    os.utime(path)
                return content
    return None


def store(folder: Path, key: str, suffix: str, content: bytes, limit: int | None = None) -> None:
    """Store content under a key atomically.

    limit: bytes; if the folder's files of this suffix exceed it, the least recently used ones are deleted.
    """
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / _name(key, content, suffix)) as new:
            new.write_bytes(content)
        if limit is not None:
            _trim(folder, suffix, limit)


@contextlib.contextmanager
def exclusive(folder: Path, key: str) -> Iterator[None]:
    """Hold the lock of a key during the block; without a lock if the folder cannot be written."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            stack.enter_context(locks.exclusive(folder / f".{key}.lock"))
        yield


def _name(key: str, content: bytes, suffix: str) -> str:
    return f"{key}-{hashlib.sha256(content).hexdigest()}{suffix}"


def _trim(folder: Path, suffix: str, limit: int) -> None:
    """Delete the least recently used files beyond the limit; the most recently used one always stays."""
    files = [(path.stat(), path) for path in folder.glob(f"*{suffix}")]
    total = 0
    for rank, (status, path) in enumerate(sorted(files, key=lambda file: -file[0].st_mtime_ns)):
        total += status.st_size
        if rank and total > limit:
            path.unlink(missing_ok=True)

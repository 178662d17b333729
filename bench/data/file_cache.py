"""Files that were costly to make, kept in a cache folder: `<key>-<SHA-256 of the content><suffix>`.

A file is read only where its content has the checksum in its name, so one that was cut off or changed is made anew. A
cache that cannot be written costs time at every run, and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from bench.system import locks
from bench.system.files import replacing


def find(folder: Path, key: str, suffix: str) -> bytes | None:
    """What was kept under a key; None where nothing whole is there. Being found makes it the newest of its folder."""
    for path in sorted(folder.glob(f"{key}-*{suffix}")):
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            if path.name == _name(key, content, suffix):
                with contextlib.suppress(OSError):
                    os.utime(path)
                return content
    return None


def keep(folder: Path, key: str, suffix: str, content: bytes, limit: int | None = None) -> None:
    """Keep content under a key, whole or not at all.

    limit: bytes; where the folder's files of this suffix come to more, those not used for longest go.
    """
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / _name(key, content, suffix)) as new:
            new.write_bytes(content)
        if limit is not None:
            _trim(folder, suffix, limit)


@contextlib.contextmanager
def alone(folder: Path, key: str) -> Iterator[None]:
    """Inside, no other process is inside with the same folder and key, where the folder can be written to."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            stack.enter_context(locks.exclusive(folder / f".{key}.lock"))
        yield


def _name(key: str, content: bytes, suffix: str) -> str:
    return f"{key}-{hashlib.sha256(content).hexdigest()}{suffix}"


def _trim(folder: Path, suffix: str, limit: int) -> None:
    held = sorted(((path.stat(), path) for path in folder.glob(f"*{suffix}")), key=lambda one: -one[0].st_mtime_ns)
    total = 0
    for number, (about, path) in enumerate(held):
        total += about.st_size
        if number and total > limit:
            path.unlink(missing_ok=True)

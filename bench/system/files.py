"""Folders that results go into: fit for it before anything starts, and what cannot be written told in one line."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.errors import StorageError, UserError


def check(out: Path, what: str, known: Callable[[Path], bool]) -> None:
    """Whether `out` can take results: absent, empty, or `known` to be a folder of them. what: `results`, `profile`.

    Raises UserError where not.
    """
    try:
        above = next(path for path in (out, *out.absolute().parents) if path.exists())
        if not above.is_dir():
            raise UserError(f"{above} is a file; a folder for the {what} is wanted: name another one")
        if not os.access(above, os.W_OK | os.X_OK):
            raise UserError(f"{above} cannot be written to; name another folder")
        if above == out and any(out.iterdir()) and not known(out):
            raise UserError(f"{out} holds other things and no {what}; name an empty or a new folder")
    except (OSError, ValueError) as error:
        raise UserError(f"{str(out)[:200]!r} cannot be a folder ({_reason(error)}); name another one") from error


@contextlib.contextmanager
def writing(where: Path) -> Iterator[None]:
    """What the system refuses inside (a full disk, a folder that may not be written to) is a StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {where}: {_reason(error)}; what was saved before is as it was. Make room or give leave to "
            "write there, and run the same command again to go on"
        ) from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new, empty file beside `path` to write into: when all went well inside, it is on the disk and takes the place
    of `path`; otherwise it is gone, and `path` is as it was. A reader never sees half a file, and whatever lies there
    under a name of its own, a link for one, is not written through."""
    building = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    building.touch(exist_ok=False)
    try:
        yield building
        flush(building)
        os.replace(building, path)
    finally:
        building.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).splitlines()[0]

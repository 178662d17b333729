"""Safe writing: checks of an output folder before work starts, atomic replacement of files, one-line errors."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bench.errors import StorageError, UserError, reason


def check_folder(folder: Path, contents: str, is_ours: Callable[[Path], bool], written: bool = True) -> None:
    """Check that a folder can take output: it is absent, empty, or has output of the same kind (`is_ours`).

    contents: the kind of output, for messages (`results`, `profile`). written: False if it is only read. Raises
    UserError otherwise.
    """
    try:
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not existing.is_dir():
            raise UserError(f"{existing} is a file, not a folder for the {contents}; name another folder")
        if written and not os.access(existing, os.W_OK | os.X_OK):
            raise UserError(f"{existing} cannot be written to; name another folder")
        if existing == folder and any(folder.iterdir()) and not is_ours(folder):
            if not written:
                raise UserError(f"{folder} has no {contents}; name a folder that has")
            raise UserError(f"{folder} is not empty and has no {contents}; name an empty or a new folder")
    except (OSError, ValueError) as error:
        raise UserError(f"{str(folder)[:200]!r} cannot be a folder ({reason(error)}); name another folder") from error


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError of the block (disk full, permission denied) into a StorageError that names `path`."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {reason(error)}; earlier files are unchanged. Free some space or grant write "
            "permission, then run the same command again to continue"
        ) from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file atomically: yields a new, empty file beside `path`, which replaces `path` if the block succeeds.

    If the block fails, the new file is deleted and `path` is unchanged. The new file is on the disk before it gets its
    name, so a reader never sees half a file. If `path` is a link, the link is replaced and its target is unchanged.
    """
    building = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    building.touch(exist_ok=False)
    try:
        yield building
        flush(building)
        os.replace(building, path)
    finally:
        building.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a JSON file atomically, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as building:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        building.write_text(text + "\n", encoding="utf-8")


def flush(path: Path) -> None:
    """Wait until a file, or the directory entries of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

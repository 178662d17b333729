"""Paths that a user typed. No torch here."""

from __future__ import annotations

import os
from pathlib import Path

from bench.errors import UserError


def parse(text: str | os.PathLike[str]) -> Path:
    """The path that a text names, whether or not it exists.

    Raises UserError for a text that no path can have: an empty one, a name too long for the file system, an invalid
    character, a circle of links, or a link to something that does not exist.
    """
    text = os.fspath(text)
    if not text.strip():
        raise UserError(f"{text!r} is not a path; name a file or a folder")
    try:
        os.stat(text)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        for path in (Path(text), *Path(text).parents):
            if path.is_symlink() and not path.exists():
                raise UserError(f"{str(path)!r} is a link to {os.readlink(path)!r}, which does not exist") from error
    except OSError as error:
        raise UserError(f"{text!r} cannot name a file or a folder: {error.strerror or error}") from error
    except ValueError as error:  # a NUL or an unpaired surrogate
        raise UserError(f"{text!r} cannot name a file or a folder: {error}") from error
    return Path(text)

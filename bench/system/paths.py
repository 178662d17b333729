"""What a user typed as a path. No torch here."""

from __future__ import annotations

import os
from pathlib import Path

from bench.errors import UserError


def typed(text: str | os.PathLike[str]) -> Path:
    """The path that a text names, whether or not something is there.

    Raises UserError for a text that can name nothing: an empty one, a name too long for the file system, one with a
    character that no name has, links in a circle or one that leads nowhere.
    """
    text = os.fspath(text)
    if not text.strip():
        raise UserError(f"a path is wanted, got {text!r}")
    try:
        os.stat(text)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        for path in (Path(text), *Path(text).parents):
            if path.is_symlink() and not path.exists():
                raise UserError(
                    f"{str(path)!r} is a link to {os.readlink(path)!r}, and there is no such thing"
                ) from error
    except OSError as error:
        raise UserError(f"{text!r} can name no file or folder: {error.strerror or error}") from error
    except ValueError as error:  # a NUL; half of a character
        raise UserError(f"{text!r} can name no file or folder: {error}") from error
    return Path(text)

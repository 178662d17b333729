"""Paths that a user typed. No torch here."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bench.errors import UserError


def parse(text: str | os.PathLike[str]) -> Path:
    """The path that a text names, whether or not it exists.

    Raises UserError for a text that no path can have: an empty one, a name too long for the file system, an invalid
    character, a circle of links, or a link to something that does not exist; and for a name that is not UTF-8, since
    records and libraries cannot hold it.
    """
    text = os.fspath(text)
    if not text.strip():
        raise UserError(f"{text!r} is not a path; name a file or a folder")
    check_tilde(text)
    check_utf8(text)
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


def user_folder(name: str, variable: str, xdg: str, default: str, what: str) -> Path:
    """A folder of the user's: that of an environment variable, else `name` in the folder that the XDG variable names,
    or in the folder `default` at home. It need not exist.

    what: the folder is for, in the message. Raises UserError where there is no home folder.
    """
    if os.environ.get(variable):
        return Path(os.environ[variable])
    of_xdg = Path(os.environ.get(xdg, ""))
    if of_xdg.is_absolute():  # the XDG base directory specification says to ignore a relative one
        return of_xdg / name
    try:
        return Path.home() / default / name
    except RuntimeError as error:
        raise UserError(f"there is no home folder for {what}; set {variable} to a folder") from error


def check_tilde(text: str, before: str = "") -> None:
    """Raises UserError for a path that starts with `~` as the name of a home folder, which only a shell replaces, and
    only at the start of a word. A path that exists as it is typed passes.

    before: what comes before the path in the message, such as `out=`.
    """
    if not text.startswith("~") or os.path.lexists(text):
        return
    home = os.path.expanduser(text)
    if home != text:
        raise UserError(f"{before}{text}: the shell did not replace ~ here; write {before}{home}, or ./{text}")


def check_utf8(text: str, before: str = "") -> None:
    """Raises UserError for a text with bytes that Python could not decode. before: see `check_tilde`."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        encoding = sys.getfilesystemencoding()
        advice = "rename it" if encoding == "utf-8" else f"set PYTHONUTF8=1 (file names are read as {encoding} here)"
        raise UserError(f"{before}{text!r}: the name is not UTF-8; {advice}") from error

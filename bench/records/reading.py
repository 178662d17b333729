"""Reads the files of a results folder without trusting them: a folder may be cut off, edited by hand, or from others.

The readers return valid text, finite numbers, and objects with the keys and types that callers use, or raise
`BrokenFile` with one line. Nothing is unpickled or run, and no link out of the folder is followed. No torch here."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BrokenFile, reason

if TYPE_CHECKING:
    import pandas as pd

MAX_JSON_BYTES = 2**25
"""Upper limit of a JSON file; the largest so far have a thousandth of it."""

MAX_DEPTH, MAX_TEXT, MAX_NUMBER = 20, 10_000, 1e100
"""Upper limits of nesting, of the characters of a text (texts become names in many places), and of the absolute value
of a number (so that squares and sums stay finite)."""

UNBOUNDED = ("reason", "traceback")
"""Keys of a record whose texts may be longer: messages of exceptions."""


def check_links(folder: Path, out: Path, harmless: tuple[str, ...] = ()) -> None:
    """Raises BrokenFile if a cell's folder, or anything in it, is a link out of the results folder, or is neither a
    file nor a folder (a pipe, for example). harmless: names of files that may be such links."""
    root = os.path.realpath(out)
    try:
        with os.scandir(folder) as entries:
            linked = [Path(entry.path) for entry in entries if entry.is_symlink() and entry.name not in harmless]
        with os.scandir(folder) as entries:
            odd = [
                Path(entry.path) for entry in entries if not (entry.is_symlink() or entry.is_file() or entry.is_dir())
            ]
    except OSError as error:
        raise BrokenFile(f"{folder} cannot be read ({reason(error)})") from error
    for path in (*([folder] if folder.is_symlink() else []), *linked):
        end = os.path.realpath(path)
        if os.path.commonpath([root, end]) != root:
            raise BrokenFile(
                f"{path} is a link out of the results folder, to {end}; replace it by a copy of its target"
            )
    for path in odd:
        raise BrokenFile(f"{path} is neither a file nor a folder; delete it")


def folders_with(out: Path, name: str) -> list[Path]:
    """The folders one level down that have a file of this name, sorted, without hidden ones. Raises BrokenFile for a
    folder that may not be searched: its file would be left out in silence (`glob` passes over it)."""
    folders = []
    try:
        entries = sorted(os.listdir(out))
    except OSError as error:
        raise BrokenFile(f"{out} cannot be read ({reason(error)}); ask its owner for permission") from error
    for folder in (out / entry for entry in entries if not entry.startswith(".")):
        try:
            os.stat(folder / name)
        except PermissionError as error:
            raise BrokenFile(
                f"{folder} cannot be read ({reason(error)}); ask its owner for permission, or move it elsewhere"
            ) from error
        except OSError:  # no folder, or one without the file
            continue
        folders.append(folder)
    return folders


def text(path: Path, max_bytes: float = float("inf")) -> str:
    """The text of a file, with line ends \\n. Raises FileNotFoundError, and BrokenFile if the file is unreadable, is
    not UTF-8, or has more than `max_bytes`."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BrokenFile(f"{path} is not a file; delete it and run the cell again")
        if status.st_size > max_bytes:
            raise BrokenFile(f"{path} has {status.st_size:,} bytes, more than any file of bench; delete it")
        return path.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except NotADirectoryError as error:
        raise FileNotFoundError(*error.args) from error
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        raise BrokenFile(f"{path} is not UTF-8 ({error.reason} at byte {error.start}); run the cell again") from error
    except OSError as error:
        raise BrokenFile(f"{path} cannot be read ({reason(error)})") from error


def json_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file, with finite numbers, texts, lists and objects only (Any: `bench.records.types` checks
    the types of a record). Raises FileNotFoundError, and BrokenFile for any other content."""
    content = text(path, MAX_JSON_BYTES)
    try:
        parsed = json.loads(content)
    except RecursionError as error:
        raise BrokenFile(f"{path} is not JSON of bench (nested too deeply); delete it") from error
    except ValueError as error:
        message = f"{path} is not JSON ({error}); delete the folder {path.parent} and run the cell again"
        raise BrokenFile(message) from error
    if not isinstance(parsed, dict):
        raise BrokenFile(f"{path} is not a JSON object; delete the folder {path.parent} and run the cell again")
    fault = _fault(parsed, escapes="\\u" in content)
    if fault:
        raise BrokenFile(f"{path} is broken: {fault}; run the cell again")
    return parsed


def _fault(value: object, escapes: bool, place: str = "", depth: int = 0) -> str:
    """Describes the first fault in a value of a JSON file; "" if there is none.

    escapes: whether texts may contain unpaired surrogates. place: keys to the value, joined by dots.
    """
    if isinstance(value, str):
        if len(value) > MAX_TEXT and place not in UNBOUNDED:
            return f"{place or 'a key'} is a text of {len(value):,} characters"
        if escapes and any("\ud800" <= c <= "\udfff" for c in value):
            return f"{place or 'a key'} contains an unpaired surrogate"
    elif isinstance(value, int | float):
        if not -MAX_NUMBER <= value <= MAX_NUMBER:
            return (
                f"{place} is {value if isinstance(value, float) else 'an integer'}, beyond the limit of {MAX_NUMBER:g}"
            )
    elif value is not None:
        if depth == MAX_DEPTH:
            return f"{place[:MAX_TEXT]} is nested too deeply"
        if isinstance(value, dict):
            for key, part in value.items():
                inner = f"{place}.{key}" if place else key
                if fault := _fault(key, escapes) or _fault(part, escapes, inner, depth + 1):
                    return fault
        elif isinstance(value, list):
            for part in value:
                if fault := _fault(part, escapes, place, depth + 1):
                    return fault
    return ""


def table(path: Path, separator: str, numbers: tuple[str, ...] = (), texts: tuple[str, ...] = ()) -> pd.DataFrame:
    """The rows of a file with a heading and without quoting.

    numbers, texts: columns that must exist, with numbers and with text; other columns are read too. Raises
    FileNotFoundError, and BrokenFile if a column is missing, a line has more or fewer fields than the heading, or a
    column of numbers contains anything else.
    """
    import numpy as np
    import pandas as pd  # here, because a process that runs a cell and only writes its record starts sooner without

    content = text(path)
    heading, *lines = content.removesuffix("\n").split("\n")
    columns, width = heading.split(separator), heading.count(separator)
    missing = [name for name in (*numbers, *texts) if columns.count(name) != 1]
    if missing:
        raise BrokenFile(f"{path} is broken: it has no column {missing[0]}, or several; run the cell again")
    for number, line in enumerate(lines, start=2):
        if line.count(separator) != width:
            fields = line.count(separator) + 1
            raise BrokenFile(f"{path} is broken: line {number} has {fields} of {width + 1} fields; run the cell again")
    # In a file with text columns, `nan` and an empty field are texts too.
    rows = pd.read_csv(
        io.StringIO(content), sep=separator, quoting=csv.QUOTE_NONE, keep_default_na=not texts, index_col=False,
        dtype=dict.fromkeys(texts, str), lineterminator="\n", skip_blank_lines=False,
    )  # fmt: skip
    for name, values in ((name, rows[name].to_numpy()) for name in numbers if len(rows)):
        numeric = values.dtype.kind in "iuf"
        if not numeric or (np.abs(values[np.isfinite(values)]) > MAX_NUMBER).any():
            raise BrokenFile(
                f"{path} is broken: its column {name} contains a value that is not a number; run the cell again"
            )
    return rows

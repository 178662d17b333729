"""Files of a results folder, read without trust: a folder may be cut off, edited by hand, or somebody else's.

Whatever reads a folder gets from here text that is text, numbers that can be added, and objects with the keys and types
that it will ask for, or `BrokenFile` with one line. No pickle, no code and no link out of the folder is followed. No torch
here.
"""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BrokenFile

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 2**25
"""Bytes of a JSON file; the largest so far have a thousandth of that."""

DEEPEST, LONGEST, GREATEST = 20, 10_000, 1e100
"""Objects inside each other; characters of a text, for what a name is made of it stands in many places; the greatest
number, so that squares and sums of any are numbers still."""

UNBOUNDED = ("reason", "traceback")
"""Texts of a record that may be longer: what an exception says."""


def check_links(folder: Path, out: Path, harmless: tuple[str, ...] = ()) -> None:
    """Raises BrokenFile where a cell's folder, or what lies in it, is a link that leads out of the results folder, or
    something that is neither file nor folder, such as a pipe. harmless: names of files that may be such links."""
    root = os.path.realpath(out)
    try:
        with os.scandir(folder) as entries:
            linked = [Path(entry.path) for entry in entries if entry.is_symlink() and entry.name not in harmless]
        with os.scandir(folder) as entries:
            odd = [entry.path for entry in entries if not (entry.is_symlink() or entry.is_file() or entry.is_dir())]
    except OSError as error:
        raise BrokenFile(f"{folder} cannot be read ({error.strerror or error})") from error
    for path in (*([folder] if folder.is_symlink() else []), *linked):
        end = os.path.realpath(path)
        if os.path.commonpath([root, end]) != root:
            raise BrokenFile(
                f"{path} is a link out of the results folder, to {end}; put what it links to in its place"
            )
    for path in odd:
        raise BrokenFile(f"{path} is neither a file nor a folder; delete it")


def text(path: Path, largest: float = float("inf")) -> str:
    """The text of a file, its lines ended by \\n. Raises FileNotFoundError, and BrokenFile for what is no readable UTF-8
    text of at most so many bytes."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise BrokenFile(f"{path} is not a file; delete it and run the cell again")
        if found.st_size > largest:
            raise BrokenFile(f"{path} has {found.st_size:,} bytes, more than any that bench writes; delete it")
        return path.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except NotADirectoryError as error:
        raise FileNotFoundError(*error.args) from error
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        raise BrokenFile(f"{path} is not UTF-8 ({error.reason} at byte {error.start}); run the cell again") from error
    except OSError as error:
        raise BrokenFile(f"{path} cannot be read ({error.strerror or error})") from error


def json_object(path: Path) -> dict:
    """The object in a JSON file, all of it finite numbers, text and lists and objects of such. Raises FileNotFoundError,
    and BrokenFile where it is not that."""
    held = text(path, LARGEST)
    try:
        found = json.loads(held)
    except RecursionError as error:
        raise BrokenFile(f"{path} is not JSON that bench writes (nested too deeply); delete it") from error
    except ValueError as error:
        where = f"{path} is not JSON ({error}); delete the folder {path.parent} and run the cell again"
        raise BrokenFile(where) from error
    if not isinstance(found, dict):
        raise BrokenFile(f"{path} is not a JSON object; delete the folder {path.parent} and run the cell again")
    fault = _fault(found, escapes="\\u" in held)
    if fault:
        raise BrokenFile(f"{path} is broken: {fault}; run the cell again")
    return found


def _fault(value: object, escapes: bool, place: str = "", depth: int = 0) -> str:
    """What is wrong with a value of a JSON file, or "". escapes: whether texts may hold halves of characters."""
    if isinstance(value, str):
        if len(value) > LONGEST and place not in UNBOUNDED:
            return f"{place or 'a key'} is a text of {len(value):,} characters"
        if escapes and any("\ud800" <= c <= "\udfff" for c in value):
            return f"{place or 'a key'} holds half a character"
    elif isinstance(value, int | float):
        if not -GREATEST <= value <= GREATEST:
            return f"{place} is {value if isinstance(value, float) else 'a number'}, and no number is that great"
    elif value is not None:
        if depth == DEEPEST:
            return f"{place[:LONGEST]} is nested too deeply"
        if isinstance(value, dict):
            for key, part in value.items():
                within = f"{place}.{key}" if place else key
                if fault := _fault(key, escapes) or _fault(part, escapes, within, depth + 1):
                    return fault
        else:
            for part in value:
                if fault := _fault(part, escapes, place, depth + 1):
                    return fault
    return ""


def table(path: Path, separator: str, numbers: tuple[str, ...] = (), texts: tuple[str, ...] = ()) -> pd.DataFrame:
    """The rows of a file with a heading and no quoting: these columns, the first numbers and the second text, and what
    others there are. Raises FileNotFoundError, and BrokenFile where a line has more or fewer fields than the heading, a
    column is missing, or one of numbers holds something else."""
    import numpy as np
    import pandas as pd  # where tables are read; a cell that writes its record starts sooner without

    held = text(path)
    heading, *lines = held.removesuffix("\n").split("\n")
    columns, width = heading.split(separator), heading.count(separator)
    missing = [name for name in (*numbers, *texts) if columns.count(name) != 1]
    if missing:
        raise BrokenFile(f"{path} is broken: it has no column {missing[0]}, or several; run the cell again")
    for number, line in enumerate(lines, start=2):
        if line.count(separator) != width:
            fields = line.count(separator) + 1
            raise BrokenFile(f"{path} is broken: line {number} has {fields} of {width + 1} fields; run the cell again")
    # Where there is text, `nan` and nothing at all are texts too.
    found = pd.read_csv(
        io.StringIO(held), sep=separator, quoting=csv.QUOTE_NONE, keep_default_na=not texts, index_col=False,
        dtype=dict.fromkeys(texts, str), lineterminator="\n", skip_blank_lines=False,
    )  # fmt: skip
    for name, values in ((name, found[name].to_numpy()) for name in numbers if len(found)):
        numeric = values.dtype.kind in "iuf"
        if not numeric or (np.abs(values[np.isfinite(values)]) > GREATEST).any():
            raise BrokenFile(
                f"{path} is broken: its column {name} holds something that is no number; run the cell again"
            )
    return found

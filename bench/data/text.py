"""Parallel text as files hold it: read strictly, and two sides never shifted against each other."""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from bench.errors import DataError

EMPTY = "train_dropped_empty"
"""In `counts`: pairs left out because a side has no text."""

LARGEST = 1 << 30
"""Bytes of a text as it is when unpacked: the largest side of a corpus here, of WMT 2014, has a third of that. More is
not a text, but a small file that was made to fill the memory."""

MEMBERS = 8
"""An archive is not read beyond so many times LARGEST: those here hold two sides of a few languages."""

_BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, struct.error),
    *(RuntimeError, ValueError, OverflowError),  # damage that reads like a password, another packing, another size
)
_PIECE = 1 << 20
_GZIP = b"\x1f\x8b"

_BOM = b"\xef\xbb\xbf"


class Parallel(NamedTuple):
    """Two sides of a text: target i is a translation of source i."""

    sources: list[str]
    targets: list[str]

    @property
    def turned(self) -> Parallel:
        """The same for the other direction."""
        return Parallel(self.targets, self.sources)

    def where(self, kept: Iterable[bool]) -> Parallel:
        """The pairs for which `kept` is true, in their order."""
        return paired((pair for pair, keep in zip(zip(*self), kept, strict=True) if keep))

    def joined(self, other: Parallel) -> Parallel:
        """These pairs and then the others."""
        return Parallel(self.sources + other.sources, self.targets + other.targets)


def paired(pairs: Iterable[tuple[str, str]]) -> Parallel:
    """The sides of these pairs."""
    held = list(pairs)
    return Parallel([source for source, _ in held], [target for _, target in held])


def read_lines(path: Path | str, counts: Counter[str] | None = None, blank: bool = False) -> list[str]:
    """The lines of a UTF-8 text file, gzip-compressed where its name ends in `.gz`, without their ends.

    A byte order mark at the start is left out and `\\r\\n` ends a line like `\\n`: both say nothing about the text. A
    tab becomes a space, because results are tab-separated; `counts["tabs"]` grows by the lines this changed. Anything
    else wrong is an error, a NUL too: what is not read strictly shifts one side of a parallel text against the other.

    blank: a line without text is no error. Raises DataError for a file that is missing, empty, truncated or not UTF-8,
    and for a line without text.
    """
    return lines_of(_content(path), str(path), counts, blank)


def read_pair(
    source_path: Path | str, target_path: Path | str, counts: Counter[str] | None = None, blank: bool = False
) -> Parallel:
    """Both sides of a parallel text, line i a translation of line i; `counts` as in `read_lines`.

    blank: a pair with a side that has no text is left out and counted, see EMPTY. Raises DataError where the two have
    different numbers of lines, and as `read_lines` does.
    """
    sides = [read_lines(path, counts, blank=True) for path in (source_path, target_path)]
    return side_by_side(sides, (str(source_path), str(target_path)), counts, blank)


def read_table(
    path: Path | str, columns: tuple[int, int], counts: Counter[str] | None = None, blank: bool = False
) -> Parallel:
    """Two columns (counted from 1) of a file with tabs between columns; else as `read_pair`.

    Raises DataError where the lines have too few columns or not all as many, too: a tab inside a text moves the others.
    """
    return table_of(_content(path), str(path), columns, counts, blank)


def archived(path: Path | str, member: str) -> bytes:
    """A file inside an archive, zip where its name says so and tar else, read without writing it or another anywhere.

    Raises DataError for an archive that is broken, lacks the file or has a link or a device under its name, and for more
    than LARGEST bytes.
    """
    try:
        return (_of_zip if str(path).endswith(".zip") else _of_tar)(path, member)
    except KeyError as error:
        raise DataError(f"{path}: there is no {member} in it") from error
    except _BROKEN as error:
        reason = str(error).split("\n", 1)[0].rstrip(":")
        raise DataError(f"{path}: not a whole archive ({reason}); delete it and fetch it again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _of_zip(path: Path | str, member: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        about = archive.getinfo(member)
        if about.is_dir() or stat.S_ISLNK(about.external_attr >> 16):
            raise DataError(f"{path}: {member} in it is no plain file; delete it and fetch it again")
        with archive.open(about) as file:
            return _bounded(file, f"{path}, {member}")


def _of_tar(path: Path | str, member: str) -> bytes:
    with open(path, "rb") as raw:
        packed = raw.read(len(_GZIP)) == _GZIP  # whatever its name says
    with gzip.open(path) if packed else open(path, "rb") as file:
        bounded = _Bounded(file, str(path))
        with tarfile.open(fileobj=bounded, mode="r:") as archive:
            for about in archive:  # never sought by links: those of an archive may go round
                if about.name == member:
                    break
            else:
                raise KeyError
            if not about.isreg():
                raise DataError(f"{path}: {member} in it is no plain file; delete it and fetch it again")
            content = _bounded(archive.extractfile(about), f"{path}, {member}")
        while bounded.read(_PIECE):  # the checksum of what is compressed stands at its end
            pass
        return content


def _bounded(file: BinaryIO, where: str) -> bytes:
    """All that a file holds. Raises DataError, before more is in memory, where that is more than LARGEST bytes."""
    content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise DataError(f"{where}: unpacked it has more than {LARGEST:,} bytes, which no text here has; delete it")
    return content


class _Bounded(io.RawIOBase):
    """What tarfile reads of an archive; what it skips and what it takes in at once are bounded too."""

    def __init__(self, file: BinaryIO, where: str) -> None:
        self.file, self.where = file, where

    def read(self, size: int = -1) -> bytes:
        self._check(self.tell() + size, size)
        return self.file.read(size)

    def seek(self, place: int, whence: int = 0) -> int:
        self._check(place, 0)
        return self.file.seek(place, whence)

    def tell(self) -> int:
        return self.file.tell()

    def _check(self, end: int, size: int) -> None:
        if size > LARGEST + 1 or end > MEMBERS * LARGEST:
            raise DataError(f"{self.where}: unpacked it is larger than any archive of texts here; delete it")


def lines_of(raw: bytes, where: str, counts: Counter[str] | None = None, blank: bool = False) -> list[str]:
    """As `read_lines`, from the content of a file; `where` names it in messages."""
    lines = _decoded(raw, where)
    if not blank:
        _refuse_blank(lines, where)
    if counts is not None:
        counts["tabs"] += sum("\t" in line for line in lines)
    return [line.replace("\t", " ") for line in lines]


def table_of(
    raw: bytes, where: str, columns: tuple[int, int], counts: Counter[str] | None = None, blank: bool = False
) -> Parallel:
    """As `read_table`, from the content of a file; `where` names it in messages."""
    rows = [line.split("\t") for line in _decoded(raw, where)]
    if len(rows[0]) < max(columns):
        raise DataError(f"{where}, line 1: {len(rows[0])} columns, and column {max(columns)} is asked for")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise DataError(f"{where}, line {number}: {len(row)} columns, and line 1 has {len(rows[0])}")
    sides = [[row[column - 1] for row in rows] for column in columns]
    return side_by_side(sides, (where, where), counts, blank)


def side_by_side(
    sides: Sequence[list[str]], names: tuple[str, str], counts: Counter[str] | None = None, blank: bool = False
) -> Parallel:
    """Two sides as one text. blank: pairs with a side that has no text are left out and counted, see EMPTY.

    names: of both sides, for messages. Raises DataError where the two have different numbers of lines, and for a line
    without text where `blank` does not allow it.
    """
    if len(sides[0]) != len(sides[1]):
        found = " and ".join(f"{name} has {len(side)}{of}" for name, side, of in zip(names, sides, (" lines", "")))
        raise DataError(f"{found}; they must be as many")
    text = Parallel(*sides)
    if not blank:
        for name, side in zip(names, sides):
            _refuse_blank(side, name)
        return text
    whole = [bool(source.strip() and target.strip()) for source, target in zip(*text)]
    if counts is not None:
        counts[EMPTY] += whole.count(False)
    return text if all(whole) else text.where(whole)


def _content(path: Path | str) -> bytes:
    try:
        with gzip.open(path) if str(path).endswith(".gz") else open(path, "rb") as file:
            return _bounded(file, str(path))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file ({error}); delete it and fetch it again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _decoded(raw: bytes, where: str) -> list[str]:
    raw = raw.removeprefix(_BOM)
    if not raw:
        raise DataError(f"{where}: the file is empty")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(f"{where}, line {line}: not UTF-8 ({error.reason})") from error
    if "\0" in text:  # what disks and archives fill holes with
        raise DataError(f"{where}, line {text.count(chr(10), 0, text.index(chr(0))) + 1}: a NUL; the file is damaged")
    # Not str.splitlines, which also splits at characters that stand inside a caption, such as U+2028.
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def _refuse_blank(lines: list[str], where: str) -> None:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise DataError(f"{where}, line {number}: no text on this line")

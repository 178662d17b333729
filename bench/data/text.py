"""Reads parallel text from files strictly, so that the two sides never shift against each other."""

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
from typing import IO, NamedTuple

from bench.errors import DataError, reason

DROPPED_EMPTY = "train_dropped_empty"
"""Key of `counts`: pairs that are left out because a side has no text."""

MAX_TEXT_BYTES = 1 << 30
"""Upper limit of an unpacked text. The largest side of a corpus here (WMT 2014) has a third of it. A larger one is not
a text, but a small file made to fill the memory."""

MAX_ARCHIVE_TEXTS = 8
"""An archive is read up to this number of times MAX_TEXT_BYTES: those here have two sides of a few languages."""

_BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, struct.error),
    *(RuntimeError, ValueError, OverflowError),  # damage that reads like a password, another packing, another size
)
_PIECE = 1 << 20
_GZIP = b"\x1f\x8b"

_BOM = b"\xef\xbb\xbf"


class ParallelText(NamedTuple):
    """The two sides of a parallel text: target i is the translation of source i."""

    sources: list[str]
    targets: list[str]

    @classmethod
    def of_pairs(cls, pairs: Iterable[tuple[str, str]]) -> ParallelText:
        """From (source, target) pairs."""
        pairs = list(pairs)
        return cls([source for source, _ in pairs], [target for _, target in pairs])

    @property
    def swapped(self) -> ParallelText:
        """The same text in the other direction."""
        return ParallelText(self.targets, self.sources)

    def where(self, mask: Iterable[bool]) -> ParallelText:
        """The pairs for which the mask is true, in their order."""
        return self.of_pairs(pair for pair, keep in zip(zip(*self), mask, strict=True) if keep)

    def joined(self, other: ParallelText) -> ParallelText:
        """These pairs, followed by those of the other text."""
        return ParallelText(self.sources + other.sources, self.targets + other.targets)


def read_lines(path: Path | str, counts: Counter[str] | None = None, allow_blank: bool = False) -> list[str]:
    """The lines of a UTF-8 text file without their ends; gzip-compressed if the name ends in `.gz`.

    A byte order mark is removed and `\\r\\n` ends a line like `\\n`; neither is part of the text. A tab becomes a
    space, because results are tab-separated, and `counts["tabs"]` grows by the number of changed lines. Everything
    else that is wrong is an error, a NUL too: lenient reading would shift one side of a parallel text against the
    other.

    allow_blank: whether lines without text are allowed. Raises DataError for a file that is missing, empty, truncated
    or not UTF-8, and for a line without text unless allowed."""
    return parse_lines(_content(path), str(path), counts, allow_blank)


def read_pair(
    source_path: Path | str, target_path: Path | str, counts: Counter[str] | None = None, allow_blank: bool = False
) -> ParallelText:
    """Both sides of a parallel text from two files, line i a translation of line i; `counts` as in `read_lines`.

    allow_blank: leave out pairs in which a side has no text, and count them under DROPPED_EMPTY. Raises DataError if
    the numbers of lines differ, and the errors of `read_lines`."""
    sides = [read_lines(path, counts, allow_blank=True) for path in (source_path, target_path)]
    return align(sides, (str(source_path), str(target_path)), counts, allow_blank)


def read_table(
    path: Path | str, columns: tuple[int, int], counts: Counter[str] | None = None, allow_blank: bool = False
) -> ParallelText:
    """Two columns (counted from 1) of a tab-separated file; otherwise like `read_pair`.

    Also raises DataError if the lines have too few columns, or different numbers of columns: a tab inside a text would
    shift the others.
    """
    return parse_table(_content(path), str(path), columns, counts, allow_blank)


def read_member(path: Path | str, member: str) -> bytes:
    """The content of a file in an archive: zip if the name ends in `.zip`, else tar. Nothing is unpacked to the disk.

    Raises DataError if the archive is broken, has no such file, has a link or a device under its name, or if the file
    has more than MAX_TEXT_BYTES."""
    try:
        return (_of_zip if str(path).endswith(".zip") else _of_tar)(path, member)
    except KeyError as error:
        raise DataError(f"{path}: there is no {member} in it") from error
    except _BROKEN as error:
        cause = str(error).split("\n", 1)[0].rstrip(":")
        raise DataError(f"{path}: not a whole archive ({cause}); delete it and fetch it again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({reason(error)})") from error


def _of_zip(path: Path | str, member: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(member)
        if entry.is_dir() or stat.S_ISLNK(entry.external_attr >> 16):
            raise _not_a_plain_file(path, member)
        with archive.open(entry) as file:
            return _read_bounded(file, f"{path}, {member}")


def _of_tar(path: Path | str, member: str) -> bytes:
    with open(path, "rb") as raw:
        compressed = raw.read(len(_GZIP)) == _GZIP  # the name does not count
    with _open(path, compressed) as file:
        bounded = _BoundedArchive(file, str(path))
        with tarfile.open(fileobj=bounded, mode="r:") as archive:
            for entry in archive:  # links are never followed: those of an archive may form a circle
                if entry.name == member:
                    break
            else:
                raise KeyError
            extracted = archive.extractfile(entry) if entry.isreg() else None
            if extracted is None:
                raise _not_a_plain_file(path, member)
            content = _read_bounded(extracted, f"{path}, {member}")
        while bounded.read(_PIECE):  # to the end, where gzip checks its checksum
            pass
        return content


def _open(path: Path | str, compressed: bool) -> IO[bytes]:
    # GzipFile lacks a few rarely used methods of IO, so mypy does not accept it as one.
    return gzip.open(path) if compressed else open(path, "rb")  # type: ignore[return-value]


def _not_a_plain_file(path: Path | str, member: str) -> DataError:
    return DataError(f"{path}: {member} in it is no plain file; delete it and fetch it again")


def _read_bounded(file: IO[bytes], where: str) -> bytes:
    """The whole content of a file. Raises DataError, without reading more, if it exceeds MAX_TEXT_BYTES."""
    content = file.read(MAX_TEXT_BYTES + 1)
    if len(content) > MAX_TEXT_BYTES:
        raise DataError(f"{where}: unpacked it has more than {MAX_TEXT_BYTES:,} bytes, too many for a text; delete it")
    return content


class _BoundedArchive(io.RawIOBase):
    """A file for tarfile with upper limits of the size of one read and of the position."""

    def __init__(self, file: IO[bytes], where: str) -> None:
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
        if size > MAX_TEXT_BYTES + 1 or end > MAX_ARCHIVE_TEXTS * MAX_TEXT_BYTES:
            raise DataError(f"{self.where}: unpacked it is larger than any archive of texts here; delete it")


def parse_lines(raw: bytes, where: str, counts: Counter[str] | None = None, allow_blank: bool = False) -> list[str]:
    """Like `read_lines`, from the content of a file; `where` names it in messages."""
    lines = _decode(raw, where)
    if not allow_blank:
        _refuse_blank(lines, where)
    if counts is not None:
        counts["tabs"] += sum("\t" in line for line in lines)
    return [line.replace("\t", " ") for line in lines]


def parse_table(
    raw: bytes, where: str, columns: tuple[int, int], counts: Counter[str] | None = None, allow_blank: bool = False
) -> ParallelText:
    """Like `read_table`, from the content of a file; `where` names it in messages."""
    rows = [line.split("\t") for line in _decode(raw, where)]
    if len(rows[0]) < max(columns):
        raise DataError(f"{where}, line 1: {len(rows[0])} columns, so there is no column {max(columns)}")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise DataError(f"{where}, line {number}: {len(row)} columns, and line 1 has {len(rows[0])}")
    sides = [[row[column - 1] for row in rows] for column in columns]
    return align(sides, (where, where), counts, allow_blank)


def align(
    sides: Sequence[list[str]], names: tuple[str, str], counts: Counter[str] | None = None, allow_blank: bool = False
) -> ParallelText:
    """The two sides as a parallel text.

    names: of both sides, for messages. allow_blank: leave out pairs in which a side has no text, and count them under
    DROPPED_EMPTY. Raises DataError if the numbers of lines differ, and for a line without text unless allowed.
    """
    if len(sides[0]) != len(sides[1]):
        raise DataError(
            f"{names[0]} has {len(sides[0])} lines and {names[1]} has {len(sides[1])}; the numbers must be equal"
        )
    text = ParallelText(*sides)
    if not allow_blank:
        for name, side in zip(names, sides):
            _refuse_blank(side, name)
        return text
    mask = [bool(source.strip() and target.strip()) for source, target in zip(*text)]
    if counts is not None:
        counts[DROPPED_EMPTY] += mask.count(False)
    return text if all(mask) else text.where(mask)


def _content(path: Path | str) -> bytes:
    try:
        with _open(path, str(path).endswith(".gz")) as file:
            return _read_bounded(file, str(path))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file ({error}); delete it and fetch it again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({reason(error)})") from error


def _decode(raw: bytes, where: str) -> list[str]:
    """The lines of a UTF-8 text."""
    raw = raw.removeprefix(_BOM)
    if not raw:
        raise DataError(f"{where}: the file is empty")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(f"{where}, line {line}: not UTF-8 ({error.reason})") from error
    if "\0" in text:  # disks and archives fill holes with NULs
        raise DataError(f"{where}, line {text.count(chr(10), 0, text.index(chr(0))) + 1}: a NUL; the file is damaged")
    # Not str.splitlines, which also splits at characters that occur inside captions, such as U+2028.
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def _refuse_blank(lines: list[str], where: str) -> None:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise DataError(f"{where}, line {number}: no text on this line")

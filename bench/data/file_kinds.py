"""Content of a text file. Anything else in its place is named, by its first bytes, with advice what to do."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from pathlib import Path
from typing import IO

from bench.errors import DataError, reason

MAX_TEXT_BYTES = 1 << 30
"""Upper limit of an unpacked text. The largest side of a corpus here (WMT 2014) has a third of it. A larger one is not
a text, but a small file made to fill the memory."""

GZIP = b"\x1f\x8b"

_UTF_32, _UTF_16 = (b"\xff\xfe\0\0", b"\0\0\xfe\xff"), (b"\xff\xfe", b"\xfe\xff")
_TO_UTF_8 = "convert it to UTF-8: iconv -f {0} -t UTF-8"
_UNPACK = "unpack it first: {0}"
_AS_TABLE = "write its text as a tab-separated file"
_KINDS: tuple[tuple[bytes, str, str], ...] = (
    *((mark, "UTF-32", _TO_UTF_8.format("UTF-32")) for mark in _UTF_32),  # before UTF-16, which begins alike
    *((mark, "UTF-16", _TO_UTF_8.format("UTF-16")) for mark in _UTF_16),
    (GZIP, "gzip-compressed", "let its name end in .gz, or unpack it"),
    *((b"BZh%d1AY&SY" % level, "bzip2-compressed", _UNPACK.format("bunzip2")) for level in range(1, 10)),
    (b"\xfd7zXZ\0", "xz-compressed", _UNPACK.format("unxz")),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed", _UNPACK.format("unzstd")),
    (b"\x04\x22\x4d\x18", "lz4-compressed", _UNPACK.format("unlz4")),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first"),
    (b"PAR1\x15", "a Parquet file", _AS_TABLE),
    (b"ARROW1\0", "an Arrow file", _AS_TABLE),
    (b"SQLite format 3\0", "an SQLite database", _AS_TABLE),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file", _AS_TABLE),
    (b"%PDF-", "a PDF file", "save its text as UTF-8"),
)
_ZIP = b"PK\x03\x04"
_XLSX, _TAR = b"xl/", b"ustar"
HEAD = 512
"""Bytes from which the kind of a file is known."""


def require_regular_file(path: Path | str) -> None:
    """Raises DataError unless the path is a regular file: one that can be read more than once.

    A pipe is not opened, because that would wait for a writer. A path that cannot be followed passes; opening it
    fails with the system's reason."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return
    if stat.S_ISDIR(mode):
        raise DataError(f"{path}: a folder; name a file in it")
    stream = os.path.abspath(path)
    if not stat.S_ISREG(mode) or stream == "/dev/stdin" or stream.startswith(("/dev/fd/", "/proc/")):
        kind = "a pipe" if stat.S_ISFIFO(mode) else "no regular file"
        raise DataError(f"{path}: {kind}, but it is read more than once; write it to a file")


def kind(head: bytes) -> tuple[str, str] | None:
    """What a file is that begins with these bytes, and what to do; None for what may be UTF-8 text."""
    for magic, name, advice in _KINDS:
        if head.startswith(magic):
            return name, advice
    if head.startswith(_ZIP):
        return ("an Excel file", _AS_TABLE) if _XLSX in head or b"[Content_Types]" in head else (
            "a zip archive", "unpack it first: unzip"
        )  # fmt: skip
    if head[257:262] == _TAR:
        return "a tar archive", "unpack it first: tar -xf"
    return _without_mark(head)


def _without_mark(head: bytes) -> tuple[str, str] | None:
    """UTF-16 and UTF-32 without a byte order mark: every other byte, or three of four, are zero in Latin script."""
    quads = [head[place : place + 4] for place in range(0, len(head) // 4 * 4, 4)]
    for name, zeros in (("UTF-32LE", (1, 2, 3)), ("UTF-32BE", (0, 1, 2)), ("UTF-16LE", (1, 3)), ("UTF-16BE", (0, 2))):
        if quads and sum(all((quad[i] == 0) == (i in zeros) for i in range(4)) for quad in quads) > len(quads) / 2:
            return name, _TO_UTF_8.format(name)
    return None


def refuse_other_kinds(head: bytes, where: str) -> None:
    """Raises DataError for bytes that begin a file of another kind than UTF-8 text."""
    if (other := kind(head)) is not None:
        name, advice = other
        raise DataError(f"{where}: {name}, not UTF-8 text; {advice}")


def content(path: Path | str) -> bytes:
    """The bytes of a text file, unpacked if its name ends in `.gz`.

    Raises DataError for a file that cannot be read, is damaged, too large, or of another kind than its name says."""
    require_regular_file(path)
    compressed = str(path).endswith(".gz")
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD)
        if compressed and head and not head.startswith(GZIP):
            name, advice = kind(head) or ("plain text", "let its name end without .gz")
            raise DataError(f"{path}: not a whole gzip file but {name}; {advice}")
        if not compressed:
            refuse_other_kinds(head, str(path))
        with open_file(path, compressed) as file:
            raw = read_bounded(file, str(path))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path}: not a whole gzip file ({error}); it was cut off or changed, so copy or compress it again"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({reason(error)})") from error
    if compressed and raw.startswith(GZIP):
        raise DataError(f"{path}: compressed twice; unpack it once: gunzip")
    if compressed:
        refuse_other_kinds(raw[:HEAD], f"{path}, unpacked")
    return raw


def open_file(path: Path | str, compressed: bool) -> IO[bytes]:
    # GzipFile lacks a few rarely used methods of IO, so mypy does not accept it as one.
    return gzip.open(path) if compressed else open(path, "rb")  # type: ignore[return-value]


def read_bounded(file: IO[bytes], where: str, advice: str = "split it") -> bytes:
    """The whole content of a file. Raises DataError, without reading more, if it exceeds MAX_TEXT_BYTES."""
    raw = file.read(MAX_TEXT_BYTES + 1)
    if len(raw) > MAX_TEXT_BYTES:
        raise DataError(f"{where}: unpacked it has more than {MAX_TEXT_BYTES:,} bytes, too many for a text; {advice}")
    return raw

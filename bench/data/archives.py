"""Reads texts in the archives of published corpora, without unpacking anything to the disk."""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

from bench.data import file_kinds
from bench.errors import DataError, reason

MAX_ARCHIVE_TEXTS = 8
"""An archive is read up to this number of times MAX_TEXT_BYTES: those here have two sides of a few languages."""

_BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, struct.error),
    *(RuntimeError, ValueError, OverflowError),  # damage that reads like a password, another packing, another size
)
_PIECE = 1 << 20


def read_member(path: Path | str, member: str) -> bytes:
    """The content of a file in an archive: zip if the name ends in `.zip`, else tar. Nothing is unpacked to the disk.

    Raises DataError if the archive is broken, has no such file, has a link or a device under its name, or if the file
    has more than `file_kinds.MAX_TEXT_BYTES`."""
    file_kinds.require_regular_file(path)
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
            return file_kinds.read_bounded(file, f"{path}, {member}", "delete it")


def _of_tar(path: Path | str, member: str) -> bytes:
    with open(path, "rb") as raw:
        compressed = raw.read(len(file_kinds.GZIP)) == file_kinds.GZIP  # the name does not count
    with file_kinds.open_file(path, compressed) as file:
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
            content = file_kinds.read_bounded(extracted, f"{path}, {member}", "delete it")
        while bounded.read(_PIECE):  # to the end, where gzip checks its checksum
            pass
        return content


def _not_a_plain_file(path: Path | str, member: str) -> DataError:
    return DataError(f"{path}: {member} in it is no plain file; delete it and fetch it again")


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
        if size > file_kinds.MAX_TEXT_BYTES + 1 or end > MAX_ARCHIVE_TEXTS * file_kinds.MAX_TEXT_BYTES:
            raise DataError(f"{self.where}: unpacked it is larger than any archive of texts here; delete it")

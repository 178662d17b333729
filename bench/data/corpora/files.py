"""Files of public corpora: descriptions, local copies and checksums.

A file is looked up in the cache, then in the mirrors, then at its public addresses. It is used only with the SHA-256
in the corpus's description, wherever it comes from. A local copy with another checksum is an error, and no other copy
is tried: somebody put it there on purpose.

For some files no SHA-256 is published. The checksum of the first copy is then saved in the cache
(`<corpus>/<file>.sha256`, in the format of sha256sum), and every later copy must have it. Users who know the right
checksum can save it there beforehand.

Environment: BENCH_CACHE (the cache), BENCH_MIRROR (folders to search, separated as in PATH, each laid out like the
cache: `<corpus>/<file>`), BENCH_OFFLINE (not empty and not 0: no downloads).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.data.corpora.download import download
from bench.data.file_kinds import require_regular_file
from bench.errors import DataError, DataUnavailable, reason
from bench.system import paths
from bench.system.files import replacing


@dataclass(frozen=True)
class Corpus:
    """Description of a published corpus: its files and their checksums."""

    name: str  # folder in the cache and in each mirror
    description: str  # one line for people
    licence: str  # as its publishers state it
    addresses: tuple[str, ...]  # `<address><file>` is published there; tried in this order
    files: dict[str, str | None]  # file name to SHA-256; None: none is published, see above
    max_bytes: int  # upper limit of a file; a longer download is not the file
    tested: bool = True  # whether this project has read the files

    def __post_init__(self) -> None:
        for name in (self.name, *self.files):  # they are parts of local paths and of addresses
            if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)*", name, re.ASCII) or name.endswith("."):
                raise ValueError(
                    f"{name!r} cannot be the name of a corpus or of its file; use letters, digits, . - _ and /"
                )


def cache_folder() -> Path:
    """`$BENCH_CACHE`, else `seq2seq-bench` under `$XDG_CACHE_HOME` or `~/.cache`. It need not exist."""
    return paths.user_folder("seq2seq-bench", "BENCH_CACHE", "XDG_CACHE_HOME", ".cache", "the cache")


def mirror_folders() -> list[Path]:
    """The folders in BENCH_MIRROR, in its order."""
    return [Path(folder) for folder in os.environ.get("BENCH_MIRROR", "").split(os.pathsep) if folder.strip()]


def require_unchanged(checksums: Mapping[str, str]) -> None:
    """Raises DataError if one of a user's files is not what it was. checksums: SHA-256 by path."""
    for path, expected in checksums.items():
        if file_checksum(Path(path)) != expected:
            raise DataError(f"{path}: changed since this cell was configured; run it again without task.files")


def file_checksum(path: Path) -> str:
    """SHA-256 of a file. Raises DataError if it cannot be read, or can be read only once."""
    require_regular_file(path)
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({reason(error)})") from error


def _verify(path: Path, expected: str) -> None:
    actual = file_checksum(path)
    if actual != expected:
        raise DataError(
            f"{path}: SHA-256 is {actual[:16]}..., expected {expected[:16]}...; delete the file and fetch it again"
        )


def find(corpus: Corpus, file: str) -> Path | None:
    """A verified copy of a file in the cache or in a mirror; None without a copy.

    Raises DataError if the first copy is broken.
    """
    for root in (cache_folder(), *mirror_folders()):
        path = root / corpus.name / file
        # A link to nothing is a broken copy, not a missing one.
        if exists(path):
            expected = known_checksum(corpus, file)
            if expected is None:
                _save_checksum(corpus, file, file_checksum(path))
            else:
                _verify(path, expected)
            return path
    return None


def exists(path: Path) -> bool:
    """Whether there is an entry of this name. Raises DataError for a folder that may not be searched."""
    try:
        os.lstat(path)
    except PermissionError as error:
        raise DataError(f"{path}: cannot be looked for ({reason(error)}); ask the owner of the folder") from error
    except OSError:
        return False
    return True


def known_checksum(corpus: Corpus, file: str) -> str | None:
    """The required SHA-256 of a file: as published, else as saved from the first copy; None without either.

    Raises DataError if the saved text is not a checksum.
    """
    if corpus.files[file] is not None:
        return corpus.files[file]
    path = _checksum_file(corpus, file)
    try:
        words = path.read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({reason(error)})") from error
    if not words or not re.fullmatch("[0-9a-f]{64}", words[0]):
        raise DataError(f"{path}: not a SHA-256; write one there, or delete the file to trust the local copy")
    return words[0]


def _checksum_file(corpus: Corpus, file: str) -> Path:
    return cache_folder() / corpus.name / f"{file}.sha256"


def _save_checksum(corpus: Corpus, file: str, checksum: str) -> None:
    path = _checksum_file(corpus, file)
    with contextlib.suppress(OSError):  # if the cache cannot be written, only this check is lost
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as new:
            new.write_text(f"{checksum}  {file}\n", encoding="utf-8")


def obtain(corpus: Corpus, file: str) -> Path:
    """A verified copy of a file: from the cache, from a mirror, or downloaded into the cache.

    Raises DataError if a copy is broken, and DataUnavailable if there is none and none can be downloaded.
    """
    path = find(corpus, file)
    if path is not None:
        return path
    target = cache_folder() / corpus.name / file
    reasons = []
    for base in corpus.addresses:
        if os.environ.get("BENCH_OFFLINE", "0") not in ("", "0"):
            reasons.append("BENCH_OFFLINE forbids downloads")
            break
        try:
            checksum = download(base + file, target, known_checksum(corpus, file), corpus.max_bytes)
            if corpus.files[file] is None:
                _save_checksum(corpus, file, checksum)
            return target
        except DataUnavailable as error:
            reasons.append(str(error))
    unknown = "" if corpus.files[file] else f"; no SHA-256 is published, so write one you trust to {file}.sha256 there"
    raise DataUnavailable(
        f"{corpus.name}: {file} is missing; fetch {corpus.addresses[0]}{file} and put it in {target.parent}"
        f"{unknown} ({'; '.join(dict.fromkeys(reasons))})"
    )

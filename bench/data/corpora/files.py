"""Public corpora: which files they are, and where a copy is found.

A file is looked for in the cache, then in the mirrors, then at its public addresses. Whichever way it came, it is used
only with the SHA-256 written in the corpus's description. A copy that is there and differs is an error, never a reason
to look further: whoever put it there ought to know.

Of some files nobody has published a SHA-256. Theirs is written down in the cache (`<corpus>/<file>.sha256`, as
sha256sum writes it) when a first copy is found or fetched, and from then on it is asked of every copy. Who knows the
right one puts it there first.

Environment: BENCH_CACHE (the cache), BENCH_MIRROR (folders to look in, separated as in PATH, each laid out like the
cache: `<corpus>/<file>`), BENCH_OFFLINE (anything but empty or 0: no downloads).
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from bench.errors import DataError, DataUnavailable, UserError
from bench.system.files import replacing

CONNECT_SECONDS = 15
"""How long to wait for a connection and for each piece of an answer."""

DOWNLOAD_SECONDS = 300
"""How long one file may take in all."""

_CHUNK = 1 << 16


@dataclass(frozen=True)
class Corpus:
    """A corpus as its publishers left it: file names, and what they must contain."""

    name: str  # folder under the cache and under each mirror
    description: str  # one line for people
    licence: str  # what its publishers say about use
    addresses: tuple[str, ...]  # where `<address><file>` is published, tried in this order
    files: dict[str, str | None]  # file name to SHA-256; None: none is known, see above
    largest: int  # bytes; a download that goes on beyond this is not the file
    tried: bool = True  # whether this project has ever read the files themselves

    def __post_init__(self) -> None:
        for name in (self.name, *self.files):  # under a folder of ours, and at an address
            if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)*", name, re.ASCII) or name.endswith("."):
                raise ValueError(f"{name!r} cannot be the name of a corpus or of its file")


# Where files are


def cache_folder() -> Path:
    """`$BENCH_CACHE`, else `seq2seq-bench` under `$XDG_CACHE_HOME` or `~/.cache`. Not made here."""
    if os.environ.get("BENCH_CACHE"):
        return Path(os.environ["BENCH_CACHE"])
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():  # a relative one is to be ignored, says the XDG base directory specification
        return named / "seq2seq-bench"
    try:
        return Path.home() / ".cache" / "seq2seq-bench"
    except RuntimeError as error:
        raise UserError("there is no home folder to keep data in; set BENCH_CACHE to a folder") from error


def mirror_folders() -> list[Path]:
    """The folders named in BENCH_MIRROR, in its order."""
    return [Path(folder) for folder in os.environ.get("BENCH_MIRROR", "").split(os.pathsep) if folder.strip()]


def file_checksum(path: Path) -> str:
    """SHA-256 of a file's bytes. Raises DataError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _verify(path: Path, expected: str) -> None:
    found = file_checksum(path)
    if found != expected:
        raise DataError(
            f"{path}: SHA-256 is {found[:16]}..., expected {expected[:16]}...; delete the file and fetch it again"
        )


def find(corpus: Corpus, file: str) -> Path | None:
    """A verified copy of a corpus's file in the cache or in a mirror; None where no copy lies in any of them.

    Raises DataError where the first copy found is broken.
    """
    for root in (cache_folder(), *mirror_folders()):
        path = root / corpus.name / file
        # A link that points nowhere is a broken copy, not a missing one.
        if os.path.lexists(path):
            expected = known_checksum(corpus, file)
            if expected is None:
                _write_down(corpus, file, file_checksum(path))
            else:
                _verify(path, expected)
            return path
    return None


def known_checksum(corpus: Corpus, file: str) -> str | None:
    """The SHA-256 asked of a corpus's file: as published, else as written down when it was first seen; None: neither.

    Raises DataError where what was written down is no checksum.
    """
    if corpus.files[file] is not None:
        return corpus.files[file]
    path = _written_down(corpus, file)
    try:
        found = path.read_text(encoding="utf-8").split()[:1]
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    if not found or not re.fullmatch("[0-9a-f]{64}", found[0]):
        raise DataError(
            f"{path}: holds no SHA-256; write one there, or delete the file to trust the copy that is here"
        )
    return found[0]


def _written_down(corpus: Corpus, file: str) -> Path:
    return cache_folder() / corpus.name / f"{file}.sha256"


def _write_down(corpus: Corpus, file: str, checksum: str) -> None:
    path = _written_down(corpus, file)
    with contextlib.suppress(OSError):  # a cache that cannot be written costs this check, and nothing else
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as new:
            new.write_text(f"{checksum}  {file}\n", encoding="utf-8")


def obtain(corpus: Corpus, file: str) -> Path:
    """A verified copy of a corpus's file: from the cache, a mirror or, into the cache, the network.

    Raises DataError where a copy is broken, DataUnavailable where there is none and none can be fetched.
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
            digest = download(base + file, target, known_checksum(corpus, file), corpus.largest)
            if corpus.files[file] is None:
                _write_down(corpus, file, digest)
            return target
        except DataUnavailable as error:
            reasons.append(str(error))
    unknown = "" if corpus.files[file] else f"; no SHA-256 is published, so write one you trust to {file}.sha256 there"
    raise DataUnavailable(
        f"{corpus.name}: {file} is missing; fetch {corpus.addresses[0]}{file} and put it in {target.parent}"
        f"{unknown} ({'; '.join(dict.fromkeys(reasons))})"
    )


# Download


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects to other HTTPS addresses alone."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if not newurl.lower().startswith("https://"):
            raise urllib.error.URLError(f"redirected to {newurl.split(':', 1)[0]}, and only HTTPS is used")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def https_opener() -> urllib.request.OpenerDirector:
    """Opens HTTPS addresses, with certificates checked, and none of the other kinds urllib knows."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _HttpsOnly(),
    ):
        opener.add_handler(handler)
    return opener


def download(address: str, target: Path, expected: str | None, largest: int) -> str:
    """Fetch a file over HTTPS, check it, and only then give it its name; returns its SHA-256.

    expected: SHA-256; None: any. largest: bytes. Raises DataUnavailable where the network gives nothing, DataError
    where it gives something else or `target`'s folder cannot be written; neither leaves anything behind.
    """
    if not address.startswith("https://"):
        raise DataError(f"{address}: only HTTPS addresses are fetched")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as new:
            with new.open("wb") as file:
                digest = _receive(address, file, largest)
            if expected not in (None, digest):
                raise DataError(
                    f"{address}: SHA-256 is {digest[:16]}..., expected {expected[:16]}...; nothing was kept, fetch it again"
                )
    except OSError as error:
        raise DataError(
            f"{target.parent}: cannot be written ({error.strerror}); set BENCH_CACHE to a folder that can"
        ) from error
    return digest


def _receive(address: str, file, largest: int) -> str:
    digest, size, deadline = hashlib.sha256(), 0, time.monotonic() + DOWNLOAD_SECONDS
    try:
        with https_opener().open(address, timeout=CONNECT_SECONDS) as answer:
            while chunk := answer.read(_CHUNK):
                size += len(chunk)
                if size > largest:
                    raise DataError(f"{address}: more than {largest} bytes, which is not the file; nothing was kept")
                if time.monotonic() > deadline:
                    raise DataUnavailable(f"gave up after {DOWNLOAD_SECONDS} s")
                digest.update(chunk)
                file.write(chunk)
            told = answer.headers.get("Content-Length")
            if told is not None and told.strip().isdecimal() and size < int(told):
                raise DataUnavailable(f"the download broke off after {size} of {told.strip()} bytes")
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DataUnavailable(f"no download: {' '.join(str(reason).split()) or type(error).__name__}") from error
    return digest.hexdigest()

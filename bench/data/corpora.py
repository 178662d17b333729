"""Public corpora: which files they are, where a copy is found, and how their text is read.

A file is looked for in the cache, then in the mirrors, then at its public addresses. Whichever way it came, it is used
only with the SHA-256 written in the corpus's description. A copy that is there and differs is an error, never a reason
to look further: whoever put it there ought to know.

Environment: BENCH_CACHE (the cache), BENCH_MIRROR (folders to look in, separated as in PATH, each laid out like the
cache: `<corpus>/<file>`), BENCH_OFFLINE (anything but empty or 0: no downloads).
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import ssl
import tempfile
import time
import urllib.error
import urllib.request
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.errors import DataError, DataUnavailable, UserError

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
    files: dict[str, str]  # file name to SHA-256
    largest: int  # bytes; a download that goes on beyond this is not the file


def corpora() -> dict[str, Corpus]:
    """Every corpus the project knows, by name."""
    from bench.data import multi30k

    return {corpus.name: corpus for corpus in (multi30k.CORPUS,)}


def _chosen(name: str | None) -> list[Corpus]:
    known = corpora()
    if name is None:
        return list(known.values())
    if name not in known:
        raise UserError(f"there is no corpus {name!r}; known: {', '.join(known)}")
    return [known[name]]


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
            _verify(path, corpus.files[file])
            return path
    return None


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
            download(base + file, target, corpus.files[file], corpus.largest)
            return target
        except DataUnavailable as error:
            reasons.append(str(error))
    raise DataUnavailable(
        f"{corpus.name}: {file} is missing; fetch {corpus.addresses[0]}{file} and put it in {target.parent}"
        f" ({'; '.join(dict.fromkeys(reasons))})"
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


def download(address: str, target: Path, expected: str, largest: int) -> None:
    """Fetch a file over HTTPS, check it, and only then give it its name.

    expected: SHA-256. largest: bytes. Raises DataUnavailable where the network gives nothing, DataError where it gives
    something else than the file or where `target`'s folder cannot be written; neither leaves anything behind.
    """
    if not address.startswith("https://"):
        raise DataError(f"{address}: only HTTPS addresses are fetched")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise DataError(
            f"{target.parent}: cannot be written ({error.strerror}); set BENCH_CACHE to a folder that can"
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            digest = _receive(address, file, largest)
        if digest != expected:
            raise DataError(
                f"{address}: SHA-256 is {digest[:16]}..., expected {expected[:16]}...; nothing was kept, fetch it again"
            )
        os.chmod(name, 0o644)  # mkstemp's own mode shuts out everyone a shared cache is for
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)


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
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DataUnavailable(f"no download: {' '.join(str(reason).split()) or type(error).__name__}") from error
    return digest.hexdigest()


# The command line


def fetch(name: str | None = None) -> Iterator[str]:
    """Obtain every file of a corpus, or of all; one line for each as it is there.

    Raises UserError for an unknown name, and what `obtain` raises.
    """
    for corpus in _chosen(name):
        for file in corpus.files:
            yield f"{corpus.name}/{file}: ok, {obtain(corpus, file)}"


def check(name: str | None = None) -> Iterator[tuple[bool, str]]:
    """Verify what is there of a corpus, or of all, without the network: (all is well, one line) for each file.

    Raises UserError for an unknown name.
    """
    for corpus in _chosen(name):
        for file in corpus.files:
            try:
                path = find(corpus, file)
            except DataError as error:
                yield False, f"{corpus.name}/{file}: broken, {error}"
            else:
                yield path is not None, f"{corpus.name}/{file}: {'missing' if path is None else f'ok, {path}'}"


# Text

_BOM = b"\xef\xbb\xbf"


def read_lines(path: Path | str, counts: Counter[str] | None = None) -> list[str]:
    """The lines of a UTF-8 text file, gzip-compressed where its name ends in `.gz`, without their ends.

    A byte order mark at the start is left out and `\\r\\n` ends a line like `\\n`: both say nothing about the text. A
    tab becomes a space, because results are tab-separated; `counts["tabs"]` grows by the lines this changed. Anything
    else wrong is an error: what is not read strictly shifts one side of a parallel text against the other.

    Raises DataError for a file that is missing, empty, truncated or not UTF-8, and for a line without text.
    """
    try:
        raw = Path(path).read_bytes()
        if str(path).endswith(".gz"):
            raw = gzip.decompress(raw)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file ({error}); delete it and fetch it again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    raw = raw.removeprefix(_BOM)
    if not raw:
        raise DataError(f"{path}: the file is empty")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: not UTF-8 ({error.reason})") from error
    # Not str.splitlines, which also splits at characters that stand inside a caption, such as U+2028.
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise DataError(f"{path}, line {number}: no text on this line")
    if counts is not None:
        counts["tabs"] += sum("\t" in line for line in lines)
    return [line.replace("\t", " ") for line in lines]


def read_pair(
    source_path: Path | str, target_path: Path | str, counts: Counter[str] | None = None
) -> tuple[list[str], list[str]]:
    """Both sides of a parallel text, line i a translation of line i; `counts` as in `read_lines`.

    Raises DataError where the two have different numbers of lines, and as `read_lines` does.
    """
    sources, targets = read_lines(source_path, counts), read_lines(target_path, counts)
    if len(sources) != len(targets):
        raise DataError(
            f"{source_path} has {len(sources)} lines and {target_path} has {len(targets)}; they must be as many"
        )
    return sources, targets

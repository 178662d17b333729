"""Downloads over HTTPS only: size and time are limited, and a file gets its name only after its checksum was
checked."""

from __future__ import annotations

import hashlib
import ssl
import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO

from bench.errors import DataError, DataUnavailable, reason
from bench.system.files import replacing

CONNECT_SECONDS = 15
"""Time limit of a connection, and of each piece of a response."""

DOWNLOAD_SECONDS = 300
"""Time limit of a file."""

_CHUNK = 1 << 16


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects to HTTPS addresses only."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if not newurl.lower().startswith("https://"):
            raise urllib.error.URLError(f"redirected to {newurl.split(':', 1)[0]}, and only HTTPS is used")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def https_opener() -> urllib.request.OpenerDirector:
    """Opens HTTPS addresses with checked certificates, and no other kind of address that urllib knows."""
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


def download(address: str, target: Path, expected: str | None, max_bytes: int) -> str:
    """Download a file over HTTPS, check it, and only then give it its name; returns its SHA-256.

    expected: SHA-256, None for any. max_bytes: upper limit of the size. Raises DataUnavailable if the network returns
    nothing, and DataError if it returns something else or the target's folder cannot be written. Neither leaves a
    file."""
    if not address.startswith("https://"):
        raise DataError(f"{address}: only HTTPS addresses are fetched")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as new:
            with new.open("wb") as file:
                checksum = _receive(address, file, max_bytes)
            if expected not in (None, checksum):
                raise DataError(
                    f"{address}: SHA-256 is {checksum[:16]}..., expected {expected[:16]}...; nothing was kept, "
                    "fetch it again"
                )
    except OSError as error:
        raise DataError(
            f"{target.parent}: cannot be written ({reason(error)}); set BENCH_CACHE to a folder that can"
        ) from error
    return checksum


def _receive(address: str, file: IO[bytes], max_bytes: int) -> str:
    """Write the response to a file; returns its SHA-256."""
    digest, size, deadline = hashlib.sha256(), 0, time.monotonic() + DOWNLOAD_SECONDS
    try:
        with https_opener().open(address, timeout=CONNECT_SECONDS) as response:
            while chunk := response.read(_CHUNK):
                size += len(chunk)
                if size > max_bytes:
                    raise DataError(f"{address}: more than {max_bytes} bytes, which is not the file; nothing was kept")
                if time.monotonic() > deadline:
                    raise DataUnavailable(f"gave up after {DOWNLOAD_SECONDS} s")
                digest.update(chunk)
                file.write(chunk)
            length = (response.headers.get("Content-Length") or "").strip()
            if length.isdecimal() and size < int(length):
                raise DataUnavailable(f"the download broke off after {size} of {length} bytes")
    except (OSError, HTTPException) as error:
        cause = getattr(error, "reason", None) or error
        raise DataUnavailable(f"no download: {' '.join(str(cause).split()) or type(error).__name__}") from error
    return digest.hexdigest()

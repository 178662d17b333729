"""The source of code as one hash: what was made or saved by other code is told by it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

KINDS = (".py", ".tsv")
"""Files of these: code, and tables that code reads."""


def checksum(root: Path, parts: Iterable[str]) -> str:
    """SHA-256 of the files that the parts name under the root, and of all below those that are folders."""
    digest = hashlib.sha256()
    for part in parts:
        path = root / part
        files = [file for kind in KINDS for file in path.rglob(f"*{kind}")] if path.is_dir() else [path]
        for file in sorted(files):
            digest.update(f"\n{file.relative_to(root).as_posix()}\n".encode() + file.read_bytes())
    return digest.hexdigest()

"""A hash of the source code, used to detect data or checkpoints produced by a different version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

SUFFIXES = (".py", ".tsv")
"""Suffixes of hashed files in folders: code, and tables that code reads."""


def checksum(root: Path, parts: Iterable[str]) -> str:
    """SHA-256 of the files `root/part`; a folder stands for all files in it with one of SUFFIXES."""
    digest = hashlib.sha256()
    for part in parts:
        path = root / part
        files = [file for suffix in SUFFIXES for file in path.rglob(f"*{suffix}")] if path.is_dir() else [path]
        for file in sorted(files):
            digest.update(f"\n{file.relative_to(root).as_posix()}\n".encode() + file.read_bytes())
    return digest.hexdigest()

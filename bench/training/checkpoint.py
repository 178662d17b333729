"""The resumable state of a training on disk: written atomically, and used by the same version of the code only."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import zipfile
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO

import torch

from bench.data import code_hash
from bench.errors import UserError
from bench.system.files import flush, writing
from bench.system.leases import Lease, Lost

ROOT = Path(__file__).resolve().parents[2]

CODE = (
    "models", "bench/tasks", "bench/data", "bench/training",
    "bench/metrics.py", "bench/seeding.py", "bench/runs/building.py", "bench/records/matching.py",
)  # fmt: skip
"""Code that can change the numbers of a training. A state saved by a different version of it is not used."""

SAVE_EVERY = "BENCH_SAVE_EVERY"
"""Environment variable: seconds after which a training's state is saved, also between validations."""

LIBRARIES = ("torch", "numpy")


@cache
def code_version(root: Path = ROOT, code: tuple[str, ...] = CODE) -> str:
    """Eight hexadecimal digits of the SHA-256 of the code that trains and the versions of the numerical libraries."""
    libraries = {name: metadata.version(name) for name in LIBRARIES}
    return hashlib.sha256(f"{code_hash.checksum(root, code)} {libraries}".encode()).hexdigest()[:8]


def save_interval() -> float:
    """Seconds between two saved states: 300, or what SAVE_EVERY sets. Raises UserError."""
    text = os.environ.get(SAVE_EVERY) or "300"
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise UserError(f"{SAVE_EVERY} must be a number of seconds above 0, got {text[:80]!r}")
    return seconds


class CheckpointStore:
    """Saves the states of one training in a folder: the latest, and the previous one in case the latest is damaged.

    version: of the code, part of the file names. lease: of the process that runs the cell, if it has one.
    """

    def __init__(self, folder: Path, version: str | None = None, lease: Lease | None = None) -> None:
        version = version or code_version()
        self.folder, self.lease = folder, lease
        self.latest = folder / f"state-{version}.pt"
        self.previous = folder / f"state-{version}.before.pt"

    def save(self, state: dict[str, Any]) -> None:
        """Write a state. The latest one becomes the previous one. Raises StorageError, and Lost, with nothing changed,
        if the lease is lost."""
        own = "" if self.lease is None else f".{self.lease.token}"
        building = self.folder / f"{self.latest.name}{own}.new"
        with writing(self.latest):
            if self.lease is not None:
                self.lease.check()
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with building.open("wb") as file:
                    _write(state, file)
                    file.flush()
                    os.fsync(file.fileno())
                if self.lease is not None:
                    self.lease.check()
                if not building.exists():
                    raise Lost(str(building))  # the next holder of the lease has deleted it after the check
                if self.latest.exists():
                    os.replace(self.latest, self.previous)
                os.replace(building, self.latest)
                flush(self.folder)
            except BaseException:
                with contextlib.suppress(OSError):
                    building.unlink(missing_ok=True)  # the disk may be full
                raise

    def load(self, device: str) -> tuple[dict[str, Any] | None, list[str]]:
        """The newest undamaged state, None if there is none, and one line about each state that cannot be used.

        No code in the file is executed. The checksums of the zip archive, one for each entry, detect damage.
        """
        messages = [
            f"{path.name} was saved by a different version of the code: it is left unchanged and not used"
            for path in sorted(self.folder.glob("state*.pt"))
            if path not in (self.latest, self.previous)
        ]
        damaged = False
        for path in (self.latest, self.previous):
            if not path.exists():
                continue
            try:
                with zipfile.ZipFile(path) as archive:
                    damage = archive.testzip()
                if damage is None:
                    return torch.load(path, map_location=device, weights_only=True), messages
            except Exception as error:  # a damaged file can raise anything
                damage = (str(error).splitlines() or [type(error).__name__])[0]
            messages.append(f"{path.name} is damaged ({damage}) and not used")
            damaged = True
        if damaged:
            messages.append("no undamaged state is left: training starts from the beginning")
        return None, messages


def _write(state: dict[str, Any], file: BinaryIO) -> None:
    try:
        torch.save(state, file)
    except RuntimeError as error:  # torch wraps the file's own error, such as a full disk
        if isinstance(error.__context__, OSError):
            raise error.__context__ from error
        raise

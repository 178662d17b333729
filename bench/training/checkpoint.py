"""The state of a training on disk, to go on from: whole or not at all, the one before it kept, none of other code."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import zipfile
from functools import cache
from importlib import metadata
from pathlib import Path

import torch

from bench.data import code_hash
from bench.errors import UserError
from bench.system.files import flush, writing

ROOT = Path(__file__).resolve().parents[2]

CODE = (
    "models", "bench/tasks", "bench/data", "bench/training",
    "bench/metrics.py", "bench/seeding.py", "bench/runs/building.py", "bench/records/matching.py",
)  # fmt: skip
"""What can change a training; a state of other code is left alone."""

EVERY = "BENCH_SAVE_EVERY"
"""Environment: seconds after which a training's state is saved between validations too."""

LIBRARIES = ("torch", "numpy")


@cache
def code() -> str:
    """Eight hexadecimal digits of the SHA-256 of the code that trains and of the libraries that compute."""
    libraries = {name: metadata.version(name) for name in LIBRARIES}
    return hashlib.sha256(f"{code_hash.checksum(ROOT, CODE)} {libraries}".encode()).hexdigest()[:8]


def every() -> float:
    """Seconds between two states, 300 if EVERY does not say otherwise. Raises UserError."""
    text = os.environ.get(EVERY) or "300"
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise UserError(f"{EVERY} must be a number of seconds above 0, got {text[:80]!r}")
    return seconds


class States:
    """The states of one cell in its folder: the last one, and the one before it in case that is broken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.last = folder / f"state-{code()}.pt"
        self.before = folder / f"state-{code()}.before.pt"

    def save(self, state: dict) -> None:
        """Write a state beside the last one, which then becomes the one before. Raises StorageError."""
        building = self.folder / f"{self.last.name}.new"
        with writing(self.last):
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with building.open("wb") as file:
                    _write(state, file)
                    file.flush()
                    os.fsync(file.fileno())
                if self.last.exists():
                    os.replace(self.last, self.before)
                os.replace(building, self.last)
                flush(self.folder)
            except BaseException:
                with contextlib.suppress(OSError):
                    building.unlink(missing_ok=True)  # what room it took is needed
                raise

    def load(self, device: str) -> tuple[dict | None, list[str]]:
        """The newest state that is whole, None where there is none, and a line about each one that could not be used.

        Nothing in the file is executed. Where it is cut off or changed, its checksums tell: torch's own of each part.
        """
        said = [
            f"{path.name} was saved by other code than this: left as it is, and not used"
            for path in sorted(self.folder.glob("state*.pt"))
            if path not in (self.last, self.before)
        ]
        for path in (self.last, self.before):
            if not path.exists():
                continue
            try:
                with zipfile.ZipFile(path) as archive:
                    broken = archive.testzip()
                if broken is None:
                    return torch.load(path, map_location=device, weights_only=True), said
            except Exception as error:  # whatever a file of any content makes its readers say
                broken = (str(error).splitlines() or [type(error).__name__])[0]
            said.append(f"{path.name} is not whole ({broken}); going back to the state before it")
        return None, said


def _write(state: dict, file) -> None:
    try:
        torch.save(state, file)
    except RuntimeError as error:  # torch's words for what the file refused, which is behind it
        if isinstance(error.__context__, OSError):
            raise error.__context__ from error
        raise

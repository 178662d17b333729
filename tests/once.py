"""What is costly to make is made once a run of the tests, by whichever process comes first."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.system import locks


def made(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A new folder that `make` was called with; the others find it ready, and only read it."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # of this run, and common to its processes
    folder, ready = base / name, base / f".{name}.ready"
    with locks.exclusive(base / f".{name}.lock"):
        if not ready.exists():
            folder.mkdir()
            make(folder)
            ready.touch()
    return folder

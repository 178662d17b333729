"""What lies beside the cells of a results folder while they run: locks, leases, and files not yet published."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from pathlib import Path

from bench.system.leases import Lease, Lost

WORK = ".work"
BUILDING, WEIGHTS_BUILDING, STATE_BUILDING = "finished", "weights", ".new"
"""Names in a cell's work folder: prefix of its next folder, prefix of its weights, suffix of its next training
state."""


def work_folder(out: Path, cell: str) -> Path:
    """The folder of a cell while it runs."""
    return out / WORK / cell


def lock_file(out: Path, cell: str) -> Path:
    """The file that a process locks while it runs the cell."""
    return out / WORK / f"{cell}.lock"


def lease_file(out: Path, cell: str) -> Path:
    """The file that a process rewrites while it runs the cell, see `bench.system.leases`."""
    return out / WORK / f"{cell}.lease"


def clear_unfinished(out: Path, cell: str) -> None:
    """Delete what earlier processes of the cell left half done; whole training states stay. Only the holder of the
    cell's lease may call this, before it reads the cell's record: an earlier holder that still runs cannot publish
    these files any more."""
    work = work_folder(out, cell)
    for path in sorted(work.iterdir()) if work.is_dir() else ():
        if path.name.startswith((BUILDING, WEIGHTS_BUILDING)) or path.name.endswith(STATE_BUILDING):
            gone = work / f"gone.{secrets.token_hex(4)}"
            with contextlib.suppress(FileNotFoundError):
                os.replace(path, gone)  # at once, unlike the deletion of a folder
    for path in work.glob("gone.*"):
        _delete(path)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def publish(building: Path, target: Path, earlier: Path, lease: Lease | None) -> None:
    """Move a cell's new folder to its place, and one that is there to `earlier`. lease: of the process that wrote it.
    Raises Lost if the next holder of the lease has deleted the new folder, and OSError; what was there stays."""
    try:
        if target.exists():
            shutil.rmtree(earlier, ignore_errors=True)
            os.replace(target, earlier)
        os.replace(building, target)
    except OSError:
        if not target.exists():
            with contextlib.suppress(OSError):
                os.replace(earlier, target)
        if lease is None or building.exists():
            raise
        raise Lost(str(target)) from None

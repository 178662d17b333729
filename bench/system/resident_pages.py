"""Pages of files, such as the code of libraries, that are resident in this process; and making them so in a child.

A fork copies what a process has written, but not its mappings of files: those the child reads again when it needs
them. So the peak memory of a forked child lacks the pages that only the imports read, 50 MB for torch, and cannot be
compared with that of a fresh process. Linux only.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

MADV_POPULATE_READ = 22
"""Makes pages resident as if they were read; since Linux 5.14."""

ENTRY_BYTES, PRESENT = 8, np.uint64(63)
"""Of /proc/PID/pagemap: the size of the entry of one page, and the bit that says whether the page is resident."""

Ranges = Sequence[tuple[int, int]]
"""Addresses and lengths in bytes."""


def resident_ranges() -> Ranges:
    """Where files are mapped and resident. Raises OSError where the system does not tell."""
    size = os.sysconf("SC_PAGE_SIZE")
    ranges = []
    with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
        for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
            bounds, permissions, _, _, inode, *_ = line.split(maxsplit=5)
            if inode == "0" or not permissions.startswith("r"):
                continue
            start, end = (int(address, 16) // size for address in bounds.split("-"))
            entries = np.frombuffer(
                os.pread(pagemap.fileno(), ENTRY_BYTES * (end - start), ENTRY_BYTES * start), "<u8"
            )
            edges = np.flatnonzero(np.diff(entries >> PRESENT, prepend=0, append=0)).reshape(-1, 2)
            ranges += [(int(start + first) * size, int(last - first) * size) for first, last in edges]
    return ranges


def populate(ranges: Ranges) -> bool:
    """Make the pages resident. Returns False where the system cannot."""
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return all(madvise(address, length, MADV_POPULATE_READ) == 0 for address, length in ranges)

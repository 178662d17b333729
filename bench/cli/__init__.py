"""The commands, a module for each subject, gathered by `bench.__main__`. Every slow import happens inside a command."""

from __future__ import annotations

from pathlib import Path

GOOD, BAD, WRONG, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143
"""Exit statuses: fine; a cell or a file is not as it should be; the input is wrong; Ctrl-C; SIGTERM."""

RUNS = Path("results") / "runs"

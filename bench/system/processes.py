"""Work spread over a pool of processes, and the state of a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any


@contextmanager
def mapping(workers: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """The built-in `map` for one worker, the `map` of a pool of processes for more."""
    if workers == 1:
        yield map
        return
    # Spawned, not forked: a process with torch loaded has threads, and a fork would lose them.
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield pool.map


def is_suspended(pid: int) -> bool:
    """Whether a process is stopped by a signal (SIGSTOP) or a debugger. False where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] in ("T", "t")

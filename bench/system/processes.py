"""Work spread over a pool of processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
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

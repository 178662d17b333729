"""Who runs a cell: a lock for the processes of one machine, and a lease beside it for those of all. No torch here.

The lease decides. The lock shows at once that a holder on the same machine has ended. On other machines, and where a
file system has no locks, that shows after a minute.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path

from bench.records import store
from bench.system import leases, locks
from bench.system.leases import Lease, Lost, Watch
from bench.system.processes import is_suspended

LOCK_WAIT = 5.0
"""Seconds to wait for a lock without a lease: a child whose suite was killed needs a moment to end."""

SLOWEST_POLL = 1.0
"""Seconds between two looks at a cell that may become free."""


class Claim:
    """A cell that this process may run, and the thread that keeps the lease.

    The lease is not renewed while the cell's process is suspended (SIGSTOP), so that another process takes over. lock:
    None where the lock is another process's or the file system has none.
    """

    def __init__(self, lease: Lease, lock: FileIO | None, every: float) -> None:
        self.lease, self.lock = lease, lock
        self.note: Callable[[], str] = str
        self._every = every
        self._child: int | None = None
        self._kill: Callable[[], None] | None = None
        self._lost = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    @property
    def order(self) -> tuple[str, str]:
        """Path and token of the lease, for the child that runs the cell."""
        return str(self.lease.path), self.lease.token

    def follow(self, pid: int | None, kill: Callable[[], None] | None = None) -> None:
        """Name the process that runs the cell. kill: ends it when the lease is lost."""
        self._child, self._kill = pid, kill
        if self._lost.is_set() and kill is not None:
            kill()

    def check(self, finished: bool = False) -> None:
        """Raises Lost if another process has taken over. finished: the cell's record is written, so a lease that is
        lost after that does not count."""
        if self._lost.is_set() or not (finished or self.lease.is_held()):
            raise Lost(str(self.lease.path))

    def end(self) -> None:
        """Stop renewing the lease, and delete it unless it is lost."""
        self._ended.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            self.lease.release()

    def _keep(self) -> None:
        while not self._ended.wait(self._every):
            if self._child is not None and is_suspended(self._child):
                continue
            try:
                self.lease.beat(self.note())
            except Lost:
                self._lost.set()
                if self._kill is not None:
                    self._kill()
                return
            except OSError:
                continue  # the file system may come back in time


@contextlib.contextmanager
def claimed(out: Path, cell: str, watch: Watch, wait: bool = True) -> Iterator[Claim]:
    """Hold a cell during the block. Afterwards it is free, unless another process has taken it over.

    watch: what this process has seen of other holders. wait: until it is clear whether the holder is alive; otherwise
    only a cell that is free now is claimed. Raises `locks.Busy` where another process has the cell, and OSError where
    its files cannot be made.
    """
    started, pause = time.monotonic(), locks.POLL_SECONDS
    while (claim := _claim(out, cell, watch)) is None:
        sight = watch.look(store.lease_file(out, cell))
        waited = sight is None and time.monotonic() - started >= LOCK_WAIT
        if not wait or waited or (sight is not None and sight.alive):
            raise locks.Busy(cell)
        time.sleep(pause)
        pause = min(1.2 * pause, SLOWEST_POLL, watch.seconds / leases.BEATS)
    try:
        store.clear_unfinished(out, cell)
        yield claim
    finally:
        claim.end()
        if claim.lock is not None:
            locks.release(store.lock_file(out, cell), claim.lock)


def _claim(out: Path, cell: str, watch: Watch) -> Claim | None:
    """Try once."""
    path, lock_path = store.lease_file(out, cell), store.lock_file(out, cell)
    lock, excluded = None, False
    try:
        lock = locks.acquire(lock_path)
        excluded = lock is None
    except OSError as error:
        if error.errno not in locks.UNSUPPORTED:
            raise
    lease = None
    try:
        if excluded:
            sight = watch.look(path)
            # The lock's holder may be suspended: its lease tells.
            if sight is not None and watch.is_free(sight):
                lease = leases.take(path, watch)
        else:
            dead = leases.machine() if lock is not None and locks.WORK else None
            lease = leases.take(path, watch, dead)
        if lease is not None:
            return Claim(lease, lock, watch.seconds / leases.BEATS)
    finally:
        if lease is None and lock is not None:
            lock.close()  # its file stays: it may be locked on another machine
    return None

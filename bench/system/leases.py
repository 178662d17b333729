"""Leases: files that their holders rewrite every few seconds, for file systems whose locks do not reach other machines
(NFS, Lustre).

An observer takes over a lease whose content has not changed for `duration()` seconds of the observer's own monotonic
clock. Clocks of different machines and times of files are never compared. Who lost a lease sees another token in the
file, or no file, and writes nothing: `Lease.check` comes before each rename that publishes a file. The next holder
deletes what is not yet published (`bench.records.store.clear_unfinished`), so that the rename of a process that was
frozen after its check fails too.

Every step rests on operations that are atomic on shared file systems too: exclusive creation, and rename. A lease is
replaced only by the one process that has created its heir, `LEASE.TOKEN`, where TOKEN is that of the lease replaced.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from bench.errors import UserError

VARIABLE = "BENCH_LEASE"
"""Environment variable: seconds without a change after which a lease is free. The same for all workers of a folder."""

BEATS = 12
"""How often a holder rewrites its lease within `duration()`."""

FILE_BYTES = 2048
"""Size of a lease. It never changes, so one write replaces all of it."""

NOTE_CHARACTERS = 250

JOB_VARIABLES = ("BENCH_JOB", "SLURM_JOB_ID", "SUBMITIT_LOCAL_JOB_ID")
"""Environment variables with the number of a job, where an engine started this process."""


class Lost(BaseException):
    """Another process has taken over. Not an Exception, so that no handler records it as a failure of the work."""


def duration() -> float:
    """Seconds without a change after which a lease is free: 60, or what VARIABLE sets. Raises UserError."""
    text = os.environ.get(VARIABLE) or "60"
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UserError(f"{VARIABLE} must be a number of seconds above 0, got {text[:80]!r}")
    return seconds


@cache
def machine() -> str:
    """Name of the running kernel: two processes with the same one exclude each other by locks."""
    with contextlib.suppress(OSError):
        return f"{socket.gethostname()} {Path('/proc/sys/kernel/random/boot_id').read_text(encoding='ascii').strip()}"
    return socket.gethostname()


def job_number() -> str | None:
    """The number of the job that this process belongs to, as its engine prints it: `4711_3` for a part of an array."""
    array, part = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    if array and part:
        return f"{array}_{part}"
    return next((number for name in JOB_VARIABLES if (number := os.environ.get(name))), None)


@dataclass(frozen=True)
class Content:
    """What a lease says. token: of the holder; beat: how often it was rewritten; seconds: since it was taken, by the
    holder's clock; note: the progress of the work."""

    token: str = ""
    machine: str = ""
    pid: int = 0
    job: str | None = None
    beat: int = 0
    seconds: float = 0.0
    note: str = ""

    @classmethod
    def parse(cls, raw: bytes) -> Content:
        """From a file's bytes; empty for a lease that is just being written."""
        try:
            return cls(**json.loads(raw))
        except (ValueError, TypeError):
            return cls()

    @property
    def host(self) -> str:
        return self.machine.partition(" ")[0]

    def encode(self) -> bytes:
        text = json.dumps(asdict(self), ensure_ascii=False)
        return text.encode("utf-8", "replace").ljust(FILE_BYTES - 1) + b"\n"


def read(path: Path) -> bytes | None:
    """The bytes of a lease; None without one. Opened anew each time: on NFS only that sees what others wrote."""
    try:
        descriptor = os.open(path, os.O_RDONLY)  # `Path.read_bytes` makes four calls more
    except FileNotFoundError:
        return None
    try:
        return os.read(descriptor, FILE_BYTES)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Sight:
    """A lease as an observer sees it. raw: its bytes; unchanged: seconds since the observer first saw them; alive: the
    observer has seen them change."""

    raw: bytes
    unchanged: float
    alive: bool

    @property
    def content(self) -> Content:
        return Content.parse(self.raw)


class Watch:
    """What one process has seen of the leases of others, by its own clock.

    seconds: see `duration`. clock: seconds from any origin, never decreasing.
    """

    def __init__(self, seconds: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = duration() if seconds is None else seconds
        self._clock = clock
        self._seen: dict[Path, tuple[bytes, float, bool]] = {}

    def look(self, path: Path) -> Sight | None:
        """Read a lease and compare it with what was seen before; None if there is none."""
        raw, now = read(path), self._clock()
        if raw is None:
            self._seen.pop(path, None)
            return None
        before = self._seen.get(path)
        if before is None:
            self._seen[path] = (raw, now, False)
        elif before[0] != raw:
            # The next holder's first content says nothing about whether that one is alive.
            same = Content.parse(before[0]).token == Content.parse(raw).token
            self._seen[path] = (raw, now, same)
        _, since, alive = self._seen[path]
        return Sight(raw, now - since, alive and now - since < self.seconds)

    def is_free(self, sight: Sight, dead: str | None = None) -> bool:
        """Whether a lease may be taken over: it has not changed for long enough, or it is of a process on the machine
        `dead` that is known to have ended."""
        return sight.unchanged >= self.seconds or (dead is not None and sight.content.machine == dead)


class Lease:
    """A lease of this process at `path`, from `take`. token: for a child of its holder, which may check but not
    beat. Safe to use from several threads."""

    def __init__(self, path: Path, token: str | None = None) -> None:
        self.path = path
        self.token = token or secrets.token_hex(8)
        self._since = time.monotonic()
        self._beat = 0

    def content(self, note: str = "") -> Content:
        seconds = round(time.monotonic() - self._since, 1)
        return Content(self.token, machine(), os.getpid(), job_number(), self._beat, seconds, note[:NOTE_CHARACTERS])

    def beat(self, note: str = "") -> None:
        """Rewrite the lease. Raises Lost, and OSError where the file system fails."""
        self._beat += 1
        try:
            descriptor = os.open(self.path, os.O_RDWR)
        except FileNotFoundError:
            raise Lost(str(self.path)) from None
        try:
            # What is read and what is written is the same file, even if another one gets its name in between.
            if Content.parse(os.read(descriptor, FILE_BYTES)).token != self.token:
                raise Lost(str(self.path))
            os.pwrite(descriptor, self.content(note).encode(), 0)
        finally:
            os.close(descriptor)

    def is_held(self) -> bool:
        """Whether the lease is still this one."""
        raw = read(self.path)
        return raw is not None and Content.parse(raw).token == self.token

    def check(self) -> None:
        """Raises Lost if another process has taken over."""
        if not self.is_held():
            raise Lost(str(self.path))

    def release(self) -> None:
        """Delete the lease, if it is still this one."""
        heir = _heir(self.path, self.token)
        if not self.create(heir):
            return  # it is being taken over
        if self.is_held():
            self.path.unlink(missing_ok=True)
        heir.unlink(missing_ok=True)

    def create(self, path: Path) -> bool:
        """Write this lease into a new file; False if the file exists."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            try:
                descriptor = os.open(path, flags, 0o666)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(path, flags, 0o666)
        except FileExistsError:
            return False
        try:
            os.write(descriptor, self.content().encode())
        finally:
            os.close(descriptor)
        return True


def take(path: Path, watch: Watch, dead: str | None = None) -> Lease | None:
    """A lease at `path`, or None while another process has it. Does not wait: call it again, with the same watch.

    dead: a machine none of whose processes holds the lease any more, see `Watch.is_free`. Raises OSError where the
    file cannot be made.
    """
    lease = Lease(path)
    if lease.create(path):
        return lease
    sight = watch.look(path)
    if sight is None or not watch.is_free(sight, dead):
        return None
    heir = _heir(path, sight.content.token)
    if not lease.create(heir):
        other = watch.look(heir)
        if other is not None and watch.is_free(other, dead):
            heir.unlink(missing_ok=True)  # its maker died before it could replace the lease
        return None
    if read(path) != sight.raw:  # it has changed after all, or somebody else was faster
        heir.unlink(missing_ok=True)
        return None
    with contextlib.suppress(FileNotFoundError):
        os.replace(heir, path)
    return lease if lease.is_held() else None


def _heir(path: Path, token: str) -> Path:
    return path.with_name(f"{path.name}.{token or 'unwritten'}")

"""Limits that a Linux control group sets on this process: CPU time and memory. Containers and batch systems set them.

Versions 1 and 2 of control groups are read, at every level from the process's own group up to the topmost one that is
visible; the lowest limit applies. Everything is read below `root`, so that a test can bring a tree of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path("/")

UNLIMITED = 1 << 60
"""Version 1 writes a number near 2**63 in bytes where memory has no limit."""


@dataclass(frozen=True)
class Mount:
    """Where a hierarchy of control groups is mounted. controllers: of version 1; empty for version 2."""

    point: Path
    top: str  # the group that is visible at `point`
    controllers: frozenset[str]


def cpu_quota(root: Path = ROOT) -> float | None:
    """CPU seconds a second that this process may use, 1.5 for one and a half cores; None without a quota."""
    quotas = [
        quota
        for folder in _folders(root, "cpu")
        for quota in (_quota_v2(folder / "cpu.max"), _quota_v1(folder))
        if quota is not None
    ]
    return min(quotas, default=None)


def memory_limit(root: Path = ROOT) -> int | None:
    """Bytes of memory that this process and its group may use; None without a limit."""
    limits = [
        number
        for folder in _folders(root, "memory")
        for name in ("memory.max", "memory.limit_in_bytes")
        if (number := _number(_content(folder / name))) is not None and 0 < number < UNLIMITED
    ]
    return min(limits, default=None)


def _quota_v2(path: Path) -> float | None:
    words = _content(path).split()
    return _share(words[0], words[1]) if len(words) == 2 else None


def _quota_v1(folder: Path) -> float | None:
    return _share(_content(folder / "cpu.cfs_quota_us"), _content(folder / "cpu.cfs_period_us"))


def _share(quota: str, period: str) -> float | None:
    """Quota over period; None where there is no quota: `max` in version 2, -1 in version 1."""
    numbers = _number(quota), _number(period)
    return numbers[0] / numbers[1] if numbers[0] and numbers[1] and min(numbers[0], numbers[1]) > 0 else None


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's groups that can limit a controller, from its own group upwards."""
    for mount in _mounts(root):
        if mount.controllers and controller not in mount.controllers:
            continue
        group = _group(root, controller if mount.controllers else "")
        if group is None:
            continue
        parts = _visible_parts(PurePosixPath(group), mount.top)
        for size in range(len(parts), -1, -1):
            folder = mount.point.joinpath(*parts[:size])
            if folder.is_dir():
                yield folder


def _visible_parts(group: PurePosixPath, top: str) -> tuple[str, ...]:
    """The path of a group below a mount point; empty for a group outside of what is mounted there, since a container
    sees its own group at the mount point."""
    if ".." in group.parts or not group.is_relative_to(top):
        return ()
    return group.relative_to(top).parts


def _mounts(root: Path) -> Iterator[Mount]:
    """The mounted hierarchies. Fields of a line of mountinfo: see proc(5)."""
    for line in _content(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 1 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        options = frozenset(kind[2].split(",")) if kind[0] == "cgroup" and len(kind) > 2 else frozenset()
        if kind[0] == "cgroup" and not options:
            continue
        yield Mount(root / _unescaped(fields[4]).lstrip("/"), _unescaped(fields[3]), options)


def _group(root: Path, controller: str) -> str | None:
    """The group of this process for a controller of version 1, or of version 2 where it is empty."""
    for line in _content(root / "proc/self/cgroup").splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3 and (controller in parts[1].split(",") if controller else parts[1] == ""):
            return parts[2]
    return None


def _unescaped(text: str) -> str:
    r"""A path of mountinfo, in which `\040` stands for a space."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]+", text) else None

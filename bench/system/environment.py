"""Description of the machine, the libraries and the code that a result was measured with."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from bench import __version__
from bench.system import cgroups, git

LIBRARIES = (
    *("torch", "numpy", "hydra-core", "pandas", "rouge-score", "sacrebleu", "sacremoses", "sentencepiece"),
    "safetensors",
)


def cpu_name() -> str:
    """The processor's model name from /proc/cpuinfo, else what Python reports."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def usable_cores(root: Path = cgroups.ROOT) -> int:
    """Number of cores that this process may keep busy: those it may run on, within the CPU quota of its control group.

    A quota of one and a half cores counts as one. root: see `bench.system.cgroups`.
    """
    allowed = allowed_cores()
    quota = cgroups.cpu_quota(root)
    return allowed if quota is None else max(1, min(allowed, int(quota)))


def allowed_cores() -> int:
    """Number of cores that this process may run on, without regard to a quota."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes(root: Path = cgroups.ROOT) -> tuple[int | None, int | None]:
    """Bytes of memory: what this process may use, i.e. the machine's or its control group's limit, if that is lower;
    and what is free now on the machine, within that. None where the system does not say."""
    sizes = {}
    try:
        for line in (root / "proc/meminfo").read_text(encoding="ascii", errors="replace").splitlines():
            name, _, value = line.partition(":")
            words = value.split()
            if words and words[0].isdecimal():
                sizes[name] = int(words[0]) * 1024
    except OSError:
        if root == cgroups.ROOT and "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
            sizes["MemTotal"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = cgroups.memory_limit(root)
    total, free = (
        min((size for size in (sizes.get(name), limit) if size is not None), default=None)
        for name in ("MemTotal", "MemAvailable")
    )
    return total, free if "MemAvailable" in sizes else None


def byte_size(count: float) -> str:
    """A number of bytes in binary units.

    >>> byte_size(3 << 30), byte_size(5_300_000)
    ('3.0 GiB', '5 MiB')
    """
    return f"{count / 2**30:,.1f} GiB" if count >= 1 << 30 else f"{count / 2**20:.0f} MiB"


def preloaded() -> dict[str, str]:
    """The file names in LD_PRELOAD as `preloaded`: another allocator changes speeds. {} where there are none."""
    names = [Path(path).name for path in os.environ.get("LD_PRELOAD", "").replace(":", " ").split()]
    return {"preloaded": " ".join(names)} if names else {}


def versions() -> dict[str, str]:
    """Installed versions of the libraries that can change a result."""
    installed = {}
    for name in LIBRARIES:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed


def code_version() -> dict[str, object]:
    """Version of the package, commit of the source tree, and whether the tree was clean. Where git does not tell, they
    are None, and `reason` is why."""
    return {"version": __version__, **_commit(Path(__file__).resolve().parents[2])}


def _commit(root: Path) -> dict[str, object]:
    state: dict[str, object] = {"commit": None, "clean": None}
    if not (root / ".git").exists():
        return state | {"reason": "not a git checkout"}
    try:
        state["commit"] = git.run(root, "rev-parse", "HEAD")
        state["clean"] = git.run(root, "status", "--porcelain", "--", "bench", "models") == ""
    except git.GitError as error:
        state["reason"] = str(error)
    return state

"""Description of the machine, the libraries and the code that a result was measured with."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from bench import __version__

LIBRARIES = ("torch", "numpy", "hydra-core", "pandas", "sacrebleu", "sacremoses", "sentencepiece", "safetensors")


def cpu_name() -> str:
    """The processor's model name from /proc/cpuinfo, else what Python reports."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """Number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    """Version of the package, commit of the source tree, and whether the tree was clean (both None without git)."""
    root = Path(__file__).resolve().parents[2]
    state: dict[str, object] = {"version": __version__, "commit": None, "clean": None}
    if (root / ".git").exists():
        state["commit"] = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--", "bench", "models")
        state["clean"] = None if changed is None else changed == ""
    return state


def _git(root: Path, *arguments: str) -> str | None:
    """Output of a git command; None where git is missing, fails or takes more than 10 seconds."""
    try:
        process = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return process.stdout.strip() if process.returncode == 0 else None

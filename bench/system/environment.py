"""What a result was measured on and with: machine, libraries, code."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from bench import __version__

LIBRARIES = ("torch", "numpy", "hydra-core", "pandas", "sacrebleu", "sacremoses", "sentencepiece", "safetensors")


def cpu_name() -> str:
    """The processor's own name where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def versions() -> dict[str, str]:
    """Installed versions of the libraries that can change a result."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def code() -> dict[str, object]:
    """Version of the distribution; commit of the source tree and whether it was clean, null outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    state: dict[str, object] = {"version": __version__, "commit": None, "clean": None}
    if (root / ".git").exists():
        state["commit"] = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--", "bench", "models")
        state["clean"] = None if changed is None else changed == ""
    return state


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None

"""Calls of git on a folder of this project, with nothing taken from the caller's environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

TIMEOUT = 10.0
"""Seconds that a command may take."""


class GitError(Exception):
    """A command gave no answer. The message is the reason, as part of a line."""


def run(folder: Path, *arguments: str) -> str:
    """The output of a git command on the repository of `folder`, whose top is `folder`. Raises GitError."""
    try:
        process = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT,
            stdin=subprocess.DEVNULL,
            env=environment(folder),
        )
    except FileNotFoundError as error:
        raise GitError("git is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git took more than {TIMEOUT:g} seconds") from error
    except OSError as error:
        raise GitError(f"git cannot be run: {error.strerror or error}") from error
    if process.returncode != 0:
        raise GitError(_first_line(process.stderr) or f"git ended with exit status {process.returncode}")
    return process.stdout.strip()


def environment(folder: Path) -> dict[str, str]:
    """The caller's environment without its GIT_* variables: some name another repository, index or configuration.

    git is kept from looking for a repository above `folder`, from writing into it, and from translating its messages.
    """
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("GIT_")}
    ceiling = str(folder.resolve().parent)
    return kept | {"GIT_CEILING_DIRECTORIES": ceiling, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"git: {lines[0].removeprefix('fatal: ')[:200]}" if lines else ""

"""What an installed copy needs is in the wheel: every data file matches a pattern of `package-data`."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_data_file_is_packaged():
    with (ROOT / "pyproject.toml").open("rb") as file:
        patterns = tomllib.load(file)["tool"]["setuptools"]["package-data"]["*"]
    files = [path for top in ("bench", "models") for path in (ROOT / top).rglob("*") if path.is_file()]
    data = [path for path in files if path.suffix not in (".py", ".pyc")]
    assert data
    left_out = [path for path in data if not any(fnmatchcase(path.name, pattern) for pattern in patterns)]
    assert left_out == []

"""What unit tests share."""

import os

import pytest

from tests.unit.mirrors import MIRRORS


@pytest.fixture
def mirror(monkeypatch):
    """mirror(*corpora): look in the mirror. Skips where there is none, and, but for CI, where it lacks one of
    these."""

    def look(*names: str) -> None:
        there = all(any((folder / name).is_dir() for folder in MIRRORS) for name in names)
        if not MIRRORS or ("CI" not in os.environ and not there):
            pytest.skip("no mirror of the corpora: BENCH_MIRROR")
        monkeypatch.setenv("BENCH_MIRROR", os.pathsep.join(map(str, MIRRORS)))

    return look

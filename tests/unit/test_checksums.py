"""Checksums of the measured files of a results folder."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bench.records import checksums
from tests.unit.test_reproduce import FOLDERS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_committed_files_are_those_that_were_summed(folder: Path) -> None:
    """If this fails after a run, `bench report` on the folder writes the sums anew."""
    text = (folder / checksums.NAME).read_text(encoding="utf-8")
    assert text == checksums.table(folder)
    assert len(text.splitlines()) >= 2 * len(list(folder.glob("*/record.json")))


def test_sha256sum_finds_a_changed_file(tmp_path: Path) -> None:
    source = next(path.parent for path in FOLDERS[0].glob("*/record.json"))
    shutil.copytree(source, tmp_path / source.name)
    (tmp_path / checksums.NAME).write_text(checksums.table(tmp_path), encoding="utf-8")
    command = ["sha256sum", "-c", "--quiet", checksums.NAME]
    if shutil.which(command[0]) is None:
        pytest.skip("no sha256sum here")
    assert subprocess.run(command, cwd=tmp_path).returncode == 0
    with (tmp_path / source.name / "curve.csv").open("a") as file:
        file.write("1")
    changed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert changed.returncode == 1 and f"{source.name}/curve.csv: FAILED" in changed.stdout

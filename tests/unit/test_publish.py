"""A cell's new folder takes the place of an earlier one whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.records import work


def test_an_earlier_folder_comes_back_if_the_new_one_cannot_be_moved_in(tmp_path: Path, monkeypatch) -> None:
    for name in ("building", "target"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "record.json").write_text(name)
    move, calls = os.replace, []

    def failing(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        move(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="Input/output error"):
        work.publish(tmp_path / "building", tmp_path / "target", tmp_path / "earlier", None)
    assert (tmp_path / "target/record.json").read_text() == "target"
    assert (tmp_path / "building/record.json").read_text() == "building", "the new one is not lost either"

"""CheckpointStore on disk: cut off or changed they are not used, and those of other code are left alone."""

from __future__ import annotations

import random

import pytest
import torch

from bench.errors import StorageError
from bench.training import checkpoint
from bench.training.checkpoint import CheckpointStore
from tests.test_imports import imports, matches, project


def state(number: int) -> dict:
    return {"model": {"w": torch.full((400,), float(number))}, "steps": number}


@pytest.fixture
def two(tmp_path) -> CheckpointStore:
    """A folder with a last state (2) and the one before it (1)."""
    held = CheckpointStore(tmp_path / "cell")
    for number in (1, 2):
        held.save(state(number))
    return held


def test_the_last_state_comes_back_and_nothing_else_is_there(two):
    found, said = two.load("cpu")
    assert found["steps"] == 2 and torch.equal(found["model"]["w"], state(2)["model"]["w"]) and said == []
    assert sorted(two.folder.iterdir()) == sorted([two.last, two.before])
    assert CheckpointStore(two.folder / "none").load("cpu") == (None, [])


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_of_a_damaged_state_the_one_before_is_used_and_it_is_said(two, damage):
    whole, rng = two.last.read_bytes(), random.Random(5)
    for _ in range(60):
        place = rng.randrange(len(whole))
        changed = whole[:place] if damage == "cut" else whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1 :]
        two.last.write_bytes(changed)
        found, said = two.load("cpu")
        if found["steps"] == 2:  # a bit between the parts, where nothing is kept
            assert damage == "flipped" and torch.equal(found["model"]["w"], state(2)["model"]["w"])
        else:
            assert found["steps"] == 1 and len(said) == 1 and "is not whole" in said[0]


def test_where_none_is_whole_training_begins_anew_and_both_are_named(two):
    for path in (two.last, two.before):
        path.write_bytes(b"PK")
    found, said = two.load("cpu")
    assert found is None and [two.last.name in said[0], two.before.name in said[1]] == [True, True]


def test_killed_between_its_two_renames_the_state_before_is_there(two):
    two.last.rename(two.before)
    found, said = two.load("cpu")
    assert found["steps"] == 2 and said == []


def test_a_state_of_other_code_is_left_alone_and_not_used(two, monkeypatch):
    monkeypatch.setattr(checkpoint, "code", lambda: "0badc0de")
    other = CheckpointStore(two.folder)
    found, said = other.load("cpu")
    assert found is None and len(said) == 2 and all("other code" in line for line in said)
    other.save(state(9))
    monkeypatch.undo()
    assert CheckpointStore(two.folder).load("cpu")[0]["steps"] == 2


def test_other_code_has_another_hash(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    monkeypatch.setattr(checkpoint, "ROOT", tmp_path)
    monkeypatch.setattr(checkpoint, "CODE", ("models",))
    codes = []
    for text in ("a = 1", "a = 2", "a = 1"):
        (tmp_path / "models/cells.py").write_text(text)
        checkpoint.code.cache_clear()
        codes.append(checkpoint.code())
    checkpoint.code.cache_clear()
    assert codes[0] == codes[2] != codes[1]


def test_all_that_training_imports_is_hashed():
    """But for what cannot change a number: progress, errors, and the way to the disk."""
    sources, packages = project()
    graph = {name: imports(text, name, sources, name in packages) for name, text in sources.items()}
    hashed = tuple(part.removesuffix(".py").replace("/", ".") for part in checkpoint.CODE)
    seen, queue = set(), ["bench.training.trainer"]
    while queue:
        name = queue.pop()
        if name in seen or name not in sources:
            continue
        seen.add(name)
        queue += [one.module for one in graph[name]]
    missing = {name for name in seen if not matches(name, hashed)}
    unhashed = ("errors", "system.files", "system.resources", "system.signals")
    assert missing == {f"bench.{name}" for name in unhashed}
    assert len(seen) > 20


def test_a_state_that_cannot_be_written_leaves_the_earlier_ones(two, monkeypatch):
    before = {path: path.read_bytes() for path in two.folder.iterdir()}

    def full(_, file):
        file.write(b"x" * 100)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", full)
    with pytest.raises(StorageError, match="No space left on device; earlier files are unchanged"):
        two.save(state(3))
    assert {path: path.read_bytes() for path in two.folder.iterdir()} == before

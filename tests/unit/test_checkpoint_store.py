"""Saved states: a damaged one is not used, and one saved by a different version of the code is left alone."""

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
    """A folder with a latest state (2) and a previous one (1)."""
    store = CheckpointStore(tmp_path / "cell")
    for number in (1, 2):
        store.save(state(number))
    return store


def test_the_last_state_comes_back_and_nothing_else_is_there(two):
    loaded, messages = two.load("cpu")
    assert loaded["steps"] == 2 and torch.equal(loaded["model"]["w"], state(2)["model"]["w"]) and messages == []
    assert sorted(two.folder.iterdir()) == sorted([two.latest, two.previous])
    assert CheckpointStore(two.folder / "none").load("cpu") == (None, [])


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_of_a_damaged_state_the_one_before_is_used_and_a_message_says_so(two, damage):
    whole, rng = two.latest.read_bytes(), random.Random(5)
    for _ in range(60):
        place = rng.randrange(len(whole))
        changed = whole[:place] if damage == "cut" else whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1 :]
        two.latest.write_bytes(changed)
        loaded, messages = two.load("cpu")
        if loaded["steps"] == 2:  # a bit between the parts, where nothing is kept
            assert damage == "flipped" and torch.equal(loaded["model"]["w"], state(2)["model"]["w"])
        else:
            assert loaded["steps"] == 1 and len(messages) == 1 and "is damaged" in messages[0]


def test_where_all_are_damaged_training_begins_anew_and_both_are_named(two):
    for path in (two.latest, two.previous):
        path.write_bytes(b"PK")
    loaded, messages = two.load("cpu")
    assert loaded is None and [two.latest.name in messages[0], two.previous.name in messages[1]] == [True, True]
    assert "from the beginning" in messages[2]


def test_killed_between_its_two_renames_the_state_before_is_there(two):
    two.latest.rename(two.previous)
    loaded, messages = two.load("cpu")
    assert loaded["steps"] == 2 and messages == []


def test_a_state_of_other_code_is_left_alone_and_not_used(two):
    other = CheckpointStore(two.folder, version="0badc0de")
    loaded, messages = other.load("cpu")
    assert (
        loaded is None and len(messages) == 2 and all("a different version of the code" in line for line in messages)
    )
    other.save(state(9))
    assert CheckpointStore(two.folder).load("cpu")[0]["steps"] == 2


def test_other_code_has_another_hash(tmp_path):
    versions = []
    for name, text in (("one", "a = 1"), ("two", "a = 2"), ("three", "a = 1")):
        (tmp_path / name / "models").mkdir(parents=True)
        (tmp_path / name / "models/cells.py").write_text(text)
        versions.append(checkpoint.code_version(tmp_path / name, ("models",)))
    assert versions[0] == versions[2] != versions[1]


NUMBERS_CANNOT_CHANGE = ("bench.system", "bench.errors")
"""Clock, signals and the way to the disk: imported by training, and none of them changes a number."""


def test_all_that_training_imports_is_hashed():
    """Or cannot change a number."""
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
    assert [name for name in seen if not matches(name, (*hashed, *NUMBERS_CANNOT_CHANGE))] == []
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

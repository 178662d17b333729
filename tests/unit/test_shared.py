"""Data made once: what comes from the cache is what the task makes, and nothing else ever does."""

from __future__ import annotations

import os
import threading
from dataclasses import asdict, dataclass

import numpy as np
import pytest

from bench.data import file_cache
from bench.data.examples import Split, TaskData
from bench.tasks import task_cache
from bench.tasks.recall import Recall
from bench.tasks.reverse import Reverse

TASKS = (
    Recall(slots=4, pairs=2, train_size=30, valid_size=7, test_size=5),
    Reverse(symbols=12, train_longest=6, test_longest=8, train_size=40, valid_size=10, test_size=5),
)
LOADED = dict(zip(("recall", "reverse"), TASKS, strict=True))


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tasks"


@pytest.fixture
def loads(monkeypatch):
    """The tasks that made their data, by name, from now on."""
    made: list[str] = []
    for kind in (Recall, Reverse):
        own = kind.load
        monkeypatch.setattr(kind, "load", lambda self, own=own: (made.append(type(self).__name__), own(self))[1])
    return made


def same(one: TaskData, other: TaskData) -> None:
    """Asserts that all of two data is equal, the types of arrays too."""
    plain = ("src_size", "tgt_size", "shared", "checksums", "counts", "notes", "vocabulary")
    assert {name: getattr(one, name) for name in plain} == {name: getattr(other, name) for name in plain}
    assert list(one.tests) == list(other.tests)
    for a, b in zip(splits(one), splits(other), strict=True):
        assert (a.name, a.sources, a.references, list(a.axes)) == (b.name, b.sources, b.references, list(b.axes))
        for x, y in zip(arrays(a), arrays(b), strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)


def splits(data: TaskData) -> list[Split]:
    return [data.train, data.valid, *data.tests.values()]


def arrays(split: Split) -> list[np.ndarray]:
    return [split.src.tokens, split.src.offsets, split.tgt.tokens, split.tgt.offsets, *split.axes.values()]


@pytest.mark.parametrize("task", TASKS, ids=list(LOADED))
def test_the_second_to_ask_gets_what_the_first_made(task, loads):
    first = task_cache.load(task)
    second = task_cache.load(type(task)(**asdict(task)))
    same(first, second)
    assert loads == [type(task).__name__]


def test_texts_bytes_and_a_split_of_nothing_come_back():
    data = TASKS[0].load()
    worded = Split("valid", data.valid.src, data.valid.tgt, {}, ["ä \u2028", ""] * 3 + ["x"], ["é"] * 7)
    nothing = Split("none", *(type(data.valid.src).of([]) for _ in range(2)), {"length": np.zeros(0, dtype=np.int64)})
    about = {"src_size": 9, "tgt_size": 11, "shared": False, "checksums": {"a": "b"}, "counts": {"n": 1}}
    about["notes"] = {"none": "ä"}
    whole = TaskData(train=data.train, valid=worded, tests={"none": nothing}, vocabulary=b"\0\xff", **about)
    same(task_cache.from_bytes(task_cache.to_bytes(whole)), whole)


def test_another_configuration_or_other_code_makes_other_data(loads, monkeypatch, cache):
    task_cache.load(Recall(slots=4, pairs=2, train_size=30, valid_size=7, test_size=5))
    data = task_cache.load(Recall(slots=4, pairs=2, train_size=31, valid_size=7, test_size=5))
    assert len(data.train) == 31
    monkeypatch.setattr(task_cache, "_code", lambda: "other")
    task_cache.load(Recall(slots=4, pairs=2, train_size=30, valid_size=7, test_size=5))
    assert loads == ["Recall"] * 3 and len(list(cache.glob("*.safetensors"))) == 3


@pytest.mark.parametrize("spoil", [lambda content: content[:-1], lambda content: content[:-1] + b"?", lambda _: b""])
def test_a_file_that_is_not_whole_is_made_anew(spoil, loads, cache):
    first = task_cache.load(TASKS[0])
    (file,) = cache.glob("*.safetensors")
    file.write_bytes(spoil(file.read_bytes()))
    same(task_cache.load(TASKS[0]), first)
    same(task_cache.load(TASKS[0]), first)
    assert loads == ["Recall"] * 2


def test_without_a_cache_that_can_be_written_data_are_made_all_the_same(monkeypatch, tmp_path, loads):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "file"))
    same(task_cache.load(TASKS[0]), task_cache.load(TASKS[0]))
    assert loads == ["Recall"] * 2


def test_of_many_that_ask_at_once_one_makes(monkeypatch, cache):
    made, own = [], Recall.load
    meanwhile = threading.Event()

    def slowly(self):
        made.append(self)
        meanwhile.wait(0.5)
        return own(self)

    monkeypatch.setattr(Recall, "load", slowly)
    loaded: list[TaskData] = []
    threads = [
        threading.Thread(target=lambda: loaded.append(task_cache.load(Recall(**asdict(TASKS[0]))))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and len(loaded) == 4
    for data in loaded[1:]:
        same(data, loaded[0])
    assert [path.suffix for path in cache.iterdir()] == [".safetensors"], "no lock is left behind"


def test_a_task_that_fails_leaves_the_place_free(monkeypatch, cache):
    monkeypatch.setattr(Recall, "load", lambda self: 1 / 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            task_cache.load(TASKS[0])
    assert not list(cache.iterdir())


@dataclass
class Foreign(Recall):
    """Stands for a task of a user's own package, whose code can change unseen."""


def test_a_task_from_elsewhere_is_loaded_every_time(loads, cache):
    task = Foreign(**asdict(TASKS[0]))
    same(task_cache.load(task), task_cache.load(task))
    assert loads == ["Foreign"] * 2 and not cache.exists()


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    for number, key in enumerate(("old", "used", "new")):
        file_cache.store(tmp_path, key, ".x", key.encode() * 10)
        (path,) = tmp_path.glob(f"{key}-*")
        os.utime(path, ns=(number, number))
    (tmp_path / "other.y").write_bytes(b"y" * 100)
    assert file_cache.find(tmp_path, "used", ".x") == b"used" * 10
    file_cache.store(tmp_path, "newest", ".x", b"z" * 50, limit=100)
    assert {path.name.split("-")[0] for path in tmp_path.iterdir()} == {"newest", "used", "other.y"}
    file_cache.store(tmp_path, "large", ".x", b"z" * 500, limit=100)
    assert {path.name.split("-")[0] for path in tmp_path.iterdir()} == {"large", "other.y"}
    assert file_cache.find(tmp_path, "large", ".x") == b"z" * 500

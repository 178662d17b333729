"""A cache of task data, shared by all cells that train on them, in this process or another.

The first cell generates or encodes the data and writes them to the cache folder (`BENCH_CACHE`). The file name is a
hash of the task's configuration, of the code that makes data and of the libraries it uses; so a change to any of them
misses the cache.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load as unpack
from safetensors.numpy import save as pack

import bench
from bench.data import code_hash, file_cache
from bench.data.corpora.files import cache_folder
from bench.data.examples import Marks, Split, TaskData
from bench.data.ragged import Ragged
from bench.tasks.base import Task

LIMIT = 4 << 30
"""Bytes of cached data; beyond it the least recently used are deleted."""

SUFFIX = ".safetensors"
LIBRARIES = ("numpy", "sentencepiece")
CODE = ("tasks", "data", "seeding.py")
"""Parts of `bench` that can change a task's data."""

FACTS = ("src_size", "tgt_size", "shared", "checksums", "counts", "notes", "report", "warnings")
"""Fields of the data that are stored as JSON."""

TEXTS = ("sources", "references")
"""Fields of a split that are stored as JSON."""

SIDES = ("src", "tgt", "answered_at")
MARK_FIELDS = ("at", "distance", "foil")


def load(task: Task) -> TaskData:
    """The data of `task.load()`, from the cache if they are there. Raises what `task.load` raises.

    A task defined outside `bench.tasks` is loaded every time, because the hash does not cover all of its code.
    """
    if not type(task).__module__.startswith("bench.tasks."):
        return task.load()
    folder, key = cache_folder() / "tasks", _key(task)
    content = file_cache.find(folder, key, SUFFIX)
    if content is not None:
        return _restored(task, content)
    with file_cache.exclusive(folder, key):
        content = file_cache.find(folder, key, SUFFIX)  # another process may have written it before we had the lock
        if content is not None:
            return _restored(task, content)
        data = task.load()
        file_cache.store(folder, key, SUFFIX, to_bytes(data), LIMIT)
        return data


def to_bytes(data: TaskData) -> bytes:
    """The data as one safetensors file; `from_bytes` reads it."""
    facts: dict[str, Any] = {name: getattr(data, name) for name in FACTS}
    facts["splits"] = []
    arrays: dict[str, np.ndarray] = {"vocabulary": np.frombuffer(data.vocabulary, dtype=np.uint8)}
    for index, split in enumerate((data.train, data.valid, *data.tests.values())):
        for side in SIDES:
            if getattr(split, side) is not None:
                arrays[f"{index}.{side}.tokens"] = getattr(split, side).tokens
                arrays[f"{index}.{side}.offsets"] = getattr(split, side).offsets
        for axis, values in split.axes.items():
            arrays[f"{index}.axes.{axis}"] = np.ascontiguousarray(values)
        for name, marks in split.marks.items():
            for field in MARK_FIELDS:
                arrays[f"{index}.marks.{name}.{field}"] = np.ascontiguousarray(getattr(marks, field))
        names = {"name": split.name, "axes": list(split.axes), "marks": list(split.marks)}
        facts["splits"].append(names | {text: getattr(split, text) for text in TEXTS})
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
    return pack(arrays)


def from_bytes(content: bytes) -> TaskData:
    """The data that `to_bytes` wrote."""
    arrays = unpack(content)
    facts = json.loads(arrays["facts"].tobytes())
    train, valid, *tests = (_split(arrays, index, about) for index, about in enumerate(facts.pop("splits")))
    return TaskData(
        train=train,
        valid=valid,
        tests={split.name: split for split in tests},
        vocabulary=arrays["vocabulary"].tobytes(),
        **facts,
    )


def _split(arrays: dict[str, np.ndarray], index: int, about: dict[str, Any]) -> Split:
    """The split with this index; about: its names and texts."""
    sides = {
        side: Ragged(arrays[f"{index}.{side}.tokens"], arrays[f"{index}.{side}.offsets"])
        for side in SIDES
        if f"{index}.{side}.tokens" in arrays
    }
    return Split(
        about["name"],
        sides["src"],
        sides["tgt"],
        answered_at=sides.get("answered_at"),
        axes={axis: arrays[f"{index}.axes.{axis}"] for axis in about["axes"]},
        marks={
            name: Marks(*(arrays[f"{index}.marks.{name}.{field}"] for field in MARK_FIELDS)) for name in about["marks"]
        },
        **{text: about[text] for text in TEXTS},
    )


def _restored(task: Task, content: bytes) -> TaskData:
    data = from_bytes(content)
    task.restore(data)
    return data


def _key(task: Task) -> str:
    identity = {
        "task": f"{type(task).__module__}.{type(task).__qualname__}",
        "identity": task.identity(),
        "code": _code(),
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]


@cache
def _code() -> str:
    """SHA-256 of the source of everything that makes data."""
    return code_hash.checksum(Path(bench.__file__).parent, CODE)

"""A task's data made once and shared by all cells that train on it, in this process or another.

Generating or encoding is done by the first; what it made lies in the cache (`BENCH_CACHE`) under a hash of the task's
configuration, of the code that makes data and of the libraries it uses, so that a change to any of them makes it anew.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import metadata
from pathlib import Path

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
"""Bytes of data kept; what was not used for longest goes first."""

SUFFIX = ".safetensors"
LIBRARIES = ("numpy", "sentencepiece")
CODE = ("tasks", "data", "seeding.py")
"""What of `bench` can change a task's data."""

SAID = ("src_size", "tgt_size", "shared", "checksums", "counts", "notes")
"""What of the data is neither a split nor bytes."""

SIDES = ("src", "tgt")
TEXTS = ("sources", "references")
MARKED = ("at", "distance", "foil")


def load(task: Task) -> TaskData:
    """What `task.load()` gives, and raises, from the cache where it is there.

    A task from outside `bench.tasks`, whose code is not known whole, is loaded every time.
    """
    if not type(task).__module__.startswith("bench.tasks."):
        return task.load()
    folder, key = cache_folder() / "tasks", _key(task)
    held = file_cache.find(folder, key, SUFFIX)
    if held is not None:
        return _adopted(task, held)
    with file_cache.alone(folder, key):
        held = file_cache.find(folder, key, SUFFIX)  # made by who was inside before
        if held is not None:
            return _adopted(task, held)
        data = task.load()
        file_cache.keep(folder, key, SUFFIX, to_bytes(data), LIMIT)
        return data


def to_bytes(data: TaskData) -> bytes:
    """All of the data; `from_bytes` gives it back."""
    arrays: dict[str, np.ndarray] = {"vocabulary": np.frombuffer(data.vocabulary, dtype=np.uint8)}
    said = {name: getattr(data, name) for name in SAID}
    said["splits"] = []
    for place, split in enumerate((data.train, data.valid, *data.tests.values())):
        for side in SIDES:
            arrays[f"{place}.{side}.tokens"] = getattr(split, side).tokens
            arrays[f"{place}.{side}.offsets"] = getattr(split, side).offsets
        arrays |= {f"{place}.axes.{axis}": np.ascontiguousarray(values) for axis, values in split.axes.items()}
        for name, marks in split.marks.items():
            arrays |= {f"{place}.marks.{name}.{part}": np.ascontiguousarray(getattr(marks, part)) for part in MARKED}
        known = {"name": split.name, "axes": list(split.axes), "marks": list(split.marks)}
        said["splits"].append({**known, **{text: getattr(split, text) for text in TEXTS}})
    arrays["said"] = np.frombuffer(json.dumps(said).encode(), dtype=np.uint8)
    return pack(arrays)


def from_bytes(content: bytes) -> TaskData:
    """The data of which `to_bytes` made the content."""
    arrays = unpack(content)
    said = json.loads(arrays["said"].tobytes())
    splits = []
    for place, about in enumerate(said.pop("splits")):
        sides = {side: Ragged(arrays[f"{place}.{side}.tokens"], arrays[f"{place}.{side}.offsets"]) for side in SIDES}
        axes = {axis: arrays[f"{place}.axes.{axis}"] for axis in about.pop("axes")}
        marks = {
            name: Marks(*(arrays[f"{place}.marks.{name}.{part}"] for part in MARKED)) for name in about.pop("marks")
        }
        splits.append(Split(**about, **sides, axes=axes, marks=marks))
    train, valid, *tests = splits
    tests = {split.name: split for split in tests}
    return TaskData(train=train, valid=valid, tests=tests, vocabulary=arrays["vocabulary"].tobytes(), **said)


def _adopted(task: Task, held: bytes) -> TaskData:
    data = from_bytes(held)
    task.restore(data)
    return data


def _key(task: Task) -> str:
    said = {
        "task": f"{type(task).__module__}.{type(task).__qualname__}",
        "identity": task.identity(),
        "code": _code(),
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


@cache
def _code() -> str:
    """SHA-256 of the source of everything that makes data."""
    return code_hash.checksum(Path(bench.__file__).parent, CODE)

"""Tasks that generate their data.

The same task gives the same data on every machine and with any number of processes, because each chunk of a split has
a generator of its own (`bench.tasks.kinds.drawing`).
"""

from __future__ import annotations

import os
from abc import abstractmethod
from dataclasses import dataclass, fields

import numpy as np

from bench.data.examples import MAX_LENGTH, TaskData, fingerprint
from bench.errors import UserError
from bench.seeding import numpy_generator
from bench.system.processes import mapping
from bench.tasks.base import Task
from bench.tasks.kinds.drawing import draw_split
from bench.tasks.kinds.examples import Examples, SplitSpec

MAX_EXAMPLES, MAX_SPLIT_TOKENS = 10**9, 2**30
"""Limits of one split, which is kept in memory: 2^30 tokens of sources and targets take 4 GiB."""

MAX_FIELD = 2**20
"""Limit of every other whole number of a task; none could be a length or a number of symbols beyond it."""

SAMPLE = 16
"""Examples from which the memory of a split is estimated before it is drawn."""

WORKERS = "BENCH_WORKERS"
"""Environment variable: the number of processes that draw data; 1 if not set."""


@dataclass
class Generated(Task):
    """A task that draws its examples. Raises ValueError for impossible sizes."""

    train_size: int = 50_000  # examples
    valid_size: int = 500
    test_size: int = 800  # examples in each test set
    data_seed: int = 0  # the data are the same for every model and every cell's seed

    axis = "length"
    """The axis whose range a split controls: one of those that `draw` returns."""

    extrapolation_split = "test_longer"
    """Name of the test split outside the training range, if there is one."""

    def __post_init__(self) -> None:
        for name in ("train_size", "valid_size", "test_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"task.{name} must be at least 1, got {getattr(self, name)}")
        if self.data_seed < 0:
            raise ValueError(f"task.data_seed must be at least 0, got {self.data_seed}")
        for each in fields(self):
            value, most = getattr(self, each.name), MAX_EXAMPLES if each.name.endswith("_size") else MAX_FIELD
            if each.name != "data_seed" and isinstance(value, int) and value > most:
                raise ValueError(f"task.{each.name} must be at most {most:,}, got {value}")
        self.train_range = {self.axis: self.training_bounds}

    @property
    @abstractmethod
    def training_bounds(self) -> tuple[int, int]:
        """The lowest and the highest value of the axis in training, validation and the first test split."""

    @property
    def extrapolation_bounds(self) -> tuple[int, int] | None:
        """The same of the second test split; None if the task has none."""
        return None

    @abstractmethod
    def draw(self, generator: np.random.Generator, count: int, spec: SplitSpec) -> Examples:
        """`count` examples with the axis in spec.low..spec.high, each a function of the generator's draws alone."""

    def split_specs(self) -> list[SplitSpec]:
        """The splits to draw: training, validation, then the test splits."""
        sizes = {"train": self.train_size, "valid": self.valid_size, "test": self.test_size}
        specs = [SplitSpec(name, name, size, *self.training_bounds) for name, size in sizes.items()]
        if self.extrapolation_bounds is not None:
            specs.append(SplitSpec(self.extrapolation_split, "test", self.test_size, *self.extrapolation_bounds))
        return specs

    def load(self) -> TaskData:
        """See `Task.load`. Raises UserError for a split that asks for more distinct sources than there are."""
        data = generate(self, _worker_count())
        self.restore(data)
        return data


def generate(task: Generated, workers: int = 1) -> TaskData:
    """The data of a task, drawn by this many processes. Raises UserError as `Generated.load` does."""
    specs = task.split_specs()
    for spec in specs:
        check_size(task, spec)
    with mapping(workers) as map_chunks:
        drawn = {spec.name: draw_split(task, spec, map_chunks) for spec in specs}
    train, valid, *tests = (each.split for each in drawn.values())
    counts = {f"{name}_examples": len(each.hashes) for name, each in drawn.items()}
    counts |= {f"{name}_distinct": len(np.unique(each.hashes)) for name, each in drawn.items()}
    for name, each in drawn.items():
        if name != "train":
            counts[f"{name}_also_in_train"] = int(np.isin(each.hashes, drawn["train"].hashes).sum())
    sizes = task.sizes
    return TaskData(
        train=train,
        valid=valid,
        tests={split.name: split for split in tests},
        src_size=sizes.source,
        tgt_size=sizes.target,
        shared=sizes.shared,
        checksums={name: fingerprint(each.split) for name, each in drawn.items()},
        counts=counts,
        notes={name: each.note for name, each in drawn.items() if each.note},
    )


def check_size(task: Generated, spec: SplitSpec) -> None:
    """Raises UserError for a split with sequences longer than MAX_LENGTH, or one that would not fit into memory."""
    sample = task.draw(numpy_generator(task.data_seed, "size", spec.name), SAMPLE, spec)
    longest = max(
        int(sample.src.lengths.max()), int(sample.tgt.lengths.max()), spec.high if task.axis == "length" else 0
    )
    end = not task.sizes.one_stack
    if longest + end > MAX_LENGTH:
        raise UserError(
            f"split {spec.name} would have sequences of {longest:,} tokens{' and an end token' * end}, and the limit "
            f"is {MAX_LENGTH:,}; make the task's lengths smaller"
        )
    tokens = spec.size * (int(sample.src.lengths.sum()) + int(sample.tgt.lengths.sum())) // SAMPLE
    if tokens > MAX_SPLIT_TOKENS:
        raise UserError(
            f"task.{spec.share}_size={spec.size}: split {spec.name} would have about {tokens:,} tokens, and the limit "
            f"is {MAX_SPLIT_TOKENS:,}; lower it, or make the task's lengths smaller"
        )


def _worker_count() -> int:
    value = os.environ.get(WORKERS, "1")
    if not value.isdecimal() or int(value) < 1:
        raise UserError(f"{WORKERS} must be a whole number above 0, got {value!r}")
    return int(value)

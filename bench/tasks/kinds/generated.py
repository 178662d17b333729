"""Tasks that make their own data: drawn in chunks, in splits that share no source.

Chunk i of a split has a generator of its own, seeded from the task's seed, its name, the split's name and i. So the
same task gives the same data on every machine, and a pool of processes, of any size, changes no example. Which split a
source may be in is decided by its hash (`bench.data.splits`), so no two splits share one. A held-out split holds no
source twice: where a short length has too few sources for its share, it gets those there are, longer ones make up the
number, and the split's note says so.
"""

from __future__ import annotations

import math
import os
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from multiprocessing import get_context

import numpy as np

from bench.data.examples import LONGEST, Marks, Split, TaskData, fingerprint
from bench.data.ragged import Ragged
from bench.data.splits import belongs, share_of, source_hashes
from bench.errors import UserError
from bench.seeding import numpy_generator
from bench.tasks.base import Task

CHUNK = 2048
"""Examples drawn at once, before those that belong to another split are left out."""

MOST_EXAMPLES, MOST_TOKENS = 10**9, 2**30
"""Of one split, which is held in memory: 4 GiB of tokens, sources and targets together."""

LARGEST = 2**20
"""No other whole number of a task is greater: it could not be a length or a number of symbols."""

LOOKED_AT = 16
"""Examples by which the size of a split is estimated before it is drawn."""

MOST_ROUNDS = 40
"""A held-out split that is not full after so many times the chunks it should take asks for more than there is."""

POINTS = 25
"""Values of an axis that a score is broken down by, at most; more are put in bins."""

WIDTHS = (1, 2, 5)

WORKERS = "BENCH_WORKERS"
"""Environment variable: how many processes draw data; 1 if not set."""


@dataclass(frozen=True)
class Part:
    """A split to be drawn. share: train, valid or test, whose part of all sources it draws from. low, high: the lowest
    and the highest value of the task's axis."""

    name: str
    share: str
    size: int
    low: int
    high: int

    @property
    def distinct(self) -> bool:
        """Whether no source may come twice."""
        return self.share != "train"


@dataclass(frozen=True)
class Drawn:
    """Examples as a task draws them; axes: one whole number an example, not binned. marks: as in `Split`."""

    src: Ragged
    tgt: Ragged
    axes: dict[str, np.ndarray]
    marks: dict[str, Marks] = field(default_factory=dict)

    def take(self, places: np.ndarray) -> Drawn:
        """The examples at these places, or where a mask is True."""
        axes = {axis: values[places] for axis, values in self.axes.items()}
        marks = {name: one.take(places) for name, one in self.marks.items()}
        return Drawn(self.src.take(places), self.tgt.take(places), axes, marks)

    @classmethod
    def joined(cls, parts: list[Drawn]) -> Drawn:
        """All examples of the parts, in order."""
        axes = {axis: np.concatenate([part.axes[axis] for part in parts]) for axis in parts[0].axes}
        sides = (Ragged.joined([getattr(part, side) for part in parts]) for side in ("src", "tgt"))
        marks = {name: Marks.joined([part.marks[name] for part in parts]) for name in parts[0].marks}
        return cls(*sides, axes, marks)


@dataclass
class Generated(Task):
    """A task that draws its examples. Raises ValueError for sizes that cannot be."""

    train_size: int = 50_000  # examples
    valid_size: int = 500
    test_size: int = 800  # examples in each test set
    data_seed: int = 0  # the data are the same for every model and every cell's seed

    axis = "length"
    """What a split controls: one of the axes that `draw` gives."""

    beyond_name = "test_longer"
    """The test split outside the training range, where there is one."""

    def __post_init__(self) -> None:
        for name in ("train_size", "valid_size", "test_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"task.{name} must be at least 1, got {getattr(self, name)}")
        if self.data_seed < 0:
            raise ValueError(f"task.data_seed must be at least 0, got {self.data_seed}")
        for each in fields(self):
            value, most = getattr(self, each.name), MOST_EXAMPLES if each.name.endswith("_size") else LARGEST
            if each.name != "data_seed" and isinstance(value, int) and value > most:
                raise ValueError(f"task.{each.name} must be at most {most:,}, got {value}")
        self.train_range = {self.axis: self.seen}

    @property
    @abstractmethod
    def seen(self) -> tuple[int, int]:
        """The lowest and the highest value of the axis in training."""

    @property
    def beyond(self) -> tuple[int, int] | None:
        """The same of the second test split; None: there is none."""
        return None

    @abstractmethod
    def draw(self, generator: np.random.Generator, count: int, part: Part) -> Drawn:
        """`count` examples with the axis between part.low and part.high; nothing else of the part matters."""

    def parts(self) -> list[Part]:
        """The splits: training, validation, then the test sets."""
        sizes = {"train": self.train_size, "valid": self.valid_size, "test": self.test_size}
        parts = [Part(name, name, size, *self.seen) for name, size in sizes.items()]
        if self.beyond is not None:
            parts.append(Part(self.beyond_name, "test", self.test_size, *self.beyond))
        return parts

    def load(self) -> TaskData:
        """See `Task.load`. Raises UserError where a split asks for more distinct sources than there are."""
        return made(self, _workers())


def made(task: Generated, workers: int = 1) -> TaskData:
    """The data of a task, drawn by so many processes. Raises UserError as `Generated.load` does."""
    for part in task.parts():
        _check_size(task, part)
    with _mapping(workers) as mapping:
        found = {part.name: _drawn(task, part, mapping) for part in task.parts()}
    train, valid, *tests = splits = [split for split, _, _ in found.values()]
    hashes = {name: own for name, (_, own, _) in found.items()}
    sizes = task.sizes
    return TaskData(
        train=train,
        valid=valid,
        tests={split.name: split for split in tests},
        src_size=sizes.source,
        tgt_size=sizes.target,
        shared=sizes.shared,
        checksums={split.name: fingerprint(split) for split in splits},
        counts={f"{name}_examples": len(own) for name, own in hashes.items()}
        | {f"{name}_distinct": len(np.unique(own)) for name, own in hashes.items()}
        | {f"{name}_also_in_train": int(np.isin(own, hashes["train"]).sum()) for name, own in hashes.items()
           if name != "train"},
        notes={name: note for name, (_, _, note) in found.items() if note},
    )  # fmt: skip


def _check_size(task: Generated, part: Part) -> None:
    """Raises UserError for a part whose sequences are longer than LONGEST or which would not fit into memory."""
    drawn = task.draw(numpy_generator(task.data_seed, "size", part.name), LOOKED_AT, part)
    longest = max(
        int(drawn.src.lengths.max()), int(drawn.tgt.lengths.max()), part.high if task.axis == "length" else 0
    )
    if longest > LONGEST:
        raise UserError(
            f"split {part.name} would have sequences of {longest:,} tokens, and at most {LONGEST:,} can be; make the "
            "task's lengths smaller"
        )
    tokens = part.size * (int(drawn.src.lengths.sum()) + int(drawn.tgt.lengths.sum())) // LOOKED_AT
    if tokens > MOST_TOKENS:
        raise UserError(
            f"task.{part.share}_size={part.size}: split {part.name} would have about {tokens:,} tokens, and at most "
            f"{MOST_TOKENS:,} can be held; lower it, or make the task's lengths smaller"
        )


Mapping = Callable[[Callable, list], Iterator]


@contextmanager
def _mapping(workers: int) -> Iterator[Mapping]:
    """Something like `map`: in this process for one worker, in a pool for more."""
    if workers == 1:
        yield map
        return
    # Not by forking: a process that has torch loaded has threads, which a fork would lose.
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield pool.map


def _workers() -> int:
    asked = os.environ.get(WORKERS, "1")
    if not asked.isdecimal() or int(asked) < 1:
        raise UserError(f"{WORKERS} must be a whole number above 0, got {asked!r}")
    return int(asked)


@dataclass(frozen=True)
class _Chunk:
    """The work of one process: chunk `number` of a part, without what belongs to other splits."""

    task: Generated
    part: Part

    def __call__(self, number: int) -> tuple[Drawn, np.ndarray]:
        name = type(self.task).__name__.lower()
        generator = numpy_generator(self.task.data_seed, name, self.part.name, number)
        drawn = self.task.draw(generator, CHUNK, self.part)
        hashes = source_hashes(drawn.src)
        own = belongs(self.part.share, hashes)
        return drawn.take(own), hashes[own]


def _drawn(task: Generated, part: Part, mapping: Mapping) -> tuple[Split, np.ndarray, str]:
    """A split, the hashes of its sources, and what has to be said of it."""
    each = CHUNK * share_of(part.share)
    most = MOST_ROUNDS * math.ceil(part.size / each)
    kept: list[tuple[Drawn, np.ndarray]] = []
    seen: set[int] = set()
    repeats: Counter[int] = Counter()
    have = number = 0
    while have < part.size:
        chunks = min(most - number, math.ceil((part.size - have) / each))
        before = have
        for drawn, hashes in mapping(_Chunk(task, part), list(range(number, number + chunks))):
            if part.distinct:
                fresh = np.fromiter((_added(seen, one) for one in hashes.tolist()), dtype=bool, count=len(hashes))
                repeats.update(drawn.axes[task.axis][~fresh].tolist())
                drawn, hashes = drawn.take(fresh), hashes[fresh]
            if len(hashes) > part.size - have:
                wanted = np.arange(part.size - have)
                drawn, hashes = drawn.take(wanted), hashes[wanted]
            kept.append((drawn, hashes))
            have += len(hashes)
        number += chunks
        if have + _most_to_come(have - before, chunks, most - number) < part.size:
            raise UserError(_too_many(task, part, have))
    whole, hashes = Drawn.joined([drawn for drawn, _ in kept]), np.concatenate([hashes for _, hashes in kept])
    axes = {axis: _binned(values, *_bounds(task, part, axis, values)) for axis, values in whole.axes.items()}
    split = Split(part.name, whole.src, whole.tgt, axes, marks=whole.marks)
    return split, hashes, _note(task, part, whole, hashes, repeats)


def _added(seen: set[int], one: int) -> bool:
    """Whether it was not there yet; now it is."""
    before = len(seen)
    seen.add(one)
    return len(seen) > before


def _most_to_come(gained: int, chunks: int, left: int) -> float:
    """How many examples `left` chunks can bring where the last `chunks` brought `gained`: what is new only gets rarer.
    More than five standard deviations of a Poisson number above the expected one, so that what is refused because of it
    would have been refused at the end."""
    return (gained + 5 * math.sqrt(gained) + 15) * left / chunks


def _bounds(task: Generated, part: Part, axis: str, values: np.ndarray) -> tuple[int, int]:
    return (part.low, part.high) if axis == task.axis else (int(values.min()), int(values.max()))


def bin_width(low: int, high: int) -> int:
    """1, 2 or 5 times a power of ten: the least that leaves no more than POINTS bins.

    >>> bin_width(1, 20), bin_width(1, 40), bin_width(41, 500)
    (1, 2, 20)
    """
    scale = 1
    while True:
        for width in WIDTHS:
            if (high - low + 1) / (width * scale) <= POINTS:
                return width * scale
        scale *= 10


def _binned(values: np.ndarray, low: int, high: int) -> np.ndarray:
    """Each value as the lower edge of its bin; bins begin at `low`."""
    width = bin_width(low, high)
    return (values - low) // width * width + low


def _note(task: Generated, part: Part, whole: Drawn, hashes: np.ndarray, repeats: Counter[int]) -> str:
    """What a reader has to know of a split: which values of the axis had too few sources for their share."""
    if not part.distinct:
        distinct = len(np.unique(hashes))
        if distinct == part.size:
            return ""
        return f"drawn with replacement: {distinct:,} of {part.size:,} sources are distinct"
    counts = Counter(whole.axes[task.axis].tolist())
    short = [value for value in repeats if repeats[value] > counts[value]]
    if not short:
        return ""
    held = sum(number for value, number in counts.items() if value <= max(short))
    return (
        f"{task.axis} up to {max(short)}: too few distinct sources for an equal share; drawn without replacement, "
        f"{held:,} of {part.size:,} examples"
    )


def _too_many(task: Generated, part: Part, have: int) -> str:
    field = f"task.{part.share}_size"
    return (
        f"{field}={part.size} asks for more distinct sources with {task.axis} {part.low}-{part.high} than split "
        f"{part.name} was found to have ({have:,}); lower {field} or make the task larger"
    )

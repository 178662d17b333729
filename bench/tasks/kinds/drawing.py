"""Draws one split of a generated task, chunk by chunk, with no source of another split.

A chunk is CHUNK examples from a generator of its own, seeded from the task's data seed and name, the split's name and
the chunk's number. From it we keep the sources that hash into the split's share (`bench.data.splits`), so no two
splits share one. In a held-out split every source occurs once. Where a value of the axis, such as a short length, has
too few sources for an equal share, the split contains all of them, other values make up the size, and the split's note
says so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from bench.data.examples import Split
from bench.data.splits import belongs, share_of, source_hashes
from bench.errors import UserError
from bench.seeding import numpy_generator
from bench.tasks.kinds.bins import lower_edges
from bench.tasks.kinds.examples import Examples, ExampleSource, SplitSpec

CHUNK = 2048
"""Examples drawn at once, before those of other splits are left out."""

MAX_ROUNDS = 40
"""A held-out split is refused if it is not full after this many times the chunks that it should take."""

Map = Callable[[Callable[[int], tuple[Examples, np.ndarray]], Iterable[int]], Iterator[tuple[Examples, np.ndarray]]]
"""The built-in `map`, or that of a pool of processes."""


@dataclass(frozen=True)
class DrawnSplit:
    """A split, the hashes of its sources (N,), and a note for readers, empty if there is nothing to say."""

    split: Split
    hashes: np.ndarray
    note: str


@dataclass(frozen=True)
class ChunkDrawer:
    """Draws the chunk of a given number. An object, not a closure, so that a pool can send it to its processes."""

    task: ExampleSource
    spec: SplitSpec

    def __call__(self, number: int) -> tuple[Examples, np.ndarray]:
        """The examples that belong to the split, and the hashes of their sources."""
        name = type(self.task).__name__.lower()
        generator = numpy_generator(self.task.data_seed, name, self.spec.name, number)
        examples = self.task.draw(generator, CHUNK, self.spec)
        hashes = source_hashes(examples.src)
        own = belongs(self.spec.share, hashes)
        return examples.take(own), hashes[own]


def draw_split(task: ExampleSource, spec: SplitSpec, map_chunks: Map) -> DrawnSplit:
    """The split of a specification. Raises UserError where there are fewer distinct sources than it asks for."""
    chunk_yield = CHUNK * share_of(spec.share)
    max_chunks = MAX_ROUNDS * math.ceil(spec.size / chunk_yield)
    kept: list[tuple[Examples, np.ndarray]] = []
    known_hashes: set[int] = set()
    repeats: Counter[int] = Counter()
    count = next_chunk = 0
    while count < spec.size:
        chunks = min(max_chunks - next_chunk, math.ceil((spec.size - count) / chunk_yield))
        before = count
        for examples, hashes in map_chunks(ChunkDrawer(task, spec), list(range(next_chunk, next_chunk + chunks))):
            if spec.distinct:
                new = _mark_new(known_hashes, hashes)
                repeats.update(examples.axes[task.axis][~new].tolist())
                examples, hashes = examples.take(new), hashes[new]
            if len(hashes) > spec.size - count:
                needed = np.arange(spec.size - count)
                examples, hashes = examples.take(needed), hashes[needed]
            kept.append((examples, hashes))
            count += len(hashes)
        next_chunk += chunks
        if count + _max_gain(count - before, chunks, max_chunks - next_chunk) < spec.size:
            raise UserError(_too_few_sources(task, spec, count))
    examples = Examples.joined([each for each, _ in kept])
    hashes = np.concatenate([each for _, each in kept])
    axes = {axis: lower_edges(values, *_bounds(task, spec, axis, values)) for axis, values in examples.axes.items()}
    split = Split(spec.name, examples.src, examples.tgt, axes, marks=examples.marks, answered_at=examples.answered_at)
    return DrawnSplit(split, hashes, _note(task, spec, examples, hashes, repeats))


def _bounds(task: ExampleSource, spec: SplitSpec, axis: str, values: np.ndarray) -> tuple[int, int]:
    """The lowest and the highest value that the bins of an axis cover."""
    return (spec.low, spec.high) if axis == task.axis else (int(values.min()), int(values.max()))


def _mark_new(known: set[int], hashes: np.ndarray) -> np.ndarray:
    """(N,) bool: which hashes are neither known nor repeated here. Adds them to the known ones."""
    new = np.zeros(len(hashes), dtype=bool)
    for index, one in enumerate(hashes.tolist()):
        new[index] = one not in known
        known.add(one)
    return new


def _max_gain(gained: int, chunks: int, chunks_left: int) -> float:
    """An upper bound of the new examples in `chunks_left` chunks if the last `chunks` had `gained`.

    New sources only get rarer. The bound is more than five standard deviations of a Poisson count above its mean, so a
    split that is refused early would also be refused at the end.
    """
    return (gained + 5 * math.sqrt(gained) + 15) * chunks_left / chunks


def _note(task: ExampleSource, spec: SplitSpec, examples: Examples, hashes: np.ndarray, repeats: Counter[int]) -> str:
    """Tells a reader of repeated sources in training, or of axis values with too few sources in a held-out split."""
    if not spec.distinct:
        distinct = len(np.unique(hashes))
        if distinct == spec.size:
            return ""
        return f"drawn with replacement: {distinct:,} of {spec.size:,} sources are distinct"
    counts = Counter(examples.axes[task.axis].tolist())
    exhausted = [value for value in repeats if repeats[value] > counts[value]]
    if not exhausted:
        return ""
    affected = sum(number for value, number in counts.items() if value <= max(exhausted))
    return (
        f"{task.axis} up to {max(exhausted)}: too few distinct sources for an equal share; drawn without replacement, "
        f"{affected:,} of {spec.size:,} examples"
    )


def _too_few_sources(task: ExampleSource, spec: SplitSpec, count: int) -> str:
    field = f"task.{spec.share}_size"
    return (
        f"{field}={spec.size} asks for more distinct sources with {task.axis} {spec.low}-{spec.high} than the "
        f"{count:,} that were drawn for split {spec.name}; lower {field} or make the task larger"
    )

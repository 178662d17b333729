"""ListOps: the value of nested list operations (Nangia and Bowman 2018; Tay et al. 2021, "Long Range Arena").

Input: an expression of `[MIN`, `[MAX`, `[MED` (the median, rounded down) and `[SM` (the sum modulo ten) over digits
and expressions, closed by `]`. Output: its value, a digit. Drawn as in the Long Range Arena: an argument is an
operation with probability 1/4 while the depth allows it, an operation has 2 to `most_arguments` arguments, and
expressions outside the length range are discarded. So lengths are not uniform.

    >>> task = Listops(train_shortest=4, train_longest=20, test_longest=None, train_size=20, valid_size=5, test_size=5)
    >>> examples = task.draw(np.random.default_rng(1), 3, task.split_specs()[0])
    >>> for i in range(3):
    ...     print(task.source_text(examples.src[i]), "=", task.target_text(examples.tgt[i]))
    [MAX 2 [MED 2 2 ] 4 ] = 4
    [SM 8 0 7 6 8 2 ] = 1
    [SM 9 3 7 3 ] = 2
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.examples import FIRST_FREE_ID, TaskData
from bench.data.ragged import Ragged
from bench.errors import UserError
from bench.tasks.kinds.examples import Examples, SplitSpec
from bench.tasks.kinds.lengths import Lengths
from bench.tasks.kinds.symbols import Symbols, single

OPERATIONS = ("[MIN", "[MAX", "[MED", "[SM")
MIN, MAX, MED, SM = range(len(OPERATIONS))
CLOSE = "]"
DIGITS = 10
NESTED = 0.25
"""The probability that an argument is an operation."""

BATCH = 1024
"""Expressions drawn at once; most of them may be too short or too long."""

MIN_SHARE, MIN_TRIED = 0.0005, 100 * BATCH
"""A range of lengths is refused if, after MIN_TRIED expressions, less than MIN_SHARE of them are in it."""


@dataclass
class Listops(Symbols, Lengths):
    """The value of a nested expression. Raises ValueError for impossible lengths or sizes."""

    train_shortest: int = 500
    train_longest: int = 2000
    test_longest: int | None = None
    deepest: int = 10  # levels of an expression, digits included: at most 9 nested operations
    most_arguments: int = 10

    first = 4

    metrics = ("exact_match",)

    def __post_init__(self) -> None:
        if self.deepest < 2:
            raise ValueError(f"task.deepest must be at least 2, got {self.deepest}")
        if self.most_arguments < 2:
            raise ValueError(f"task.most_arguments must be at least 2, got {self.most_arguments}")
        super().__post_init__()
        longest = 1
        for _ in range(self.deepest - 1):
            longest = min(2 + self.most_arguments * longest, 10**9)
        for low, _ in filter(None, (self.training_bounds, self.extrapolation_bounds)):
            if longest < low:
                raise ValueError(
                    f"no expression of task.deepest={self.deepest} and task.most_arguments={self.most_arguments} has "
                    f"more than {longest} tokens, and the task asks for {low}; raise one of them or lower the lengths"
                )
        self.chance = {"exact_match": 1.0 / DIGITS}  # until the data are loaded: digits are not equally frequent

    def restore(self, data: TaskData) -> None:
        """Set the chance line to the frequency of the most frequent answer in training."""
        self.chance = {"exact_match": float(np.bincount(data.train.tgt.tokens).max() / len(data.train))}

    def words(self) -> Sequence[str]:
        return [*map(str, range(DIGITS)), *OPERATIONS, CLOSE]

    def draw(self, generator: np.random.Generator, count: int, spec: SplitSpec) -> Examples:
        kept: list[Examples] = []
        kept_count = tried = 0
        while kept_count < count:
            if tried >= MIN_TRIED and kept_count < MIN_SHARE * tried:
                raise UserError(
                    f"only {kept_count} of {tried:,} expressions of task.deepest={self.deepest} and "
                    f"task.most_arguments={self.most_arguments} have {spec.low} to {spec.high} tokens, too few for a "
                    "split; choose other lengths (task.train_shortest, task.train_longest, task.test_longest)"
                )
            tried += BATCH
            levels = _draw_expressions(generator, BATCH, self.deepest, self.most_arguments, spec.low, spec.high)
            if len(levels[0].parent):
                kept.append(_write(levels))
                kept_count += len(kept[-1].src)
        return Examples.joined(kept).take(np.arange(count))

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return np.full_like(source_lengths, 3)


@dataclass(frozen=True)
class _Level:
    """The M nodes of one depth of all expressions, in reading order; each array is (M,).

    parent: index of the node above, in the first level of the expression. word: a digit, or DIGITS plus an operation.
    tree: index of the expression.
    """

    parent: np.ndarray
    word: np.ndarray
    tree: np.ndarray

    @property
    def nested(self) -> np.ndarray:
        """(M,) bool: which nodes are operations."""
        return self.word >= DIGITS


def _draw_expressions(
    generator: np.random.Generator, count: int, deepest: int, most_arguments: int, low: int, high: int
) -> list[_Level]:
    """Those of `count` random expressions that have low to high tokens, level by level."""
    tree = np.arange(count)
    levels = [_Level(tree, DIGITS + generator.integers(0, len(OPERATIONS), size=count), tree)]
    tokens = np.full(count, 2)
    for depth in range(2, deepest + 1):
        above = levels[-1]
        # Expressions that are already too long are not continued.
        open_nodes = np.flatnonzero(above.nested & (tokens[above.tree] <= high))
        parent = np.repeat(open_nodes, generator.integers(2, most_arguments + 1, size=len(open_nodes)))
        nested = generator.random(len(parent)) < (NESTED if depth < deepest else 0.0)
        digits = generator.integers(0, DIGITS, size=len(parent))
        word = np.where(nested, DIGITS + generator.integers(0, len(OPERATIONS), size=len(parent)), digits)
        levels.append(_Level(parent, word, above.tree[parent]))
        tokens += np.bincount(levels[-1].tree, weights=1 + nested, minlength=count).astype(np.int64)
    return _select(levels, (low <= tokens) & (tokens <= high))


def _select(levels: list[_Level], wanted: np.ndarray) -> list[_Level]:
    """The levels of the wanted expressions only; wanted (count,) bool."""
    new_tree = np.cumsum(wanted) - 1
    new_index = new_tree  # in the first level, parents are expressions
    selected: list[_Level] = []
    for level in levels:
        mask = wanted[level.tree]
        selected.append(_Level(new_index[level.parent[mask]], level.word[mask], new_tree[level.tree[mask]]))
        new_index = np.cumsum(mask) - 1
    return selected


def _write(levels: list[_Level]) -> Examples:
    """The expressions as tokens with their values. Axis depth: the deepest level that each reaches."""
    sizes, values = _evaluate(levels)
    count = len(levels[0].word)
    offsets = np.concatenate([[0], np.cumsum(sizes[0])])
    tokens = np.empty(offsets[-1], dtype=np.int32)
    depth = np.ones(count, dtype=np.int64)
    begin = offsets[:-1]
    for number, (level, size) in enumerate(zip(levels, sizes)):
        if number:
            # An argument begins after its operation's word and the arguments before it.
            before = np.cumsum(size) - size
            first = np.concatenate([[True], level.parent[1:] != level.parent[:-1]])[: len(before)]
            begin = begin[level.parent] + 1 + before - before[np.flatnonzero(first)][np.cumsum(first) - 1]
            depth[level.tree] = number + 1
        tokens[begin] = FIRST_FREE_ID + level.word
        tokens[(begin + size - 1)[level.nested]] = FIRST_FREE_ID + DIGITS + len(OPERATIONS)
    src = Ragged(tokens, offsets)
    return Examples(src, single(FIRST_FREE_ID + values[0]), {"length": src.lengths, "depth": depth})


def _evaluate(levels: list[_Level]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For each level, (M,) the number of tokens of each node with all its arguments, and (M,) its value."""
    sizes: list[np.ndarray] = []
    values: list[np.ndarray] = []
    below: _Level | None = None
    for level in reversed(levels):
        size, value = np.ones(len(level.word), dtype=np.int64), np.where(level.nested, 0, level.word)
        if below is not None and len(below.parent):
            nodes, begins = np.unique(below.parent, return_index=True)
            size[nodes] = 2 + np.add.reduceat(sizes[-1], begins)
            value[nodes] = _apply(level.word[nodes] - DIGITS, below.parent, values[-1], begins)
        sizes.append(size)
        values.append(value)
        below = level
    return sizes[::-1], values[::-1]


def _apply(operations: np.ndarray, parent: np.ndarray, arguments: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """(M,) the value of each operation (M,).

    arguments (A,): the arguments of all operations, one operation after the other; parent (A,): their operations;
    begins (M,): the index of each operation's first argument.
    """
    ordered = arguments[np.lexsort((arguments, parent))]
    last = np.concatenate([begins[1:], [len(arguments)]]) - 1
    median = (ordered[(begins + last) // 2] + ordered[(begins + last + 1) // 2]) // 2
    sums = np.add.reduceat(arguments, begins) % DIGITS
    return np.choose(operations, [ordered[begins], ordered[last], median, sums])

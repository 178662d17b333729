"""ListOps: the value of nested list operations (Nangia and Bowman 2018; Tay et al. 2021, "Long Range Arena").

Input: an expression of `[MIN`, `[MAX`, `[MED` (the median, rounded down) and `[SM` (the sum modulo ten) over digits and
expressions, closed by `]`. Output: its value, a digit. Drawn as the Long Range Arena draws them: an argument is an
operation with probability 1/4 while the depth allows it, an operation has 2 to `most_arguments` arguments, and what is
shorter or longer than asked is thrown away. So lengths are not drawn evenly.

    >>> task = Listops(train_shortest=4, train_longest=20, test_longest=None, train_size=20, valid_size=5, test_size=5)
    >>> drawn = task.draw(np.random.default_rng(1), 3, task.parts()[0])
    >>> for place in range(3):
    ...     print(task.source_text(drawn.src[place]), "=", task.target_text(drawn.tgt[place]))
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
from bench.tasks.kinds.generated import Drawn, Part
from bench.tasks.kinds.lengths import Lengths
from bench.tasks.kinds.symbols import Symbols, single

OPERATIONS = ("[MIN", "[MAX", "[MED", "[SM")
MIN, MAX, MED, SM = range(len(OPERATIONS))
CLOSE = "]"
DIGITS = 10
NESTED = 0.25
"""The probability that an argument is an operation."""

TREES = 1024
"""Expressions drawn at once, most of which may be too short or too long."""

SCARCE, FEWEST_TREES = 0.0005, 100 * TREES
"""A range of lengths that a smaller share of so many expressions has is refused."""


@dataclass
class Listops(Symbols, Lengths):
    """Raises ValueError for lengths or sizes that cannot be."""

    train_shortest: int = 500
    train_longest: int = 2000
    test_longest: int | None = None
    deepest: int = 10  # levels of an expression, its digits the last: at most 9 operations inside each other
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
        for low, _ in filter(None, (self.seen, self.beyond)):
            if longest < low:
                raise ValueError(
                    f"no expression of task.deepest={self.deepest} and task.most_arguments={self.most_arguments} has "
                    f"more than {longest} tokens, and {low} are asked for; raise one of them or ask for shorter ones"
                )
        self.chance = {"exact_match": 1.0 / DIGITS}  # until the data are there: digits are not equally frequent

    def load(self) -> TaskData:
        data = super().load()
        self.adopt(data)
        return data

    def adopt(self, data: TaskData) -> None:
        """Chance is that of the digit most frequent in training."""
        self.chance = {"exact_match": float(np.bincount(data.train.tgt.tokens).max() / len(data.train))}

    def words(self) -> Sequence[str]:
        return [*map(str, range(DIGITS)), *OPERATIONS, CLOSE]

    def draw(self, generator: np.random.Generator, count: int, part: Part) -> Drawn:
        kept: list[Drawn] = []
        have = tried = 0
        while have < count:
            if tried >= FEWEST_TREES and have < SCARCE * tried:
                raise UserError(
                    f"of {tried:,} expressions of task.deepest={self.deepest} and "
                    f"task.most_arguments={self.most_arguments} {have} have {part.low} to {part.high} tokens, too few "
                    "to draw a split from; ask for other lengths (task.train_shortest, task.train_longest, "
                    "task.test_longest)"
                )
            tried += TREES
            levels = _expressions(generator, TREES, self.deepest, self.most_arguments, part.low, part.high)
            if len(levels[0].parent):
                kept.append(_written(levels))
                have += len(kept[-1].src)
        return Drawn.joined(kept).take(np.arange(count))

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return np.full_like(source_lengths, 3)


@dataclass
class _Level:
    """The nodes of one depth of all expressions, in reading order. parent: place in the level above (of the first
    level: which expression). word: a digit, or DIGITS plus an operation. size: tokens that a node takes up, all it
    holds included; value: what it comes to."""

    parent: np.ndarray
    word: np.ndarray
    tree: np.ndarray
    size: np.ndarray | None = None
    value: np.ndarray | None = None

    @property
    def nested(self) -> np.ndarray:
        """Which nodes are operations."""
        return self.word >= DIGITS


def _expressions(
    generator: np.random.Generator, count: int, deepest: int, most_arguments: int, low: int, high: int
) -> list[_Level]:
    """Of `count` random expressions those with low to high tokens, level by level."""
    tree = np.arange(count)
    levels = [_Level(tree, DIGITS + generator.integers(0, len(OPERATIONS), size=count), tree)]
    tokens = np.full(count, 2)
    for depth in range(2, deepest + 1):
        above = levels[-1]
        # What is too long already is not drawn to its end.
        open_nodes = np.flatnonzero(above.nested & (tokens[above.tree] <= high))
        parent = np.repeat(open_nodes, generator.integers(2, most_arguments + 1, size=len(open_nodes)))
        nested = generator.random(len(parent)) < (NESTED if depth < deepest else 0.0)
        digits = generator.integers(0, DIGITS, size=len(parent))
        word = np.where(nested, DIGITS + generator.integers(0, len(OPERATIONS), size=len(parent)), digits)
        levels.append(_Level(parent, word, above.tree[parent]))
        tokens += np.bincount(levels[-1].tree, weights=1 + nested, minlength=count).astype(np.int64)
    wanted = (low <= tokens) & (tokens <= high)
    place = np.zeros(0, dtype=np.int64)
    kept: list[_Level] = []
    for level in levels:
        chosen = wanted[level.tree]
        parent = (np.cumsum(wanted) - 1)[level.tree[chosen]] if not kept else place[level.parent[chosen]]
        kept.append(_Level(parent, level.word[chosen], (np.cumsum(wanted) - 1)[level.tree[chosen]]))
        place = np.cumsum(chosen) - 1
    return kept


def _written(levels: list[_Level]) -> Drawn:
    """Expressions as tokens, with their values; depth: the deepest level that each reaches."""
    for level, below in zip(reversed(levels), [None, *reversed(levels[1:])]):
        level.size, level.value = np.ones(len(level.word), dtype=np.int64), np.where(level.nested, 0, level.word)
        if below is not None and len(below.parent):
            nodes, begins = np.unique(below.parent, return_index=True)
            level.size[nodes] = 2 + np.add.reduceat(below.size, begins)
            level.value[nodes] = _values(level.word[nodes] - DIGITS, below.parent, below.value, begins)
    count = len(levels[0].word)
    offsets = np.concatenate([[0], np.cumsum(levels[0].size)])
    tokens = np.empty(offsets[-1], dtype=np.int32)
    depth = np.ones(count, dtype=np.int64)
    begin = offsets[:-1]
    for number, level in enumerate(levels):
        if number:
            # An argument begins where those before it end, after its operation's own word.
            before = np.cumsum(level.size) - level.size
            first = np.concatenate([[True], level.parent[1:] != level.parent[:-1]])[: len(before)]
            begin = begin[level.parent] + 1 + before - before[np.flatnonzero(first)][np.cumsum(first) - 1]
            depth[level.tree] = number + 1
        tokens[begin] = FIRST_FREE_ID + level.word
        tokens[(begin + level.size - 1)[level.nested]] = FIRST_FREE_ID + DIGITS + len(OPERATIONS)
    src = Ragged(tokens, offsets)
    return Drawn(src, single(FIRST_FREE_ID + levels[0].value), {"length": src.lengths, "depth": depth})


def _values(operation: np.ndarray, owner: np.ndarray, arguments: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """The value of each operation; its arguments stand together, from its place in `begins` on, under its owner."""
    ordered = arguments[np.lexsort((arguments, owner))]
    last = np.concatenate([begins[1:], [len(arguments)]]) - 1
    middle = (ordered[(begins + last) // 2] + ordered[(begins + last + 1) // 2]) // 2
    sums = np.add.reduceat(arguments, begins) % DIGITS
    return np.choose(operation, [ordered[begins], ordered[last], middle, sums])

"""The word problem of a group: the product of all elements so far, at every position (Merrill, Petty and Sabharwal
2024, "The illusion of state in state-space models", sec. 6).

Input: elements of a group. Answer at each position: the product of the elements up to it. The current product is a
state that every element changes. In A5 and S5, which are not solvable, a fixed depth without recurrence cannot compute
it for all lengths unless TC0 = NC1; in the cyclic group Z60 it is a sum modulo 60.

    >>> task = WordProblem(group="Z60", train_size=20, valid_size=5, test_size=5)
    >>> task.products(np.array([[59, 2, 3]])).tolist()
    [[59, 1, 4]]

An element is written as its index in `elements(group)`, the identity first:

    >>> task.source_text([4 + 59, 4 + 2]), len(elements("A5")), len(elements("A4xZ5")), len(elements("S5"))
    ('g59 g2', 60, 60, 120)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations

import numpy as np

from bench.data.examples import FIRST_FREE_ID
from bench.data.ragged import Ragged
from bench.tasks.kinds.examples import Examples, SplitSpec
from bench.tasks.kinds.lengths import Lengths
from bench.tasks.kinds.symbols import Symbols

GROUPS = ("Z60", "A4xZ5", "A5", "S5")

Element = tuple[int, ...]


@dataclass
class WordProblem(Symbols, Lengths):
    """Products of group elements, one answer at every prefix. Raises ValueError for an unknown group."""

    train_shortest: int = 2
    train_longest: int = 20
    test_longest: int | None = 40
    group: str = "A5"  # Z60, A4xZ5, A5, S5

    one_stack = True
    metrics = ("token_accuracy", "exact_match")

    def __post_init__(self) -> None:
        if self.group not in GROUPS:
            raise ValueError(f"task.group must be one of {', '.join(GROUPS)}; got {self.group!r}")
        super().__post_init__()
        self.chance = {"token_accuracy": 1.0 / len(elements(self.group)), "exact_match": 0.0}

    def words(self) -> Sequence[str]:
        return [f"g{i}" for i in range(len(elements(self.group)))]

    def draw(self, generator: np.random.Generator, count: int, spec: SplitSpec) -> Examples:
        lengths = self.lengths(generator, count, spec)
        rows = generator.integers(0, len(elements(self.group)), size=(count, int(lengths.max())))
        positions = np.broadcast_to(np.arange(rows.shape[1]), rows.shape)
        source, answers, at = (
            Ragged.of_rows(each, lengths)
            for each in (rows + FIRST_FREE_ID, self.products(rows) + FIRST_FREE_ID, positions)
        )
        return Examples(source, answers, {self.axis: lengths}, answered_at=at)

    def products(self, rows: np.ndarray) -> np.ndarray:
        """(N, L) indices of the products of the first 1 to L elements; rows (N, L): indices of elements."""
        table = multiplication_table(self.group)
        products = rows.copy()
        for position in range(1, rows.shape[1]):
            products[:, position] = table[products[:, position - 1], rows[:, position]]
        return products


@cache
def elements(group: str) -> tuple[Element, ...]:
    """The elements of a group as tuples, the identity first.

    A permutation of 0..n - 1 lists the images; an element of Z_n is (k,); one of A4 x Z5 is a permutation of 0..3 and
    then k.
    """
    if group == "Z60":
        return tuple((k,) for k in range(60))
    if group == "A4xZ5":
        return tuple((*even, k) for even in permutations(range(4)) if _is_even(even) for k in range(5))
    return tuple(each for each in permutations(range(5)) if group == "S5" or _is_even(each))


@cache
def multiplication_table(group: str) -> np.ndarray:
    """(|G|, |G|): the index of the product a b at [a, b]. A permutation product applies a first, then b."""
    own = elements(group)
    index = {element: i for i, element in enumerate(own)}
    return np.array([[index[_product(group, a, b)] for b in own] for a in own])


def _product(group: str, a: Element, b: Element) -> Element:
    if group == "Z60":
        return ((a[0] + b[0]) % 60,)
    if group == "A4xZ5":
        return (*(b[image] for image in a[:4]), (a[4] + b[4]) % 5)
    return tuple(b[image] for image in a)


def _is_even(permutation: Element) -> bool:
    """Whether the number of inversions is even."""
    pairs = ((x, y) for i, x in enumerate(permutation) for y in permutation[i + 1 :])
    return sum(x > y for x, y in pairs) % 2 == 0

"""The groups of `word_problem` against facts of group theory, its answers against products computed another way."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from bench.data.examples import FIRST_FREE_ID
from bench.tasks.word_problem import GROUPS, WordProblem, elements, multiplication_table

SIZES = {"Z60": 60, "A4xZ5": 60, "A5": 60, "S5": 120}
ORDERS = {
    "A5": {1: 1, 2: 15, 3: 20, 5: 24},
    "S5": {1: 1, 2: 25, 3: 20, 4: 30, 5: 24, 6: 20},
    "A4xZ5": {1: 1, 2: 3, 3: 8, 5: 4, 10: 12, 15: 32},
    "Z60": {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 2, 10: 4, 12: 4, 15: 8, 20: 8, 30: 8, 60: 16},
}
"""How many elements have each order."""


def order(table: np.ndarray, element: int) -> int:
    power, count = element, 1
    while power != 0:
        power, count = table[power, element], count + 1
    return count


@pytest.mark.parametrize("group", GROUPS)
def test_a_table_is_the_group_it_is_called(group: str) -> None:
    table, size = multiplication_table(group), SIZES[group]
    assert table.shape == (size, size) and len(elements(group)) == size
    assert (table[0] == np.arange(size)).all() and (table[:, 0] == np.arange(size)).all(), "the identity is first"
    assert all(len(set(line)) == size for line in (*table, *table.T)), "every equation has one solution"
    assert (table[table] == table[:, table]).all(), "(ab)c = a(bc)"
    assert Counter(order(table, element) for element in range(size)) == ORDERS[group]


@pytest.mark.parametrize("group", GROUPS)
def test_answers_are_the_products_of_the_prefixes(group: str) -> None:
    task = WordProblem(group=group, train_size=40, valid_size=10, test_size=10)
    data, own = task.load(), elements(group)
    for split in (data.train, data.valid, *data.tests.values()):
        for i in range(len(split)):
            factors = [own[j - FIRST_FREE_ID] for j in split.src[i]]
            for position, answer in enumerate(split.tgt[i]):
                assert own[answer - FIRST_FREE_ID] == product(group, factors[: position + 1])
            assert (split.answered_at[i] == np.arange(len(split.src[i]))).all()
        assert (split.source_lengths == split.src.lengths).all() and (split.target_lengths == split.src.lengths).all()


def product(group: str, factors: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The product, one point at a time: where does each point go through all factors?"""
    if group == "Z60":
        return (sum(factor[0] for factor in factors) % 60,)
    points = 4 if group == "A4xZ5" else 5
    images = []
    for point in range(points):
        for factor in factors:
            point = factor[point]
        images.append(point)
    return (*images, sum(factor[4] for factor in factors) % 5) if points == 4 else tuple(images)


def test_an_unknown_group_is_refused() -> None:
    with pytest.raises(ValueError, match="task.group must be one of Z60, A4xZ5, A5, S5; got 'M11'"):
        WordProblem(group="M11")

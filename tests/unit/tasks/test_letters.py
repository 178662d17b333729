"""copy, reverse and duplicate, by the letters alone."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.tasks.copy import Copy
from bench.tasks.duplicate import Duplicate
from bench.tasks.reverse import Reverse
from tests.unit.tasks.shown import assert_binned, assert_even, draw, every, show, splits

SIZES = {"train_size": 400, "valid_size": 50, "test_size": 60}


def popped(letters: list[str]) -> list[str]:
    """As they come off a stack."""
    stack, out = [], []
    for letter in letters:
        stack.append(letter)
    while stack:
        out.append(stack.pop())
    return out


ANSWERS = {Copy: lambda letters: letters, Reverse: popped, Duplicate: lambda letters: letters + letters}


@pytest.mark.parametrize("kind", ANSWERS, ids=lambda kind: kind.__name__.lower())
def test_every_split_against_the_letters(kind: type) -> None:
    task = kind(symbols=5, train_shortest=3, train_longest=30, test_longest=41, **SIZES)
    ranges = {"train": (3, 30), "valid": (3, 30), "test": (3, 30), "test_longer": (31, 41)}
    data = task.load()
    assert list(data.tests) == ["test", "test_longer"]
    for name, split in splits(data):
        low, high = ranges[name]
        shown = show(task, split)
        lengths = [len(one.source) for one in shown]
        assert all(one.target == ANSWERS[kind](one.source) for one in shown)
        assert set("".join(one.source[0] for one in shown)) <= set("abcde")
        assert low <= min(lengths) and max(lengths) <= high
        assert_binned(split.axes["length"], lengths, low, high)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ANSWERS, ids=lambda kind: kind.__name__.lower())
def test_lengths_and_letters_are_even(kind: type) -> None:
    task = kind(symbols=3, train_shortest=2, train_longest=9, test_longest=12)
    for part, among in enumerate(([2, 3, 4, 5, 6, 7, 8, 9],) * 3 + ([10, 11, 12],)):
        shown = show(task, draw(task, 8_000, seed=part, part=part))
        assert all(one.axes == {"length": len(one.source)} for one in shown)
        assert_even(Counter(len(one.source) for one in shown), among)
        for place in (0, 1):
            assert_even(Counter(one.source[place] for one in shown), list("abc"))
            assert_even(Counter(one.source[-1 - place] for one in shown), list("abc"))


def test_one_letter_and_all_of_the_alphabet() -> None:
    task = Reverse(symbols=26, train_shortest=1, train_longest=1, test_longest=None)
    assert {one.source[0] for one in every(task)} == set("abcdefghijklmnopqrstuvwxyz")
    assert [part.name for part in task.split_specs()] == ["train", "valid", "test"]

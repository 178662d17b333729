"""dyck against a stack machine, and the distribution of its words against a list of all words."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from bench.tasks.dyck import Dyck
from tests.unit.tasks.shown import Shown, assert_binned, assert_even, assert_shares, draw, every, show, splits

PARTNER = {"(": ")", "[": "]"}


def run(words: list[str]) -> tuple[str, int, int]:
    """The bracket that closes the top of the stack, the distance of the top from the answer, and the height of the
    stack."""
    stack: list[tuple[str, int]] = []
    for place, word in enumerate(words):
        if word in PARTNER:
            stack.append((word, place))
        else:
            opened, _ = stack.pop()
            assert PARTNER[opened] == word, f"{' '.join(words)}: {word} closes {opened}"
    opened, place = stack[-1]
    return PARTNER[opened], len(words) - place, len(stack)


def assert_right(one: Shown) -> None:
    closing, distance, depth = run(one.source)
    assert one.target == [closing]
    assert one.axes == {"distance": distance, "depth": depth}


@pytest.mark.parametrize(("length", "deepest"), [(3, 1), (3, 3), (4, 4), (12, 3), (13, 13), (31, 6)])
def test_every_word_against_a_stack(length: int, deepest: int) -> None:
    """Every distance and depth occurs, and both kinds of bracket in every role."""
    task = Dyck(length=length, deepest=deepest)
    shown = every(task, 1_000)
    for one in shown:
        assert_right(one)
        assert len(one.source) in (length, length + 1)
    assert {one.axes["distance"] for one in shown} == set(range(1, length + 1, 2))
    assert {one.axes["depth"] for one in shown} == set(range(1, deepest + 1))
    assert {word for one in shown for word in one.source} == {"(", ")", "[", "]"}
    assert_even(Counter(one.target[0] for one in shown), [")", "]"])


@pytest.mark.parametrize("farthest", [None, 10])
def test_every_split_against_a_stack(farthest: int | None) -> None:
    task = Dyck(length=90, deepest=40, train_farthest=farthest, train_size=400, valid_size=100, test_size=200)
    data = task.load()
    seen = (1, 89) if farthest is None else (1, 9)
    assert list(data.tests) == (["test"] if farthest is None else ["test", "test_farther"])
    for name, split in splits(data):
        low, high = (11, 89) if name == "test_farther" else seen
        shown = show(task, split)
        answers = [run(one.source) for one in shown]
        assert [one.target for one in shown] == [[closing] for closing, _, _ in answers]
        distances, depths = [distance for _, distance, _ in answers], [depth for _, _, depth in answers]
        assert low <= min(distances) and max(distances) <= high
        assert_binned(split.axes["distance"], distances, low, high)
        assert_binned(split.axes["depth"], depths, min(depths), max(depths))
    assert task.train_range == {"distance": seen, "depth": (1, 40)}


@pytest.mark.slow
def test_distances_and_depths_are_even() -> None:
    """Depths are limited by the number of tokens before the last open bracket."""
    task = Dyck(length=11, deepest=4)
    shown = show(task, draw(task, 24_000))
    assert_even(Counter(one.axes["distance"] for one in shown), [1, 3, 5, 7, 9, 11])
    for distance, depths in ((1, [1, 2, 3, 4]), (7, [1, 2, 3, 4]), (9, [1, 2, 3]), (11, [1])):
        assert_even(Counter(one.axes["depth"] for one in shown if one.axes["distance"] == distance), depths)


def balanced(length: int) -> list[str]:
    """All balanced words of two kinds of brackets."""
    if length == 0:
        return [""]
    return [
        f"{opening}{inside}{PARTNER[opening]}{after}"
        for size in range(0, length, 2)
        for opening, inside, after in product(PARTNER, balanced(size), balanced(length - 2 - size))
    ]


def prefixes(length: int, height: int) -> list[str]:
    """All prefixes of balanced words with this length, and this many brackets open at the end."""
    words = []
    for letters in product("()[]", repeat=length):
        stack: list[str] = []
        for letter in letters:
            if letter in PARTNER:
                stack.append(PARTNER[letter])
            elif not stack or stack.pop() != letter:
                break
        else:
            if len(stack) == height:
                words.append("".join(letters))
    return words


def test_what_lies_between_is_any_balanced_word() -> None:
    """Five shapes of length 6 (the third Catalan number), two kinds for each of three pairs."""
    words = balanced(6)
    assert len(words) == len(set(words)) == 5 * 2**3
    task = Dyck(length=7, deepest=1)
    shown = [one for one in show(task, draw(task, 48_000)) if one.axes["distance"] == 7]
    assert_even(Counter("".join(one.source[1:]) for one in shown), words)


@pytest.mark.slow
def test_what_stands_before_is_any_word_of_its_height() -> None:
    """For several distances and depths, some of which need one more token."""
    task = Dyck(length=6, deepest=4)
    shown = show(task, draw(task, 60_000))
    for distance, depth, before in ((1, 2, 5), (1, 4, 5), (1, 3, 6), (3, 2, 3), (5, 2, 1)):
        own = [one for one in shown if one.axes == {"distance": distance, "depth": depth}]
        words = prefixes(before, depth - 1)
        counts = Counter("".join(one.source[:before]) for one in own)
        assert {len(one.source) for one in own} == {before + distance}
        assert_shares(counts, {word: 1 / len(words) for word in words})

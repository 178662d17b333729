"""listops, parsed and evaluated by recursive descent."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from bench.errors import UserError
from bench.tasks.listops import Listops
from tests.unit.tasks.shown import assert_binned, assert_even, assert_shares, draw, every, near, show, splits

APPLY = {
    "[MIN": min,
    "[MAX": max,
    "[MED": lambda values: int(statistics.median(values)),
    "[SM": lambda values: sum(values) % 10,
}


@dataclass
class Node:
    """An operation with its arguments, or a digit with none."""

    word: str
    arguments: list[Node] = field(default_factory=list)

    @property
    def value(self) -> int:
        return APPLY[self.word]([each.value for each in self.arguments]) if self.arguments else int(self.word)

    @property
    def depth(self) -> int:
        """Levels, digits included."""
        return 1 + max((each.depth for each in self.arguments), default=0)

    def walk(self, level: int = 1) -> Iterator[tuple[Node, int]]:
        yield self, level
        for each in self.arguments:
            yield from each.walk(level + 1)


def parsed(words: list[str]) -> Node:
    """The expression that all of the words make up."""
    node, rest = _parsed(words)
    assert not rest, f"left over: {rest}"
    return node


def _parsed(words: list[str]) -> tuple[Node, list[str]]:
    first, *rest = words
    if first not in APPLY:
        assert len(first) == 1 and first.isdecimal()
        return Node(first), rest
    node = Node(first)
    while rest[0] != "]":
        argument, rest = _parsed(rest)
        node.arguments.append(argument)
    return node, rest[1:]


def test_the_parser_itself() -> None:
    text = "[SM [MED 1 8 2 ] [MAX 2 9 ] [MED 1 2 ] [MIN 7 3 ] ]"
    assert parsed(text.split()).value == (2 + 9 + 1 + 3) % 10
    assert parsed(text.split()).depth == 3


@pytest.mark.parametrize(
    ("low", "high", "deepest", "most"), [(4, 60, 5, 5), (4, 12, 2, 10), (30, 50, 10, 3), (61, 90, 6, 4), (4, 4, 3, 2)]
)
def test_every_expression_against_a_parser(low: int, high: int, deepest: int, most: int) -> None:
    task = Listops(train_shortest=low, train_longest=high, test_longest=None, deepest=deepest, most_arguments=most)
    depths = set()
    for one in every(task, 400):
        root = parsed(one.source)
        assert one.target == [str(root.value)]
        assert low <= len(one.source) <= high
        assert one.axes == {"length": len(one.source), "depth": root.depth}
        assert root.arguments, "the whole is an operation"
        assert all(2 <= len(node.arguments) <= most for node, _ in root.walk() if node.arguments)
        depths.add(root.depth)
    assert max(depths) == (deepest if high > 4 else 2)


def test_every_split_against_a_parser() -> None:
    task = Listops(
        train_shortest=10, train_longest=60, test_longest=100, deepest=6, most_arguments=5,
        train_size=300, valid_size=60, test_size=80,
    )  # fmt: skip
    for name, split in splits(task.load()):
        low, high = (61, 100) if name == "test_longer" else (10, 60)
        shown = show(task, split)
        roots = [parsed(one.source) for one in shown]
        assert [one.target for one in shown] == [[str(root.value)] for root in roots]
        lengths, depths = [len(one.source) for one in shown], [root.depth for root in roots]
        assert low <= min(lengths) and max(lengths) <= high
        assert_binned(split.axes["length"], lengths, low, high)
        assert_binned(split.axes["depth"], depths, min(depths), max(depths))


@pytest.mark.slow
def test_operations_numbers_and_digits_are_even_and_a_quarter_of_arguments_is_nested() -> None:
    """Where nothing is too short or too long: the longest has five arguments everywhere."""
    task = Listops(train_shortest=4, train_longest=187, test_longest=None, deepest=4, most_arguments=5)
    roots = [parsed(one.source) for one in show(task, draw(task, 4_000))]
    nodes = [(node, level) for root in roots for node, level in root.walk()]
    for level in (1, 2, 3):
        here = [node for node, at in nodes if at == level]
        operations = [node for node in here if node.arguments]
        assert_even(Counter(node.word for node in operations), list(APPLY))
        assert_even(Counter(len(node.arguments) for node in operations), [2, 3, 4, 5])
        if level > 1:
            assert near(len(operations), len(here), 0.25)
            assert_even(Counter(node.word for node in here if not node.arguments), list("0123456789"))
    assert not any(node.arguments for node, at in nodes if at == 4)


def test_what_is_too_long_is_thrown_away_and_the_rest_stays_as_likely() -> None:
    """Of the shortest expressions, every one is as likely as the other, whatever was thrown away."""
    task = Listops(train_shortest=4, train_longest=5, test_longest=None, deepest=3, most_arguments=10)
    shown = show(task, draw(task, 20_000))
    # Two digits and three digits: (1/9) (3/4)^2 beside (1/9) (3/4)^3, and nothing nested is that short.
    assert_shares(Counter(len(one.source) for one in shown), {4: 4 / 7, 5: 3 / 7})
    four = Counter(tuple(one.source[:3]) for one in shown if len(one.source) == 4)
    assert_even(four, [(word, a, b) for word in APPLY for a in "0123456789" for b in "0123456789"])


def test_lengths_that_hardly_any_expression_has_are_refused() -> None:
    task = Listops(train_shortest=44, train_longest=46, test_longest=None, deepest=5, most_arguments=2)
    with pytest.raises(UserError, match="have 44 to 46 tokens, too few for a split") as error:
        task.load()
    assert "task.train_shortest" in str(error.value) and "\n" not in str(error.value)

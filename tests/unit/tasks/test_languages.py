"""The formal languages and bucket sort, each solved again by a plain loop over the words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import pytest

from bench.tasks.bucket_sort import BucketSort
from bench.tasks.cycle_navigation import CycleNavigation
from bench.tasks.even_pairs import EvenPairs
from bench.tasks.modular_arithmetic import ModularArithmetic
from bench.tasks.parity import Parity
from tests.unit.tasks.shown import assert_binned, assert_even, draw, every, show, splits

ANSWER = "even", "odd"


def parity(words: list[str]) -> list[str]:
    odd = False
    for word in words:
        if word == "b":
            odd = not odd
    return [ANSWER[odd]]


def even_pairs(words: list[str]) -> list[str]:
    text = "".join(words)
    return [ANSWER[(len(re.findall("(?=ab)", text)) + len(re.findall("(?=ba)", text))) % 2]]


def walk(words: list[str]) -> list[str]:
    onward = {"0": "1", "1": "2", "2": "3", "3": "4", "4": "0"}
    back = {later: earlier for earlier, later in onward.items()}
    place = "0"
    for word in words:
        place = {"+": onward, "-": back, "=": {place: place}}[word][place]
    return [place]


def evaluate(words: list[str]) -> list[str]:
    """Python's own precedence; only digits and operators in turn get that far."""
    text = "".join(words)
    assert re.fullmatch(r"[0-4]([-+*][0-4])*", text), text
    return [str(eval(text) % 5)]


SOLVED: dict[type, Callable[[list[str]], list[str]]] = {
    Parity: parity,
    EvenPairs: even_pairs,
    CycleNavigation: walk,
    ModularArithmetic: evaluate,
    BucketSort: sorted,
}

each_language = pytest.mark.parametrize("kind", SOLVED, ids=lambda kind: kind.__name__.lower())


@each_language
def test_every_split_against_a_plain_loop(kind: type) -> None:
    task = kind(train_shortest=8, train_longest=21, test_longest=90, train_size=500, valid_size=60, test_size=90)
    ranges = {"train": (8, 21), "valid": (8, 21), "test": (8, 21), "test_longer": (22, 90)}
    data = task.load()
    assert [name for name, _ in splits(data)] == list(ranges)
    for name, split in splits(data):
        shown = show(task, split)
        assert all(one.target == SOLVED[kind](one.source) for one in shown)
        lengths = [len(one.source) for one in shown]
        low, high = ranges[name]
        assert low <= min(lengths) and max(lengths) <= high
        assert_binned(split.axes["length"], lengths, low, high)


@each_language
def test_short_strings_too(kind: type) -> None:
    task = kind(train_shortest=1, train_longest=6, test_longest=9)
    shown = every(task, 3_000)
    assert all(one.target == SOLVED[kind](one.source) for one in shown)
    assert {one.axes["length"] for one in shown} == set(range(1, 10, 2 if kind is ModularArithmetic else 1))


@pytest.mark.parametrize(
    "kind", [kind for kind in SOLVED if kind is not BucketSort], ids=lambda kind: kind.__name__.lower()
)
def test_the_answer_to_a_text_is_that_of_the_loop(kind: type) -> None:
    task = kind()
    for one in every(task, 100):
        assert [task.answer(" ".join(one.source))] == SOLVED[kind](one.source)


@pytest.mark.slow
@each_language
def test_lengths_and_symbols_are_even(kind: type) -> None:
    task = kind(train_shortest=5, train_longest=15, test_longest=20)
    odd_only = kind is ModularArithmetic
    symbols = list("12345") if kind is BucketSort else list(task.symbols[:5] if odd_only else task.symbols)
    for part, (low, high) in ((0, (5, 15)), (3, (16, 20))):
        shown = show(task, draw(task, 6_000, seed=part, part=part))
        assert all(one.axes == {"length": len(one.source)} for one in shown)
        among = [length for length in range(low, high + 1) if length % 2 or not odd_only]
        assert_even(Counter(len(one.source) for one in shown), among)
        for place in (0, 2, 4, -1):
            assert_even(Counter(one.source[place] for one in shown), symbols)
        if odd_only:
            for place in (1, 3, -2):
                assert_even(Counter(one.source[place] for one in shown), ["+", "-", "*"])


@pytest.mark.parametrize(
    ("kind", "answers"), [(Parity, 2), (EvenPairs, 2), (CycleNavigation, 5), (ModularArithmetic, 5)]
)
def test_the_chance_is_one_of_the_answers_there_are(kind: type, answers: int) -> None:
    task = kind(train_shortest=12, train_longest=39, test_longest=None)
    counts = Counter(one.target[0] for one in show(task, draw(task, 10_000)))
    assert len(counts) == answers and task.chance == {"exact_match": 1 / answers}
    # Products make 0 a little more frequent; all else comes as often as the chance says.
    assert all(abs(count / 10_000 - 1 / answers) < 0.03 for count in counts.values()), counts


def test_who_knows_the_length_alone_has_the_chance_of_bucket_sort() -> None:
    task = BucketSort(train_longest=20, test_longest=60, train_size=50, valid_size=10, test_size=300)
    data = task.load()
    targets = [task.target_text(data.tests["test"].tgt[i]).split() for i in range(len(data.tests["test"].tgt))]
    right = [str(5 * place // len(target) + 1) == word for target in targets for place, word in enumerate(target)]
    assert task.chance["token_accuracy"] == pytest.approx(sum(right) / len(right)) and sum(right) > 0.5 * len(right)


def test_bucket_sort_of_few_symbols_and_of_many() -> None:
    for symbols in (2, 9):
        task = BucketSort(symbols=symbols, train_longest=12, test_longest=20)
        shown = every(task)
        assert {word for one in shown for word in one.source} == {str(i) for i in range(1, symbols + 1)}
        assert all(one.target == sorted(one.source) for one in shown)
        assert task.chance["token_accuracy"] == 1 / symbols

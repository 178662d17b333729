"""Targets against oracles written another way, and what cannot be asked for."""

from __future__ import annotations

import pytest

from bench.errors import UserError
from bench.tasks.recall import Recall
from bench.tasks.reverse import Reverse


def test_reverse_against_a_stack() -> None:
    task = Reverse(train_size=300, valid_size=50, test_size=50)
    data = task.load()
    for split in (data.train, *data.tests.values()):
        for i in range(len(split)):
            stack, popped = [], []
            for token in split.src[i]:
                stack.append(token)
            while stack:
                popped.append(stack.pop())
            assert popped == split.tgt[i].tolist()
    assert data.train.src.lengths.min() >= 1 and data.train.src.lengths.max() <= 20
    longer = data.tests["test_longer"].src.lengths
    assert longer.min() >= 21 and longer.max() <= 40


def test_recall_against_a_dictionary_built_from_the_text() -> None:
    task = Recall(train_size=400, valid_size=50, test_size=400)
    data = task.load()
    for split in (data.train, data.tests["test"]):
        for i in range(len(split)):
            words = task.source_text(split.src[i].tolist()).split()
            *facts, query = words
            remembered, place = {}, {}
            for position, word in enumerate(facts):
                if word.startswith("k"):
                    assert word not in remembered, "keys of one source are distinct"
                    remembered[word], place[word] = facts[position + 1], position
            assert len(words) == 33 and len(remembered) == 4
            assert task.target_text(split.tgt[i].tolist()) == remembered[query]
            assert split.axes["distance"][i] == len(facts) - place[query]


def test_recall_distances_are_even() -> None:
    distance = Recall(train_size=16_000).load().train.axes["distance"].tolist()
    counts = {value: distance.count(value) for value in set(distance)}
    assert sorted(counts) == list(range(2, 33, 2))
    # 1,000 expected of each; five standard deviations of a binomial are about 150.
    assert all(850 < count < 1150 for count in counts.values()), counts


@pytest.mark.parametrize(
    ("cls", "changes", "word"),
    [
        (Reverse, {"symbols": 1}, "symbols"),
        (Reverse, {"symbols": 27}, "symbols"),
        (Reverse, {"train_longest": 0}, "train_longest"),
        (Reverse, {"test_longest": 20}, "test_longest"),
        (Reverse, {"valid_size": 0}, "valid_size"),
        (Recall, {"pairs": 17}, "pairs"),
        (Recall, {"keys": 3}, "keys"),
        (Recall, {"values": 1}, "values"),
        (Recall, {"train_size": -1}, "train_size"),
    ],
)
def test_what_cannot_be_is_refused_by_name(cls: type, changes: dict, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        cls(**changes)


def test_too_small_a_space_is_refused() -> None:
    with pytest.raises(UserError, match="distinct sources"):
        Reverse(symbols=2, train_longest=2, test_longest=3, valid_size=100).load()

"""What cannot be is refused in one line that names the field, what it was and what it has to be."""

from __future__ import annotations

import numpy as np
import pytest

from bench.data.examples import MAX_LENGTH
from bench.errors import UserError
from bench.tasks.adding import Adding
from bench.tasks.bucket_sort import BucketSort
from bench.tasks.copy import Copy
from bench.tasks.copy_memory import CopyMemory
from bench.tasks.cycle_navigation import CycleNavigation
from bench.tasks.duplicate import Duplicate
from bench.tasks.dyck import Dyck
from bench.tasks.even_pairs import EvenPairs
from bench.tasks.kinds.generated import check_size
from bench.tasks.listops import Listops
from bench.tasks.modular_arithmetic import ModularArithmetic
from bench.tasks.mqar import Mqar
from bench.tasks.parity import Parity
from bench.tasks.recall import Recall
from bench.tasks.reverse import Reverse
from bench.tasks.selective_copy import SelectiveCopy

KINDS = (
    *(Adding, BucketSort, Copy, CopyMemory, CycleNavigation, Duplicate, Dyck, EvenPairs, Listops, ModularArithmetic),
    *(Mqar, Parity, Recall, Reverse, SelectiveCopy),
)
BY_LENGTH = tuple(kind for kind in KINDS if kind not in (Dyck, Mqar, Recall))


def refused(kind: type, changes: dict, *words: str) -> None:
    """Asserts that it is, in a line with all of the words."""
    with pytest.raises(ValueError) as caught:
        kind(**changes)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_sizes_of_splits(kind: type) -> None:
    for field in ("train_size", "valid_size", "test_size"):
        refused(kind, {field: 0}, f"task.{field} must be at least 1, got 0")
        refused(kind, {field: -3}, f"task.{field} must be at least 1, got -3")
    refused(kind, {"data_seed": -1}, "task.data_seed must be at least 0, got -1")
    assert kind(data_seed=0, train_size=1, valid_size=1, test_size=1).data_seed == 0


@pytest.mark.parametrize("kind", BY_LENGTH, ids=lambda kind: kind.__name__)
def test_lengths_in_their_order(kind: type) -> None:
    least = kind.first
    start = max(least, getattr(kind(), "most_kept", 1))
    order = f"{least} <= task.train_shortest <= task.train_longest < task.test_longest must hold"
    sound = {"train_shortest": start, "train_longest": start + 6, "test_longest": start + 9}
    for changes in (
        {"train_longest": start - 1},
        {"train_shortest": start + 7},
        {"test_longest": start + 6},
        {"test_longest": 0},
    ):
        got = sound | changes
        refused(kind, got, order, f"got {got['train_shortest']}, {got['train_longest']}, {got['test_longest']}")
    if not hasattr(kind, "most_kept"):
        refused(kind, sound | {"train_shortest": least - 1}, order, f"got {least - 1}, ")
    assert kind(**sound).extrapolation_bounds == (start + 7, start + 9)
    assert kind(**sound | {"test_longest": None}).extrapolation_bounds is None


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        (Reverse, {"symbols": 1}, ["task.symbols must be 2 to 26", "got 1"]),
        (Copy, {"symbols": 27}, ["task.symbols must be 2 to 26", "got 27"]),
        (Duplicate, {"symbols": 0}, ["task.symbols must be 2 to 26", "got 0"]),
        (CopyMemory, {"symbols": 1}, ["task.symbols must be 2 to 26", "got 1"]),
        (CopyMemory, {"items": 0}, ["task.items must be at least 1", "got 0"]),
        (SelectiveCopy, {"symbols": 27}, ["task.symbols must be 2 to 26", "got 27"]),
        (SelectiveCopy, {"fewest_kept": 0}, ["1 <= task.fewest_kept <=", "got 0, 8, 16"]),
        (SelectiveCopy, {"fewest_kept": 9}, ["task.fewest_kept <= task.most_kept", "got 9, 8, 16"]),
        (SelectiveCopy, {"train_shortest": 7}, ["task.most_kept <= task.train_shortest", "got 1, 8, 7"]),
        (BucketSort, {"symbols": 1}, ["task.symbols must be 2 to 9", "got 1"]),
        (BucketSort, {"symbols": 10}, ["task.symbols must be 2 to 9", "got 10"]),
        (
            ModularArithmetic,
            {"train_shortest": 4, "train_longest": 4},
            ["no length from 4 to 4 is 1 plus a multiple of 2", "task.train_longest"],
        ),
        (
            ModularArithmetic,
            {"train_longest": 5, "test_longest": 6},
            ["no length from 6 to 6 is 1 plus a multiple of 2", "task.test_longest"],
        ),
        (Recall, {"pairs": 17}, ["task.pairs must be 1 to task.slots (16)", "got 17"]),
        (Recall, {"pairs": 0}, ["task.pairs must be 1 to", "got 0"]),
        (Recall, {"slots": 3}, ["task.pairs must be 1 to task.slots (3)", "got 4"]),
        (Recall, {"keys": 3}, ["task.keys must be at least task.pairs (4)", "got 3"]),
        (Recall, {"values": 1}, ["task.values must be at least 2", "got 1"]),
        (
            Recall,
            {"train_farthest": 32},
            ["task.train_farthest", "below the greatest distance of 16 slots, 32", "got 32"],
        ),
        (Recall, {"train_farthest": 1}, ["task.train_farthest must be at least 2", "got 1"]),
        (Mqar, {"fewest_pairs": 5}, ["task.fewest_pairs must be 1 to task.pairs (4)", "got 5"]),
        (Mqar, {"fewest_pairs": 0}, ["task.fewest_pairs must be 1 to task.pairs (4)", "got 0"]),
        (Mqar, {"length": 15}, ["task.length must be at least 4 * task.pairs (16)", "got 15"]),
        (Mqar, {"vocabulary": 8}, ["task.vocabulary", "at least 2 * task.pairs + 2 (10)", "got 8"]),
        (Mqar, {"vocabulary": 31}, ["task.vocabulary must be even", "got 31"]),
        (Mqar, {"power": 0.0}, ["task.power must be above 0 and at most 1", "got 0.0"]),
        (Mqar, {"power": 1.5}, ["task.power must be above 0 and at most 1", "got 1.5"]),
        (Dyck, {"length": 2}, ["task.length must be at least 3", "got 2"]),
        (Dyck, {"deepest": 0}, ["task.deepest must be 1 to task.length (48)", "got 0"]),
        (Dyck, {"deepest": 49}, ["task.deepest must be 1 to task.length (48)", "got 49"]),
        (Dyck, {"train_farthest": 0}, ["task.train_farthest must be at least 1", "got 0"]),
        (Dyck, {"train_farthest": 47}, ["task.train_farthest", "greatest distance of length 48, 47", "got 47"]),
        (Listops, {"deepest": 1}, ["task.deepest must be at least 2", "got 1"]),
        (Listops, {"most_arguments": 1}, ["task.most_arguments must be at least 2", "got 1"]),
        (
            Listops,
            {"train_shortest": 4, "train_longest": 7, "test_longest": 8, "deepest": 2, "most_arguments": 5},
            ["task.deepest=2", "task.most_arguments=5", "more than 7 tokens", "asks for 8"],
        ),
    ],
    ids=lambda each: each.__name__ if isinstance(each, type) else None,
)
def test_what_else_cannot_be(kind: type, changes: dict, words: list[str]) -> None:
    refused(kind, changes, *words)


@pytest.mark.parametrize(
    ("kind", "least"),
    [
        (Reverse, {"symbols": 2, "train_shortest": 1, "train_longest": 1, "test_longest": 2}),
        (CopyMemory, {"items": 1, "symbols": 2}),
        (SelectiveCopy, {"train_shortest": 3, "fewest_kept": 3, "most_kept": 3}),
        (ModularArithmetic, {"train_shortest": 4, "train_longest": 5, "test_longest": 7}),
        (Recall, {"slots": 4, "pairs": 4, "keys": 4, "values": 2, "train_farthest": 2}),
        (Recall, {"train_farthest": 31}),
        (Mqar, {"length": 16, "pairs": 4, "fewest_pairs": 1, "vocabulary": 10, "power": 1.0}),
        (Dyck, {"length": 3, "deepest": 3, "train_farthest": 1}),
        (Dyck, {"length": 48, "deepest": 48, "train_farthest": 46}),
        (
            Listops,
            {"train_shortest": 4, "train_longest": 6, "test_longest": 7, "deepest": 2, "most_arguments": 5},
        ),
    ],
)
def test_the_least_that_can_be_is_drawn(kind: type, least: dict) -> None:
    task = kind(**least)
    for part in task.split_specs():
        drawn = task.draw(np.random.default_rng(0), 20, part)
        values = drawn.axes[task.axis]
        assert part.low <= values.min() and values.max() <= part.high


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Adding], ids=lambda kind: kind.__name__)
def test_a_text_it_cannot_read(kind: type) -> None:
    task = kind()
    for text in ("", "  ", "what is this", "a b 7!"):
        with pytest.raises(UserError) as caught:
            task.source_ids(text)
        message = str(caught.value)
        assert f"the task {kind.__name__.lower()} reads words" in message and repr(text.strip()) in message
        assert "\n" not in message and task.words()[0] in message


def test_adding_reads_no_text() -> None:
    with pytest.raises(UserError, match="Adding does not read text"):
        Adding().source_ids("0.5* 0.2*")


def test_the_end_token_counts_to_the_longest_sequence() -> None:
    for longest, refused in ((MAX_LENGTH - 1, False), (MAX_LENGTH, True)):
        task = Copy(train_shortest=1, train_longest=4, test_longest=longest, train_size=4, valid_size=2, test_size=2)
        specs = [spec for spec in task.split_specs() if spec.high == longest]
        assert specs
        for spec in specs:
            if refused:
                with pytest.raises(UserError, match="the limit is 8,192"):
                    check_size(task, spec)
            else:
                check_size(task, spec)

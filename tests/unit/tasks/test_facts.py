"""recall and mqar against dictionaries built from the text."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from bench.tasks.mqar import Mqar, distinct_integers
from bench.tasks.recall import Recall
from tests.unit.tasks.shown import Shown, assert_even, assert_shares, draw, every, show, splits


def looked_up(one: Shown, slots: int, pairs: int) -> tuple[list[str], int]:
    """The queried key with its value, and the distance of the key from the query."""
    *facts, query = one.source
    assert len(facts) == 2 * slots
    values, places = {}, {}
    for place in range(0, 2 * slots, 2):
        key, value = facts[place : place + 2]
        if key == ".":
            assert value == "."
            continue
        assert key.startswith("k") and value.startswith("v") and key not in values, "keys of one source are distinct"
        values[key], places[key] = value, place
    assert len(values) == pairs
    return [query, values[query]], 2 * slots - places[query]


@pytest.mark.parametrize("farthest", [None, 7])
def test_recall_against_a_dictionary(farthest: int | None) -> None:
    task = Recall(
        slots=10, pairs=3, keys=5, values=4, train_farthest=farthest, train_size=400, valid_size=60, test_size=80
    )
    data = task.load()
    reached = {"train": 20, "valid": 20, "test": 20} if farthest is None else {"train": 6, "valid": 6, "test": 6}
    assert list(data.tests) == (["test"] if farthest is None else ["test", "test_farther"])
    for name, split in splits(data):
        shown = show(task, split)
        answers = [looked_up(one, slots=10, pairs=3) for one in shown]
        assert [one.target for one in shown] == [fact for fact, _ in answers]
        assert [distance for _, distance in answers] == split.axes["distance"].tolist()
        assert set(split.axes["distance"]) == set(
            range(2, reached[name] + 1, 2) if name in reached else range(8, 21, 2)
        )
    assert task.train_range == {"distance": (2, reached["train"])}


def test_recall_draws_distances_places_keys_and_values_evenly() -> None:
    """The other pairs are uniform over the remaining slots."""
    task = Recall(slots=5, pairs=3, keys=4, values=3)
    shown = show(task, draw(task, 20_000))
    assert_even(Counter(one.axes["distance"] for one in shown), [2, 4, 6, 8, 10])
    assert_even(Counter(one.source[-1] for one in shown), ["k0", "k1", "k2", "k3"])
    assert_even(Counter(one.target[1] for one in shown), ["v0", "v1", "v2"])
    others = [
        tuple(slot for slot in range(5) if one.source[2 * slot] not in (".", one.source[-1]))
        for one in shown
        if one.axes["distance"] == 6
    ]
    assert_even(Counter(others), list(combinations([0, 1, 3, 4], 2)))


def test_one_who_names_any_value_of_recall_has_the_chance() -> None:
    task = Recall(slots=5, pairs=3, keys=4, values=4)
    draw = np.random.default_rng(0)
    right = []
    for one in every(task, 3000):
        named = [word for word in one.source if word.startswith("v")]
        right.append(one.target[1] == named[int(draw.integers(len(named)))])
    assert task.chance["exact_match"] == pytest.approx(1 / 3 + 2 / 3 / 4)
    assert np.mean(right) == pytest.approx(task.chance["exact_match"], abs=0.04)


def test_recall_with_every_slot_taken_and_with_one() -> None:
    for slots, pairs in ((4, 4), (1, 1)):
        task = Recall(slots=slots, pairs=pairs, keys=6, values=9)
        for one in every(task, 300):
            assert looked_up(one, slots, pairs) == (one.target, one.axes["distance"])


def query_positions(one: Shown, length: int, random_fillers: bool) -> list[int]:
    """Positions of the queries after the facts, in pairs of tokens. Asserts every other property of a source."""
    pairs, words = one.axes["pairs"], one.source
    assert len(words) == length
    facts, rest = words[: 2 * pairs], words[2 * pairs :]
    values = dict(zip(facts[::2], facts[1::2], strict=True))
    assert len(values) == pairs, "each key has one fact"
    assert len(set(values.values())) == pairs
    assert all(key[0] == "k" and value[0] == "v" for key, value in values.items())
    queries = [(place, word) for place, word in enumerate(rest) if word in values]
    assert sorted(word for _, word in queries) == sorted(values), "each key is queried once"
    assert all(place % 2 == 0 for place, _ in queries)
    expected = [word for _, key in queries for word in (key, values[key])]
    assert one.target == expected, "facts in the order of the queries"
    fillers = [word for word in rest if word not in values]
    assert all((word[0] in "kv") if random_fillers else (word == ".") for word in fillers)
    return [place // 2 for place, _ in queries]


@pytest.mark.parametrize("random_fillers", [False, True])
def test_mqar_against_a_dictionary(random_fillers: bool) -> None:
    task = Mqar(
        length=24, pairs=5, fewest_pairs=2, vocabulary=16, random_fillers=random_fillers,
        train_size=400, valid_size=60, test_size=80,
    )  # fmt: skip
    for _, split in splits(task.load()):
        shown = show(task, split)
        for one in shown:
            query_positions(one, 24, random_fillers)
        assert {one.axes["pairs"] for one in shown} == {2, 3, 4, 5}
    assert task.train_range == {"pairs": (2, 5)}


@pytest.mark.parametrize("random_fillers", [False, True])
def test_mqar_as_full_as_can_be(random_fillers: bool) -> None:
    """As many facts as fit, and all keys except one."""
    task = Mqar(length=12, pairs=3, vocabulary=8, random_fillers=random_fillers)
    for one in every(task, 500):
        assert len(query_positions(one, 12, random_fillers)) == one.axes["pairs"] == 3
    assert {word for one in every(task) for word in one.source if word != "."} == {
        f"{k}{i}" for k in "kv" for i in range(4)
    }


def test_random_fillers_are_even_among_what_may_be_one() -> None:
    task = Mqar(length=40, pairs=2, vocabulary=12)
    shown = show(task, draw(task, 3_000))
    fillers = Counter(word for one in shown for word in one.source[4:] if word not in one.source[:4:2])
    # A value may be a filler of every source, a key only where it is not one of the two of six asked for.
    share = {"v": 1 / 10, "k": 1 / 10 * 4 / 6}
    assert_shares(fillers, {f"{kind}{i}": share[kind] for kind in "kv" for i in range(6)})


@pytest.mark.parametrize("pairs", [2, 9])
def test_mqar_draws_numbers_keys_and_values_evenly(pairs: int) -> None:
    """With few facts, and with so many that random keys are ranked instead of redrawn until they differ."""
    task = Mqar(length=4 * pairs, pairs=pairs, fewest_pairs=1, vocabulary=40, random_fillers=False)
    shown = show(task, draw(task, 8_000))
    assert_even(Counter(one.axes["pairs"] for one in shown), list(range(1, pairs + 1)))
    most = [one for one in shown if one.axes["pairs"] == pairs]
    for place, kind in ((0, "k"), (1, "v"), (2 * pairs - 2, "k"), (2 * pairs - 1, "v")):
        assert_even(Counter(one.source[place] for one in most), [f"{kind}{i}" for i in range(20)])


@pytest.mark.slow
@pytest.mark.parametrize("power", [0.01, 0.5, 1.0])
def test_queries_are_placed_by_the_power_law(power: float) -> None:
    """The query of the first fact is at position i with probability proportional to i ** (power - 1), that of the
    second likewise among the remaining positions."""
    task = Mqar(length=18, pairs=2, vocabulary=20, random_fillers=False, power=power)
    shown = show(task, draw(task, 20_000))
    weights = np.arange(1, 8) ** (power - 1.0)
    first = weights / weights.sum()
    second = [sum(first[j] * first[i] / (1 - first[j]) for j in range(7) if j != i) for i in range(7)]
    for fact, shares in enumerate((first, second)):
        places = Counter(one.source[4:].index(one.source[2 * fact]) // 2 for one in shown)
        assert_shares(places, dict(enumerate(shares)))


def test_the_chance_of_all_answers_is_the_mean_over_their_numbers() -> None:
    task = Mqar(length=32, pairs=3, fewest_pairs=1, vocabulary=8)
    one = pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert task.chance == {"facts": one, "values": one, "exact_match": pytest.approx((1 + 1 / 4 + 1 / 27) / 3)}
    assert Mqar(length=32, pairs=3, vocabulary=8).chance["exact_match"] == pytest.approx(1 / 27)


@pytest.mark.parametrize("one_stack", [True, False])
def test_one_who_names_any_value_of_the_source_has_the_chance(one_stack: bool) -> None:
    task = Mqar(length=32, pairs=3, vocabulary=64, train_size=10, valid_size=10, test_size=2000, one_stack=one_stack)
    split = task.load().tests["test"]
    draw = np.random.default_rng(0)
    right = [
        split.src[i][2 * int(draw.integers(3)) + 1] == split.tgt[i][0 if one_stack else 1] for i in range(len(split))
    ]
    expected = task.chance["token_accuracy" if one_stack else "values"]
    assert np.mean(right) == pytest.approx(expected, abs=0.04)


def test_many_distinct_numbers_are_drawn_in_no_time() -> None:
    """Redrawing rows until none has a repetition would never end here."""
    rows = distinct_integers(np.random.default_rng(0), 50, high=4096, size=1000)
    assert rows.shape == (50, 1000) and all(len(set(row)) == 1000 for row in rows.tolist())
    assert rows.min() >= 0 and rows.max() < 4096


def test_distinct_numbers_are_distinct_in_every_row_and_even() -> None:
    """Rows with a repetition are redrawn until none is left."""
    for seed in range(30):
        rows = distinct_integers(np.random.default_rng(seed), 300, high=40, size=8)
        assert all(len(set(row)) == 8 for row in rows.tolist())
        assert_even(Counter(rows.flatten().tolist()), list(range(40)))

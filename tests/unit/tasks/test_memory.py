"""copy_memory, selective_copy and adding: what was read a long time ago."""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from bench.tasks.adding import CONSTANT_MSE, Adding
from bench.tasks.copy_memory import CopyMemory
from bench.tasks.selective_copy import SelectiveCopy
from tests.unit.tasks.shown import SIGMAS, assert_binned, assert_even, draw, every, show, splits

SIZES = {"train_size": 300, "valid_size": 40, "test_size": 50}


def test_copy_memory_against_the_text() -> None:
    task = CopyMemory(train_shortest=3, train_longest=40, test_longest=60, items=4, symbols=6, **SIZES)
    for name, split in splits(task.load()):
        low, high = (41, 60) if name == "test_longer" else (3, 40)
        blanks = []
        for one in show(task, split):
            items, rest = one.source[:4], one.source[4:]
            assert set(items) <= set("abcdef") and one.target == items
            assert rest[-1] == ":" and set(rest[:-1]) == {"."}
            blanks.append(len(rest) - 1)
        assert low <= min(blanks) and max(blanks) <= high
        assert_binned(split.axes["blanks"], blanks, low, high)


def test_copy_memory_draws_blanks_and_symbols_evenly() -> None:
    task = CopyMemory(train_shortest=1, train_longest=8, test_longest=9)
    shown = show(task, draw(task, 8_000))
    assert all(one.axes == {"blanks": one.source.count(".")} for one in shown)
    assert_even(Counter(one.axes["blanks"] for one in shown), [1, 2, 3, 4, 5, 6, 7, 8])
    for place in (0, 9):
        assert_even(Counter(one.target[place] for one in shown), list("abcdefgh"))


def test_copy_memory_spreads_its_loss_over_what_the_paper_counts() -> None:
    """Blanks until the mark and the ten symbols after it: T + 20 positions."""
    data = (task := CopyMemory(train_shortest=30, train_longest=30, test_longest=50, **SIZES)).load()
    assert task.loss_positions(data.tests["test"]).tolist() == [50] * 50
    assert task.chance_loss(data.tests["test"]) == pytest.approx(10 * math.log(8) / 50)
    longer = data.tests["test_longer"]
    positions = [one.source.count(".") + 20 for one in show(task, dict(splits(data))["test_longer"])]
    assert task.loss_positions(longer).tolist() == positions
    assert task.chance_loss(longer) == pytest.approx(50 * 10 * math.log(8) / sum(positions))


def test_selective_copy_against_the_text() -> None:
    task = SelectiveCopy(
        train_shortest=6, train_longest=20, test_longest=30, fewest_kept=2, most_kept=6, symbols=5, **SIZES
    )
    for name, split in splits(task.load()):
        low, high = (21, 30) if name == "test_longer" else (6, 20)
        shown = show(task, split)
        for one in shown:
            assert one.target == [word for word in one.source if word != "."]
            assert set(one.target) <= set("abcde")
        lengths, kept = [len(one.source) for one in shown], [len(one.target) for one in shown]
        assert low <= min(lengths) and max(lengths) <= high and set(kept) == {2, 3, 4, 5, 6}
        assert_binned(split.axes["length"], lengths, low, high)
        assert split.axes["kept"].tolist() == kept
    assert task.train_range == {"length": (6, 20), "kept": (2, 6)}


def test_selective_copy_chooses_lengths_numbers_places_and_symbols_evenly() -> None:
    task = SelectiveCopy(train_shortest=4, train_longest=7, test_longest=None, most_kept=4, symbols=3)
    shown = show(task, draw(task, 16_000))
    assert all(one.axes == {"length": len(one.source), "kept": len(one.target)} for one in shown)
    assert_even(Counter(len(one.source) for one in shown), [4, 5, 6, 7])
    assert_even(Counter(len(one.target) for one in shown), [1, 2, 3, 4])
    assert_even(Counter(one.target[0] for one in shown), list("abc"))
    for length, kept in ((6, 2), (7, 3), (4, 4)):
        of_these = [one.source for one in shown if (len(one.source), one.axes["kept"]) == (length, kept)]
        places = Counter(tuple(i for i, word in enumerate(source) if word != ".") for source in of_these)
        assert_even(places, list(combinations(range(length), kept)))


def values(task: Adding, drawn) -> list[tuple[list[tuple[float, float]], list[list[float]], dict[str, int]]]:
    """Pairs of number and marker, the target, and the axes of each example."""
    axes = [dict(zip(drawn.axes, each, strict=True)) for each in zip(*drawn.axes.values(), strict=True)]
    return [(drawn.src[i].tolist(), drawn.tgt[i].tolist(), axes[i]) for i in range(len(drawn.src))]


def test_adding_against_the_values() -> None:
    task = Adding(train_shortest=2, train_longest=12, test_longest=30, **SIZES)
    for name, split in splits(task.load()):
        low, high = (13, 30) if name == "test_longer" else (2, 12)
        lengths, distances = [], []
        for source, target, _ in values(task, split):
            marked = [place for place, (_, marker) in enumerate(source) if marker]
            assert len(marked) == 2 and {marker for _, marker in source} <= {0.0, 1.0}
            assert all(0 <= number < 1 for number, _ in source)
            assert len(target) == 1 and target[0][0] == np.float32(source[marked[0]][0]) + np.float32(
                source[marked[1]][0]
            )
            lengths.append(len(source))
            distances.append(len(source) - marked[0])
        assert low <= min(lengths) and max(lengths) <= high
        assert_binned(split.axes["length"], lengths, low, high)
        assert_binned(split.axes["distance"], distances, min(distances), max(distances))


def test_adding_shows_what_it_holds() -> None:
    task = Adding(train_shortest=3, train_longest=9, test_longest=None)
    drawn = draw(task, 200)
    for (source, target, axes), one in zip(values(task, drawn), show(task, drawn), strict=True):
        assert [word.endswith("*") for word in one.source] == [marker == 1 for _, marker in source]
        assert [float(word.rstrip("*")) for word in one.source] == pytest.approx(
            [number for number, _ in source], abs=6e-5
        )
        assert [float(word) for word in one.target] == pytest.approx([target[0][0]], abs=6e-7)
        marked = [place for place, word in enumerate(one.source) if word.endswith("*")]
        assert axes == {"length": len(one.source), "distance": len(one.source) - min(marked)}


def test_adding_marks_any_two_places_and_draws_numbers_evenly() -> None:
    task = Adding(train_shortest=3, train_longest=5, test_longest=None)
    examples = values(task, draw(task, 9_000))
    assert_even(Counter(len(source) for source, _, _ in examples), [3, 4, 5])
    for length in (3, 5):
        sources = [source for source, _, _ in examples if len(source) == length]
        marked = Counter(tuple(place for place, (_, marker) in enumerate(source) if marker) for source in sources)
        assert_even(marked, list(combinations(range(length), 2)))
    assert_even(Counter(int(10 * number) for source, _, _ in examples for number, _ in source[:1]), list(range(10)))


def test_the_best_constant_has_the_error_that_is_the_chance_line() -> None:
    task = Adding(train_shortest=4, train_longest=4, test_longest=None)
    sums = draw(task, 20_000).tgt.tokens[:, 0].astype(float)
    squares = (sums - 1.0) ** 2
    assert abs(squares.mean() - 1 / 6) < SIGMAS * squares.std() / math.sqrt(len(squares))
    assert task.chance == {"mse": CONSTANT_MSE} and CONSTANT_MSE == 1 / 6


def test_a_sum_within_a_twenty_fifth_counts_as_right() -> None:
    task = Adding()
    right = task.correct(["1.0", "1.0399", "0.9601", "1.0401", "0.95", "nan"], ["1.0"] * 6)
    assert right.tolist() == [True, True, True, False, False, False]


def test_nothing_is_left_of_the_markers_in_a_row_of_two() -> None:
    shown = every(Adding(train_shortest=2, train_longest=2, test_longest=None), 50)
    assert all(word.endswith("*") for one in shown for word in one.source) and all(
        one.axes["distance"] == 2 for one in shown
    )

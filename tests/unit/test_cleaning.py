"""Which training pairs are left out, and that each is counted once."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.cleaning import Cleaning, normalise_spaces, select_by_length, select_by_text
from bench.data.text import ParallelText
from bench.errors import UserError

ANY = Cleaning(overlap="source", duplicates=True, max_length=1000, max_ratio=None)
HELD_OUT = {
    "val": ParallelText.of_pairs([("a", "x"), ("b", "y")]),
    "test": ParallelText.of_pairs([("c", "z"), ("c", "z")]),
}


@pytest.mark.parametrize(
    ("overlap", "kept"),
    [("source", [("d", "x"), ("d", "w"), ("e", "z")]), ("either", [("d", "w")])],
)
def test_pairs_that_are_also_held_out_are_left_out_and_counted(overlap, kept):
    train = ParallelText.of_pairs([("a", "x"), ("d", "x"), ("c", "w"), ("d", "w"), ("e", "z"), ("a", "v")])
    counts = Counter()
    rules = Cleaning(overlap, True, 1000, None)
    assert select_by_text(train, HELD_OUT, rules, counts) == ParallelText.of_pairs(kept)
    assert counts["train_pairs"] == 6 and counts["train_removed_overlap"] == 6 - len(kept)
    assert counts["train_overlap_val"] == 1 and counts["train_overlap_test"] == 2, "held-out lines, not training lines"


@pytest.mark.parametrize(("allowed", "removed"), [(True, 0), (False, 2)])
def test_duplicate_pairs_are_counted_and_left_out_where_asked(allowed, removed):
    train = ParallelText.of_pairs([("d", "w"), ("d", "v"), ("d", "w"), ("e", "w"), ("d", "w"), ("a", "x"), ("a", "x")])
    counts = Counter()
    kept = select_by_text(train, HELD_OUT, Cleaning("source", allowed, 1000, None), counts)
    assert counts["train_duplicate_pairs"] == 3 and counts["train_removed_duplicates"] == removed
    assert len(kept.sources) == 5 - removed
    assert list(dict.fromkeys(zip(*kept))) == [("d", "w"), ("d", "v"), ("e", "w")], "the first ones, in their order"


def test_nothing_may_be_left():
    counts = Counter()
    kept = select_by_text(
        ParallelText.of_pairs([("a", "x")] * 2), HELD_OUT, Cleaning("source", False, 1000, None), counts
    )
    assert kept == ([], []) and counts["train_removed_overlap"] == 2


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1), st.integers(1, 30), st.floats(1, 10))
def test_every_pair_that_does_not_fit_is_counted_once(lengths, longest, ratio):
    sources, targets = np.array(lengths).T
    counts = Counter()
    fits = select_by_length(sources, targets, Cleaning("source", True, longest, ratio), counts)
    for fit, source, target in zip(fits, sources, targets):
        assert fit == (max(source, target) <= longest and max(source, target) / min(source, target) <= ratio + 1e-9)
    assert counts["train_kept"] == fits.sum()
    assert counts["train_dropped_long"] == sum(max(pair) > longest for pair in lengths)
    assert sum(counts.values()) == len(lengths)


def test_no_ratio_leaves_out_nothing():
    counts = Counter()
    assert (
        select_by_length(np.array([1, 9]), np.array([9, 1000]), ANY, counts).all()
        and counts["train_dropped_ratio"] == 0
    )


def test_white_space_is_one_space_and_lines_changed_are_counted():
    counts = Counter()
    text = ParallelText(["a b", " a\u00a0 b ", "a\u2028b"], ["c", "c ", "c\rd"])
    assert normalise_spaces(text, counts) == (["a b"] * 3, ["c", "c", "c d"])
    assert counts["lines_tidied"] == 4


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("overlap", value) for value in ("target", "", None)),
        *(("duplicates", value) for value in (1, "yes", None)),
        *(("max_length", value) for value in (0, True, 2.5, None)),
        *(("max_ratio", value) for value in (0.5, -1, float("nan"))),
    ],
)
def test_rules_that_cannot_be_are_refused(field, value):
    rules = {"overlap": "source", "duplicates": True, "max_length": 100, "max_ratio": None}
    with pytest.raises(ValueError, match=f"{field}="):
        Cleaning(**{**rules, field: value})


def test_fewer_training_pairs_are_a_part_of_more_and_the_rest_is_counted() -> None:
    lengths = np.array([5, 900, *range(1, 99)])
    kept = {}
    for pairs in (10, 40, 99):
        counts: Counter[str] = Counter()
        kept[pairs] = select_by_length(lengths, lengths, Cleaning("source", True, 100, None, pairs), counts)
        assert kept[pairs].sum() == counts["train_kept"] == pairs and counts["train_dropped_long"] == 1
        assert counts["train_beyond_pairs"] == 99 - pairs
    assert (kept[10] <= kept[40]).all() and not kept[99][1], "a pair that is too long is not chosen"
    assert 0.3 < np.flatnonzero(kept[40]).mean() / 100 < 0.7, "from the whole text, not from its beginning"


def test_more_training_pairs_than_there_are_is_refused() -> None:
    with pytest.raises(UserError, match="train_pairs=3: there are 2 training pairs"):
        select_by_length(np.array([1, 2]), np.array([1, 2]), Cleaning("source", True, 9, None, 3), Counter())
    for wrong in (0, -1, True, 2.5, "many"):
        with pytest.raises(ValueError, match="train_pairs=.*must be a positive whole number, or null"):
            Cleaning("source", True, 9, None, wrong)

"""Ragged arrays beside plain lists of lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.ragged import Ragged, lengths_with_end

IDS = st.lists(st.integers(0, 2**31 - 1), max_size=6)
NUMBERS = st.lists(st.tuples(*[st.floats(-10, 10, width=32)] * 2).map(list), max_size=6)
MANY = st.lists(IDS, max_size=7)
MANY_VALUES = st.lists(NUMBERS, min_size=1, max_size=7)


def of(sequences: list[list]) -> Ragged:
    """By the constructor alone, ids or pairs of values."""
    flat = [each for sequence in sequences for each in sequence]
    pairs = any(isinstance(each, list) for each in flat)
    tokens = np.array(flat, dtype=np.float32).reshape(-1, 2) if pairs else np.array(flat, dtype=np.int32)
    return Ragged(tokens, np.array([sum(map(len, sequences[:i])) for i in range(len(sequences) + 1)], dtype=np.int64))


def plain(ragged: Ragged) -> list[list]:
    assert ragged.offsets.dtype == np.int64 and ragged.offsets[0] == 0 and ragged.offsets[-1] == len(ragged.tokens)
    return [ragged[i].tolist() for i in range(len(ragged))]


@given(MANY)
def test_of_any_sequences(sequences: list[list[int]]) -> None:
    ragged = Ragged.of(np.array(each) if len(each) % 2 else each for each in sequences)
    assert plain(ragged) == sequences == plain(of(sequences)) and ragged.tokens.dtype == np.int32
    assert len(ragged) == len(sequences) and ragged.lengths.tolist() == [len(each) for each in sequences]
    assert ragged.kind == "tokens"
    assert lengths_with_end(ragged).tolist() == [len(each) + 1 for each in sequences]


@pytest.mark.parametrize("kind", ["tokens", "values"])
@given(data=st.data())
def test_take_is_a_list_of_items(kind: str, data: st.DataObject) -> None:
    sequences = data.draw(MANY if kind == "tokens" else MANY_VALUES)
    ragged = of(sequences)
    places = data.draw(st.lists(st.integers(0, len(sequences) - 1), max_size=9) if sequences else st.just([]))
    taken = ragged.take(np.array(places, dtype=np.int64))
    assert plain(taken) == [sequences[place] for place in places]
    assert taken.tokens.dtype == ragged.tokens.dtype and taken.tokens.shape[1:] == ragged.tokens.shape[1:]
    mask = data.draw(st.lists(st.booleans(), min_size=len(sequences), max_size=len(sequences)))
    wanted = [sequence for sequence, chosen in zip(sequences, mask, strict=True) if chosen]
    assert plain(ragged.take(np.array(mask, dtype=bool))) == wanted


@pytest.mark.parametrize("kind", ["tokens", "values"])
@given(data=st.data())
def test_joined_is_a_sum_of_lists(kind: str, data: st.DataObject) -> None:
    parts = data.draw(
        st.lists(MANY, min_size=1, max_size=4) if kind == "tokens" else st.lists(MANY_VALUES, min_size=1, max_size=3)
    )
    if kind == "values":  # a part in which nothing shows that it is one of values is left out
        parts = [part for part in parts if any(part)] or [[[[0.5, 1.0]]]]
    joined = Ragged.joined([of(part) for part in parts])
    assert plain(joined) == [sequence for part in parts for sequence in part]
    assert joined.kind == kind and joined.tokens.dtype == (np.float32 if kind == "values" else np.int32)


@pytest.mark.parametrize("channels", [None, 1, 3])
@given(data=st.data())
def test_rows_up_to_their_lengths(channels: int | None, data: st.DataObject) -> None:
    count, width = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 6))
    shape = (count, width) if channels is None else (count, width, channels)
    rows = np.arange(np.prod(shape), dtype=np.int64 if channels is None else np.float64).reshape(shape)
    lengths = data.draw(st.lists(st.integers(0, width), min_size=count, max_size=count))
    cut = Ragged.of_rows(rows, np.array(lengths))
    assert plain(cut) == [row[:length].tolist() for row, length in zip(rows, lengths, strict=True)]
    assert cut.kind == ("tokens" if channels is None else "values")
    assert cut.tokens.dtype == (np.int32 if channels is None else np.float32)
    assert lengths_with_end(cut).tolist() == [length + (channels is None) for length in lengths]
    assert plain(Ragged.of_rows(rows)) == rows.tolist()

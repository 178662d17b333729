"""Ranks of keys: those of a stable sort, on every processor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.tasks.kinds.orders import lowest_indices

KEYS = st.lists(st.sampled_from([0.0, 2.0**-24, 0.25, 0.5, 0.75, 2.0, 1e30]), min_size=1, max_size=40)


@given(KEYS, st.data())
def test_as_python_sorts(keys: list[float], data: st.DataObject) -> None:
    count = data.draw(st.none() | st.integers(1, len(keys)))
    first = data.draw(st.none() | st.integers(0, len(keys) - 1))
    if first is not None:
        keys[first] = -1.0
    wanted = sorted(range(len(keys)), key=lambda place: keys[place])[:count]
    indices = lowest_indices(np.array([keys, keys], dtype=np.float32), count)
    assert indices.tolist() == [wanted, wanted] and indices.dtype == np.int64


@pytest.mark.parametrize("count", [None, 7])
def test_long_rows_with_many_equal_keys(count: int | None) -> None:
    keys = np.random.default_rng(0).integers(0, 9, size=(40, 700)).astype(np.float32)
    assert np.array_equal(lowest_indices(keys, count), keys.argsort(axis=1, kind="stable")[:, :count])

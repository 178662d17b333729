"""Hashes of sources, and the split that each one decides."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.ragged import Ragged
from bench.data.splits import SHARES, belongs, share_of, source_hashes
from tests.unit.tasks.shown import near

MASK = 2**64 - 1

TOKENS = [
    *(0xA706DD2F4D197E6F, 0xB8F1A72E7B5F2B77, 0x5656D9E97572B0F5, 0xD5351ADE43AAE778),
    *(0x86BF6861A6AE7A9B, 0x7EE2F3EA86417BB7, 0x441E1CBA764BD5AF),
]
VALUES = [0x9497FCEE0C4A7643, 0x3E37792D99049E31, 0xF9FCF6C245B2A08E]


def scrambled(value: int) -> int:
    """SplitMix64's next number after a state, in Python's own integers."""
    value = (value + 0x9E3779B97F4A7C15) & MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def hashed(elements: list[tuple[int, ...]]) -> int:
    """The hash of a sequence, each element given by the bits of its channels."""
    joined = 0
    for mixed, element in enumerate(elements):
        for channel in element:
            mixed = scrambled((mixed << 32 & MASK) ^ (mixed >> 32) ^ channel)
        joined ^= mixed
    return scrambled(joined ^ scrambled(len(elements)))


def all_strings(symbols: int, longest: int) -> Ragged:
    """Every string over ids from 4 on, the empty one first."""
    return Ragged.of(s for length in range(longest + 1) for s in product(range(4, 4 + symbols), repeat=length))


@given(st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=5), max_size=5))
def test_hashes_in_pythons_integers(sequences: list[list[int]]) -> None:
    hashes = source_hashes(Ragged.of(sequences))
    assert hashes.dtype == np.uint64
    assert hashes.tolist() == [hashed([(each,) for each in sequence]) for sequence in sequences]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_hashes_of_values_are_of_their_bits(lengths: list[int], random) -> None:
    rows = np.array(
        [[[random.random(), random.choice((0.0, 1.0))] for _ in range(5)] for _ in lengths], dtype=np.float32
    )
    hashes = source_hashes(Ragged.of_rows(rows, np.array(lengths)))
    bits = rows.view(np.uint32).tolist()
    assert hashes.tolist() == [
        hashed(list(map(tuple, row[:length]))) for row, length in zip(bits, lengths, strict=True)
    ]


def test_a_few_hashes_as_they_were_when_data_were_first_drawn() -> None:
    """A change of any of these makes other data for every task."""
    tokens = source_hashes(Ragged.of([[], [4], [5], [4, 5], [5, 4], [4, 4], [2**31 - 1]]))
    assert tokens.tolist() == TOKENS
    values = source_hashes(Ragged.of_rows(np.array([[[0.5, 1.0]], [[1.0, 0.5]], [[0.5, 0.0]]], dtype=np.float32)))
    assert values.tolist() == VALUES


def test_no_two_short_strings_share_a_hash() -> None:
    strings = all_strings(symbols=3, longest=10)
    assert len(strings) == (3**11 - 1) // 2
    hashes = source_hashes(strings)
    assert len(np.unique(hashes)) == len(strings)
    # The lower half alone, where two of 88,573 in 2**32 meet once on average.
    assert len(strings) - len(np.unique(hashes & np.uint64(2**32 - 1))) <= 6


def test_every_source_belongs_to_one_split_and_the_shares_are_eight_to_one_to_one() -> None:
    strings = all_strings(symbols=3, longest=10)
    hashes = source_hashes(strings)
    own = {name: belongs(name, hashes) for name in SHARES}
    assert np.all(sum(mask.astype(int) for mask in own.values()) == 1)
    assert {name: share_of(name) for name in SHARES} == {"train": 0.8, "valid": 0.1, "test": 0.1}
    lengths, tokens = strings.lengths, np.array([strings.tokens[max(0, end - 1)] for end in strings.offsets[1:]])
    for name, mask in own.items():
        assert near(int(mask.sum()), len(strings), share_of(name))
        # Whatever one looks at, the length or the last symbol, the shares are the same.
        for chosen in (lengths == 10, lengths == 8, (lengths == 10) & (tokens == 4), (lengths == 10) & (tokens == 6)):
            assert near(int(mask[chosen].sum()), int(chosen.sum()), share_of(name))


@pytest.mark.parametrize("seed", range(3))
def test_a_hash_does_not_depend_on_what_stands_beside(seed: int) -> None:
    strings = all_strings(symbols=2, longest=7)
    order = np.random.default_rng(seed).permutation(len(strings))
    assert np.array_equal(source_hashes(strings.take(order)), source_hashes(strings)[order])

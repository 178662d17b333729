"""Combinations of known words that training never sees: one in ten of the pairs adjective-noun and verb-object."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

ONE_IN = 10


def held_out(first: str, second: str) -> bool:
    """Whether a pair of German words is reserved for the test of unseen combinations.

    >>> held_out("alt", "Mann"), held_out("alt", "Mann")
    (False, False)
    """
    return crc32(f"{first} {second}".encode()) % ONE_IN == 0


def seen(word: str, others: Sequence[str]) -> list[int]:
    """Indices of the `others` that training combines with the word. If all pairs are held out, the first is used."""
    return [i for i, other in enumerate(others) if not held_out(word, other)] or [0][: len(others)]

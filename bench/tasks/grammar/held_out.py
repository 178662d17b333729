"""Combinations of known words that training never sees: one in ten of adjective and noun, and of verb and object."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

ONE_IN = 10


def held_out(one: str, other: str) -> bool:
    """Whether two German words are kept for the test of unseen combinations.

    >>> held_out("alt", "Mann"), held_out("alt", "Mann")
    (False, False)
    """
    return crc32(f"{one} {other}".encode()) % ONE_IN == 0


def seen(word: str, others: Sequence[str]) -> list[int]:
    """Places in `others` of those that go with the word in training; where all are held out, the first does."""
    return [i for i, other in enumerate(others) if not held_out(word, other)] or [0][: len(others)]

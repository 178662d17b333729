"""Checks that no pair and no letter of a text gets lost without a count.

A second, simpler reading of the same files counts their pairs and letters. Whatever the first reading lost on the way,
by an error of this program, is found here, whichever function lost it."""

from __future__ import annotations

import csv
import gzip
import itertools
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bench.data.counts import LEFT_OUT, SPLIT_OFF
from bench.data.text import ParallelText
from bench.data.unicode import FILLERS
from bench.errors import DataError

FAULT = "this is an error of the program, please report it"

_GZIP = b"\x1f\x8b"

Pairs = Iterable[tuple[str, str]]


def plain_lines(path: Path | str) -> Iterator[str]:
    """The lines of a UTF-8 file, compressed if its first bytes say so."""
    with open(path, "rb") as file:
        opened = gzip.open if file.read(len(_GZIP)) == _GZIP else open
    with opened(path, "rt", encoding="utf-8-sig", newline="\n") as lines:
        yield from lines


def plain_rows(path: Path | str, separator: str, quoted: bool, header: bool) -> Iterator[list[str]]:
    """The cells of each row of a table below its header."""
    lines = plain_lines(path)
    rows = csv.reader(lines, delimiter=separator) if quoted else (line.split(separator) for line in lines)
    yield from itertools.islice(rows, int(header), None)


def letters(lines: Iterable[str]) -> Counter[str]:
    """How often each letter and digit occurs, whatever the normal form of the text: decomposed, without marks."""
    characters: Counter[str] = Counter()
    for line in lines:
        characters.update(unicodedata.normalize("NFD", line))
    return Counter({character: count for character, count in characters.items() if character.isalnum()})


def check_reading(where: str, pairs: Pairs, text: ParallelText, dropped: int) -> int:
    """Compares a text with the pairs of a second reading; returns their number.

    dropped: pairs that the text lacks, and that were counted because a side is empty. Raises DataError if a pair is
    missing that was not counted, or if a letter is missing or new."""
    number = 0
    whole: tuple[Counter[str], Counter[str]] = Counter(), Counter()
    surely_kept: tuple[Counter[str], Counter[str]] = Counter(), Counter()
    for pair in pairs:
        number += 1
        normal = [unicodedata.normalize("NFD", side) for side in pair]
        for side in (0, 1):
            whole[side].update(normal[side])
        if dropped and all(any(c.isalnum() and c not in FILLERS for c in side) for side in normal):
            for side in (0, 1):
                surely_kept[side].update(normal[side])
    if number != len(text.sources) + dropped:
        raise DataError(
            f"{where}: {number:,} pairs, of which {len(text.sources):,} were read and {dropped:,} left out; {FAULT}"
        )
    for side, lines in enumerate(text):
        own = letters(lines)
        least = surely_kept[side] if dropped else whole[side]
        missing = Counter({c: n for c, n in least.items() if c.isalnum()}) - own
        added = own - whole[side]
        if missing or added:
            name = ("source", "target")[side]
            raise DataError(
                f"{where}, {name}: reading lost {missing.total():,} letters and added {added.total():,}; {FAULT}"
            )
    return number


def check_pairs(pairs_read: int, pairs_kept: int, counts: Mapping[str, int]) -> None:
    """Raises DataError unless every training pair was kept, counted as left out, or split off."""
    left_out, split_off = (sum(counts.get(key, 0) for key in keys) for keys in (LEFT_OUT, SPLIT_OFF))
    if pairs_read != pairs_kept + left_out + split_off:
        raise DataError(
            f"{pairs_read:,} training pairs were read, but {pairs_kept:,} kept, {left_out:,} left out and "
            f"{split_off:,} split off; {FAULT}"
        )

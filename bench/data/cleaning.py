"""Which pairs of a parallel text are trained on. What is left out is counted; held-out text is never touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.data.text import EMPTY, Parallel, paired

SIDES = {"source": (0,), "either": (0, 1)}
"""For each value of `Cleaning.overlap`, the sides of a training pair that are compared with held-out text."""

MOST_RATIO = 1_000_000


@dataclass(frozen=True)
class Cleaning:
    """What is left out of training.

    overlap: pairs of which the `source`, or `either` side, is also there in held-out text. duplicates: whether a pair
    may stand there twice. max_length, max_ratio: subwords of the longer side; subwords of the longer side for each of
    the shorter one. None: any. Raises ValueError for a value that cannot be.
    """

    overlap: str
    duplicates: bool
    max_length: int
    max_ratio: float | None

    def __post_init__(self) -> None:
        if self.overlap not in SIDES:
            raise ValueError(f"overlap={self.overlap!r}: not one of {', '.join(SIDES)}")
        if not isinstance(self.duplicates, bool):
            raise ValueError(f"duplicates={self.duplicates!r}: not true or false")
        if not isinstance(self.max_length, int) or isinstance(self.max_length, bool) or self.max_length < 1:
            raise ValueError(f"max_length={self.max_length!r}: not a positive whole number")
        if self.max_ratio is not None and not 1 <= self.max_ratio <= MOST_RATIO:
            raise ValueError(f"max_ratio={self.max_ratio!r}: not a number from 1 to {MOST_RATIO}, or null")


def tidied(text: Parallel, counts: Counter[str]) -> Parallel:
    """The text with runs of white space made one space, and none at the ends of a line; lines changed are counted."""
    tidy = Parallel(*([" ".join(line.split()) for line in side] for side in text))
    counts["lines_tidied"] += sum(a != b for old, new in zip(text, tidy) for a, b in zip(old, new))
    return tidy


def apart(train: Parallel, held_out: Mapping[str, Parallel], rules: Cleaning, counts: Counter[str]) -> Parallel:
    """The training pairs that may be trained on by their text: `overlap` and `duplicates`.

    held_out: by name. Counted: pairs as they came, of each held-out text the sources that are also in training, pairs
    that stand there more than once, and what is left out.
    """
    known = set(train.sources)
    for name, text in held_out.items():
        counts[f"train_overlap_{name}"] = sum(line in known for line in text.sources)
    counts[EMPTY] += 0
    counts["train_pairs"] = len(train.sources)
    counts["train_duplicate_pairs"] = len(train.sources) - len(set(zip(*train)))
    lines = [{line for text in held_out.values() for line in text[side]} for side in (0, 1)]
    fresh = [not any(pair[side] in lines[side] for side in SIDES[rules.overlap]) for pair in zip(*train)]
    counts["train_removed_overlap"] = fresh.count(False)
    kept = train.where(fresh)
    counts["train_removed_duplicates"] = 0
    if not rules.duplicates:
        pairs = dict.fromkeys(zip(*kept))
        counts["train_removed_duplicates"] = len(kept.sources) - len(pairs)
        kept = paired(pairs)
    return kept


def fitting(sources: np.ndarray, targets: np.ndarray, rules: Cleaning, counts: Counter[str]) -> np.ndarray:
    """(N,) bool: the pairs that may be trained on by their lengths in subwords, `max_length` and `max_ratio`.

    sources, targets: (N,) lengths. Counted: pairs too long, of the others those too uneven, and what is left.
    """
    longer, shorter = np.maximum(sources, targets), np.minimum(sources, targets)
    short = longer <= rules.max_length
    even = np.ones(len(longer), dtype=bool) if rules.max_ratio is None else longer <= rules.max_ratio * shorter
    counts["train_dropped_long"] = int((~short).sum())
    counts["train_dropped_ratio"] = int((short & ~even).sum())
    counts["train_kept"] = int((short & even).sum())
    return short & even

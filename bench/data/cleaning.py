"""Cleaning of the training pairs of a parallel text. Removed pairs are counted; held-out text is never changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.data.text import DROPPED_EMPTY, ParallelText
from bench.errors import UserError
from bench.seeding import numpy_generator

SIDES = {"source": (0,), "either": (0, 1)}
"""The sides of a training pair that are compared with held-out text, for each value of `Cleaning.overlap`."""

MAX_RATIO = 1_000_000


@dataclass(frozen=True)
class Cleaning:
    """Rules by which pairs are removed from training.

    overlap: remove pairs whose `source`, or `either` side, also occurs in held-out text. duplicates: whether equal
    pairs stay. max_length: upper limit of the longer side, in subwords. max_ratio: upper limit of the longer side's
    subwords divided by the shorter side's, None for no limit. pairs: how many of the remaining pairs stay, None for
    all. Raises ValueError for an impossible value."""

    overlap: str
    duplicates: bool
    max_length: int
    max_ratio: float | None
    pairs: int | None = None

    def __post_init__(self) -> None:
        if self.overlap not in SIDES:
            raise ValueError(f"overlap={self.overlap!r} must be one of {', '.join(SIDES)}")
        if not isinstance(self.duplicates, bool):
            raise ValueError(f"duplicates={self.duplicates!r} must be true or false")
        if not isinstance(self.max_length, int) or isinstance(self.max_length, bool) or self.max_length < 1:
            raise ValueError(f"max_length={self.max_length!r} must be a positive whole number")
        if self.max_ratio is not None and not 1 <= self.max_ratio <= MAX_RATIO:
            raise ValueError(f"max_ratio={self.max_ratio!r} must be a number from 1 to {MAX_RATIO}, or null")
        if self.pairs is not None and (
            not isinstance(self.pairs, int) or isinstance(self.pairs, bool) or self.pairs < 1
        ):
            raise ValueError(f"train_pairs={self.pairs!r} must be a positive whole number, or null")


def normalise_spaces(text: ParallelText, counts: Counter[str]) -> ParallelText:
    """The text with runs of white space replaced by one space and lines stripped; changed lines are counted."""
    normalised = ParallelText(*([" ".join(line.split()) for line in side] for side in text))
    counts["lines_tidied"] += sum(a != b for old, new in zip(text, normalised) for a, b in zip(old, new))
    return normalised


def select_by_text(
    train: ParallelText, held_out: Mapping[str, ParallelText], rules: Cleaning, counts: Counter[str]
) -> ParallelText:
    """The training pairs that satisfy the rules `overlap` and `duplicates`.

    held_out: held-out texts by name. Counts all training pairs, the sources of each held-out text that also occur in
    training, repeated training pairs, and the removed pairs.
    """
    sources = set(train.sources)
    for name, text in held_out.items():
        counts[f"train_overlap_{name}"] = sum(line in sources for line in text.sources)
    counts[DROPPED_EMPTY] += 0
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
        kept = ParallelText.of_pairs(pairs)
    return kept


def select_by_length(sources: np.ndarray, targets: np.ndarray, rules: Cleaning, counts: Counter[str]) -> np.ndarray:
    """(N,) bool: the training pairs that satisfy the rules `max_length` and `max_ratio`, and of these `pairs`.

    sources, targets: (N,) lengths in subwords. Counts the pairs that are too long, those of the others whose ratio is
    too high, those beyond `pairs`, and the remaining pairs. Which ones stay is random but the same in every run, and
    fewer pairs are a part of more. Raises UserError where there are fewer than `pairs`."""
    longer, shorter = np.maximum(sources, targets), np.minimum(sources, targets)
    short = longer <= rules.max_length
    even = np.ones(len(longer), dtype=bool) if rules.max_ratio is None else longer <= rules.max_ratio * shorter
    counts["train_dropped_long"] = int((~short).sum())
    counts["train_dropped_ratio"] = int((short & ~even).sum())
    fits = short & even
    counts["train_beyond_pairs"] = 0
    if rules.pairs is not None and fits.any():
        fits = _sample(fits, rules.pairs, counts)
    counts["train_kept"] = int(fits.sum())
    return fits


def _sample(fits: np.ndarray, pairs: int, counts: Counter[str]) -> np.ndarray:
    """A random part of the pairs that fit, which is the same in every run."""
    candidates = np.flatnonzero(fits)
    if pairs > len(candidates):
        raise UserError(
            f"train_pairs={pairs}: there are {len(candidates):,} training pairs; name fewer, or null for all"
        )
    order = numpy_generator(0, "train_pairs").random(len(fits))[candidates]
    kept = np.zeros_like(fits)
    kept[candidates[np.argsort(order, kind="stable")[:pairs]]] = True
    counts["train_beyond_pairs"] = len(candidates) - pairs
    return kept


def require_pairs(rules: Cleaning, counts: Mapping[str, int]) -> None:
    """Raises UserError, naming the rule, where cleaning left no training pair. counts: after `select_by_length`."""
    if counts["train_kept"]:
        return
    settings = {
        "train_removed_overlap": f"overlap={rules.overlap}",
        "train_dropped_long": f"max_length={rules.max_length}",
        "train_dropped_ratio": f"max_ratio={rules.max_ratio}",
    }
    removed = {setting: counts[key] for key, setting in settings.items() if counts[key]}
    if len(removed) > 1:
        each = ", ".join(f"{setting} leaves out {count:,}" for setting, count in removed.items())
        raise UserError(f"cleaning leaves no training pair of {counts['train_pairs']:,}: {each}")
    setting = next(iter(removed))
    if counts["train_removed_overlap"]:
        raise UserError(f"{setting} leaves no training pair: all are also in a held-out text; hold out another text")
    raise UserError(f"{setting} leaves no training pair; use a larger one")

"""The decoding configuration: greedy search, and beam search with one or several length penalties. No torch here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.training.config import check_precision

MAX_BEAM = 1000
"""Largest beam: beyond it, one step of a small model takes gigabytes."""


@dataclass(frozen=True)
class Search:
    """One search. beam: hypotheses kept, 1 = greedy.

    A finished hypothesis of n tokens, end token included, is ranked by its log probability over n ** length_penalty:
    0 = no penalty, 1 = mean log probability a token. precision: of matrix products, one of
    `bench.training.config.PRECISIONS`; bf16 may decide a close race between two tokens differently.
    """

    beam: int = 1
    length_penalty: float = 1.0
    precision: str = "fp32"

    def __post_init__(self) -> None:
        if not 1 <= self.beam <= MAX_BEAM:
            raise ValueError(f"search.beam must be 1 to {MAX_BEAM}, got {self.beam}")
        if not 0 <= self.length_penalty < math.inf:
            raise ValueError(f"search.length_penalty must be at least 0 and finite, got {self.length_penalty}")
        check_precision("search.precision", self.precision)

    @property
    def name(self) -> str:
        """The search's name in records: `greedy`, `beam5`."""
        return "greedy" if self.beam == 1 else f"beam{self.beam}"


@dataclass(frozen=True)
class SearchConfig:
    """How a cell's test sets are decoded.

    greedy: always run. beams: one beam search for each candidate length penalty, empty if the beam is 1; validation
    chooses one of several. batch_tokens: sources times beam times the longer of source and reference.
    """

    greedy: Search
    beams: tuple[Search, ...]
    batch_tokens: int

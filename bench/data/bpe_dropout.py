"""BPE dropout: training text is segmented anew for every epoch, with random merges left out (Provilkov et al. 2020,
https://aclanthology.org/2020.acl-main.170)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.data.examples import Redraw, Split
from bench.data.ragged import Ragged
from bench.data.subwords import Subwords


def redraw_with_dropout(subwords: Subwords, train: Split, dropout: float) -> Redraw:
    """A function that segments the training text of an epoch: the lines of `train` in their order, each merge left out
    with probability `dropout`. All pairs of `train` stay: they were selected by their lengths without dropout."""
    sources, references = train.sources, train.references
    assert sources is not None and references is not None, "BPE dropout needs the training text"
    texts: tuple[list[str], list[str]] = (sources, references)

    def redraw(generator: np.random.Generator) -> Split:
        sides = (subwords.sample(lines, dropout, generator) for lines in texts)
        src, tgt = (Ragged.of(side) for side in sides)
        return replace(train, src=src, tgt=tgt)

    return redraw

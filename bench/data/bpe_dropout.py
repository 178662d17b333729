"""BPE dropout: training text cut into subwords anew for every epoch, with merges left out (Provilkov et al. 2020,
https://aclanthology.org/2020.acl-main.170)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.data.examples import Redraw, Split
from bench.data.ragged import Ragged
from bench.data.subwords import Subwords


def redraws(subwords: Subwords, train: Split, dropout: float) -> Redraw:
    """What makes an epoch's training data: the lines of `train` in their order, each merge left out with probability
    `dropout`. Which pairs there are was decided before, by their lengths without it."""
    assert train.sources is not None and train.references is not None, "subwords are cut from text"

    def redraw(generator: np.random.Generator) -> Split:
        sides = (subwords.sample(lines, dropout, generator) for lines in (train.sources, train.references))
        src, tgt = (Ragged.of(side) for side in sides)
        return replace(train, src=src, tgt=tgt)

    return redraw

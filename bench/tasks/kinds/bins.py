"""Bins of an axis: a score is reported for at most MAX_BINS values of it."""

from __future__ import annotations

import numpy as np

MAX_BINS = 25
WIDTHS = (1, 2, 5)
"""A bin is this wide, times a power of ten."""


def bin_width(low: int, high: int) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50, ... that divides low to high into at most MAX_BINS bins.

    >>> bin_width(1, 20), bin_width(1, 40), bin_width(41, 500)
    (1, 2, 20)
    """
    scale = 1
    while True:
        for width in WIDTHS:
            if (high - low + 1) / (width * scale) <= MAX_BINS:
                return width * scale
        scale *= 10


def lower_edges(values: np.ndarray, low: int, high: int) -> np.ndarray:
    """(N,) the lower edge of the bin of each value; the first bin begins at `low`.

    >>> lower_edges(np.array([1, 2, 3, 40]), 1, 40).tolist()
    [1, 1, 3, 39]
    """
    width = bin_width(low, high)
    return (values - low) // width * width + low

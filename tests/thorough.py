"""How much the tests try that can try any number of things: some of them in `make test`, all in `make reliability`."""

from __future__ import annotations

import os
from collections.abc import Iterable

THOROUGH = bool(os.environ.get("BENCH_THOROUGH"))


def some(values: Iterable, count: int) -> list:
    """About so many of the values, from all along the row, the first among them; all of them where THOROUGH."""
    held = list(values)
    return held if THOROUGH else held[:: max(1, len(held) // count)]

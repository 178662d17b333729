"""Sizes and names that cannot be, as one line that names the field, its value and what is allowed."""

from __future__ import annotations

LARGEST = 2**20
"""No width, no vocabulary and no number of positions is larger: a matrix of such a size has a million million values."""

MOST_LAYERS = 1000
"""Of an encoder or a decoder."""


def at_least(smallest: int, largest: int = LARGEST, **sizes: int) -> None:
    """Raises ValueError naming the first size below `smallest` or above `largest`."""
    for name, size in sizes.items():
        if size < smallest:
            raise ValueError(f"{name} must be at least {smallest}, got {size}")
        if size > largest:
            raise ValueError(f"{name} must be at most {largest}, got {size}")


def each_direction(d_model: int, bidirectional: bool) -> int:
    """The width of a direction of a recurrent layer of width d_model. Raises ValueError where two cannot share it."""
    if bidirectional and d_model % 2:
        raise ValueError(f"d_model must be even for an encoder in two directions, got {d_model}")
    return d_model // 2 if bidirectional else d_model


def known(field: str, value: str, allowed: tuple[str, ...]) -> str:
    """The value, if it is allowed. Raises ValueError naming the field and what there is."""
    if value not in allowed:
        raise ValueError(f"{field} must be one of {', '.join(allowed)}; got {value!r}")
    return value

"""Checks of sizes and names. Each error is one line with the field, its value and what is allowed."""

from __future__ import annotations

LARGEST = 2**20
"""Largest width, vocabulary and number of positions: a square matrix of this size has 10^12 values."""

MOST_LAYERS = 1000
"""Largest number of layers of an encoder or a decoder."""


def check_range(smallest: int, largest: int = LARGEST, **sizes: int) -> None:
    """Raise ValueError for the first size below `smallest` or above `largest`."""
    for name, size in sizes.items():
        if size < smallest:
            raise ValueError(f"{name} must be at least {smallest}, got {size}")
        if size > largest:
            raise ValueError(f"{name} must be at most {largest}, got {size}")


def check_choice(field: str, choice: str, allowed: tuple[str, ...]) -> str:
    """Return the choice. Raises ValueError where it is not allowed."""
    if choice not in allowed:
        raise ValueError(f"{field} must be one of {', '.join(allowed)}; got {choice!r}")
    return choice


def direction_width(d_model: int, bidirectional: bool) -> int:
    """The width of each direction of a recurrent layer of width d_model. Raises ValueError where d_model is odd and
    two directions share it."""
    if bidirectional and d_model % 2:
        raise ValueError(f"d_model must be even for two directions, got {d_model}")
    return d_model // 2 if bidirectional else d_model

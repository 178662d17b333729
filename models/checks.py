"""Sizes and names that cannot be, as one line that names the field, its value and what is allowed."""

from __future__ import annotations


def at_least(smallest: int, **sizes: int) -> None:
    """Raises ValueError naming the first size below `smallest`."""
    for name, size in sizes.items():
        if size < smallest:
            raise ValueError(f"{name} must be at least {smallest}, got {size}")


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

"""Sizes and names that cannot be, as one line that names the field, its value and what is allowed."""

from __future__ import annotations


def at_least(smallest: int, **sizes: int) -> None:
    """Raises ValueError naming the first size below `smallest`."""
    for name, size in sizes.items():
        if size < smallest:
            raise ValueError(f"{name} must be at least {smallest}, got {size}")


def known(field: str, value: str, allowed: tuple[str, ...]) -> str:
    """The value, if it is allowed. Raises ValueError naming the field and what there is."""
    if value not in allowed:
        raise ValueError(f"{field} must be one of {', '.join(allowed)}; got {value!r}")
    return value

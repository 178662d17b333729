"""Variants of one arm that differ in a single option, for the ablations of claims E and F."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from bench.analysis import arms

TUNED = ("lr", "dropout")
"""Options that are tuned for each variant separately, so variants may differ in them."""


def variants(rows: pd.DataFrame, option: str) -> Iterator[tuple[str, dict[str, str]]]:
    """For each group of arms that differ only in `option`: their common name, and option value -> arm."""
    groups: dict[tuple, dict[str, str]] = {}
    for arm in arms.ordered(rows["arm"]):
        options = arms.options(arm)
        if option not in options:
            continue
        rest = tuple(sorted((key, value) for key, value in options.items() if key != option and key not in TUNED))
        groups.setdefault((arms.base(arm), rest), {})[options[option]] = arm
    for (base, rest), by_value in groups.items():
        name = f"{base} [{', '.join(f'{key}={value}' for key, value in rest)}]" if rest else base
        ordered = sorted(by_value, key=lambda value: (not value.isdecimal(), int(value) if value.isdecimal() else 0))
        yield name, {value: by_value[value] for value in ordered}

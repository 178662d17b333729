"""A few outputs of every arm side by side. The places are fixed before running, so that nothing is picked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench import records
from bench.report import arms, series
from bench.report.evidence import Evidence, Setting
from bench.report.words import Say, Text

PLACES = (0.1, 0.5, 0.9)
"""Where in the first test split the examples stand, as a share of its length."""

LONGEST = 400
"""Characters shown of one text."""


@dataclass(frozen=True)
class Example:
    """hypotheses: arm, text, and whether the text equals the reference."""

    split: str
    index: int
    source: str
    reference: str
    hypotheses: list[tuple[str, str, bool]]


def of_setting(evidence: Evidence, setting: Setting, folder: Path) -> list[Example]:
    """Examples of the first split and search, each arm by its lowest seed. Empty where no outputs were kept."""
    split, (_, search) = next(iter(evidence.splits(setting)), None), series.headline(evidence, setting)
    shown: dict[str, pd.DataFrame] = {}
    cells = evidence.of(setting).sort_values("seed")
    for arm in arms.ordered(cells["arm"]):
        cell = cells[cells["arm"] == arm]["cell"].iloc[0]
        try:
            rows = records.read_outputs(folder / cell)
        except FileNotFoundError:
            continue
        rows = rows[(rows["split"] == split) & (rows["search"] == search)]
        if len(rows):
            shown[arm] = rows.drop_duplicates("index").set_index("index")
    if not shown:
        return []
    common = sorted(set.intersection(*(set(rows.index) for rows in shown.values())))
    if not common:
        return []
    picked = dict.fromkeys(common[min(len(common) - 1, int(place * len(common)))] for place in PLACES)
    first = next(iter(shown.values()))
    return [
        Example(
            str(split),
            int(index),
            _short(first.loc[index, "source"]),
            _short(first.loc[index, "reference"]),
            [
                (
                    arm,
                    _short(rows.loc[index, "hypothesis"]),
                    rows.loc[index, "hypothesis"] == rows.loc[index, "reference"],
                )
                for arm, rows in shown.items()
            ],
        )
        for index in picked
    ]


def _short(text: str) -> str | Text:
    return text if len(text) <= LONGEST else Say("examples.cut", text=text[:LONGEST], more=len(text) - LONGEST)

"""How much of a task each cell solved, on a scale from chance to perfect, and up to which length or distance."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bench.analysis.evidence import Evidence, Setting, is_present
from bench.analysis.messages import Joined, Message, Text
from bench.metrics import LESS_IS_BETTER
from bench.report import labels
from bench.report.tables.base import NONE, Cell, Table, columns, table

SOLVED = 0.9
"""A score is a solution from here on: 90 % right, or a tenth of the error of guessing."""


def scaled(value: float, chance: float, unit: str) -> float:
    """(value - chance) / (perfect - chance): 0 is guessing, 1 is perfect (Deletang et al. 2023). Below zero: worse than
    guessing.

    >>> scaled(0.75, 0.5, "share"), scaled(0.0625, 0.25, "squared error")
    (0.5, 0.75)
    """
    perfect = 0.0 if unit in LESS_IS_BETTER else 100.0 if unit == "points" else 1.0
    return (value - chance) / (perfect - chance)


def is_solved(value: float, chance: float, unit: str) -> bool:
    """Whether a score is a solution; chance counts for errors alone, whose size says nothing by itself."""
    if unit in LESS_IS_BETTER:
        return scaled(value, chance, unit) >= SOLVED
    return value >= SOLVED * (100.0 if unit == "points" else 1.0)


@dataclass(frozen=True)
class Solved:
    """Of one cell and split. up_to: the largest value of the axis at which, as at every smaller one, the score is a
    solution; None where there is no such value."""

    cell: str
    arm: str
    seed: int
    split: str
    value: float
    scaled: float | None
    solved: bool
    axis: str | None
    up_to: float | None
    longest: float | None


def of_setting(evidence: Evidence, setting: Setting) -> list[Solved]:
    """A row a cell and split, by the headline metric; nothing where chance is not known, as of BLEU."""
    _, metric, search = evidence.headline(setting)
    unit, chance = evidence.unit(setting, metric), evidence.fact(setting, f"data.chance.{metric}")
    if not is_present(chance):
        return []
    axis = next(iter(evidence.axes(setting)), None)
    whole = evidence.select(setting, metric=metric, search=search)
    parts = evidence.select(setting, metric=metric, search=search, axis=axis) if axis else whole.iloc[:0]
    by_place = {key: rows.sort_values("at") for key, rows in parts.groupby(["cell", "split"])}
    found = []
    for row in whole.to_dict("records"):
        places = by_place.get((row["cell"], row["split"]))
        found.append(
            Solved(
                row["cell"], row["arm"], int(row["seed"]), row["split"], row["value"],
                scaled(row["value"], float(chance), unit), is_solved(row["value"], float(chance), unit), axis,
                None if places is None else _up_to(places, float(chance), unit),
                None if places is None else float(places["at"].max()),
            )
        )  # fmt: skip
    return found


def _up_to(places: pd.DataFrame, chance: float, unit: str) -> float | None:
    up_to = None
    for at, value in zip(places["at"], places["value"], strict=True):
        if not is_solved(value, chance, unit):
            break
        up_to = float(at)
    return up_to


def solved_table(evidence: Evidence, setting: Setting) -> Table | None:
    """A row an arm and split: scaled score, seeds that solve it, and how far each does."""
    found = of_setting(evidence, setting)
    if not found:
        return None
    axis = found[0].axis
    rows = []
    for split in evidence.splits(setting):
        for arm in evidence.arms(setting):
            own = sorted((one for one in found if (one.arm, one.split) == (arm, split)), key=lambda one: one.seed)
            if not own:
                continue
            scores = [one.scaled for one in own]
            mean, count = sum(scores) / len(scores), sum(one.solved for one in own)
            share = Cell(Message("tables.solved.share", count=count, of=len(own)), count / len(own))
            reach = (
                Joined(Message("tables.solved.seed", seed=one.seed, reach=_reach(one)) for one in own)
                if axis
                else NONE
            )
            low = Cell(f"{mean:.3f}", mean)
            rows.append([split, Cell(arm, arm), low, Cell(f"{min(scores):.3f}", min(scores)), share, reach])
    heads = columns("split", "arm", "scaled", "lowest", "solving")
    if axis:
        heads.append(Message("columns.solved_axis", axis=labels.axis_name(axis)))
        note = Message("tables.solved.note", axis=labels.axis_name(axis))
    else:
        heads.append(Message("columns.by_seed"))
        note = Message("tables.solved.note_without_axis")
    return table(f"solved-{setting.slug}", Message("tables.solved.title"), note, heads, rows)


def _reach(one: Solved) -> str | Text:
    if one.up_to is None:
        return Message("tables.solved.none")
    reached = f"{one.up_to:g}"
    return Message("tables.solved.all", reached=reached) if one.up_to == one.longest else reached

"""How much of a task each cell solves, on a scale from chance to perfect, and up to which length or distance."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Message, Text
from bench.analysis.settings import Setting
from bench.analysis.solved import is_solved, scale
from bench.metrics import LOSS
from bench.report import labels, series
from bench.report.tables.base import NONE, Cell, Row, Table, columns, table


@dataclass(frozen=True)
class Solved:
    """How far one cell solves the task on one split.

    up_to: the largest position on the axis at which this and every smaller position is solved, or None; longest: the
    largest position there is.
    """

    cell: str
    arm: str
    seed: int
    split: str
    value: float
    scaled: float
    solved: bool
    axis: str | None
    up_to: float | None
    longest: float | None


def of_setting(evidence: Evidence, setting: Setting) -> list[Solved]:
    """One entry per cell and split, by the headline metric; empty if chance is not known, as for BLEU, and for a
    language model, whose loss has no perfect value."""
    _, metric, search = evidence.headline(setting)
    if metric == LOSS:
        return []
    unit, chance = evidence.unit(setting, metric), series.chance(evidence, setting, metric)
    if chance is None:
        return []
    axis = next(iter(evidence.axes(setting)), None)
    whole = evidence.select(setting, metric=metric, search=search)
    parts = evidence.select(setting, metric=metric, search=search, axis=axis) if axis else whole.iloc[:0]
    by_place = {key: rows.sort_values("at") for key, rows in parts.groupby(["cell", "split"])}
    entries = []
    for row in whole.to_dict("records"):
        places, value = by_place.get((row["cell"], row["split"])), row["value"]
        entries.append(
            Solved(
                row["cell"], row["arm"], int(row["seed"]), row["split"], value,
                scale(value, chance, unit), is_solved(value, chance, unit), axis,
                None if places is None else _solved_up_to(places, chance, unit),
                None if places is None else float(places["at"].max()),
            )
        )  # fmt: skip
    return entries


def _solved_up_to(places: pd.DataFrame, chance: float, unit: str) -> float | None:
    up_to = None
    for at, value in zip(places["at"], places["value"], strict=True):
        if not is_solved(value, chance, unit):
            break
        up_to = float(at)
    return up_to


def table_of(evidence: Evidence, setting: Setting) -> Table | None:
    """One row per arm and split: the scaled score, the seeds that solve the task, and how far each of them does."""
    entries = of_setting(evidence, setting)
    if not entries:
        return None
    axis = entries[0].axis
    rows: list[Row] = []
    for split in evidence.splits(setting):
        for arm in evidence.arms(setting):
            own = sorted((one for one in entries if (one.arm, one.split) == (arm, split)), key=lambda one: one.seed)
            if not own:
                continue
            scores = [one.scaled for one in own]
            mean, lowest, count = sum(scores) / len(scores), min(scores), sum(one.solved for one in own)
            solving = Cell(Message("tables.solved.share", count=count, of=len(own)), count / len(own))
            reaches = (Message("tables.solved.seed", seed=one.seed, reach=_reach(one)) for one in own)
            rows.append([split, Cell(arm, arm), Cell(f"{mean:.3f}", mean), Cell(f"{lowest:.3f}", lowest), solving,
                         Joined(reaches) if axis else NONE])  # fmt: skip
    heads = columns("split", "arm", "scaled", "lowest", "solving")
    if axis:
        heads.append(Message("columns.solved_axis", axis=labels.axis_name(axis)))
        note = Message("tables.solved.note", axis=labels.axis_name(axis))
    else:
        heads.append(Message("columns.by_seed"))
        note = Message("tables.solved.note_without_axis")
    return table(f"solved-{setting.slug}", Message("tables.solved.title"), note, heads, rows)


def _reach(entry: Solved) -> str | Text:
    if entry.up_to is None:
        return Message("tables.solved.none")
    reached = f"{entry.up_to:g}"
    return Message("tables.solved.all", reached=reached) if entry.up_to == entry.longest else reached

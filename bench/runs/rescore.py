"""Finished cells scored again from their outputs alone: scores are checked, metrics that came later are added."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from bench.conf import checks, schema
from bench.errors import DataError, UserError
from bench.evaluation import degeneration
from bench.metrics import METRICS
from bench.records import store

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 1e-9
"""Relative; a score is a sum of the same numbers, whatever machine adds them."""


def cells(out: Path) -> tuple[list[Path], list[str]]:
    """Folders under `out` that have outputs to score, and a line for each of the others. Raises UserError."""
    try:
        found = {folder: store.read(folder) for folder in store.folders(out)}
    except (OSError, ValueError) as error:
        raise UserError(" ".join(str(error).split())) from error
    reasons = {
        folder: f"its status is {record['status']}"
        if record["status"] != "done"
        else f"it has no {store.OUTPUTS}"
        if not (folder / store.OUTPUTS).is_file()
        else ""
        for folder, record in found.items()
    }
    return [folder for folder in found if not reasons[folder]], [
        f"{folder.name}: {reason}" for folder, reason in reasons.items() if reason
    ]


def rescore(folder: Path) -> tuple[int, list[str]]:
    """Score a cell's outputs again: how many recorded scores came out as recorded, and the metrics and sanity flags
    added, by name.

    A metric that the task has and the record lacks is scored on every part of the outputs on which the record's first
    metric was, and put behind it. What `bench.evaluation.degeneration` sees in outputs is added where the record has sanity flags
    and lacks it. Raises DataError where a score does not come out as recorded, and changes nothing.
    """
    record, outputs = store.read(folder), _outputs(folder)
    known = [row for row in record["scores"] if row["metric"] in METRICS]
    first = known[0]["metric"] if known else None
    has = {row["metric"] for row in known}
    missing = [name for name in _task_metrics(folder, record) if name not in has] if known else []
    confirmed, scores = 0, []
    for row in record["scores"]:
        scores.append(row)
        if row["metric"] not in METRICS:
            continue
        part = _part(folder, outputs, row)
        hypotheses, references = part["hypothesis"].tolist(), part["reference"].tolist()
        value, signature = METRICS[row["metric"]].score(hypotheses, references)
        if signature == row["signature"]:  # another version of a library may well say something else
            if not math.isclose(value, row["value"], rel_tol=TOLERANCE, abs_tol=TOLERANCE):
                raise DataError(
                    f"{folder}: {_named(row)} is {row['value']} in {store.RECORD} and {value} from "
                    f"{store.OUTPUTS}; one of the files was changed, restore it or run the cell again"
                )
            confirmed += 1
        for name in missing if row["metric"] == first else ():
            value, signature = METRICS[name].score(hypotheses, references)
            made = {"metric": name, "value": value, "unit": METRICS[name].unit, "signature": signature}
            scores.append(row | made)
    sanity, flags = _sanity(record, outputs)
    if missing or flags:
        store.replace_scores(folder, scores, sanity)
    return confirmed, [*missing, *flags]


def _sanity(record: dict, outputs: pd.DataFrame) -> tuple[dict | None, list[str]]:
    """The record's sanity flags with those that outputs give and it lacks, and the names of these. They are of the first
    test split, greedy search."""
    held = record.get("sanity")
    if held is None or all(held.get(name) is not None for name in degeneration.SHARES):
        return held, []
    rows = outputs[(outputs["split"] == outputs["split"].iloc[0]) & (outputs["search"] == "greedy")]
    found = degeneration.shares(*(rows[side].tolist() for side in ("source", "hypothesis", "reference")))
    added = {name: value for name, value in found.items() if held.get(name) is None}
    return held | added, list(added)


def _task_metrics(folder: Path, record: dict) -> tuple[str, ...]:
    try:
        checks.check_ours(record["config"])
        return schema.build_task(record["config"]["task"]).metrics
    except (KeyError, TypeError, AttributeError, ImportError) as error:
        raise UserError(
            f"{folder / store.RECORD} does not describe a task of this version ({type(error).__name__}: {error}); "
            "run the cell again"
        ) from error


def _outputs(folder: Path) -> pd.DataFrame:
    try:
        return store.read_outputs(folder)
    except FileNotFoundError as error:
        raise DataError(f"{folder / store.OUTPUTS} is not there; restore it or run the cell again") from error


def _part(folder: Path, outputs: pd.DataFrame, row: dict) -> pd.DataFrame:
    """The outputs that a score is of. Raises DataError where they are not as many as it says."""
    chosen = (outputs["split"] == row["split"]) & (outputs["search"] == row["search"])
    if row["axis"] is not None:
        # As text: a column that is empty for other splits holds no numbers.
        chosen &= outputs[row["axis"]].astype(str) == str(row["at"]) if row["axis"] in outputs else False
    part = outputs[chosen]
    if len(part) != row["n"]:
        raise DataError(
            f"{folder}: {_named(row)} is of {row['n']} examples, and {store.OUTPUTS} has {len(part)} of them; "
            "restore the file or run the cell again"
        )
    return part


def _named(row: dict) -> str:
    where = f", {row['axis']} {row['at']}" if row["axis"] is not None else ""
    return f"{row['metric']} ({row['split']}, {row['search']}{where})"

"""Rows, columns and files of a profile (`bench profile`). No torch, no Hydra."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.system.files import replacing

SCHEMA = 1
TABLE, METADATA, POINTS = "profile.csv", "profile.json", "points"

QUANTITIES = {
    "forward": "forward pass",
    "train": "training step",
    "greedy": "greedy decoding",
    "beam5": "beam-5 decoding",
    "latency": "greedy decoding of one sentence",
}
"""Measured quantities (column `what`) with their names in reports, in the order of reports."""

PER_SECOND, PER_TOKEN = "non-padding target tokens/s", "seconds a target token"
UNITS = {quantity: PER_TOKEN if quantity == "latency" else PER_SECOND for quantity in QUANTITIES}

MEASURED, ERROR, KILLED, LEFT_OUT = "measured", "error", "killed", "left out"
STATUSES = (MEASURED, ERROR, KILLED, LEFT_OUT)
"""Status of a row: MEASURED; ERROR, the work raised an exception; KILLED, its process died or was ended after a time
limit; LEFT_OUT, not attempted: it does not fit into memory, or a shorter length shows that it would take too long or
die. All but MEASURED rows have a reason and no numbers."""

COLUMNS = (
    *("arm", "length", "what", "status", "unit", "median", "q25", "q75", "n"),  # over n calls after the warm-up
    *("rows", "tokens", "seconds"),  # per call: sentences, target tokens, median time
    *("flops", "matmul_flops_per_second", "utilisation"),  # analytic, per call; rate of the machine; share of it used
    *("base_bytes", "peak_bytes"),  # before the first call, with libraries and weights; at the peak
    *("parameters", "reason"),
)
WHOLE = ("length", "n", "rows", "tokens", "flops", "base_bytes", "peak_bytes", "parameters")

Row = dict[str, Any]
"""Column to value: text, a number, or None. Any, because the type depends on the column."""


def unmeasured(arm: str, length: int, quantity: str, status: str, reason: str) -> Row:
    """A row without numbers. reason: one line."""
    row: Row = dict.fromkeys(COLUMNS)
    row |= {"arm": arm, "length": length, "what": quantity, "unit": UNITS[quantity]}
    return row | {"status": status, "reason": " ".join(reason.split())}


def utilisation(flops: float, seconds: float, rate: float) -> float:
    """Share of a machine's matrix-product rate (FLOPs a second) that a call used.

    >>> utilisation(flops=3e9, seconds=0.5, rate=12e9)
    0.5
    """
    return flops / seconds / rate


def read_point(path: Path) -> dict[str, Any]:
    """The measurements of one arm and length; {} if the file is missing or broken, so that they are made again."""
    try:
        point = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return point if isinstance(point, dict) and point.get("schema") == SCHEMA else {}


def write_table(path: Path, rows: Iterable[Row]) -> None:
    """Write the rows as CSV with the columns COLUMNS; None becomes an empty field."""
    with replacing(path) as building, building.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({column: _rounded(row[column]) for column in COLUMNS} for row in rows)


def _rounded(value: object) -> object:
    """Floats with six significant digits, the precision of a measurement; counts in full."""
    return float(f"{value:.6g}") if isinstance(value, float) else value

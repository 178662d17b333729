"""The rows of a profile: what is measured, in which columns, and the files they are kept in. No torch, no Hydra."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.system.files import replacing

SCHEMA = 1
TABLE, ABOUT, POINTS = "profile.csv", "profile.json", "points"

WHATS = {
    "forward": "forward pass",
    "train": "training step",
    "greedy": "greedy decoding",
    "beam5": "beam-5 decoding",
    "latency": "greedy decoding of one sentence",
}
"""What can be measured, in the order of reports."""

PER_SECOND, PER_TOKEN = "non-padding target tokens/s", "seconds a target token"
UNITS = {what: PER_TOKEN if what == "latency" else PER_SECOND for what in WHATS}

MEASURED, ERROR, KILLED, LEFT_OUT = "measured", "error", "killed", "left out"
STATUSES = (MEASURED, ERROR, KILLED, LEFT_OUT)
"""Of a row: it has numbers; the work raised an exception; its process died or was ended for taking too long; it was not
tried, because a shorter length says that it would take too long or die. All but the first have a reason."""

COLUMNS = (
    *("arm", "length", "what", "status", "unit", "median", "q25", "q75", "n"),  # of n calls after warm-up
    *("rows", "tokens", "seconds"),  # of one call: sentences, target tokens, median time
    *("flops", "matmul_flops_per_second", "utilisation"),  # analytic, of one call; the machine's; the share of it used
    *("base_bytes", "peak_bytes"),  # before the first call, with libraries and weights; the most there was
    *("parameters", "reason"),
)
WHOLE = ("length", "n", "rows", "tokens", "flops", "base_bytes", "peak_bytes", "parameters")

Row = dict[str, Any]


def unmeasured(arm: str, length: int, what: str, status: str, reason: str) -> Row:
    """A row without numbers. reason: one line."""
    row = dict.fromkeys(COLUMNS) | {"arm": arm, "length": length, "what": what, "unit": UNITS[what]}
    return row | {"status": status, "reason": " ".join(reason.split())}


def utilisation(flops: float, seconds: float, rate: float) -> float:
    """The share of a machine's matrix-product rate (FLOPs a second) that work of so many FLOPs used.

    >>> utilisation(flops=3e9, seconds=0.5, rate=12e9)
    0.5
    """
    return flops / seconds / rate


def read_point(path: Path) -> dict:
    """A point's file, {} where there is none or it is broken: then it is measured again."""
    try:
        point = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return point if isinstance(point, dict) and point.get("schema") == SCHEMA else {}


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Whole or not at all: a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as building:
        building.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def write_table(path: Path, rows: Iterable[Row]) -> None:
    """The rows as CSV with COLUMNS; what is not known is empty."""
    with replacing(path) as building, building.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({column: _written(row[column]) for column in COLUMNS} for row in rows)


def _written(value: object) -> object:
    """Six figures say all that a measurement knows; counts are written in full."""
    return float(f"{value:.6g}") if isinstance(value, float) else value

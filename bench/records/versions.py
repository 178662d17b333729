"""Upgrades of records that earlier versions of `bench` wrote: one function for each schema version.

The hash and the name of a cell stay as they were when it ran.
"""

from __future__ import annotations

from typing import Any


def to_version_2(record: dict[str, Any]) -> None:
    """Upgrades a record of version 1 in place.

    Version 1 had the rule `params` only and no `match`: `target`, `mismatch` and `width` were under `parameters`, and
    the tolerance was in the budget.
    """
    config, parameters = record.get("config"), record.get("parameters")
    tolerance = None
    if config:
        tolerance = (config.get("budget") or {}).pop("tolerance", None)
        config["match"] = {"rule": "params", "target": None, "reference": "transformer", "tolerance": tolerance}
    record |= {"schema": 2, "match": None}
    if parameters:
        match = {"rule": "params", "got": parameters.get("total"), "tolerance": tolerance, "reference": None}
        record["match"] = match | {key: parameters.pop(key, None) for key in ("target", "mismatch", "width")}


def to_version_3(record: dict[str, Any]) -> None:
    """Upgrades a record of version 2 in place.

    Version 2 had no tuned settings, no notes on splits and one way to batch, and every cell was evaluated.
    """
    record |= {"schema": 3, "tuning": None}
    if record.get("data"):
        record["data"] = {"notes": {}, "order_free": None} | record["data"]
    if config := record.get("config"):
        config.setdefault("evaluate", True)
        (config.get("budget") or {}).setdefault("batching", "length")

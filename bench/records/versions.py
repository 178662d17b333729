"""Upgrades of records that earlier versions of `bench` wrote, one function for each version."""

from __future__ import annotations


def to_version_2(record: dict) -> None:
    """Changes a record of version 1 in place.

    Version 1 knew one rule, `params`, and had no `match`: what was asked and what was got stood under `parameters`,
    and the tolerance in the budget. The hash and the name of the cell stay those it was run under.
    """
    config, parameters = record.get("config"), record.get("parameters")
    tolerance = None
    if config:
        tolerance = (config.get("budget") or {}).pop("tolerance", None)
        config["match"] = {"rule": "params", "target": None, "reference": "transformer", "tolerance": tolerance}
    record |= {"schema": 2, "match": None}
    if parameters:
        moved = {key: parameters.pop(key, None) for key in ("target", "mismatch", "width")}
        got = {"rule": "params", "got": parameters.get("total"), "tolerance": tolerance, "reference": None}
        record["match"] = got | moved


def to_version_3(record: dict) -> None:
    """Changes a record of version 2 in place: it knew no choices of settings, no notes on its splits, one way to batch,
    and every cell was evaluated."""
    record |= {"schema": 3, "tuning": None}
    if record.get("data"):
        record["data"] = {"notes": {}, "order_free": None} | record["data"]
    if config := record.get("config"):
        config.setdefault("evaluate", True)
        (config.get("budget") or {}).setdefault("batching", "length")

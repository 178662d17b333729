"""The types of a record's values: those of schema version 3, and those that earlier versions had in addition. Every
record is checked before it is used. Keys that are not listed here are shown as text, if at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from bench.errors import BrokenFile


@dataclass(frozen=True)
class Kind:
    """Type of a single value. description: for messages; optional: whether it may be null or missing."""

    description: str
    fits: Callable[[object], bool]
    optional: bool = True


@dataclass(frozen=True)
class Object:
    """Type of an object. keys: types of these keys; others: type of every other key, None for any type."""

    keys: Mapping[str, Type]
    others: Type | None = None
    optional: bool = True
    description: str = "an object"


@dataclass(frozen=True)
class List:
    """Type of a list. items: type of every item."""

    items: Type
    optional: bool = True
    description: str = "a list"


Type = Kind | Object | List


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    """Whole numbers that a 64-bit column can hold."""
    return _is_number(value) and value == int(value) and abs(value) < 2**63


def _is_simple(value: object) -> bool:
    return not isinstance(value, dict | list)


TEXT, NUMBER, WHOLE = Kind("text", _is_text), Kind("a number", _is_number), Kind("a whole number", _is_whole)
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
SIMPLE = Kind("text, a number, true or false", _is_simple)
MEASURED = Kind("a number, true or false", lambda value: _is_number(value) or isinstance(value, bool))
ANYTHING = Kind("anything", lambda value: True)
A_TEXT, A_NUMBER = Kind("text", _is_text, optional=False), Kind("a number", _is_number, optional=False)
A_WHOLE = Kind("a whole number", _is_whole, optional=False)
A_FLAG = Kind("true or false", FLAG.fits, optional=False)

SCORE = Object({
    "split": A_TEXT, "search": A_TEXT, "metric": A_TEXT, "unit": A_TEXT, "value": NUMBER, "n": WHOLE, "axis": TEXT,
    "at": NUMBER, "signature": TEXT, "reason": TEXT,
}, optional=False)  # fmt: skip

LAYER = Object({"path": TEXT, "kind": A_TEXT, "units": A_NUMBER, "parameters": A_NUMBER}, optional=False)
ARCHITECTURE = Object({
    "hidden_layers": List(LAYER, optional=False),
    "without_feed_forward": Object({"parameters": A_NUMBER, "runs": A_FLAG}),
    "state": Object(
        {"tokens": A_NUMBER, "first": A_NUMBER, "last": A_NUMBER, "grows": A_FLAG, "kept": NUMBER, "changed": NUMBER,
         "prediction_changed": FLAG}),  # null for one stack that reads whole sequences: it has no steps
})  # fmt: skip

CHOICE = Object({
    "chosen": A_NUMBER, "search": A_TEXT, "metric": A_TEXT, "unit": A_TEXT, "signature": TEXT,
    "candidates": List(Object({"length_penalty": A_NUMBER, "value": A_NUMBER}, optional=False), optional=False),
})  # fmt: skip

CONFIG = Object({
    "task": Object({"name": TEXT, "source": TEXT, "target": TEXT, "_target_": TEXT}),
    "model": Object({"name": TEXT, "dropout": NUMBER, "n_layers": NUMBER, "_target_": TEXT}),
    "optim": Object({"lr": NUMBER}),
    "budget": Object({"name": TEXT, "parameters": NUMBER, "tolerance": NUMBER}),
    "match": Object({"rule": TEXT, "target": NUMBER, "tolerance": NUMBER}),
    "search": Object({}),
    "device": TEXT,
})  # fmt: skip

COUNTS, SHARES = Object({}, A_WHOLE, optional=False), Object({}, A_NUMBER, optional=False)
LENGTHS = Object(dict.fromkeys(("median", "p99", "longest"), A_WHOLE), optional=False)
REPORT = Object({
    "pairs": Object(
        {**dict.fromkeys(("read", "kept"), A_WHOLE), **dict.fromkeys(("left_out", "split_off", "set_aside"), COUNTS)},
        optional=False,
    ),
    "lengths": Object({}, Object({"source": LENGTHS, "target": LENGTHS}, optional=False), optional=False),
    "limits": Object(
        dict.fromkeys(("max_length", "output_per_source", "output_plus", "output_least"), A_WHOLE), optional=False
    ),
    "held_out": Object({}, Object(
        {"in_valid": WHOLE, **dict.fromkeys(("pairs", "in_training", "beyond_output_limit"), A_WHOLE)}, optional=False,
    ), optional=False),
    "changed": COUNTS,
    "scripts": Object({}, SHARES, optional=False),
    "identical_share": A_NUMBER,
    "unknown": Object({}, Object({"source": A_NUMBER, "target": A_NUMBER}, optional=False), optional=False),
})  # fmt: skip

RECORD = Object({
    **dict.fromkeys(
        ("cell", "task", "model", "budget_name", "suite", "status", "reason", "traceback", "config_hash"), TEXT
    ),
    "seed": WHOLE,
    "config": CONFIG,
    "tuning": Object({"set": Object({}, SIMPLE), "trials": Object({}, NUMBER)}),
    "code": Object({}, SIMPLE),
    "seeds": Object({}, NUMBER),
    "environment": Object(
        {**dict.fromkeys(("threads", "cores", "concurrent_cells", "ranks"), NUMBER), "libraries": Object({}, SIMPLE)},
        SIMPLE,
    ),
    "match": Object({"rule": TEXT, "reference": TEXT}, NUMBER),
    "parameters": Object({}, NUMBER),
    "architecture": ARCHITECTURE,
    "flops": Object({}, NUMBER),
    "budget": Object({"stopped": TEXT, "resumed": List(A_NUMBER)}, NUMBER),
    "times": Object({}, NUMBER),
    "throughput": Object({}, Object({"unit": TEXT}, NUMBER)),
    "memory": Object({}, NUMBER),
    "selection": Object(
        {"metric": TEXT, "step": NUMBER, "value": NUMBER, "average": Object({}), "length_penalty": CHOICE}
    ),
    "files": Object({}, A_WHOLE),
    "scores": List(SCORE),
    "sanity": Object({"overfit": Object({"stopped": TEXT}, NUMBER), "cut": Object({}, Object({}, A_WHOLE))}, MEASURED),
    "data": Object({
        "checksums": Object({}, SIMPLE), "counts": Object({}, ANYTHING), "chance": Object({}, NUMBER),
        "train_range": Object({}, List(A_NUMBER)), "notes": Object({}, SIMPLE), "order_free": FLAG,
        "report": REPORT, "warnings": List(A_TEXT),
    }),
})  # fmt: skip


def check(record: Mapping[str, Any], path: Path) -> None:
    """Raises BrokenFile, one line that names the file and the key, if a value of the record has another type."""
    fault = _fault(record, RECORD, "")
    if fault:
        raise BrokenFile(f"{path} is broken: {fault}; run the cell again")


def check_identity(record: Mapping[str, Any], path: Path) -> None:
    """Raises BrokenFile if the record's cell is not named as its folder, where the other files of the cell are, or if
    a finished cell lacks its task, model, budget or seed."""
    cell = record.get("cell")
    if cell not in (None, path.parent.name):
        advice = "give the folder that name, or delete it if it is a copy"
        raise BrokenFile(f"{path} is of the cell {cell[:200]!r}; {advice}")
    missing = [key for key in ("task", "model", "budget_name", "seed") if record.get(key) is None]
    if missing and record.get("status") == "done":
        raise BrokenFile(f"{path} is broken: a finished cell without {missing[0]}; run the cell again")


def _fault(value: object, expected: Type, place: str) -> str:
    """Describes the first fault in a value; "" if there is none. place: keys to the value, joined by dots."""
    if value is None:
        return "" if expected.optional else f"{place} must be {expected.description}, got null"
    if isinstance(expected, Kind):
        return "" if expected.fits(value) else _mismatch(expected, value, place)
    if isinstance(expected, List):
        if not isinstance(value, list):
            return _mismatch(expected, value, place)
        return next((fault for item in value if (fault := _fault(item, expected.items, f"an item of {place}"))), "")
    if not isinstance(value, dict):
        return _mismatch(expected, value, place)
    for key, kind in expected.keys.items():
        if fault := _fault(value.get(key), kind, f"{place}.{key}" if place else key):
            return fault
    if expected.keys and (dotted := next((key for key in value if "." in key), None)) is not None:
        return f"{place or 'the record'} has a key with a dot, {dotted[:40]!r}"  # tables join nested keys with dots
    if expected.others is not None:
        for key in value:
            if key not in expected.keys and (fault := _fault(value[key], expected.others, f"{place}.{key}")):
                return fault
    return ""


def _mismatch(expected: Type, value: object, place: str) -> str:
    return f"{place[:200]} must be {expected.description}, got {repr(value)[:40]}"

"""The types of what a record holds, asked of every record before anything works with it: those of schema version 3, and
of what earlier versions had besides. What it says nothing of is shown, if at all, as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BrokenFile


@dataclass(frozen=True)
class Kind:
    """Of one value. told: what it has to be; optional: whether it may be null, or not be there at all."""

    told: str
    fits: Callable[[object], bool]
    optional: bool = True


@dataclass(frozen=True)
class Object:
    """keys: what they hold; others: what every other key holds, None for anything. optional as of Kind."""

    keys: Mapping[str, Type]
    others: Type | None = None
    optional: bool = True
    told: str = "an object"


@dataclass(frozen=True)
class List:
    """of: what every item is."""

    of: Type
    optional: bool = True
    told: str = "a list"


Type = Kind | Object | List


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    """Also within what a column of 64 bits holds."""
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
    "at": NUMBER, "signature": TEXT,
}, optional=False)  # fmt: skip

LAYER = Object({"path": TEXT, "kind": A_TEXT, "units": A_NUMBER, "parameters": A_NUMBER}, optional=False)
ARCHITECTURE = Object({
    "hidden_layers": List(LAYER, optional=False),
    "without_feed_forward": Object({"parameters": A_NUMBER, "runs": A_FLAG}),
    "state": Object(
        {"tokens": A_NUMBER, "first": A_NUMBER, "last": A_NUMBER, "grows": A_FLAG, "kept": NUMBER, "changed": NUMBER,
         "prediction_changed": FLAG}, optional=False),
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
        {**dict.fromkeys(("threads", "cores", "concurrent_cells"), NUMBER), "libraries": Object({}, SIMPLE)}, SIMPLE
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
    "sanity": Object({"overfit": Object({"stopped": TEXT}, NUMBER)}, MEASURED),
    "data": Object({
        "checksums": Object({}, SIMPLE), "counts": Object({}, ANYTHING), "chance": Object({}, NUMBER),
        "train_range": Object({}, List(A_NUMBER)), "notes": Object({}, SIMPLE), "order_free": FLAG,
    }),
})  # fmt: skip


def check(record: Mapping[str, object], path: Path) -> None:
    """Raises BrokenFile, one line that names the file and the key, where a record holds something of another type."""
    fault = _fault(record, RECORD, "")
    if fault:
        raise BrokenFile(f"{path} is broken: {fault}; run the cell again")


def check_identity(record: Mapping[str, object], path: Path) -> None:
    """Raises BrokenFile where a record is of another cell than its folder, in which whatever else there is of the cell is
    looked for, or where a finished cell does not say what it is."""
    named = record.get("cell")
    if named not in (None, path.parent.name):
        advice = "give the folder that name, or delete it if it is a copy"
        raise BrokenFile(f"{path} is of the cell {named[:200]!r}; {advice}")
    missing = [key for key in ("task", "model", "budget_name", "seed") if record.get(key) is None]
    if missing and record.get("status") == "done":
        raise BrokenFile(f"{path} is broken: it has no {missing[0]}, and a finished cell has one; run the cell again")


def _fault(value: object, wanted: Type, place: str) -> str:
    """What is wrong, or ""."""
    if value is None:
        return "" if wanted.optional else f"{place} must be {wanted.told}, got null"
    if isinstance(wanted, Kind):
        return "" if wanted.fits(value) else _not(wanted, value, place)
    if isinstance(wanted, List):
        if not isinstance(value, list):
            return _not(wanted, value, place)
        return next((fault for item in value if (fault := _fault(item, wanted.of, f"an item of {place}"))), "")
    if not isinstance(value, dict):
        return _not(wanted, value, place)
    for key, kind in wanted.keys.items():
        if fault := _fault(value.get(key), kind, f"{place}.{key}" if place else key):
            return fault
    if wanted.keys and (dotted := next((key for key in value if "." in key), None)) is not None:
        return f"{place or 'the record'} has a key with a dot, {dotted[:40]!r}"  # in tables dots stand between nested keys
    for key in value if wanted.others is not None else ():
        if key not in wanted.keys and (fault := _fault(value[key], wanted.others, f"{place}.{key}")):
            return fault
    return ""


def _not(wanted: Type, value: object, place: str) -> str:
    return f"{place[:200]} must be {wanted.told}, got {repr(value)[:40]}"

"""Random damage to the files of a results folder: JSON with other keys and values, bytes turned, files cut off."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

WRONG = [
    None, True, 0, -1, 2**70, 10**400, -3.7, 1e-320, 1e99, 1e308, float("nan"), float("inf"), "", "x", "nan", "\ud800",
    "\x00", "a" * 5000, "a" * 50_000, [], {}, [1], [None], ["x"], {"a": 1}, [[1, [2]]], {"": None}, {"a.b": [1]},
]  # fmt: skip
"""Of any type, for any place."""

NUMBERS = [0, -1, 1, -0.5, 1e99, -1e99, 1e-320, 10**18, None, 2]
TEXTS = [
    "", "x", "nan", "<script>alert(1)</script>", "../../evil", "$\\frac{", "\x00\x1b[", "\u202e", "share", "points",
    "bleu", "length", "unknown", "done", "failed", "transformer [a=b]", "agreement_word", "agreement_distance",
]  # fmt: skip
"""Of the type that belongs there."""

BYTES = b'",\t\n\r{}[]0e9.-\x00\xff'


def mutated(path: Path, seed: int) -> bytes:
    """What a file holds, damaged; the same for the same seed."""
    draw, content = random.Random(f"{path.name} {seed}"), path.read_bytes()
    kind = draw.random()
    if path.suffix == ".json" and kind < 0.7:
        return _values(draw, content)
    return _bytes(draw, content) if kind < 0.93 else content[: draw.randrange(len(content))]


def _values(draw: random.Random, content: bytes) -> bytes:
    """JSON in which keys are gone or renamed and values others."""
    whole = json.loads(content)
    for _ in range(draw.choice([1, 1, 1, 2, 6])):
        places = list(_places(whole))
        first = draw.choice(sorted({place[0] for place in places}, key=str))  # else most would be in the scores
        *path, last = draw.choice([place for place in places if place[0] == first])
        parent = whole
        for key in path:
            parent = parent[key]
        kind = draw.randrange(5)
        if kind == 0:
            del parent[last]
        elif kind == 1 and isinstance(parent, dict):
            parent[draw.choice(["x", "", str(last).upper(), f"{last}.a"])] = parent.pop(last)
        else:
            parent[last] = _other(draw, parent[last])
        if not whole:
            break
    return json.dumps(whole).encode()


def _other(draw: random.Random, value: object) -> object:
    if draw.random() < 0.3:
        return draw.choice(WRONG)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return draw.choice([*NUMBERS, -value, value * 1000])
    if isinstance(value, str):
        return draw.choice([*TEXTS, value.upper(), f"{value} [a=b]"])
    return value[: draw.randrange(len(value) + 1)] if isinstance(value, list) else draw.choice([None, {}])


def _places(value: object, at: tuple = ()) -> Iterator[tuple]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*at, key)
        yield from _places(part, (*at, key))


def _bytes(draw: random.Random, content: bytes) -> bytes:
    """Bits turned, bytes taken out, put in or replaced."""
    new = bytearray(content)
    for _ in range(draw.choice([1, 1, 3, 20])):
        place, kind = draw.randrange(len(new)), draw.randrange(4)
        if kind == 0:
            new[place] ^= 1 << draw.randrange(8)
        elif kind == 1 and len(new) > 40:
            del new[place : place + draw.randrange(1, 30)]
        elif kind == 2:
            new[place:place] = draw.randbytes(draw.randrange(1, 5))
        else:
            new[place] = draw.choice(BYTES)
    return bytes(new)

"""The rows of `reach.csv`, the file in a cell's folder that says how far back the cell reaches. No torch and
no tables here: whoever reads it needs no more.

The distance k of a source token from an output is the number of tokens between reading the one and writing the other:
of token i of a source of S tokens, from the output at position t, it is (S - i) + t, all counted from 0. So the last
token of the source has distance 1 from the first output, and in `recall` and `dyck` the token asked for has the task's
own `distance`. End tokens are not counted, and never replaced.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from bench.system.files import replacing

FILE = "reach.csv"

METHOD = 1
"""Changes with every change to what the numbers mean; a file of another method is made anew."""

EXAMPLES, PARTNERS = 200, 4
"""Examples of the split that are probed if nobody says otherwise; others that lend each of them their sources."""

GRADIENT, TYPICAL, NORM, WITHIN = "gradient", "typical", "norm", "within"
REPLACEMENT, CONSTANT = "replacement", "constant"
WHATS = (CONSTANT, GRADIENT, TYPICAL, NORM, WITHIN, REPLACEMENT)
SHARES = (CONSTANT, GRADIENT, TYPICAL, WITHIN, REPLACEMENT)
"""Of which the values lie between 0 and 1."""

FARTHEST = 10**9
"""No distance is greater: a file that says so is broken."""

LOSS = 0.05
"""A cell reaches as far as the least context with which, and with more of which, its accuracy is within this of that
with the whole source."""

HALF = 0.5


@dataclass(frozen=True)
class Settings:
    """What the numbers of a file depend on besides the cell. examples: how many were asked for."""

    split: str
    examples: int = EXAMPLES
    partners: int = PARTNERS
    method: int = METHOD


@dataclass(frozen=True)
class Row:
    """One number. what, and its k, value, low and high:

    `gradient`  the share of the gradient's norm that a source token at distance k has, those of an example adding up to
                1; mean and 95 % interval, over the examples that have such a token. Where the distances of a file have
                gaps, k stands for those above the one before it, up to k, and an example counts with its mean over them
    `typical`   median and quartiles of the same: far below the mean where few tokens have most of the gradient
    `norm`      median and quartiles of the norm itself, in nats (of values: in their unit) a unit of the embedding
    `within`    the share that all tokens up to distance k have together; mean and 95 % interval
    `replacement`  accuracy where every source token farther than k is another example's; mean and 95 % interval. At the
                greatest k nothing is replaced
    `constant`  accuracy of the token that is most frequent in training (of values: of their mean) over all outputs of
                the split; k 0, no interval

    Intervals are bootstraps over examples; None where there is one example. n: examples.
    """

    what: str
    k: int
    value: float
    low: float | None
    high: float | None
    n: int


COLUMNS = tuple(field.name for kind in (Row, Settings) for field in fields(kind))


@dataclass(frozen=True)
class Reach:
    """A file: its rows in order, and how they were made."""

    settings: Settings
    rows: tuple[Row, ...]

    def curve(self, what: str) -> list[Row]:
        """The rows of one kind, by distance."""
        return sorted((row for row in self.rows if row.what == what), key=lambda row: row.k)

    @property
    def accuracy(self) -> tuple[float, float] | None:
        """With nothing of the source its own, and with all of it."""
        curve = self.curve(REPLACEMENT)
        return (curve[0].value, curve[-1].value) if curve else None

    @property
    def constant(self) -> float | None:
        """Accuracy of the best constant answer."""
        return next((row.value for row in self.curve(CONSTANT)), None)

    @property
    def context(self) -> int | None:
        """The effective reach: the least distance from which on nothing more is missed than LOSS."""
        least = None
        for row in reversed(self.curve(REPLACEMENT)):
            if row.value < self.accuracy[1] - LOSS:
                break
            least = row.k
        return least

    @property
    def half(self) -> int | None:
        """The distance within which half of the gradient lies."""
        return next((row.k for row in self.curve(WITHIN) if row.value >= HALF), None)


def write(folder: Path, reach: Reach) -> Path:
    """Write a cell's `reach.csv`, whole or not at all, and return its path."""
    path = folder / FILE
    with replacing(path) as building, building.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in reach.rows:
            writer.writerow({key: _text(value) for key, value in (vars(row) | vars(reach.settings)).items()})
    return path


def read(folder: Path) -> Reach | None:
    """What a cell's `reach.csv` holds, None where there is none. Raises ValueError, one line that names the file, where
    it is not what `write` writes."""
    path = folder / FILE
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.DictReader(file, strict=True)
            if tuple(lines.fieldnames or ()) != COLUMNS:
                raise ValueError(f"its columns are not {', '.join(COLUMNS)}")
            parsed = [_parsed(line, lines.line_num) for line in lines]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ValueError(f"{path} is broken: {reason}; delete it, and ask for it again with `bench reach`") from error
    settings = {setting for setting, _ in parsed}
    rows = [row for _, row in parsed]
    if len(settings) != 1 or len({(row.what, row.k) for row in rows}) < len(rows):
        reason = "it holds no row" if not rows else "it holds several settings, or one number twice"
        raise ValueError(f"{path} is broken: {reason}; delete it, and ask for it again with `bench reach`")
    return Reach(settings.pop(), tuple(rows))


def _parsed(line: Mapping[str, str | None], number: int) -> tuple[Settings, Row]:
    """One line of the file. Raises ValueError with its number."""
    if None in line or None in line.values():
        raise ValueError(f"line {number} does not have {len(COLUMNS)} fields")
    try:
        what, split = line["what"], line["split"]
        if what not in WHATS:
            raise ValueError(f"what must be one of {', '.join(WHATS)}")
        if not split:
            raise ValueError("split is empty")
        value = _number(line, "value", what)
        low, high = (_number(line, key, what) if line[key] else None for key in ("low", "high"))
        row = Row(what, _whole(line, "k", 0), value, low, high, _whole(line, "n", 1))
        return Settings(split, *(_whole(line, key, 1) for key in ("examples", "partners", "method"))), row
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from error


def _whole(line: Mapping[str, str], key: str, least: int) -> int:
    text = line[key]
    if not (text.isascii() and text.isdecimal()) or len(text) > 10 or not least <= int(text) <= FARTHEST:
        raise ValueError(f"{key} must be a whole number from {least} to {FARTHEST}, got {text[:40]!r}")
    return int(text)


def _number(line: Mapping[str, str], key: str, what: str) -> float:
    most = 1.0 if what in SHARES else math.inf
    try:
        value = float(line[key])
    except ValueError:
        value = math.nan
    if not (0.0 <= value <= most and value < math.inf):
        raise ValueError(f"{key} must be a number from 0{' to 1' if most == 1 else ''}, got {line[key][:40]!r}")
    return value


def _text(value: object) -> str:
    """Six figures of a number: more would differ between machines."""
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def told(names: Sequence[str], found: Sequence[Reach]) -> list[str]:
    """A table for readers, one line a cell: what it gets right with its whole source, with none of it and by the best
    constant answer, how far it reaches, and within which distance half of the gradient lies."""
    heads = ("cell", "split", "whole source", "another's", "constant", "reach", "half the gradient within")
    lines = [heads]
    for name, reach in zip(names, found, strict=True):
        nothing, whole = reach.accuracy or (None, None)
        shares = ("-" if share is None else f"{share:.3f}" for share in (whole, nothing, reach.constant))
        distances = ("-" if k is None else str(k) for k in (reach.context, reach.half))
        lines.append((name, reach.settings.split, *shares, *distances))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = (str.ljust, str.ljust, *[str.rjust] * (len(heads) - 2))
    return ["  ".join(align(*cell) for align, *cell in zip(aligned, line, widths)) for line in lines]

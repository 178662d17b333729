"""Rows of `reach.csv`, the file in a cell's folder that `bench reach` writes. No torch and no pandas here: a reader
needs neither.

The distance k of a source token from an output is the number of tokens read or written from the one to the other: for
token i of a source of S tokens and the output at position t, both counted from 0, it is (S - i) + t. The last source
token so has distance 1 from the first output. In `recall` and `dyck` the queried token has the task's own `distance`.
End tokens are not counted, and never replaced."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from bench.errors import reason
from bench.system.files import replacing

FILE = "reach.csv"

METHOD = 1
"""Version of the method, raised whenever the meaning of the numbers changes. A file of another version is made
again."""

EXAMPLES, PARTNERS = 200, 4
"""Defaults: probed examples of the split, and for each the number of other examples that replace its source."""

GRADIENT, TYPICAL, NORM, WITHIN = "gradient", "typical", "norm", "within"
REPLACEMENT, CONSTANT = "replacement", "constant"
KINDS = (CONSTANT, GRADIENT, TYPICAL, NORM, WITHIN, REPLACEMENT)
SHARES = (CONSTANT, GRADIENT, TYPICAL, WITHIN, REPLACEMENT)
"""Kinds of rows with values between 0 and 1."""

MAX_COUNT = 10**9
"""Upper limit of distances and counts; a file that exceeds it is broken."""

TOLERANCE = 0.05
"""The effective reach is the least distance from which on the accuracy is within this of that with the whole
source."""

HALF = 0.5


@dataclass(frozen=True)
class ProbeSettings:
    """Settings on which the numbers of a file depend, besides the cell. examples: the requested number."""

    split: str
    examples: int = EXAMPLES
    partners: int = PARTNERS
    method: int = METHOD


@dataclass(frozen=True)
class Row:
    """One number. For each kind (`what`), the meaning of k, value, low and high:

    `gradient`     share of the gradient's norm at a source token at distance k; the shares of an example add up to 1.
                   Mean and 95 % interval over the examples that have such a token. Where the distances of a file have
                   gaps, k stands for all distances above the previous one up to k, and an example counts with its mean
                   over them
    `typical`      median and quartiles of these shares: far below the mean where few tokens have most of the gradient
    `norm`         median and quartiles of the norm, in nats (for values: in their unit) per unit of the embedding
    `within`       sum of the shares of all tokens up to distance k; mean and 95 % interval
    `replacement`  accuracy where every source token farther than k is that of another example; mean and 95 % interval.
                   At the greatest k nothing is replaced
    `constant`     accuracy of always predicting the most frequent training token (for values: their mean), over all
                   outputs of the split; k is 0, no interval

    Intervals are bootstraps over examples, and None for one example. n: number of examples.
    """

    what: str
    k: int
    value: float
    low: float | None
    high: float | None
    n: int


COLUMNS = tuple(field.name for kind in (Row, ProbeSettings) for field in fields(kind))


@dataclass(frozen=True)
class Reach:
    """A file: its rows in order, and the settings they were made with."""

    settings: ProbeSettings
    rows: tuple[Row, ...]

    def curve(self, what: str) -> list[Row]:
        """The rows of one kind, sorted by distance."""
        return sorted((row for row in self.rows if row.what == what), key=lambda row: row.k)

    @property
    def accuracy(self) -> tuple[float, float] | None:
        """Accuracy with the whole source replaced, and with none of it replaced."""
        curve = self.curve(REPLACEMENT)
        return (curve[0].value, curve[-1].value) if curve else None

    @property
    def constant_accuracy(self) -> float | None:
        """Accuracy of the best constant prediction."""
        return next((row.value for row in self.curve(CONSTANT)), None)

    @property
    def effective_reach(self) -> int | None:
        """The least distance from which on the accuracy is within TOLERANCE of that with the whole source."""
        curve = self.curve(REPLACEMENT)
        least = None
        for row in reversed(curve):
            if row.value < curve[-1].value - TOLERANCE:
                break
            least = row.k
        return least

    @property
    def half_gradient(self) -> int | None:
        """The distance within which half of the gradient lies."""
        return next((row.k for row in self.curve(WITHIN) if row.value >= HALF), None)


def write(folder: Path, reach: Reach) -> Path:
    """Write a cell's `reach.csv` atomically and return its path."""
    path = folder / FILE
    with replacing(path) as building, building.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in reach.rows:
            writer.writerow({key: _format(value) for key, value in (vars(row) | vars(reach.settings)).items()})
    return path


def read(folder: Path) -> Reach | None:
    """A cell's `reach.csv`; None if the file does not exist. Raises ValueError, one line that names the file, if it is
    not in the form that `write` produces."""
    path = folder / FILE
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.DictReader(file, strict=True)
            if tuple(lines.fieldnames or ()) != COLUMNS:
                raise ValueError(f"its columns are not {', '.join(COLUMNS)}")
            parsed = [_parse(line, lines.line_num) for line in lines]
        settings = {each for each, _ in parsed}
        rows = [row for _, row in parsed]
        if not rows:
            raise ValueError("it has no rows")
        if len(settings) != 1 or len({(row.what, row.k) for row in rows}) < len(rows):
            raise ValueError("it has several settings, or one number twice")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, csv.Error) as error:
        raise ValueError(f"{path} is broken: {reason(error)}; delete it and run `bench reach` again") from error
    return Reach(settings.pop(), tuple(rows))


def _parse(line: Mapping[str, str | None], number: int) -> tuple[ProbeSettings, Row]:
    """One line of the file. Raises ValueError with the line's number."""
    fields = {key: text for key, text in line.items() if key is not None and text is not None}
    if len(fields) != len(line):  # csv gives None for missing fields, and files extra ones under None
        raise ValueError(f"line {number} does not have {len(COLUMNS)} fields")
    try:
        kind, split = fields["what"], fields["split"]
        if kind not in KINDS:
            raise ValueError(f"what must be one of {', '.join(KINDS)}")
        if not split:
            raise ValueError("split is empty")
        value = _number(fields, "value", kind)
        low, high = (_number(fields, key, kind) if fields[key] else None for key in ("low", "high"))
        row = Row(kind, _whole(fields, "k", 0), value, low, high, _whole(fields, "n", 1))
        return ProbeSettings(split, *(_whole(fields, key, 1) for key in ("examples", "partners", "method"))), row
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from error


def _whole(fields: Mapping[str, str], key: str, least: int) -> int:
    text = fields[key]
    if not (text.isascii() and text.isdecimal()) or len(text) > 10 or not least <= int(text) <= MAX_COUNT:
        raise ValueError(f"{key} must be a whole number from {least} to {MAX_COUNT}, got {text[:40]!r}")
    return int(text)


def _number(fields: Mapping[str, str], key: str, kind: str) -> float:
    most = 1.0 if kind in SHARES else math.inf
    try:
        value = float(fields[key])
    except ValueError:
        value = math.nan
    if not (0.0 <= value <= most and value < math.inf):
        raise ValueError(f"{key} must be a number from 0{' to 1' if most == 1 else ''}, got {fields[key][:40]!r}")
    return value


def _format(value: object) -> str:
    """Floats with six significant digits: more would differ between machines."""
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def summary_table(cells: Sequence[str], reaches: Sequence[Reach]) -> list[str]:
    """A text table with one line a cell: accuracy with its whole source, with another example's source and of the best
    constant prediction, the effective reach, and the distance within which half of the gradient lies."""
    heads = ("cell", "split", "whole source", "another's", "constant", "reach", "half the gradient within")
    lines: list[Sequence[str]] = [heads]
    for cell, reach in zip(cells, reaches, strict=True):
        replaced, whole = reach.accuracy or (None, None)
        shares = ("-" if share is None else f"{share:.3f}" for share in (whole, replaced, reach.constant_accuracy))
        distances = ("-" if k is None else str(k) for k in (reach.effective_reach, reach.half_gradient))
        lines.append((cell, reach.settings.split, *shares, *distances))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            text.ljust(width) if column < 2 else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]

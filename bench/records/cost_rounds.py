"""Rows, columns and file of a profile in rounds (`bench profile --rounds`). No torch, no Hydra."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from bench.errors import DataError, reason
from bench.system.files import replacing

TABLE = "rounds.csv"


@dataclass(frozen=True)
class RoundRow:
    """One timed call. round, order: from 1, the round and the place of the call in it; what: a key of
    `profile_rows.QUANTITIES`; tokens: target tokens of the call; seconds: of the call; flops: matrix-product FLOPs of
    the call, counted; state_bytes: of the decoder's state after `length` tokens of one sentence, counted; parameters:
    of the model; device: `cpu` or that of a GPU."""

    round: int
    order: int
    arm: str
    length: int
    what: str
    tokens: int
    seconds: float
    flops: int
    state_bytes: int
    parameters: int
    device: str

    @property
    def seconds_per_token(self) -> float:
        return self.seconds / self.tokens


def write(folder: Path, rows: Iterable[RoundRow]) -> None:
    """Write the rows as `rounds.csv`, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / TABLE) as building, building.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(RoundRow)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) | {"seconds": f"{row.seconds:.6g}"} for row in rows)


def read(folder: Path) -> list[RoundRow]:
    """The rows of a folder's `rounds.csv`; none if there is no such file. Raises DataError for a broken one."""
    path = folder / TABLE
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [_row(cells) for cells in csv.DictReader(file)]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({reason(error)})") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not the table of a profile in rounds ({error}); measure it again") from error


def _row(cells: Mapping[str, str]) -> RoundRow:
    kinds = {"arm": str, "what": str, "seconds": float, "device": str}
    row = RoundRow(**{field.name: kinds.get(field.name, int)(cells[field.name]) for field in fields(RoundRow)})
    if not (row.seconds > 0 and row.tokens > 0):
        raise ValueError(f"{row.seconds} seconds for {row.tokens} tokens")
    return row

"""Results on disk: one folder for each cell, written atomically and read back as tidy tables. No torch here."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BrokenFile, UserError
from bench.records import cost_rounds, reading, types, versions
from bench.records.work import BUILDING, publish, work_folder
from bench.records.work import STATE_BUILDING as STATE_BUILDING
from bench.records.work import WEIGHTS_BUILDING as WEIGHTS_BUILDING
from bench.records.work import WORK as WORK
from bench.records.work import clear_unfinished as clear_unfinished
from bench.records.work import lease_file as lease_file
from bench.records.work import lock_file as lock_file
from bench.system.files import flush, replacing, writing
from bench.system.leases import Lease, Lost

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 3
READABLE = (1, 2, SCHEMA)
RECORD, CURVE, OUTPUTS, WEIGHTS = "record.json", "curve.csv", "outputs.tsv", "model.safetensors"
ATTENTION = "attention.json"
PROFILE = "profile"
"""The folder of a profile taken within a suite, beside the cells."""
STATUSES = ("done", "failed", "diverged", "skipped", "timeout")
FAILURES = ("failed", "diverged", "timeout")
"""Statuses of cells that ran and did not succeed. A suite does not run them again unless told to."""
RESUMABLE = ("failed", "timeout")
"""Cells with this status keep their checkpoints, and continue from them when they run again."""

CURVE_COLUMNS = (
    "step",
    "target_tokens",
    "seconds",
    "train_loss",
    "valid_loss",
    "valid_token_accuracy",
    "learning_rate",
)
OUTPUT_COLUMNS = ("split", "search", "index", "source", "reference", "hypothesis", "correct")
"""Columns of `outputs.tsv`; one for each axis of the task follows."""

SCORE_COLUMNS = ("split", "search", "metric", "value", "unit", "n", "axis", "at", "signature")

REASON = "reason"
"""Further column of scores: why a score without a value is undefined."""

KEYS = ("cell", "task", "model", "budget_name", "seed", "status")
"""The columns with which every row of a cell begins."""


@dataclass(frozen=True)
class Records:
    """All cells of a folder as tables. cells: one row a cell, nested keys joined by dots (`throughput.train.median`);
    scores: one row a cell and score; curves: one row a cell and validation; both begin with KEYS. rounds: the folder's
    profile in rounds, if it has one."""

    cells: pd.DataFrame
    scores: pd.DataFrame
    curves: pd.DataFrame
    rounds: Sequence[cost_rounds.RoundRow] = ()


def finished(out: Path, cell: str, statuses: Iterable[str] = ("done",)) -> bool:
    """Whether the cell has a record with one of these statuses."""
    try:
        return read(out / cell)["status"] in set(statuses)
    except (FileNotFoundError, ValueError):
        return False


def read(folder: Path) -> dict[str, Any]:
    """A cell's record, upgraded to the current schema version.

    Raises FileNotFoundError if there is none, and BrokenFile (a ValueError) with the path if `bench` did not write it.
    """
    path = folder / RECORD
    record = reading.json_object(path)
    version = record.get("schema")
    if type(version) is int and version > SCHEMA:
        raise BrokenFile(
            f"{path} has schema version {version}, from a later version of bench; this one reads 1 to {SCHEMA}: "
            "update bench"
        )
    if type(version) is not int or version not in READABLE:
        raise BrokenFile(f"{path} has schema version {version!r:.40}; this version of bench reads 1 to {SCHEMA}")
    types.check(record, path)
    if version == 1:
        versions.to_version_2(record)
    if version < SCHEMA:
        versions.to_version_3(record)
    _check_sizes(folder, record)
    return record


def _check_sizes(folder: Path, record: Mapping[str, Any]) -> None:
    """Raises BrokenFile if a file beside the record has another size than when it was written. A missing file is no
    error: copies may leave files out."""
    sizes = record.get("files") or {}
    for name in (CURVE, OUTPUTS, ATTENTION, WEIGHTS):
        path, size = folder / name, sizes.get(name)
        if size is not None and path.exists() and path.stat().st_size != size:
            raise BrokenFile(
                f"{path} has {path.stat().st_size:,} bytes but was written with {size:,}: it is cut off or changed; "
                f"delete the folder {folder} and run the cell again"
            )


def write(
    out: Path,
    record: Mapping[str, Any],
    curve: Sequence[Mapping[str, object]] = (),
    outputs: Sequence[Mapping[str, object]] = (),
    weights: Path | None = None,
    attention: Mapping[str, Any] | None = None,
    lease: Lease | None = None,
) -> Path:
    """Write a cell's folder under `out` atomically and return its path.

    weights: a finished file, which is moved into the folder. attention: from `bench.evaluation.attention_maps`. An
    earlier folder of the cell is replaced, and stays complete until then. The record's `files` are the sizes in bytes
    of the other files of the folder. lease: of the process that runs the cell. Raises StorageError, and Lost, with
    nothing changed, if the lease is lost or the cell is done."""
    with writing(out):
        return _write(out, dict(record), curve, outputs, weights, attention, lease)


def _write(
    out: Path,
    record: dict[str, Any],
    curve: Sequence[Mapping[str, object]],
    outputs: Sequence[Mapping[str, object]],
    weights: Path | None,
    attention: Mapping[str, Any] | None,
    lease: Lease | None,
) -> Path:
    if lease is not None:
        lease.check()
    cell = str(record["cell"])
    work = work_folder(out, cell)
    own = "" if lease is None else f".{lease.token}"
    building, earlier = work / f"{BUILDING}{own}", work / f"earlier{own}"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    if curve:
        with (building / CURVE).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, CURVE_COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(curve)
    if outputs:
        with (building / OUTPUTS).open("w", encoding="utf-8", newline="") as file:
            axes = dict.fromkeys(key for row in outputs for key in row if key not in OUTPUT_COLUMNS)
            columns = (*OUTPUT_COLUMNS, *axes)
            file.write("\t".join(columns) + "\n")
            for row in outputs:
                file.write("\t".join(_field(row.get(column)) for column in columns) + "\n")
    if attention is not None:
        (building / ATTENTION).write_text(_attention_text(attention), encoding="utf-8")
    if weights is not None:
        os.replace(weights, building / WEIGHTS)
    record["files"] = {path.name: path.stat().st_size for path in sorted(building.iterdir())}
    (building / RECORD).write_text(record_text(record), encoding="utf-8")
    for path in (*building.iterdir(), building):
        flush(path)
    target = out / cell
    if lease is not None:
        lease.check()
        if finished(out, cell):
            raise Lost(str(target))
    publish(building, target, earlier, lease)
    flush(out)
    if record.get("status") in RESUMABLE:
        shutil.rmtree(earlier, ignore_errors=True)
    else:
        shutil.rmtree(work, ignore_errors=True)
    return target


def replace_scores(
    folder: Path, scores: Sequence[Mapping[str, object]], sanity: Mapping[str, object] | None = None
) -> None:
    """Replace the scores of a cell's record, and its sanity flags unless None, atomically. The rest of the record and
    its schema version stay."""
    path = folder / RECORD
    record = json.loads(path.read_text(encoding="utf-8"))
    changed = {"scores": list(scores)} | ({} if sanity is None else {"sanity": sanity})
    with writing(path), replacing(path) as new:
        new.write_text(record_text(record | changed), encoding="utf-8")


def record_text(record: Mapping[str, object]) -> str:
    """A record as the text of `record.json`."""
    return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _attention_text(attention: Mapping[str, Any]) -> str:
    """JSON with one line for each attention map; indented JSON would have one for each of thousands of numbers."""
    rest = {key: value for key, value in attention.items() if key != "maps"}
    maps = ",\n".join(json.dumps(each, ensure_ascii=False, allow_nan=False) for each in attention["maps"])
    head = json.dumps(rest, ensure_ascii=False).removesuffix("}")
    return f'{head},\n"maps": [\n{maps}\n]}}\n'


def _field(value: object) -> str:
    """Text of one field of a tab-separated line; tabs and line ends become spaces."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return " ".join(str(value).splitlines()).replace("\t", " ")


def cell_folders(out: Path) -> list[Path]:
    """The cells' folders under `out`, by name. Raises FileNotFoundError or ValueError if there are none, and
    BrokenFile if one cannot be searched, or is, or contains, a link out of `out`."""
    if not out.is_dir():
        raise FileNotFoundError(f"{out} is not a folder; run `bench suite quick --out {out}` first")
    cells = reading.folders_with(out, RECORD)
    if not cells:
        raise ValueError(f"{out} holds no results: no {RECORD} one folder down; name a folder that `bench` wrote")
    for cell in cells:
        reading.check_links(cell, out, harmless=(WEIGHTS,))  # weights may be kept on another disk
    return cells


def read_all(out: Path) -> dict[Path, dict[str, Any]]:
    """The record of every cell folder under `out`. Raises UserError for one that cannot be read."""
    try:
        return {folder: read(folder) for folder in cell_folders(out)}
    except (OSError, ValueError) as error:
        raise UserError(" ".join(str(error).split())) from error


def load(out: Path | str) -> Records:
    """All records under `out` as tidy tables; see `Records`. Raises the errors of `cell_folders` and `read`."""
    return load_cells(cell_folders(Path(out)), cost_rounds.read(Path(out) / PROFILE))


def load_cells(folders: Iterable[Path], rounds: Sequence[cost_rounds.RoundRow]) -> Records:
    """The records of these cells' folders, in this order, as tidy tables. Raises the errors of `read`."""
    import pandas as pd  # here, because a process that runs a cell and only writes its record starts sooner without

    cells: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    curves: list[tuple[dict[str, Any], pd.DataFrame]] = []
    for folder in folders:
        record = read(folder)
        types.check_identity(record, folder / RECORD)
        record["cell"] = folder.name
        keys = {key: record.get(key) for key in KEYS}
        scores.extend(score | keys for score in record.pop("scores", None) or [])
        cells.append(_flatten(record))
        if (folder / CURVE).exists():
            curves.append((keys, reading.table(folder / CURVE, ",", numbers=CURVE_COLUMNS)))
    return Records(
        pd.DataFrame(cells),
        pd.DataFrame(scores, columns=[*KEYS, *SCORE_COLUMNS, REASON]),
        _concatenate(curves) if curves else pd.DataFrame(columns=[*KEYS, *CURVE_COLUMNS]),
        rounds,
    )


def _concatenate(curves: Sequence[tuple[Mapping[str, object], pd.DataFrame]]) -> pd.DataFrame:
    """The rows of all curves, each after the KEYS of its cell."""
    import pandas as pd

    rows = pd.concat([curve for _, curve in curves], ignore_index=True)[list(CURVE_COLUMNS)]
    keys = {key: [of_cell[key] for of_cell, curve in curves for _ in range(len(curve))] for key in KEYS}
    return pd.concat([pd.DataFrame(keys, columns=list(KEYS)), rows], axis="columns")


def read_outputs(folder: Path) -> pd.DataFrame:
    """A cell's `outputs.tsv`, with its texts unchanged. Raises FileNotFoundError, and BrokenFile if it is broken."""
    texts = ("split", "search", "source", "reference", "hypothesis")
    return reading.table(folder / OUTPUTS, "\t", numbers=("index",), texts=texts)


def read_attention(folder: Path) -> dict[str, Any] | None:
    """A cell's attention maps; None if it has none. Raises BrokenFile if the file is not a JSON object."""
    try:
        return reading.json_object(folder / ATTENTION)
    except FileNotFoundError:
        return None


UNFLATTENED = ("config", "tuning", "architecture", "selection.length_penalty", "data.report", "sanity.cut")
"""Objects of a record that stay one column each."""


def _flatten(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """One level of keys, joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and name not in UNFLATTENED:
            flat.update(_flatten(value, f"{name}."))
        else:
            flat[name] = value
    return flat

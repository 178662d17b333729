"""One results folder a cell: written whole or not at all, read back as tidy tables. No torch here."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BrokenFile
from bench.records import reading, types, versions
from bench.system.files import flush, replacing, writing

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 3
READABLE = (1, 2, SCHEMA)
RECORD, CURVE, OUTPUTS, WEIGHTS = "record.json", "curve.csv", "outputs.tsv", "model.safetensors"
ATTENTION = "attention.json"
WORK = ".work"
STATUSES = ("done", "failed", "diverged", "skipped", "timeout")
RESUMABLE = ("failed", "timeout")
"""A cell that ended so keeps its saved states: running it again goes on from them."""
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
"""Of `outputs.tsv`; one more for each axis of the task follows."""

SCORE_COLUMNS = ("split", "search", "metric", "value", "unit", "n", "axis", "at", "signature")


@dataclass(frozen=True)
class Records:
    """All cells of a folder. cells: a row a cell, nested keys joined by dots (`throughput.train.median`); scores: a
    row a cell and score; curves: a row a cell and validation. Each of the last two begins with the cell's `cell`,
    `task`, `model`, `budget_name`, `seed` and `status`."""

    cells: pd.DataFrame
    scores: pd.DataFrame
    curves: pd.DataFrame


KEYS = ("cell", "task", "model", "budget_name", "seed", "status")


def work_folder(out: Path, cell: str) -> Path:
    """Where a cell lives while it runs."""
    return out / WORK / cell


def lock_file(out: Path, cell: str) -> Path:
    """What a process locks that runs the cell."""
    return out / WORK / f"{cell}.lock"


def finished(out: Path, cell: str, statuses: Iterable[str] = ("done",)) -> bool:
    """Whether the cell's folder holds a record with one of these statuses."""
    try:
        return read(out / cell)["status"] in set(statuses)
    except (FileNotFoundError, ValueError):
        return False


def read(folder: Path) -> dict:
    """A cell's record, one of an earlier version as this one has it. Raises FileNotFoundError where there is none, and
    BrokenFile, a ValueError, with the path where it is not what `bench` writes."""
    path = folder / RECORD
    record = reading.json_object(path)
    version = record.get("schema")
    if type(version) is int and version > SCHEMA:
        raise BrokenFile(
            f"{path} has schema version {version}, of a later bench than this one, which reads 1 to {SCHEMA}; "
            "update bench to read it"
        )
    if type(version) is not int or version not in READABLE:
        raise BrokenFile(f"{path} has schema version {version!r:.40}; this version of bench reads 1 to {SCHEMA}")
    types.check(record, path)
    if version == 1:
        versions.to_version_2(record)
    if version < SCHEMA:
        versions.to_version_3(record)
    _check_whole(folder, record)
    return record


def _check_whole(folder: Path, record: Mapping[str, object]) -> None:
    """Raises BrokenFile where what lies beside the record has another size than when it was written. A file that is
    missing was left out of a copy, which is nobody's harm."""
    sizes = record.get("files") or {}
    for name in (CURVE, OUTPUTS, ATTENTION, WEIGHTS):
        path, size = folder / name, sizes.get(name)
        if size is not None and path.exists() and path.stat().st_size != size:
            raise BrokenFile(
                f"{path} has {path.stat().st_size:,} bytes and was written with {size:,}: it is cut off or changed; "
                f"delete the folder {folder} and run the cell again"
            )


def write(
    out: Path,
    record: Mapping[str, object],
    curve: Sequence[Mapping[str, object]] = (),
    outputs: Sequence[Mapping[str, object]] = (),
    weights: Path | None = None,
    attention: Mapping[str, object] | None = None,
) -> Path:
    """Write a cell's folder under `out` and return its path: built under a temporary name, then renamed.

    weights: a finished file to move in. attention: of `bench.evaluation.attention_maps`. A folder of the same cell that is already
    there is replaced, and is whole until the new one is. The record's `files` are the sizes of what lies beside it, in
    bytes. Raises StorageError.
    """
    with writing(out):
        return _write(out, dict(record), curve, outputs, weights, attention)


def _write(out: Path, record: dict, curve, outputs, weights: Path | None, attention) -> Path:
    cell = str(record["cell"])
    work = work_folder(out, cell)
    building, earlier = work / "finished", work / "earlier"
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
                file.write("\t".join(_one_cell(row.get(column)) for column in columns) + "\n")
    if attention is not None:
        (building / ATTENTION).write_text(_map_a_line(attention), encoding="utf-8")
    if weights is not None:
        os.replace(weights, building / WEIGHTS)
    record["files"] = {path.name: path.stat().st_size for path in sorted(building.iterdir())}
    (building / RECORD).write_text(_as_text(record), encoding="utf-8")
    for path in (*building.iterdir(), building):
        flush(path)
    target = out / cell
    if target.exists():
        shutil.rmtree(earlier, ignore_errors=True)
        os.replace(target, earlier)
    os.replace(building, target)
    flush(out)
    if record.get("status") in RESUMABLE:
        shutil.rmtree(earlier, ignore_errors=True)
    else:
        shutil.rmtree(work, ignore_errors=True)
    return target


def replace_scores(
    folder: Path, scores: Sequence[Mapping[str, object]], sanity: Mapping[str, object] | None = None
) -> None:
    """Give a cell's record other scores, and other sanity flags where given, whole or not at all; the rest of it stays,
    in the schema version it has."""
    path = folder / RECORD
    record = json.loads(path.read_text(encoding="utf-8"))
    changed = {"scores": list(scores)} | ({} if sanity is None else {"sanity": sanity})
    with writing(path), replacing(path) as new:
        new.write_text(_as_text(record | changed), encoding="utf-8")


def _as_text(record: Mapping[str, object]) -> str:
    return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _map_a_line(attention: Mapping[str, object]) -> str:
    """JSON with one line for each attention map: one for each number, as indented, would be thousands."""
    held = dict(attention)
    maps = ",\n".join(json.dumps(one, ensure_ascii=False, allow_nan=False) for one in held.pop("maps"))
    head = json.dumps(held, ensure_ascii=False).removesuffix("}")
    return f'{head},\n"maps": [\n{maps}\n]}}\n'


def _one_cell(value: object) -> str:
    """Text for one field of a tab-separated line: what would break the line becomes a space."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return " ".join(str(value).splitlines()).replace("\t", " ")


def folders(out: Path) -> list[Path]:
    """The cells' folders under `out`, by name. Raises FileNotFoundError or ValueError where there are none, or one is or
    holds a link out of `out`."""
    if not out.is_dir():
        raise FileNotFoundError(f"{out} is not a folder; run `bench suite quick --out {out}` first")
    found = sorted(path.parent for path in out.glob(f"*/{RECORD}") if not path.parent.name.startswith("."))
    if not found:
        raise ValueError(f"{out} holds no results: no {RECORD} one folder down; name a folder that `bench` wrote")
    for folder in found:
        reading.check_links(folder, out, harmless=(WEIGHTS,))  # those may well lie on another disk
    return found


def load(out: Path | str) -> Records:
    """All records under `out` as tidy tables; see `Records`. Raises as `folders` and `read` do."""
    import pandas as pd  # where tables are read; a cell that writes its record starts sooner without

    cells, scores, curves = [], [], []
    for folder in folders(Path(out)):
        record = read(folder)
        types.check_identity(record, folder / RECORD)
        record["cell"] = folder.name
        keys = {key: record.get(key) for key in KEYS}
        listed = record.pop("scores", None) or []
        cells.append(_flatten(record))
        scores.extend(score | keys for score in listed)
        if (folder / CURVE).exists():
            curves.append((keys, reading.table(folder / CURVE, ",", numbers=CURVE_COLUMNS)))
    return Records(
        pd.DataFrame(cells),
        pd.DataFrame(scores, columns=[*KEYS, *SCORE_COLUMNS]),
        _joined(curves) if curves else pd.DataFrame(columns=[*KEYS, *CURVE_COLUMNS]),
    )


def _joined(curves: Sequence[tuple[Mapping[str, object], pd.DataFrame]]) -> pd.DataFrame:
    """All rows of all curves, each behind the keys of its cell."""
    import pandas as pd

    whole = pd.concat([curve for _, curve in curves], ignore_index=True)[list(CURVE_COLUMNS)]
    named = {key: [keys[key] for keys, curve in curves for _ in range(len(curve))] for key in KEYS}
    return pd.concat([pd.DataFrame(named, columns=list(KEYS)), whole], axis="columns")


def read_outputs(folder: Path) -> pd.DataFrame:
    """A cell's `outputs.tsv`, all text kept as it is. Raises FileNotFoundError, and BrokenFile where it is broken."""
    texts = ("split", "search", "source", "reference", "hypothesis")
    return reading.table(folder / OUTPUTS, "\t", numbers=("index",), texts=texts)


def read_attention(folder: Path) -> dict | None:
    """A cell's attention maps; None for a cell without. Raises BrokenFile where the file holds no JSON object."""
    try:
        return reading.json_object(folder / ATTENTION)
    except FileNotFoundError:
        return None


WHOLE = ("config", "tuning", "architecture", "selection.length_penalty")
"""Parts of a record that are one column each: settings, what a model is made of, and a choice among candidates."""


def _flatten(record: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and name not in WHOLE:
            flat.update(_flatten(value, f"{name}."))
        else:
            flat[name] = value
    return flat

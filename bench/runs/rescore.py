"""Score finished cells again from their outputs alone: check recorded scores, add metrics that were defined later."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.conf import checks, schema
from bench.data import tokenisers
from bench.errors import DataError, UserError
from bench.evaluation import degenerate_outputs
from bench.metrics import METRICS, computed, evaluate, undefined
from bench.records import store

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 1e-9
"""Relative tolerance: machines may add the same numbers in another order."""


def scorable(out: Path) -> tuple[list[Path], list[str]]:
    """The cell folders under `out` that have outputs to score, and one line about each of the others. Raises UserError
    for a record that cannot be read."""
    records = store.read_all(out)
    folders, skipped = [], []
    for folder, record in records.items():
        if record["status"] != "done":
            skipped.append(f"{folder.name}: its status is {record['status']}")
        elif not (folder / store.OUTPUTS).is_file():
            skipped.append(f"{folder.name}: it has no {store.OUTPUTS}")
        else:
            folders.append(folder)
    return folders, skipped


class Rescored(NamedTuple):
    """Numbers of scores that were computed again and are the recorded ones, and that were not checked, because another
    program or version computed them; and the metrics and flags that were added."""

    confirmed: int
    unchecked: int
    added: list[str]


def rescore(folder: Path) -> Rescored:
    """Score a cell's outputs again.

    BLEU and ROUGE are computed with the tokeniser that the recorded signature names. A metric that the task has but
    the record lacks is computed on every part of the outputs that the record's first metric covers, and inserted after
    it. Sanity flags that outputs show (`bench.evaluation.degenerate_outputs`) are added where the record lacks them.
    Raises DataError, and changes nothing, where a score differs from the recorded one, and UserError for a tokeniser
    that is not on this machine."""
    record, outputs = store.read(folder), _outputs(folder)
    recorded = [row for row in record["scores"] if row["metric"] in METRICS]
    first = recorded[0]["metric"] if recorded else None
    names = {row["metric"] for row in recorded}
    missing = [name for name in _task_metrics(folder, record) if name not in names] if recorded else []
    tokeniser = _tokeniser(record)
    confirmed = unchecked = 0
    scores = []
    for row in record["scores"]:
        scores.append(row)
        if row["metric"] not in METRICS:
            continue
        part = _part(folder, outputs, row)
        hypotheses, references, sources = (part[side].tolist() for side in ("hypothesis", "reference", "source"))
        is_confirmed = _confirm(folder, row, hypotheses, references, sources)
        confirmed, unchecked = confirmed + is_confirmed, unchecked + (not is_confirmed)
        for name in missing if row["metric"] == first else ():
            score = evaluate(name, hypotheses, references, tokeniser, sources)
            added = {"metric": name, "value": score.value, "unit": METRICS[name].unit, "signature": score.signature}
            rest = {key: value for key, value in row.items() if key != "reason"}
            scores.append(rest | added | ({} if score.reason is None else {"reason": score.reason}))
    sanity, flags = _sanity(record, outputs)
    if missing or flags:
        store.replace_scores(folder, scores, sanity)
    return Rescored(confirmed, unchecked, [*missing, *flags])


def _confirm(
    folder: Path, row: dict[str, Any], hypotheses: Sequence[str], references: Sequence[str], sources: Sequence[str]
) -> bool:
    """Whether a recorded score was computed again with the same signature. Raises DataError where its value differs.

    Records that were written before a score could be undefined have the value that the metric's program gives."""
    metric, tokeniser = row["metric"], tokenisers.of_signature(row["signature"])
    if METRICS[metric].by_language and tokeniser not in tokenisers.NAMES:
        return False  # not computed by this program
    if METRICS[metric].by_language and not tokenisers.available(tokeniser):
        raise UserError(
            f"{folder}: {_label(row)} was computed with the tokeniser {tokeniser}, which is not on this machine; to "
            f"have it: {tokenisers.INSTALL[tokeniser]}"
        )
    value, signature = computed(metric, hypotheses, references, tokeniser, sources)
    if signature != row["signature"]:  # another version of a library may score differently
        return False
    if row["value"] is None:
        same = value is None or undefined(metric, references, tokeniser) is not None
    else:
        same = value is not None and math.isclose(value, row["value"], rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    if not same:
        before = "undefined" if row["value"] is None else row["value"]
        raise DataError(
            f"{folder}: {_label(row)} is {before} in {store.RECORD} but {value} from {store.OUTPUTS}; one of the "
            "files was changed, restore it or run the cell again"
        )
    return True


def _tokeniser(record: dict[str, Any]) -> str:
    """The tokeniser of BLEU and ROUGE in this cell."""
    for row in record["scores"]:
        if row["metric"] in METRICS and METRICS[row["metric"]].by_language and row["signature"]:
            return tokenisers.of_signature(row["signature"])
    language = (record.get("data") or {}).get("language") or {}
    return str(language.get("tokeniser") or tokenisers.DEFAULT)


def _sanity(record: dict[str, Any], outputs: pd.DataFrame) -> tuple[dict[str, Any] | None, list[str]]:
    """The record's sanity flags, completed by those that outputs show, and the names of the added ones. They describe
    the first test split, greedy search."""
    flags = record.get("sanity")
    if flags is None or all(flags.get(name) is not None for name in degenerate_outputs.SHARES):
        return flags, []
    rows = outputs[(outputs["split"] == outputs["split"].iloc[0]) & (outputs["search"] == "greedy")]
    shares = degenerate_outputs.shares(*(rows[side].tolist() for side in ("source", "hypothesis", "reference")))
    added = {name: share for name, share in shares.items() if flags.get(name) is None}
    return flags | added, list(added)


def _task_metrics(folder: Path, record: dict[str, Any]) -> tuple[str, ...]:
    try:
        checks.check_ours(record["config"])
        return schema.build_task(record["config"]["task"]).metrics
    except (KeyError, TypeError, AttributeError, ImportError) as error:
        raise UserError(
            f"{folder / store.RECORD} does not describe a task of this version ({type(error).__name__}: {error}); "
            "run the cell again"
        ) from error


def _outputs(folder: Path) -> pd.DataFrame:
    try:
        return store.read_outputs(folder)
    except FileNotFoundError as error:
        raise DataError(f"{folder / store.OUTPUTS} is missing; restore it or run the cell again") from error


def _part(folder: Path, outputs: pd.DataFrame, row: dict[str, Any]) -> pd.DataFrame:
    """The outputs that a score covers. Raises DataError where their number differs from the recorded one."""
    chosen = (outputs["split"] == row["split"]) & (outputs["search"] == row["search"])
    if row["axis"] is not None:
        # Compared as text: a column that is empty for other splits is not numeric.
        chosen &= outputs[row["axis"]].astype(str) == str(row["at"]) if row["axis"] in outputs else False
    part = outputs[chosen]
    if len(part) != row["n"]:
        raise DataError(
            f"{folder}: {_label(row)} covers {row['n']} examples, but {store.OUTPUTS} has {len(part)}; "
            "restore the file or run the cell again"
        )
    return part


def _label(row: dict[str, Any]) -> str:
    where = f", {row['axis']} {row['at']}" if row["axis"] is not None else ""
    return f"{row['metric']} ({row['split']}, {row['search']}{where})"

"""A report for programs: scores as CSV and Parquet, tables as CSV and LaTeX, verdicts as JSON."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path

import pandas as pd

import bench
from bench.analysis.claims import judge
from bench.analysis.claims.judge import Verdict
from bench.analysis.messages import ENGLISH, render
from bench.analysis.settings import Setting
from bench.report import latex
from bench.report.contents import Contents
from bench.report.tables.base import Table

RESULTS, PARQUET, VERDICTS = "results.csv", "results.parquet", "verdicts.json"

VERDICTS_SCHEMA = 1
"""Version of the format of `verdicts.json`. It increases when a key changes its meaning or is removed."""

PUBLISHED_KEYS = ("what", "system", "number", "source", "differs")
"""What verdicts.json says of a published number."""

NO_PARQUET = (
    f"{PARQUET} not written: pyarrow is missing; pip install 'seq2seq-bench[parquet]' and build the report again"
)


def write_scores(scores: pd.DataFrame, folder: Path) -> None:
    """Write the tidy table as results.csv and, if pyarrow is installed, as results.parquet."""
    scores.to_csv(folder / RESULTS, index=False)
    if importlib.util.find_spec("pyarrow") is not None:
        # Without this, a column without values has no type in the file, and several files do not combine.
        text = {name: "string" for name in scores if scores[name].dtype == object}
        scores.astype(text).to_parquet(folder / PARQUET, index=False)


def write_tables(tables: Iterable[Table], folder: Path) -> None:
    """Write every table as NAME.csv and NAME.tex into an existing folder."""
    for table in tables:
        with (folder / f"{table.name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(table.columns)
            writer.writerows([cell.text for cell in row] for row in table.rows)
        (folder / f"{table.name}.tex").write_text(latex.source(table), encoding="utf-8")


def write_verdicts(report: Contents, folder: Path, languages: Sequence[str] = ()) -> None:
    """Write verdicts.json: everything that the report says about each claim, with the published numbers beside ours.
    It is in English; `texts` holds the sentences in the other languages."""
    content: dict[str, object] = {
        "schema": VERDICTS_SCHEMA,
        "bench": bench.__version__,
        "rules_version": judge.RULES_VERSION,
        "called": judge.CRITERION,
        "claims": [_claim(report, verdict, [code for code in languages if code != ENGLISH])
                   for verdict in report.verdicts],
    }  # fmt: skip
    text = json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / VERDICTS).write_text(text + "\n", encoding="utf-8")


def _claim(report: Contents, verdict: Verdict, languages: Sequence[str]) -> dict[str, object]:
    """A claim and its verdict as one object of verdicts.json. `sentence` is the claim's, `answer` the verdict's."""
    content = _fields(verdict.claim, "corrected") | _fields(verdict, "claim", "sentence", "needed", "command")
    content |= {"answer": verdict.sentence, "needed": verdict.needed, "command": verdict.command}
    if origin := report.origin[verdict.letter]:
        content["folders"] = origin
    rows = report.published_rows[verdict.letter]
    content["published"] = [
        {name: getattr(row.published, name) for name in PUBLISHED_KEYS} | {"ours": row.ours} for row in rows
    ]
    if languages:
        content["texts"] = {language: _sentences(verdict, language) for language in languages}
    return content


def _sentences(verdict: Verdict, language: str) -> dict[str, object]:
    """The sentences about a claim in a language."""
    claim = verdict.claim
    texts = {"sentence": claim.sentence, "predicts": claim.predicts, "rule": claim.rule, "verdict": verdict.word,
             "answer": verdict.sentence, "needed": verdict.needed, "scope": verdict.scope,
             "corrected": verdict.corrected}  # fmt: skip
    evidence = [render(sentence, language) for sentence in verdict.evidence]
    return {name: render(text, language) for name, text in texts.items()} | {"evidence": evidence}


def _fields(record: object, *without: str) -> dict[str, object]:
    """The fields of a dataclass by name, except functions and the fields named."""
    assert is_dataclass(record)
    values = {field.name: getattr(record, field.name) for field in fields(record) if field.name not in without}
    return {name: value for name, value in values.items() if not callable(value)}


def _plain(value: object) -> object:
    """A value as JSON holds it: dataclasses as objects, NaN and infinity as null."""
    if isinstance(value, Setting):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(_fields(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "item"):  # numpy's scalars
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float) else str(value)

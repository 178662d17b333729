"""What programs read of a report: scores as CSV and Parquet, tables as CSV and LaTeX, verdicts as JSON."""

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
from bench.analysis.evidence import Setting
from bench.analysis.messages import ENGLISH, Message, render
from bench.report import latex
from bench.report.tables.base import Table, columns, table
from bench.report.tables.published_numbers import Beside

RESULTS, PARQUET, VERDICTS = "results.csv", "results.parquet", "verdicts.json"

VERDICTS_SCHEMA = 1
"""Of `verdicts.json`; raised when a key changes its meaning or goes."""

NO_PARQUET = (
    f"left out {PARQUET}: pyarrow is not installed; pip install 'seq2seq-bench[parquet]' and make the report again"
)


def scores(tidy: pd.DataFrame, folder: Path) -> None:
    """The tidy table as results.csv, and, where pyarrow is installed, as results.parquet."""
    tidy.to_csv(folder / RESULTS, index=False)
    if importlib.util.find_spec("pyarrow") is not None:
        # A column without a value would have no type in the file, and folders could not be read as one.
        text = {name: "string" for name in tidy if tidy[name].dtype == object}
        tidy.astype(text).to_parquet(folder / PARQUET, index=False)


def tables(found: Iterable[Table], folder: Path) -> None:
    """Every table as NAME.csv and NAME.tex, in an existing folder."""
    for each in found:
        with (folder / f"{each.name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(each.columns)
            writer.writerows([cell.text for cell in row] for row in each.rows)
        (folder / f"{each.name}.tex").write_text(latex.source(each), encoding="utf-8")


def verdict_table(found: Iterable[judge.Verdict]) -> Table:
    """The verdicts as the page lists them first."""
    rows = []
    for each in found:
        claim = Message("page.claim", letter=each.letter, sentence=each.claim.sentence)
        rows.append([claim, each.word, each.corrected])
    return table("verdicts", Message("page.verdicts"), judge.CRITERION, columns("claim", "verdict", "corrected"), rows)


def verdicts(
    found: Sequence[judge.Verdict], beside: Mapping[str, Sequence[Beside]], folder: Path,
    languages: Sequence[str] = (),
) -> None:  # fmt: skip
    """verdicts.json: a claim with all that stands in the report about it, published numbers beside ours included, in
    English, and under `texts` its sentences in each other language of these."""
    others = [code for code in languages if code != ENGLISH]
    content = {
        "schema": VERDICTS_SCHEMA,
        "bench": bench.__version__,
        "rules_version": judge.RULES_VERSION,
        "called": judge.CRITERION,
        "claims": [
            _plain(each.claim, "corrected")
            | _plain(each, "claim")
            | {"published": _published(beside[each.letter])}
            | ({"texts": {code: _told(each, code) for code in others}} if others else {})
            for each in found
        ],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / VERDICTS).write_text(text + "\n", encoding="utf-8")


def _told(verdict: judge.Verdict, language: str) -> dict[str, object]:
    claim = verdict.claim
    texts = {"sentence": claim.sentence, "predicts": claim.predicts, "rule": claim.rule, "verdict": verdict.word,
             "scope": verdict.scope, "corrected": verdict.corrected}  # fmt: skip
    evidence = [render(sentence, language) for sentence in verdict.evidence]
    return {name: render(text, language) for name, text in texts.items()} | {"evidence": evidence}


def _published(rows: Sequence[Beside]) -> list[object]:
    return [_plain(row.published, "claims", "ours") | {"ours": _plain(row.ours)} for row in rows]


def _plain(value: object, *without: str) -> object:
    """A value as JSON has it: dataclasses as objects, less functions and the fields named; NaN and infinity as null."""
    if isinstance(value, Setting):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        kept = {field.name: getattr(value, field.name) for field in fields(value) if field.name not in without}
        return {name: _plain(part) for name, part in kept.items() if not callable(part)}
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "item"):  # numpy's scalars
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float) else str(value)

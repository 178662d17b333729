"""Rows, facts and files of `bench article`: a class with the article's printed call, trained by two recipes. No torch.

`article.csv` has a row for each validation, `article.json` has what the numbers depend on. The second holds the
checksum of the first, so a reader never pairs the files of two runs."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from bench.errors import BrokenFile, reason
from bench.system.files import replacing, writing

FOLDER = "article"
"""In a results folder, that of these files."""

TABLE, FACTS = "article.csv", "article.json"

SCHEMA = 1
"""Version of the files, raised whenever the meaning of a number changes."""

SQUARED_ERROR, CROSS_ENTROPY = "mean_squared_error", "cross_entropy"
RECIPES = (SQUARED_ERROR, CROSS_ENTROPY)
"""The article's recipe, and the one it is compared with."""

REPAIRS = ("max_len", "math", "layers", "import", "tokens")
"""What the printed code lacks, and what a task of tokens needs; the words are in `bench/analysis/texts/`."""

CALL = ("d_model", "n_layers", "n_heads", "d_k", "d_v")
"""The sizes that the article's call prints."""


SHOWN = {"task": ("train_shortest", "train_longest", "symbols"), "model": ("max_len",)}
"""Settings of the resolved configuration that a reader is shown."""


@dataclass(frozen=True)
class ArticleRow:
    """One validation. recipe: one of RECIPES; step: optimiser steps so far; train_loss: mean over the target tokens
    since the last validation, in nats a token for cross-entropy, else squared error a value;
    valid_token_accuracy: share of the validation tokens, teacher-forced, that have the highest output."""

    recipe: str
    seed: int
    step: int
    train_loss: float
    valid_token_accuracy: float


COLUMNS = tuple(field.name for field in fields(ArticleRow))


@dataclass(frozen=True)
class ArticleFacts:
    """What the numbers depend on.

    call: the sizes of CALL; parameters: of the model; steps: of each training; learning_rates: by recipe;
    trials: recipe -> learning rate as text -> final validation token accuracy of each trial seed; trial_seeds: of the
    trials; repairs: of REPAIRS; words: settings as typed for `bench run`; config: the resolved configuration, without
    seed and learning rate; environment, code: as in a record; source: hash of the code behind the numbers.
    """

    call: Mapping[str, int]
    parameters: int
    steps: int
    seeds: tuple[int, ...]
    learning_rates: Mapping[str, float]
    trials: Mapping[str, Mapping[str, tuple[float, ...]]]
    trial_seeds: tuple[int, ...]
    repairs: tuple[str, ...]
    words: tuple[str, ...]
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    code: Mapping[str, Any]
    source: str


@dataclass(frozen=True)
class Article:
    """Both files of a folder: the facts, and the rows in the order of recipe, seed and step."""

    facts: ArticleFacts
    rows: tuple[ArticleRow, ...]

    def final_accuracies(self, recipe: str) -> list[float]:
        """The validation token accuracy after the last step, by seed."""
        return [row.valid_token_accuracy for row in self.rows if row.recipe == recipe and row.step == self.facts.steps]

    def mean_curve(self, recipe: str) -> dict[int, float]:
        """Step -> validation token accuracy, the mean over seeds."""
        values: dict[int, list[float]] = {}
        for row in self.rows:
            if row.recipe == recipe:
                values.setdefault(row.step, []).append(row.valid_token_accuracy)
        return {step: sum(each) / len(each) for step, each in values.items()}


def write(folder: Path, article: Article) -> None:
    """Write both files, whole or not at all. Raises StorageError."""
    table = _as_csv(article.rows)
    facts = {"schema": SCHEMA, "table_sha256": _sha256(table), "accuracy": "teacher-forced", "split": "validation"}
    text = json.dumps(facts | asdict(article.facts), indent=1, ensure_ascii=False) + "\n"
    with writing(folder / TABLE):
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / TABLE) as new_table, replacing(folder / FACTS) as new_facts:
            new_table.write_bytes(table)
            new_facts.write_text(text, encoding="utf-8")


def read(folder: Path) -> Article | None:
    """The article's files of a folder; None if there are none. Raises BrokenFile, one line that names the file, if
    they are not what `write` produces."""
    path = folder / FACTS
    try:
        if not path.exists() and not (folder / TABLE).exists():
            return None
        facts, checksum = _parse_facts(json.loads(path.read_text(encoding="utf-8")))
        path = folder / TABLE
        table = path.read_bytes()
        if _sha256(table) != checksum:
            raise ValueError(f"its checksum is not the one in {FACTS}")
        rows = tuple(_parse_rows(table.decode("utf-8")))
        _check_complete(rows, facts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        cause = f"lacks {error}" if isinstance(error, KeyError) else reason(error)
        again = f"delete {TABLE} and {FACTS} and run `bench article` again"
        raise BrokenFile(f"{path} is broken: {cause}; {again}") from error
    return Article(facts, rows)


def _as_csv(rows: Iterable[ArticleRow]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        numbers = {"train_loss": f"{row.train_loss:.9g}", "valid_token_accuracy": f"{row.valid_token_accuracy:.9g}"}
        writer.writerow(asdict(row) | numbers)
    return text.getvalue().encode("utf-8")


def _sha256(table: bytes) -> str:
    return hashlib.sha256(table).hexdigest()


def _parse_facts(stored: Mapping[str, Any]) -> tuple[ArticleFacts, str]:
    """The facts, and the checksum of the table. Raises ValueError, KeyError or TypeError."""
    if not isinstance(stored, dict) or stored.get("schema") != SCHEMA:
        raise ValueError(f"it is not of schema {SCHEMA}")
    facts = ArticleFacts(
        call={name: _whole(stored["call"], name) for name in CALL},
        parameters=_whole(stored, "parameters"),
        steps=_whole(stored, "steps"),
        seeds=_seeds(stored, "seeds"),
        learning_rates={recipe: _number(stored["learning_rates"][recipe], "a learning rate") for recipe in RECIPES},
        trials={recipe: _trials(stored["trials"][recipe]) for recipe in RECIPES},
        trial_seeds=_seeds(stored, "trial_seeds"),
        repairs=tuple(stored["repairs"]),
        words=tuple(map(str, stored["words"])),
        config=_mapping(stored, "config"),
        environment=_mapping(stored, "environment"),
        code=_mapping(stored, "code"),
        source=str(stored["source"]),
    )
    for group, names in SHOWN.items():
        for name in names:
            _whole(_mapping(facts.config, group), name)
    if unknown := [repair for repair in facts.repairs if repair not in REPAIRS]:
        raise ValueError(f"unknown repairs {', '.join(map(str, unknown))[:100]}")
    return facts, str(stored["table_sha256"])


def _parse_rows(text: str) -> Iterable[ArticleRow]:
    lines = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    if tuple(lines.fieldnames or ()) != COLUMNS:
        raise ValueError(f"its columns are not {', '.join(COLUMNS)}")
    for line in lines:
        try:
            if None in line or None in line.values():
                raise ValueError(f"it does not have {len(COLUMNS)} fields")
            yield ArticleRow(
                line["recipe"],
                int(line["seed"]),
                int(line["step"]),
                _number(float(line["train_loss"]), "train_loss"),
                _number(float(line["valid_token_accuracy"]), "valid_token_accuracy", most=1.0),
            )
        except ValueError as error:
            raise ValueError(f"line {lines.line_num}: {error}") from error


def _check_complete(rows: tuple[ArticleRow, ...], facts: ArticleFacts) -> None:
    """Raises ValueError unless every recipe has the same steps for every seed, up to the last step."""
    steps = sorted({row.step for row in rows})
    expected = [(recipe, seed, step) for recipe in RECIPES for seed in facts.seeds for step in steps]
    if not steps or steps[0] < 1 or steps[-1] != facts.steps:
        raise ValueError(f"its steps do not end at {facts.steps}")
    if [(row.recipe, row.seed, row.step) for row in rows] != expected:
        raise ValueError("it does not have every step of every recipe and seed once, in order")


def _whole(stored: Mapping[str, Any], name: str) -> int:
    number = stored[name]
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ValueError(f"{name} must be a whole number above 0, got {number!r:.40}")
    return number


def _seeds(stored: Mapping[str, Any], name: str) -> tuple[int, ...]:
    seeds = tuple(stored[name])
    if not seeds or len(set(seeds)) < len(seeds) or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise ValueError(f"{name} must be distinct whole numbers, got {seeds!r:.40}")
    return seeds


def _trials(stored: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    return {str(rate): tuple(_number(each, "a trial", most=1.0) for each in own) for rate, own in stored.items()}


def _number(number: object, name: str, most: float = math.inf) -> float:
    if (
        not isinstance(number, int | float)
        or isinstance(number, bool)
        or not 0 <= number <= most
        or number == math.inf
    ):
        raise ValueError(
            f"{name} must be a number from 0{f' to {most:g}' if most < math.inf else ''}, got {number!r:.40}"
        )
    return float(number)


def _mapping(stored: Mapping[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(stored[name], dict):
        raise ValueError(f"{name} must map names to values")
    return stored[name]

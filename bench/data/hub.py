"""Reads parallel text from data sets of the Hugging Face Hub (https://huggingface.co/docs/datasets).

The library `datasets` is optional: pip install 'seq2seq-bench[datasets]'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Protocol

from bench.data import unicode
from bench.data.text import ParallelText, align, without_tabs
from bench.errors import DataError, DataUnavailable, UserError, reason

NESTED = "translation"
"""The column of translation data sets that has one text for each language."""


class Rows(Protocol):
    """The part of `datasets.Dataset` that is used here; columns may have values of any type."""

    column_names: Iterable[str]

    def __getitem__(self, column: str) -> Iterable[Any]: ...


def read_split(
    dataset: str,
    subset: str | None,
    revision: str,
    split: str,
    fields: tuple[str, str],
    counts: Counter[str],
    allow_blank: bool,
) -> ParallelText:
    """Two fields of one split at one commit. A field is a column, or a language of the column `translation`.

    counts, allow_blank: see `bench.data.text.read_pair`; rows are normalised. Raises UserError if the library is not
    installed or the data set has no such split or field, DataUnavailable if it cannot be loaded, and DataError for a
    row that is no text."""
    try:
        import datasets
    except ImportError as error:
        raise UserError(
            f"task.dataset needs the library `datasets` ({error}): pip install 'seq2seq-bench[datasets]'"
        ) from error
    where = f"{dataset}{f' ({subset})' if subset else ''}, {split}"
    try:
        rows = datasets.load_dataset(dataset, subset, split=split, revision=revision)
    except ValueError as error:
        raise UserError(f"{where}: {reason(error)}") from error
    except Exception as error:  # of the network, the Hub or a file format: they have no common base class
        raise DataUnavailable(f"{where}: cannot be loaded ({type(error).__name__}: {reason(error)})") from error
    sides = [_column(rows, field, where, counts) for field in fields]
    return align(sides, (f"{where}, {fields[0]}", f"{where}, {fields[1]}"), counts, allow_blank)


def _column(rows: Rows, field: str, where: str, counts: Counter[str]) -> list[str]:
    columns = list(rows.column_names)
    if field in columns:
        values = list(rows[field])
    else:
        nested = list(rows[NESTED]) if NESTED in columns else []
        if not nested or field not in (nested[0] or {}):
            languages = [f"{NESTED}.{key}" for key in (nested[0] or {})] if nested else []
            raise UserError(f"{where}: there is no field {field!r}; there are {', '.join([*columns, *languages])}")
        values = [(row or {}).get(field) for row in nested]
    lines = ["" if value is None else value for value in values]
    for number, line in enumerate(lines, start=1):
        if not isinstance(line, str):
            raise DataError(f"{where}, row {number}: {field} must be text, got {type(line).__name__}")
        unicode.check_characters(line, f"{where}, row {number}, {field}")
    return without_tabs(unicode.normalise_all(lines, counts), counts)

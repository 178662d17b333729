"""Parallel text out of a data set of the Hugging Face Hub (https://huggingface.co/docs/datasets), by its own library.

The library is optional: pip install 'seq2seq-bench[datasets]'.
"""

from __future__ import annotations

from collections import Counter

from bench.data.text import Parallel, side_by_side
from bench.errors import DataError, DataUnavailable, UserError

NESTED = "translation"
"""The column in which translation data sets keep one text for each language."""


def read_split(
    dataset: str,
    subset: str | None,
    revision: str,
    split: str,
    fields: tuple[str, str],
    counts: Counter[str],
    blank: bool,
) -> Parallel:
    """Two fields of one split at one commit; each is a column, or a language of the column `translation`.

    counts, blank: as of `bench.data.text.read_pair`. Raises UserError where the library is not there or the data set
    has no such split or field, DataUnavailable where it cannot be had.
    """
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
        raise UserError(f"{where}: {_line(error)}") from error
    except Exception as error:  # of network, Hub or a file's format: they have no common base
        raise DataUnavailable(f"{where}: cannot be had ({type(error).__name__}: {_line(error)})") from error
    sides = [_column(rows, field, where, counts) for field in fields]
    return side_by_side(sides, (f"{where}, {fields[0]}", f"{where}, {fields[1]}"), counts, blank)


def _column(rows, field: str, where: str, counts: Counter[str]) -> list[str]:
    there = list(rows.column_names)
    if field in there:
        values = list(rows[field])
    else:
        nested = list(rows[NESTED]) if NESTED in there else []
        if not nested or field not in (nested[0] or {}):
            languages = [f"{NESTED}.{key}" for key in (nested[0] or {})] if nested else []
            raise UserError(f"{where}: there is no field {field!r}; there are {', '.join([*there, *languages])}")
        values = [(row or {}).get(field) for row in nested]
    lines = ["" if value is None else value for value in values]
    for number, line in enumerate(lines, start=1):
        if not isinstance(line, str):
            raise DataError(f"{where}, row {number}: {field} is no text but {type(line).__name__}")
    counts["tabs"] += sum("\t" in line for line in lines)
    return lines


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

"""Reads parallel text from tables: tab-separated by default, or CSV with quotes."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data import file_kinds, script, unicode
from bench.data.text import ParallelText, align, decode, without_tabs
from bench.errors import DataError

TAB, COMMA = "\t", ","
SEPARATORS = {"tab": TAB, "comma": COMMA, "semicolon": ";"}
NONE, CSV = "none", "csv"
QUOTING = (NONE, CSV)

HEADER_LINES = "header_lines"
"""Key of `counts`: first lines that are column names."""

_HEADER_WORDS = """
source src target trg tgt text texts sentence sentences translation translated original reference ref hypothesis
input output question answer prompt response instruction label id index language lang column
english german french spanish italian russian arabic hindi chinese japanese
"""
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
_ROWS_SEEN = 50
_MOSTLY, _SOME = 0.5, 0.01

Row = tuple[int, list[str]]
"""The line at which a row begins, and its cells."""


@dataclass(frozen=True)
class TableForm:
    """The character between two cells, whether cells may stand in quotes, and whether the first line has the names of
    the columns."""

    separator: str = TAB
    quoting: str = NONE
    header: bool = False

    @classmethod
    def of(cls, path: str, separator: str | None, quoting: str | None, header: bool) -> TableForm:
        """The form of a file, from options of which None is decided by the end of its name: commas and quotes for
        `.csv`, tabs and no quotes for all others. Raises ValueError for an impossible option."""
        by_name = path.removesuffix(".gz").lower().endswith(".csv")
        chosen = (COMMA if by_name else TAB) if separator is None else SEPARATORS.get(separator, separator)
        if len(chosen) != 1 or chosen in '"\r\n':
            raise ValueError(f"separator={separator!r}: write {', '.join(SEPARATORS)}, or one character")
        quoting = (CSV if by_name else NONE) if quoting is None else quoting
        if quoting not in QUOTING:
            raise ValueError(f"quoting={quoting!r} must be one of {', '.join(QUOTING)}")
        if not isinstance(header, bool):
            raise ValueError(f"header={header!r} must be true or false")
        return cls(chosen, quoting, header)

    @property
    def facts(self) -> dict[str, object]:
        """What differs from a plain table, for the hash of a cell."""
        plain = TableForm()
        return {key: value for key, value in vars(self).items() if value != getattr(plain, key)}

    def rows(self, lines: Sequence[str], where: str) -> Iterator[Row]:
        """The rows of a table. Raises DataError for quotes that do not match."""
        if self.quoting == NONE:
            yield from ((number, line.split(self.separator)) for number, line in enumerate(lines, start=1))
            return
        # The default, 128 KiB, is an error for long texts. The limit is one for the whole process.
        earlier = csv.field_size_limit(file_kinds.MAX_TEXT_BYTES)
        reader = csv.reader(
            io.StringIO("".join(f"{line}\n" for line in lines), newline="\n"), delimiter=self.separator, strict=True
        )
        start = 1
        try:
            for cells in reader:
                yield start, cells
                start = reader.line_num + 1
        except csv.Error as error:
            raise DataError(
                f"{where}, line {start}: the quotes of this row do not match ({error}); a quote inside quotes is "
                "written twice; if quotes are part of the text, use task.quoting=none"
            ) from error
        finally:
            csv.field_size_limit(earlier)


def read_table(
    path: Path | str,
    columns: tuple[int, int],
    counts: Counter[str] | None = None,
    allow_blank: bool = False,
    *,
    form: TableForm = TableForm(),
    normalised: bool = False,
    warnings: list[str] | None = None,
) -> ParallelText:
    """Two columns (counted from 1) of a table; otherwise like `bench.data.text.read_pair`.

    warnings: gets a line about what looks like a header or like quotes and is read as text. Also raises DataError if
    the lines have too few columns, or different numbers of columns: a separator inside a text would shift the others.
    """
    raw = file_kinds.content(path)
    return parse_table(
        raw, str(path), columns, counts, allow_blank, form=form, normalised=normalised, warnings=warnings
    )


def parse_table(
    raw: bytes,
    where: str,
    columns: tuple[int, int],
    counts: Counter[str] | None = None,
    allow_blank: bool = False,
    *,
    form: TableForm = TableForm(),
    normalised: bool = False,
    warnings: list[str] | None = None,
) -> ParallelText:
    """Like `read_table`, from the content of a file; `where` names it in messages."""
    rows = list(form.rows(decode(raw, where), where))
    _check_columns(rows, max(columns), form, where)
    if form.header:
        rows = rows[1:]
        if counts is not None:
            counts[HEADER_LINES] += 1
        if not rows:
            raise DataError(f"{where}: there is nothing below its header")
    sides = [[cells[column - 1] for _, cells in rows] for column in columns]
    if warnings is not None:
        warnings += _notices(rows, sides, form, where)
    if normalised:
        sides = [unicode.normalise_all(side, counts) for side in sides]
    if form.separator != TAB or form.quoting == CSV:  # else no cell has a tab
        sides = [without_tabs(side, counts) for side in sides]
    if not allow_blank:
        for number, *pair in zip((line for line, _ in rows), *sides):
            if not all(cell.strip() for cell in pair):
                raise DataError(f"{where}, line {number}: no text in column {columns[bool(pair[0].strip())]}")
    return align(sides, (where, where), counts, allow_blank)


def _check_columns(rows: Sequence[Row], least: int, form: TableForm, where: str) -> None:
    _, first = rows[0]
    if len(first) < least:
        others = [name for name, mark in SEPARATORS.items() if mark != form.separator and mark in "".join(first)]
        advice = f"; if {others[0]}s separate its columns, add task.separator={others[0]}" if others else ""
        count = "1 column" if len(first) == 1 else f"{len(first)} columns"
        raise DataError(f"{where}, line 1: {count}, so there is no column {least}{advice}")
    for number, cells in rows:
        if len(cells) != len(first):
            raise DataError(f"{where}, line {number}: {len(cells)} columns, and line 1 has {len(first)}")


def _notices(rows: Sequence[Row], sides: Sequence[Sequence[str]], form: TableForm, where: str) -> list[str]:
    """What a reader should check: a first line that looks like column names, cells that look quoted."""
    notices = []
    first = [side[0] for side in sides]
    named = all(map(looks_like_column_name, first)) or looks_like_header([cells for _, cells in rows[:_ROWS_SEEN]])
    if not form.header and named:
        notices.append(f"{where}: line 1 looks like a header: {', '.join(first)}; if it is one, add task.header=true")
    if form.quoting == NONE and (quoted := looks_quoted([cell for side in sides for cell in side])):
        notices.append(
            f"{where}: {quoted:,} cells look quoted; if their quotes are not part of the text, add task.quoting=csv"
        )
    return notices


def looks_like_column_name(cell: str) -> bool:
    """Whether a cell is made of words that name columns, or is a code of a language.

    >>> [looks_like_column_name(cell) for cell in ("source", "text_en", '"de"', "Sentence 1", "Guten Tag", "no", "2")]
    [True, True, True, True, False, True, False]
    """
    words = [word for word in re.split(r"[\W_\d]+", cell.lower()) if word]
    return bool(words) and all(word in _HEADER_WORDS.split() or word in script.LANGUAGES for word in words)


def looks_like_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether a column has numbers everywhere but in the first row.

    >>> looks_like_header([["nr", "a"], ["1", "b"], ["2", "c"]]), looks_like_header([["1", "a"], ["2", "b"]])
    (True, False)
    """
    return len(rows) > 2 and any(
        not _NUMBER.fullmatch(first) and all(map(_NUMBER.fullmatch, rest)) for first, *rest in zip(*rows)
    )


def looks_quoted(cells: Sequence[str]) -> int:
    """The number of cells in quotes, if that looks like quoting and not like speech: most cells are quoted, or some of
    them double the quotes inside, as CSV does.

    >>> looks_quoted(['"a"', '"b"', "c"]), looks_quoted(['"He said ""no"" again."', "b"])
    (2, 1)
    >>> looks_quoted(['"Hello."', "b", "c"])
    0
    """
    quoted = [cell[1:-1] for cell in cells if len(cell) > 1 and cell[0] == cell[-1] == '"']
    proper = [cell for cell in quoted if '"' not in cell.replace('""', "")]
    doubled = sum('""' in cell for cell in proper)
    return len(proper) if len(proper) > _MOSTLY * len(cells) or doubled > _SOME * len(quoted) else 0

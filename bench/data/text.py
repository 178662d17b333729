"""Reads parallel text from files strictly, so that the two sides never shift against each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from bench.data import file_kinds, unicode
from bench.errors import DataError

DROPPED_EMPTY = "train_dropped_empty"
"""Key of `counts`: pairs that are left out because a side has no text."""

_BOM = b"\xef\xbb\xbf"


class ParallelText(NamedTuple):
    """The two sides of a parallel text: target i is the translation of source i."""

    sources: list[str]
    targets: list[str]

    @classmethod
    def of_pairs(cls, pairs: Iterable[tuple[str, str]]) -> ParallelText:
        """From (source, target) pairs."""
        pairs = list(pairs)
        return cls([source for source, _ in pairs], [target for _, target in pairs])

    @property
    def swapped(self) -> ParallelText:
        """The same text in the other direction."""
        return ParallelText(self.targets, self.sources)

    def where(self, mask: Iterable[bool]) -> ParallelText:
        """The pairs for which the mask is true, in their order."""
        return self.of_pairs(pair for pair, keep in zip(zip(*self), mask, strict=True) if keep)

    def joined(self, other: ParallelText) -> ParallelText:
        """These pairs, followed by those of the other text."""
        return ParallelText(self.sources + other.sources, self.targets + other.targets)


def read_lines(
    path: Path | str, counts: Counter[str] | None = None, allow_blank: bool = False, normalised: bool = False
) -> list[str]:
    """The lines of a UTF-8 text file without their ends; gzip-compressed if the name ends in `.gz`.

    A byte order mark is removed and `\\r\\n` ends a line like `\\n`; neither is part of the text. A tab becomes a
    space, because results are tab-separated, and `counts["tabs"]` grows by the number of changed lines. Everything
    else that is wrong is an error, a NUL too: lenient reading would shift one side of a parallel text against the
    other.

    allow_blank: whether lines without text are allowed. normalised: whether lines are normalised (see
    `bench.data.unicode`); not those of published corpora, which keep their ids. Raises DataError for a file that is
    missing, empty, truncated or not UTF-8, and for a line without text unless allowed."""
    return parse_lines(file_kinds.content(path), str(path), counts, allow_blank, normalised)


def read_pair(
    source_path: Path | str,
    target_path: Path | str,
    counts: Counter[str] | None = None,
    allow_blank: bool = False,
    normalised: bool = False,
) -> ParallelText:
    """Both sides of a parallel text from two files, line i a translation of line i; `counts` and `normalised` as in
    `read_lines`.

    allow_blank: leave out pairs in which a side has no text, and count them under DROPPED_EMPTY. Raises DataError if
    the numbers of lines differ, and the errors of `read_lines`."""
    sides = [read_lines(path, counts, allow_blank=True, normalised=normalised) for path in (source_path, target_path)]
    return align(sides, (str(source_path), str(target_path)), counts, allow_blank)


def parse_lines(
    raw: bytes, where: str, counts: Counter[str] | None = None, allow_blank: bool = False, normalised: bool = False
) -> list[str]:
    """Like `read_lines`, from the content of a file; `where` names it in messages."""
    lines = decode(raw, where)
    if normalised:
        lines = unicode.normalise_all(lines, counts)
    if not allow_blank:
        refuse_blank(lines, where)
    return without_tabs(lines, counts)


def without_tabs(lines: Sequence[str], counts: Counter[str] | None = None) -> list[str]:
    """The lines with spaces in place of tabs; changed lines are counted."""
    if counts is not None:
        counts["tabs"] += sum("\t" in line for line in lines)
    return [line.replace("\t", " ") for line in lines]


def stream_lines(stream: BinaryIO, where: str) -> Iterator[str]:
    """The lines of a stream, as they arrive, without their ends; they end in `\\n` or `\\r\\n` and in nothing else.

    A byte order mark at the start is removed. Raises DataError, with the number of the line, where bytes are not UTF-8
    or not text."""
    for number, raw in enumerate(stream, start=1):
        if number == 1:
            file_kinds.refuse_other_kinds(raw[: file_kinds.HEAD], where)
            raw = raw.removeprefix(_BOM)
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{where}, line {number}: not UTF-8 ({error.reason}); convert it to UTF-8") from error
        yield unicode.check_characters(line.removesuffix("\n").removesuffix("\r"), f"{where}, line {number}")


def align(
    sides: Sequence[list[str]], names: tuple[str, str], counts: Counter[str] | None = None, allow_blank: bool = False
) -> ParallelText:
    """The two sides as a parallel text.

    names: of both sides, for messages. allow_blank: leave out pairs in which a side has no text, and count them under
    DROPPED_EMPTY. Raises DataError if the numbers of lines differ, and for a line without text unless allowed.
    """
    if len(sides[0]) != len(sides[1]):
        raise DataError(
            f"{names[0]} has {len(sides[0])} lines and {names[1]} has {len(sides[1])}; the numbers must be equal"
        )
    text = ParallelText(*sides)
    if not allow_blank:
        for name, side in zip(names, sides):
            refuse_blank(side, name)
        return text
    mask = [bool(source.strip() and target.strip()) for source, target in zip(*text)]
    if counts is not None:
        counts[DROPPED_EMPTY] += mask.count(False)
    return text if all(mask) else text.where(mask)


def decode(raw: bytes, where: str) -> list[str]:
    """The lines of a UTF-8 text without their ends. Raises DataError for anything else."""
    raw = raw.removeprefix(_BOM)
    if not raw:
        raise DataError(f"{where}: the file is empty")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(f"{where}, line {line}: not UTF-8 ({error.reason}); convert the file to UTF-8") from error
    if "\0" in text:  # disks and archives fill holes with NULs
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(
            f"{where}, line {line}: a NUL; the file is damaged, or not UTF-8 but UTF-16: iconv -f UTF-16LE -t UTF-8"
        )
    if "\n" not in text and "\r" in text.removesuffix("\r"):
        raise DataError(f"{where}: its lines end in a carriage return alone; convert it: tr '\\r' '\\n'")
    # Not str.splitlines, which also splits at characters that occur inside captions, such as U+2028.
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def refuse_blank(lines: Sequence[str], where: str) -> None:
    """Raises DataError for a line without text."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise DataError(f"{where}, line {number}: no text on this line")

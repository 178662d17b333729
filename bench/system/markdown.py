"""Tables in Markdown, of the pages that are no reports of cells."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

BAR = re.compile(r"(?<!\\)\|")
"""One that is not escaped."""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], numeric: Collection[int] = ()) -> list[str]:
    r"""The lines of a table. numeric: indices of the columns that are aligned to the right.

    >>> print(*table(["arm", "a|b"], [["lstm", "1"]], numeric=[1]), sep="\n")
    | arm | a\|b |
    |---|---:|
    | lstm | 1 |
    """
    alignment = ("---:" if place in numeric else "---" for place in range(len(heads)))
    return [_line(heads), f"|{'|'.join(alignment)}|", *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(BAR.sub(r"\|", cell) for cell in cells) + " |"

"""Tables of the report as LaTeX, one file per table for \\input, with the rules of booktabs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bench.report.tables.base import Table

ROWS = 40
"""A table with more rows than this is a longtable, which continues over pages."""

NEEDS = "% \\usepackage{{{}}} in the preamble; where text is not Latin, XeLaTeX or LuaLaTeX with a font that has it."

LONG = 40
"""A column with a cell of more characters than this wraps its text; such columns share the page's width."""

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "`": r"\textasciigrave{}", "'": r"\textquotesingle{}", '"': r"\char34{}",
    # At the start of a row, LaTeX reads a bracket or a star as an option of the row before.
    "[": "{[}", "]": "{]}", "*": "{*}",
}  # fmt: skip
"""Characters that LaTeX interprets or prints as others, and their escapes."""


def escape(text: str) -> str:
    """Text on one line, escaped so that LaTeX prints it unchanged. Two hyphens stay two.

    >>> print(escape("lstm_none: 5 % & [0.1, 0.2] --out"))
    lstm\\_none: 5 \\% \\& {[}0.1, 0.2{]} -{}-out
    """
    plain = "".join(SPECIAL.get(character, character) for character in " ".join(text.split()))
    return re.sub(r"-(?=-)", "-{}", plain)


def source(table: Table) -> str:
    """LaTeX source of a table: numbers flush right, title and note as the caption, label `tab:NAME`."""
    columns = "".join(_columns(table))
    caption = rf"\caption{{{escape(f'{table.title}. {table.note}')}}}\label{{tab:{table.name}}}"
    head = _row(table.columns)
    body = [_row(cell.text for cell in row) for row in table.rows]
    if len(table.rows) > ROWS:
        lines = [
            *(NEEDS.format("booktabs,longtable"), rf"\begin{{longtable}}{{{columns}}}", caption + r" \\"),
            *(r"\toprule", head, r"\midrule", r"\endfirsthead", r"\toprule", head, r"\midrule", r"\endhead"),
            *(r"\bottomrule", r"\endfoot", *body, r"\end{longtable}"),
        ]
    else:
        lines = [
            *(NEEDS.format("booktabs"), r"\begin{table}", r"\centering", caption, rf"\begin{{tabular}}{{{columns}}}"),
            *(r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}", r"\end{table}"),
        ]
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return " & ".join(escape(cell) for cell in cells) + r" \\"


def _columns(table: Table) -> list[str]:
    places = range(len(table.columns))
    long = [place for place in places if any(len(row[place].text) > LONG for row in table.rows)]
    share = min(0.4, 0.8 / max(1, len(long)))
    wide = rf"p{{{share:.2f}\linewidth}}"
    return ["r" if place in table.numeric else wide if place in long else "l" for place in places]

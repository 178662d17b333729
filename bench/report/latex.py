"""Tables of the report as LaTeX: one file a table, to be read in with \\input; rules by booktabs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bench.report.tables.base import Table

ROWS = 40
"""Up to so many rows a table is one that stays in one piece, beyond it one that goes on over pages."""

NEEDS = "% \\usepackage{{{}}} in the preamble; where text is not Latin, XeLaTeX or LuaLaTeX with a font that has it."

LONG = 40
"""A column with more characters than this in a cell is broken into lines; such columns share the page's width."""

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "`": r"\textasciigrave{}", "'": r"\textquotesingle{}", '"': r"\char34{}",
    # After the end of a row, a bracket or a star would be read as an option of the row's end.
    "[": "{[}", "]": "{]}", "*": "{*}",
}  # fmt: skip
"""Characters that LaTeX would read as something else or print as another."""


def escape(text: str) -> str:
    """Text that LaTeX prints as it is, on one line; two hyphens stay two.

    >>> print(escape("lstm_none: 5 % & [0.1, 0.2] --out"))
    lstm\\_none: 5 \\% \\& {[}0.1, 0.2{]} -{}-out
    """
    plain = "".join(SPECIAL.get(character, character) for character in " ".join(text.split()))
    return re.sub(r"-(?=-)", "-{}", plain)


def source(table: Table) -> str:
    """The LaTeX of a table: numbers flush right, title and note as its caption, `tab:NAME` as its label."""
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

"""The verdicts as lines for a terminal: letter, word, and the sentence below each other, in colour where wanted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

import click
from rich.console import Console
from rich.text import Text as Line

from bench.analysis.messages import render

if TYPE_CHECKING:
    from bench.analysis.claims.judge import Verdict

COLOURS = {"supported": "green", "refuted": "red", "qualified": "yellow"}
"""Colour of a verdict's word; an open claim has none."""

SIGNS = {"supported": "+", "refuted": "-", "qualified": "~"}
"""Sign before the word, so that colour is not needed; `?` for an open claim."""

MAX_WIDTH, INDENT = 120, 5
"""Columns at most, whatever the terminal has; columns left of a sentence, which begins below the word."""


def wants_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal and NO_COLOR is not set (https://no-color.org: any text but none)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def lines(verdicts: Sequence[Verdict], language: str, colour: bool, width: int | None = None) -> list[str]:
    """Two lines or more for each verdict, of at most `width` columns: by default those of the terminal."""
    width = min(MAX_WIDTH, shutil.get_terminal_size().columns) if width is None else width
    shown = []
    for verdict in verdicts:
        word = str(render(verdict.word, language))
        text = click.style(word, fg=COLOURS.get(verdict.verdict), bold=True) if colour else word
        shown.append(f"{verdict.letter}  {SIGNS.get(verdict.verdict, '?')} {text}")
        shown += [" " * INDENT + line for line in _wrapped(str(render(verdict.sentence, language)), width - INDENT)]
    return shown


def _wrapped(text: str, width: int) -> list[str]:
    """A text in lines of at most `width` columns, of which a Chinese character takes two. Characters that would
    control the terminal are replaced."""
    plain = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))
    return [line.plain.rstrip() for line in Line(plain).wrap(Console(width=width), width)]

"""Outputs of every arm side by side, at positions fixed before running, so that nothing is picked by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import pandas as pd

from bench.analysis import arms
from bench.analysis.evidence import Evidence
from bench.analysis.messages import ENGLISH, Joined, Message, Text, render
from bench.analysis.settings import Setting
from bench.data.script import UNSPACED_CHARACTER
from bench.records import store

PLACES = (0.1, 0.5, 0.9)
"""Positions of the examples in the first test split, as shares of its length."""

MAX_LENGTH = 400
"""Characters shown of one text."""

SAME, OTHER, MISSING = "", "ins", "del"
"""Kinds of pieces of a hypothesis compared with the reference. The value is the HTML element that marks the piece
without colour."""

_LETTER = rf"(?:(?!{UNSPACED_CHARACTER})\w)"
WORD = re.compile(rf"{UNSPACED_CHARACTER}|{_LETTER}+(?:[-'’]{_LETTER}+)*|[^\w\s]")
"""Unit of alignment: a word with its inner hyphens and apostrophes, one character of a script without spaces, or one
other character that is no space."""

Piece = tuple[str, str]
"""Kind and text."""


@dataclass(frozen=True)
class Hypothesis:
    """An arm's output. pieces: empty if the output is; correct: whether it equals the reference."""

    arm: str
    pieces: list[Piece]
    correct: bool


@dataclass(frozen=True)
class Example:
    """One example of a split with the outputs of all arms."""

    split: str
    index: int
    source: str
    reference: str
    hypotheses: list[Hypothesis]


def of_setting(evidence: Evidence, setting: Setting, folders: Mapping[str, Path]) -> list[Example]:
    """Examples of the first split and the headline search, each arm by its lowest seed; empty if no outputs were kept.
    folders: folder of each cell."""
    split, _, search = evidence.headline(setting)
    outputs: dict[str, pd.DataFrame] = {}
    cells = evidence.finished(setting).sort_values("seed")
    for arm in arms.ordered(cells["arm"]):
        cell = cells[cells["arm"] == arm]["cell"].iloc[0]
        try:
            rows = store.read_outputs(folders[str(cell)])
        except FileNotFoundError:
            continue
        rows = rows[(rows["split"] == split) & (rows["search"] == search)]
        if len(rows):
            outputs[arm] = rows.drop_duplicates("index").set_index("index")
    if not outputs:
        return []
    common = sorted(set.intersection(*(set(rows.index) for rows in outputs.values())))
    if not common:
        return []
    indices = dict.fromkeys(common[min(len(common) - 1, int(place * len(common)))] for place in PLACES)
    return [_example(split, index, outputs) for index in indices]


def _example(split: str, index: int, outputs: dict[str, pd.DataFrame]) -> Example:
    """The example at an index. outputs: arm -> rows by index; source and reference are the first arm's."""
    first = next(iter(outputs.values())).loc[index]
    hypotheses = []
    for arm, rows in outputs.items():
        row = rows.loc[index]
        pieces = compare(row["hypothesis"], first["reference"])
        hypotheses.append(Hypothesis(arm, pieces, row["hypothesis"] == row["reference"]))
    return Example(split, int(index), _shortened(first["source"]), _shortened(first["reference"]), hypotheses)


def compare(hypothesis: str, reference: str) -> list[Piece]:
    """The hypothesis cut into pieces, and between them, with spaces around, the words of the reference that it lacks.

    Words are aligned by difflib's longest common blocks. Of a long text only the beginning is compared.
    """
    shown, rest = _cut(hypothesis)
    tail: list[Piece] = [(SAME, rest)] if rest else []
    if not shown or hypothesis == reference:
        return [(SAME, shown), *tail] if shown else []
    ours, theirs = list(WORD.finditer(shown)), list(WORD.finditer(reference))
    aligned = SequenceMatcher(None, [word.group() for word in ours], [word.group() for word in theirs], autojunk=False)
    pieces: list[Piece] = []
    done = 0
    for kind, start, end, their_start, their_end in aligned.get_opcodes():
        if kind == "insert" and not (rest and end == len(ours)):  # the text beyond the cut may hold the missing words
            missing = reference[theirs[their_start].start() : theirs[their_end - 1].end()]
            until = ours[start].start() if start < len(ours) else len(shown)
            before = shown[done:until]
            space = " " if before and not before.endswith(" ") else ""
            pieces += [(SAME, before + space), (MISSING, missing), (SAME, " ")]
            done = until
        elif kind in ("delete", "replace"):
            begin, stop = ours[start].start(), ours[end - 1].end()
            pieces += [(SAME, shown[done:begin]), (OTHER, shown[begin:stop])]
            done = stop
    return [(kind, text) for kind, text in (*pieces, (SAME, shown[done:])) if text] + tail


def markup(pieces: Iterable[Piece], escape: Callable[[str], str], language: str = ENGLISH) -> str:
    """Pieces as one line of HTML, which Markdown accepts too. escape: makes a text show as it is."""
    escaped = ((kind, escape(str(render(text, language)))) for kind, text in pieces)
    return "".join(f"<{kind}>{text}</{kind}>" if kind else text for kind, text in escaped)


def _shortened(text: str) -> str | Text:
    shown, rest = _cut(text)
    return Joined([shown, rest], by="nothing") if rest else shown


def _cut(text: str) -> tuple[str, str | Text]:
    """The beginning of a text, up to the end of a word, and a remark on the rest; "" if nothing is left out."""
    if len(text) <= MAX_LENGTH:
        return text, ""
    shown = text[:MAX_LENGTH].rpartition(" ")[0] or text[:MAX_LENGTH]
    return shown, Message("examples.more", count=len(text) - len(shown))

"""A few outputs of every arm side by side. The places are fixed before running, so that nothing is picked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import pandas as pd

from bench.analysis import arms
from bench.analysis.evidence import Evidence, Setting
from bench.analysis.messages import ENGLISH, Joined, Message, Text, render
from bench.records import store

PLACES = (0.1, 0.5, 0.9)
"""Where in the first test split the examples stand, as a share of its length."""

LONGEST = 400
"""Characters shown of one text."""

SAME, OTHER, MISSING = "", "ins", "del"
"""What a piece of a hypothesis is beside the reference, as the HTML element that marks it without colour."""

WORD = re.compile(r"\w+(?:[-'’]\w+)*|[^\w\s]")
"""What is aligned: a word, hyphens and apostrophes inside it included, or one other character that is no space."""

Piece = tuple[str, str]
"""Kind and text."""


@dataclass(frozen=True)
class Example:
    """hypotheses: arm, the pieces of its text (none where it is empty), and whether the text equals the reference."""

    split: str
    index: int
    source: str
    reference: str
    hypotheses: list[tuple[str, list[Piece], bool]]


def of_setting(evidence: Evidence, setting: Setting, folder: Path) -> list[Example]:
    """Examples of the first split and search, each arm by its lowest seed. Empty where no outputs were kept."""
    split, _, search = evidence.headline(setting)
    shown: dict[str, pd.DataFrame] = {}
    cells = evidence.finished(setting).sort_values("seed")
    for arm in arms.ordered(cells["arm"]):
        cell = cells[cells["arm"] == arm]["cell"].iloc[0]
        try:
            rows = store.read_outputs(folder / str(cell))
        except FileNotFoundError:
            continue
        rows = rows[(rows["split"] == split) & (rows["search"] == search)]
        if len(rows):
            shown[arm] = rows.drop_duplicates("index").set_index("index")
    if not shown:
        return []
    common = sorted(set.intersection(*(set(rows.index) for rows in shown.values())))
    if not common:
        return []
    picked = dict.fromkeys(common[min(len(common) - 1, int(place * len(common)))] for place in PLACES)
    first = next(iter(shown.values()))
    return [
        Example(
            str(split),
            int(index),
            _short(first.loc[index, "source"]),
            _short(first.loc[index, "reference"]),
            [
                (
                    arm,
                    compared(rows.loc[index, "hypothesis"], first.loc[index, "reference"]),
                    rows.loc[index, "hypothesis"] == rows.loc[index, "reference"],
                )
                for arm, rows in shown.items()
            ],
        )
        for index in picked
    ]


def compared(hypothesis: str, reference: str) -> list[Piece]:
    """The hypothesis cut into pieces, and between them, with spaces around, what it lacks of the reference.

    Words are aligned by difflib's longest common blocks. Of a long text the beginning is compared.
    """
    shown, rest = _cut(hypothesis)
    tail = [(SAME, rest)] if rest else []
    if not shown or hypothesis == reference:
        return [(SAME, shown), *tail] if shown else []
    ours, theirs = list(WORD.finditer(shown)), list(WORD.finditer(reference))
    aligned = SequenceMatcher(None, [word.group() for word in ours], [word.group() for word in theirs], autojunk=False)
    pieces, done = [], 0
    for kind, start, end, their_start, their_end in aligned.get_opcodes():
        if kind == "insert" and not (rest and end == len(ours)):  # what stands beyond the cut may have it
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


def marked(pieces: Iterable[Piece], escape: Callable[[str], str], language: str = ENGLISH) -> str:
    """Pieces as one line of HTML, also for Markdown; escape: of the text alone, to be shown as it is."""
    shown = ((kind, escape(render(text, language))) for kind, text in pieces)
    return "".join(f"<{kind}>{text}</{kind}>" if kind else text for kind, text in shown)


def _short(text: str) -> str | Text:
    shown, rest = _cut(text)
    return Joined([shown, rest], by="nothing") if rest else shown


def _cut(text: str) -> tuple[str, str | Text]:
    """The beginning, up to the end of a word, and words for the rest; "" where nothing is left out."""
    if len(text) <= LONGEST:
        return text, ""
    shown = text[:LONGEST].rpartition(" ")[0] or text[:LONGEST]
    return shown, Message("examples.more", count=len(text) - len(shown))

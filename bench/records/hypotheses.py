"""What cells answered as plain text, one line an example: what sacrebleu and compare-mt read. No torch here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UserError
from bench.records import store

FOLDER = "hypotheses"
"""Beside the cells, where no other is named."""

SOURCE, REFERENCE = "source", "reference"


@dataclass(frozen=True)
class Answers:
    """One test split under one search, in the order of the split; as many of each."""

    sources: list[str]
    references: list[str]
    hypotheses: list[str]


def of_cell(cell: Path) -> dict[tuple[str, str], Answers]:
    """All answers of a cell by (split, search), from its `outputs.tsv` alone. Raises UserError where there are none."""
    path = cell / store.OUTPUTS
    found = {}
    try:
        for key, rows in store.read_outputs(cell).groupby(["split", "search"], sort=False):
            found[key] = Answers(*(rows[name].tolist() for name in (SOURCE, REFERENCE, "hypothesis")))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{cell} holds no {store.OUTPUTS}, so it has no answers to read") from error
    if not found:
        raise UserError(f"{path} is empty; run the cell again")
    return found


def cells_of(folder: Path) -> list[Path]:
    """The folder itself where it is a cell's, else all cells in it. Raises UserError where there are none."""
    if (folder / store.RECORD).is_file():
        return [folder]
    try:
        return store.folders(folder)
    except (FileNotFoundError, ValueError) as error:
        raise UserError(str(error)) from error


def files(cell: Path) -> dict[str, str]:
    """Name and text of each file of a cell: SPLIT.source, SPLIT.reference and, for each search, SPLIT.SEARCH."""
    found: dict[str, str] = {}
    of_splits = of_cell(cell)
    for name in (name for key in of_splits for name in key):
        if not re.fullmatch(r"\w[\w.+-]*", name):
            raise UserError(
                f"{cell / store.OUTPUTS} names a split or a search {name[:80]!r}, and no file can have that"
            )
    for (split, search), answers in of_splits.items():
        for kind, lines in ((SOURCE, answers.sources), (REFERENCE, answers.references), (search, answers.hypotheses)):
            found[f"{split}.{kind}"] = "".join(f"{line}\n" for line in lines)
    return found


def write(folder: Path, out: Path | None = None) -> tuple[dict[Path, list[str]], list[str]]:
    """Write the files of a cell, or of every cell of a results folder, into a folder of its own each under `out`
    (default: `hypotheses` beside the cells).

    Returns the names in each folder, and why cells were left out. A file that is there already and says something else
    is not overwritten: UserError, and nothing is written. Raises UserError too where there is nothing to write.
    """
    cells = cells_of(folder)
    if out is None:
        out = cells[0].absolute().parent / FOLDER
        _check_no_link(out)
    wanted: dict[Path, dict[str, str]] = {}
    left_out = []
    for cell in cells:
        try:
            wanted[out / cell.absolute().name] = files(cell)
        except UserError as error:
            left_out.append(str(error))
    if not wanted:
        raise UserError(left_out[0] if len(left_out) == 1 else f"no cell in {folder} has answers: {left_out[0]}")
    try:
        for place, named in wanted.items():
            for name, text in named.items():
                _check(place / name, text)
        for place, named in wanted.items():
            place.mkdir(parents=True, exist_ok=True)
            for name, text in named.items():
                (place / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"{error.filename or out} cannot be written: {error.strerror}") from error
    return {place: list(named) for place, named in wanted.items()}, left_out


def _check_no_link(path: Path) -> None:
    """Raises UserError for a link: it may have come with the results, and lead anywhere."""
    if path.is_symlink():
        raise UserError(f"{path} is a link; delete it, or name another --out")


def _check(path: Path, text: str) -> None:
    _check_no_link(path.parent)
    _check_no_link(path)
    if path.exists() and path.read_bytes() != text.encode():
        raise UserError(f"{path} is there already and says something else; move it away, or name another --out")

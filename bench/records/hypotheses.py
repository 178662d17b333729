"""The outputs of cells as plain text files, one line an example, as sacrebleu and compare-mt read them. No torch
here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UserError
from bench.records import store

FOLDER = "hypotheses"
"""Default output folder, beside the cells."""

SOURCE, REFERENCE = "source", "reference"


@dataclass(frozen=True)
class SplitOutputs:
    """Sources, references and hypotheses of one test split under one search, aligned and in the order of the split."""

    sources: list[str]
    references: list[str]
    hypotheses: list[str]


def read_cell(cell: Path) -> dict[tuple[str, str], SplitOutputs]:
    """All outputs of a cell by (split, search), read from its `outputs.tsv`. Raises UserError if there are none."""
    outputs = {}
    try:
        for key, rows in store.read_outputs(cell).groupby(["split", "search"], sort=False):
            outputs[key] = SplitOutputs(*(rows[name].tolist() for name in (SOURCE, REFERENCE, "hypothesis")))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{cell} has no {store.OUTPUTS}; name a cell that was evaluated") from error
    if not outputs:
        raise UserError(f"{cell / store.OUTPUTS} is empty; run the cell again")
    return outputs


def cell_folders(folder: Path) -> list[Path]:
    """The folder itself if it is a cell's, else the folders of all cells in it. Raises UserError if there are none."""
    if (folder / store.RECORD).is_file():
        return [folder]
    try:
        return store.cell_folders(folder)
    except (FileNotFoundError, ValueError) as error:
        raise UserError(str(error)) from error


def text_files(cell: Path) -> dict[str, str]:
    """Name and text of each file of a cell: SPLIT.source, SPLIT.reference and, for each search, SPLIT.SEARCH."""
    texts: dict[str, str] = {}
    outputs = read_cell(cell)
    for name in (name for key in outputs for name in key):
        if not re.fullmatch(r"\w[\w.+-]*", name):
            raise UserError(
                f"{cell / store.OUTPUTS} has a split or search {name[:80]!r}, which cannot be part of a file name; "
                "run the cell again"
            )
    for (split, search), lines in outputs.items():
        sides = {SOURCE: lines.sources, REFERENCE: lines.references, search: lines.hypotheses}
        for kind, side in sides.items():
            texts[f"{split}.{kind}"] = "".join(f"{line}\n" for line in side)
    return texts


def write(folder: Path, out: Path | None = None) -> tuple[dict[Path, list[str]], list[str]]:
    """Write the text files of a cell, or of every cell of a results folder, to one folder for each cell under `out`.

    out: default `hypotheses` beside the cells. Returns the file names in each folder, and the reasons why cells were
    left out. An existing file with other contents is an error and nothing is written. Raises UserError for this, and
    where there is nothing to write.
    """
    cells = cell_folders(folder)
    if out is None:
        out = cells[0].absolute().parent / FOLDER
        _refuse_link(out)
    planned: dict[Path, dict[str, str]] = {}
    left_out = []
    for cell in cells:
        try:
            planned[out / cell.absolute().name] = text_files(cell)
        except UserError as error:
            left_out.append(str(error))
    if not planned:
        raise UserError(left_out[0] if len(left_out) == 1 else f"no cell in {folder} has outputs: {left_out[0]}")
    try:
        for place, texts in planned.items():
            for name, text in texts.items():
                _refuse_other_contents(place / name, text)
        for place, texts in planned.items():
            place.mkdir(parents=True, exist_ok=True)
            for name, text in texts.items():
                (place / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"cannot write {error.filename or out}: {error.strerror}; name another --out") from error
    return {place: list(texts) for place, texts in planned.items()}, left_out


def _refuse_link(path: Path) -> None:
    """Raises UserError for a link: it may have come with somebody else's results and lead anywhere."""
    if path.is_symlink():
        raise UserError(f"{path} is a link; delete it, or name another --out")


def _refuse_other_contents(path: Path, text: str) -> None:
    _refuse_link(path.parent)
    _refuse_link(path)
    if path.exists() and path.read_bytes() != text.encode():
        raise UserError(f"{path} exists with other contents; move it away, or name another --out")

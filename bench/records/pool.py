"""Several results folders read as one, with the folder that each cell comes from. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UserError
from bench.records import cost_rounds, reach_rows, store
from bench.records.store import Records

FOLDER = "folder"
"""Column of a pool's cells: the name of the results folder. It is there only if there are several."""

FILES = (store.RECORD, store.CURVE, store.OUTPUTS, store.ATTENTION, reach_rows.FILE)
"""Files of a cell that a report reads."""


@dataclass(frozen=True)
class Pool:
    """records: of all folders; cells: the folder of each cell; names: of the results folders, each as short as it can
    be without being equal to another."""

    records: Records
    cells: Mapping[str, Path]
    folders: Sequence[Path]
    names: Sequence[str]
    profile: str


def read(folders: Sequence[Path]) -> Pool:
    """Read results folders, each once.

    A cell that lies in several folders, equal byte by byte, counts once, under the first. Profiles in rounds are of
    one machine each and cannot be joined: that of the first folder that has one counts. Raises UserError if copies of
    a cell differ, if a folder holds no results, or if a record cannot be read.
    """
    folders = list({folder.resolve(): folder for folder in map(Path, folders)}.values())
    cells: dict[str, Path] = {}
    home: dict[str, int] = {}
    try:
        for number, folder in enumerate(folders):
            for cell in store.cell_folders(folder):
                if cell.name in cells:
                    _check_equal(cells[cell.name], cell)
                    continue
                cells[cell.name], home[cell.name] = cell, number
        profiles = [cost_rounds.read(folder / store.PROFILE) for folder in folders]
        profiled = next((number for number, rounds in enumerate(profiles) if rounds), None)
        records = store.load_cells(cells.values(), [] if profiled is None else profiles[profiled])
    except (FileNotFoundError, ValueError) as error:
        raise UserError(" ".join(str(error).split())) from error
    names = _short_names(folders)
    if len(folders) > 1:
        records.cells[FOLDER] = [names[home[cell]] for cell in records.cells["cell"]]
    return Pool(records, cells, folders, names, "" if profiled is None else names[profiled])


def _check_equal(first: Path, second: Path) -> None:
    """Raises UserError if two copies of a cell differ. A file that one copy lacks is no difference: copies may leave
    files out."""
    for name in FILES:
        ours, theirs = first / name, second / name
        if ours.exists() and theirs.exists() and ours.read_bytes() != theirs.read_bytes():
            raise UserError(
                f"{ours} and {theirs} differ: leave one of the two results folders out, or delete one copy"
            )


def _short_names(folders: Sequence[Path]) -> list[str]:
    """The last parts of each path, as many as it takes to tell them apart.

    >>> _short_names([Path("/a/quick"), Path("/a/faq")]), _short_names([Path("/a/quick"), Path("/b/quick")])
    (['quick', 'faq'], ['a/quick', 'b/quick'])
    """
    parts = [folder.resolve().parts for folder in folders]
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(path[-count:]) for path in parts]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]

"""Several cells probed, one after another: what has been probed in the same way is kept."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from bench.diagnostics.reach.measure import measure
from bench.errors import UserError
from bench.records import reach_rows, store
from bench.records.reach_rows import Reach, Settings
from bench.runs import trained
from bench.runs.display import Board
from bench.training.progress import duration


def asked(folder: Path, split: str | None, examples: int) -> Settings:
    """What is to be measured of the cell in the folder; split None: the first. Raises UserError where the folder holds
    no trained cell or the cell no such split."""
    if examples < 1:
        raise UserError(f"--examples must be at least 1, got {examples}")
    scores = trained.record(folder).get("scores")
    told = [score.get("split") for score in scores if isinstance(score, Mapping)] if isinstance(scores, list) else []
    splits = list(dict.fromkeys(name for name in told if isinstance(name, str) and name))
    if not splits:
        raise UserError(f"{folder} has no scores, so no test split is known; run the cell again")
    if split is not None and split not in splits:
        raise UserError(f"{folder} has no split {split!r}; there are {', '.join(splits)}")
    return Settings(splits[0] if split is None else split, examples)


def of_results(out: Path, split: str | None, examples: int) -> tuple[dict[Path, Settings], list[str]]:
    """The cells of a results folder that can be probed, and a line for each other. Raises UserError where none can."""
    try:
        folders = store.folders(out)
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from error
    found, others = {}, []
    for folder in folders:
        try:
            found[folder] = asked(folder, split, examples)
        except UserError as error:
            others.append(str(error))
    if not found:
        more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
        raise UserError(f"{out} holds no cell to probe: {others[0]}{more}")
    return found, others


def run(todo: dict[Path, Settings], board: Board, *, going_on: bool = False) -> dict[Path, Reach]:
    """Probe what is not there yet, each cell's file written as soon as its numbers are known; returns all of them.

    Raises UserError as `measure` does, and where a file cannot be written; going_on: only where this leaves nothing.
    """
    found, refused = {}, []
    for folder, settings in todo.items():
        there, began = earlier(folder, settings), time.monotonic()
        told = f"probed before; to do it again, delete {folder / reach_rows.FILE}"
        if there is None:
            try:
                there = _probed(folder, settings, board)
            except UserError as error:
                if not going_on:
                    raise
                refused.append(error)
                board.end(named(folder), f"left out: {error}")
                continue
            told = f"probed in {duration(time.monotonic() - began)}"
        board.end(named(folder), told)
        found[folder] = there
    if refused and not found:
        raise refused[0]
    return found


def _probed(folder: Path, settings: Settings, board: Board) -> Reach:
    """As it stands in the file, so that what is said now is what is said later."""
    reach = measure(folder, settings, board.start(named(folder)))
    try:
        reach_rows.write(folder, reach)
    except OSError as error:
        raise UserError(f"cannot write {folder / reach_rows.FILE}: {error.strerror or error}") from error
    written = reach_rows.read(folder)
    assert written is not None, "it was there a moment ago"
    return written


def named(folder: Path) -> str:
    """The cell's name, also where the folder is given as `.`."""
    return folder.resolve().name


def earlier(folder: Path, settings: Settings) -> Reach | None:
    """What is there of the same settings. A broken file counts as none: it is about to be replaced."""
    try:
        there = reach_rows.read(folder)
    except ValueError:
        return None
    return there if there is not None and there.settings == settings else None


def told(found: Mapping[Path, Reach]) -> list[str]:
    """For standard output: the path of every file, then the table."""
    paths = [str(folder / reach_rows.FILE) for folder in found]
    return [*paths, "", *reach_rows.told([named(folder) for folder in found], list(found.values()))]

"""Probes several cells, one after another, and keeps what an earlier session has finished with the same settings."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from bench.diagnostics.reach.measure import measure
from bench.errors import UserError
from bench.records import reach_rows, store
from bench.records.reach_rows import ProbeSettings, Reach
from bench.runs import trained
from bench.runs.display import Board
from bench.training.progress import duration


def settings_for(folder: Path, split: str | None, examples: int) -> ProbeSettings:
    """The settings to probe the cell in the folder with. split: None = the cell's first test split.

    Raises UserError if the folder has no trained cell or the cell has no such split.
    """
    if examples < 1:
        raise UserError(f"--examples must be at least 1, got {examples}")
    scores = trained.record(folder).get("scores")
    names = [score.get("split") for score in scores if isinstance(score, Mapping)] if isinstance(scores, list) else []
    splits = list(dict.fromkeys(name for name in names if isinstance(name, str) and name))
    if not splits:
        raise UserError(f"{folder} has no scores, so its test splits are unknown; run the cell again")
    if split is not None and split not in splits:
        raise UserError(f"{folder} has no split {split!r}; there are {', '.join(splits)}")
    return ProbeSettings(splits[0] if split is None else split, examples)


def settings_for_all(out: Path, split: str | None, examples: int) -> tuple[dict[Path, ProbeSettings], list[str]]:
    """The settings of every cell of a results folder that can be probed, and a message for each cell that cannot.

    Raises UserError if no cell can be probed.
    """
    try:
        folders = store.cell_folders(out)
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from error
    settings, messages = {}, []
    for folder in folders:
        try:
            settings[folder] = settings_for(folder, split, examples)
        except UserError as error:
            messages.append(str(error))
    if not settings:
        more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
        raise UserError(f"{out} holds no cell to probe: {messages[0]}{more}")
    return settings, messages


def run(
    settings_by_folder: Mapping[Path, ProbeSettings], board: Board, *, skip_unusable: bool = False
) -> dict[Path, Reach]:
    """Probe the cells that have no result with these settings yet, and return the results of all.

    Each cell's file is written as soon as the cell is probed. Raises UserError if a cell cannot be probed or its file
    cannot be written; with `skip_unusable`, only if this is true of every cell.
    """
    results: dict[Path, Reach] = {}
    errors: list[UserError] = []
    for folder, settings in settings_by_folder.items():
        start = time.monotonic()
        reach = read_existing(folder, settings)
        outcome = f"probed before; to do it again, delete {folder / reach_rows.FILE}"
        if reach is None:
            try:
                reach = _probe(folder, settings, board)
            except UserError as error:
                if not skip_unusable:
                    raise
                errors.append(error)
                board.end(cell_name(folder), f"left out: {error}")
                continue
            outcome = f"probed in {duration(time.monotonic() - start)}"
        board.end(cell_name(folder), outcome)
        results[folder] = reach
    if errors and not results:
        raise errors[0]
    return results


def _probe(folder: Path, settings: ProbeSettings, board: Board) -> Reach:
    """Probe a cell, write its file and return the file's content, so that rounding is the same now and later."""
    reach = measure(folder, settings, board.start(cell_name(folder)))
    try:
        reach_rows.write(folder, reach)
    except OSError as error:
        raise UserError(f"cannot write {folder / reach_rows.FILE}: {error.strerror or error}") from error
    written = reach_rows.read(folder)
    assert written is not None, "the file was written above"
    return written


def cell_name(folder: Path) -> str:
    """The cell's name, also if the folder is `.`."""
    return folder.resolve().name


def read_existing(folder: Path, settings: ProbeSettings) -> Reach | None:
    """The result in the folder, if it has the same settings. A broken file is ignored, and replaced later."""
    try:
        reach = reach_rows.read(folder)
    except ValueError:
        return None
    return reach if reach is not None and reach.settings == settings else None


def summary(results: Mapping[Path, Reach]) -> list[str]:
    """Lines for standard output: the path of every file, then the table."""
    paths = [str(folder / reach_rows.FILE) for folder in results]
    return [*paths, "", *reach_rows.summary_table([cell_name(folder) for folder in results], list(results.values()))]

"""A report in its folder: built beside its place from records, then moved in."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.analysis import results_table
from bench.analysis.claims.judge import Verdict
from bench.analysis.messages import ENGLISH
from bench.errors import UserError
from bench.records import checksums, pool
from bench.records.pool import FOLDER, Pool
from bench.report import contents, exports, rendering
from bench.report.contents import Contents
from bench.report.rendering import PAGES, TASKS, file_name

PRODUCED = (
    *PAGES, TASKS, exports.RESULTS, exports.PARQUET, exports.VERDICTS, checksums.NAME, "figures", "tables",
)  # fmt: skip
"""What a build owns in its folder: it replaces what has these names, and removes what it does not make anew."""


@dataclass(frozen=True)
class Report:
    """page: the first page in the first language; verdicts: on all claims, in order."""

    page: Path
    verdicts: list[Verdict]


def build(folder: Path, out: Path | None = None, languages: Sequence[str] = (ENGLISH,)) -> Path:
    """`build_pool` of one results folder, into `out` (default: the same folder). Returns the first page."""
    return build_pool([folder], Path(folder if out is None else out), languages).page


def build_pool(
    folders: Sequence[Path], out: Path, languages: Sequence[str] = (ENGLISH,), first_page: bool = False
) -> Report:
    """Write one report of the records under these folders into `out`; first_page: only the first page and what it
    shows, with links to the pages that the folders have themselves.

    The report is built in a temporary folder inside `out` and moved in at the end, so an error leaves an earlier
    report as it was. In the folder of the records itself, their checksums are written too. Raises UserError if a
    folder holds no results, a record cannot be read, or copies of a cell differ.
    """
    # In small tables, Python strings are faster than Arrow's, which pandas uses if pyarrow is installed.
    with pd.option_context("mode.string_storage", "python"):
        records = pool.read(folders)
        try:
            out.mkdir(parents=True, exist_ok=True)
            building = Path(tempfile.mkdtemp(prefix=".report-", dir=out))
        except OSError as error:
            cause = error.strerror or error
            raise UserError(f"cannot write a report into {out}: {cause}; name another --out") from error
        try:
            report = write(records, building, languages, out if first_page else None)
            if [folder.resolve() for folder in records.folders] == [out.resolve()]:
                (building / checksums.NAME).write_text(checksums.table(out), encoding="utf-8")
            _move_in(building, out)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return Report(out / file_name("html", language=languages[0]), report.verdicts)


def write(records: Pool, out: Path, languages: Sequence[str], place: Path | None = None) -> Contents:
    """Write every file of a report into an existing folder; those of the first page alone if it has a place, where it
    will stand."""
    figures, tables = out / "figures", out / "tables"
    for folder in (figures, tables, *([out / TASKS] if place is None else [])):
        folder.mkdir()
    report = contents.make(records, figures, first_page=place is not None)
    for name, text in rendering.pages(report, languages, place).items():
        (out / name).write_text(text, encoding="utf-8")
    exports.write_verdicts(report, out, languages)
    if place is None:
        _write_scores(report, out)
        shown_figures, shown_tables = report.figures, report.tables
    else:
        shown_figures, shown_tables = report.first_figures, report.first_tables
        names = {figure.name for figure in shown_figures}
        _remove(figures, [path.name for path in figures.iterdir() if path.stem not in names])
    for figure in shown_figures:
        figure.numbers.to_csv(tables / f"{figure.name}.csv", index=False)
    exports.write_tables(shown_tables, tables)
    return report


def _write_scores(report: Contents, out: Path) -> None:
    scores = results_table.table(report.evidence)
    if FOLDER in report.evidence.cells:
        folder_of = report.evidence.cells.drop_duplicates("cell").set_index("cell")[FOLDER]
        scores[FOLDER] = folder_of.reindex(scores["cell"]).to_numpy()
    exports.write_scores(scores, out)


def _move_in(building: Path, out: Path) -> None:
    """Move a new report from `building` to `out`. On an error, the earlier report is restored."""
    earlier = building / "earlier"
    earlier.mkdir()
    saved: list[str] = []
    placed: list[str] = []
    try:
        for name in PRODUCED:
            if name == checksums.NAME and not (building / name).exists():
                continue  # they are of the records that `out` holds
            if os.path.lexists(out / name):  # true for a dangling link too
                os.replace(out / name, earlier / name)
                saved.append(name)
            if (building / name).exists():
                os.replace(building / name, out / name)
                placed.append(name)
    except BaseException:
        _remove(out, placed)
        for name in saved:
            os.replace(earlier / name, out / name)
        raise


def _remove(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

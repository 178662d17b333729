"""A report in its folder: built beside its place from records, then moved in."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from bench.analysis import results_table
from bench.analysis.messages import ENGLISH
from bench.errors import UserError
from bench.records.store import Records
from bench.report import contents, exports, rendering
from bench.report.rendering import PAGES, file_name

PRODUCED = (*PAGES, exports.RESULTS, exports.PARQUET, exports.VERDICTS, "figures", "tables")
"""What a build owns in its folder: it replaces what has these names, and removes what it does not make anew."""


def build(folder: Path, out: Path | None = None, languages: Sequence[str] = (ENGLISH,)) -> Path:
    """Write the report of the records under `folder` into `out` (default: the same folder).

    Returns the HTML page in the first language. The report is built in a temporary folder inside `out` and moved in at
    the end, so an error leaves an earlier report as it was. Raises UserError if the folder holds no results or a
    record cannot be read.
    """
    folder, out = Path(folder), Path(folder if out is None else out)
    # In small tables, Python strings are faster than Arrow's, which pandas uses if pyarrow is installed.
    with pd.option_context("mode.string_storage", "python"):
        records = results_table.read(folder)
        try:
            out.mkdir(parents=True, exist_ok=True)
            building = Path(tempfile.mkdtemp(prefix=".report-", dir=out))
        except OSError as error:
            raise UserError(f"cannot write a report into {out}: {error.strerror or error}") from error
        try:
            write(records, folder, building, languages)
            _move_in(building, out)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return out / file_name("html", languages[0])


def write(records: Records, folder: Path, out: Path, languages: Sequence[str]) -> None:
    """Write every file of a report into an existing folder. folder: of the cells."""
    figures, tables = out / "figures", out / "tables"
    figures.mkdir()
    tables.mkdir()
    report = contents.make(records, folder, figures)
    for name, text in rendering.pages(report, languages).items():
        (out / name).write_text(text, encoding="utf-8")
    exports.write_scores(results_table.table(report.evidence), out)
    exports.write_verdicts(report.verdicts, report.published_rows, out, languages)
    for figure in report.figures:
        figure.numbers.to_csv(tables / f"{figure.name}.csv", index=False)
    exports.write_tables(report.tables, tables)


def _move_in(building: Path, out: Path) -> None:
    """Move a new report from `building` to `out`. On an error, the earlier report is restored."""
    earlier = building / "earlier"
    earlier.mkdir()
    saved: list[str] = []
    placed: list[str] = []
    try:
        for name in PRODUCED:
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

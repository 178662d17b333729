"""Where the numbers of a pooled report come from: which results folder each setting's cells lie in."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from bench.analysis.claims.judge import Verdict
from bench.analysis.comparisons import RATIOS
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Message, Text, one_or_many
from bench.analysis.missing_values import column
from bench.analysis.settings import Setting
from bench.records.pool import FOLDER, Pool
from bench.report.tables.base import NONE, Row, Table, columns, number_cell, one_line, table


def of_settings(evidence: Evidence, settings: Collection[Setting]) -> Text | str:
    """The results folders of the finished cells of these settings, with their number; "" if the report is of one
    folder."""
    if FOLDER not in evidence.cells or not settings:
        return ""
    counts = pd.concat([evidence.finished(setting)[FOLDER] for setting in settings]).value_counts(sort=False)
    return Joined(one_or_many("page.cells_of", count, folder=name) for name, count in counts.items())


def folder_of(evidence: Evidence, setting: Setting, pool: Pool) -> Path | None:
    """The results folder of a setting's finished cells; None if they lie in several folders, or there are none."""
    if FOLDER not in evidence.cells:
        return pool.folders[0]
    names = evidence.finished(setting)[FOLDER].unique()
    return dict(zip(pool.names, pool.folders, strict=True))[names[0]] if len(names) == 1 else None


def of_verdict(evidence: Evidence, verdict: Verdict, pool: Pool) -> Text | str:
    """The results folders that a verdict rests on; "" if the report is of one folder. A verdict without a comparison,
    such as one on the architecture, rests on all cells."""
    every = evidence.settings()
    compared = {each.comparison.setting for each in verdict.comparisons}
    cells = of_settings(evidence, [setting for setting in every if setting in compared or not compared])
    costs = any(each.comparison.unit == RATIOS for each in verdict.comparisons)
    if FOLDER in evidence.cells and costs and pool.profile:
        profile = Message("page.profile_of", folder=pool.profile)
        return Joined([cells, profile]) if cells else profile
    return cells


def table_of(evidence: Evidence, pool: Pool) -> Table | None:
    """One row per results folder: its cells, suites, tasks, commits, and whether the profile is its own; None for one
    folder."""
    if FOLDER not in evidence.cells:
        return None
    rows: list[Row] = []
    for name in pool.names:
        cells = evidence.cells[evidence.cells[FOLDER] == name]
        distinct = [
            sorted(set(column(cells, key).dropna().map(str))) for key in ("suite", "task_label", "code.commit")
        ]
        profile = Message("page.profile") if name == pool.profile else NONE
        rows.append(
            [name, number_cell(len(cells)), *(one_line(", ".join(each)) or NONE for each in distinct), profile]
        )
    heads = columns("folder", "cells", "suite", "task", "commit", "profile")
    return table("folders", Message("page.folders"), Message("page.folders_note"), heads, rows)

"""Facts about the run that a reader needs before the numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.analysis import results_table
from bench.analysis.evidence import Evidence
from bench.analysis.messages import render
from bench.report.tables import facts, results
from tests.report.conftest import Folder


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "no commit recorded (not a git checkout)"), ("zh", "未记录提交（not a git checkout）")],
)
def test_a_missing_commit_has_its_reason_beside_it(tmp_path: Path, language: str, text: str) -> None:
    folder = Folder(tmp_path)
    folder.cell(seed=1)
    assert text not in code(tmp_path, language)
    none = {"code": {"version": "0.1.0", "commit": None, "clean": None, "reason": "not a git checkout"}}
    folder.cell(seed=2, change=none)
    shown = code(tmp_path, language)
    assert text in shown and "abc1234" in shown, "cells of both kinds"


def test_two_cells_of_one_seed_are_one_seed_and_said(tmp_path: Path) -> None:
    """They differ in what no name of an arm or setting shows, such as the threads."""
    folder = Folder(tmp_path)
    for seed in (1, 2, 3):
        folder.cell("recall", seed=seed)
    evidence = Evidence(results_table.read(tmp_path))
    assert not [text for text in facts.warnings(evidence) if "one seed" in text]
    folder.cell("recall", seed=3, change={"config.threads": 2, "cell": "recall-transformer-threads"})
    evidence = Evidence(results_table.read(tmp_path))
    (setting,) = evidence.settings()
    (warning,) = [text for text in facts.warnings(evidence) if "several cells of one seed" in text]
    assert "transformer, recall" in warning
    assert results.of_setting(evidence, setting).rows[0][1].text == "3"


def test_only_cells_that_are_compared_need_one_commit(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    for seed in (1, 2):
        folder.cell("recall", seed=seed)
        folder.cell("reverse", seed=seed, change={"code.commit": "def5678"})
    assert not said_of_commits(tmp_path), "each task has one commit"
    folder.cell("reverse", seed=3)
    (warning,) = said_of_commits(tmp_path)
    assert "reverse" in warning and "recall" not in warning


def said_of_commits(folder: Path) -> list[str]:
    return [text for each in facts.warnings(Evidence(results_table.read(folder))) if "commit" in (text := str(each))]


def code(folder: Path, language: str) -> str:
    """The line about code in a report of the folder."""
    overview = facts.overview(Evidence(results_table.read(folder)))
    return {render(term, "en"): str(render(text, language)) for term, text in overview}["Code"]

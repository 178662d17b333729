"""The table on which of two rules an arm takes."""

from __future__ import annotations

import pytest

from bench.analysis.evidence import Evidence
from bench.records import store
from bench.report.tables import generalisation


def rows(whole: float, first: float) -> list[dict]:
    shared = {"search": "greedy", "unit": "share", "n": 100, "axis": None, "at": None, "signature": "made up"}
    return [
        {"split": split, "metric": metric, "value": value, **shared}
        for split, metric, value in (
            ("test", "exact_match", whole), ("test", "first_token", 1.0),
            ("test_general", "exact_match", 0.0), ("test_general", "first_token", first),
        )
    ]  # fmt: skip


def question(scores: list[dict]) -> dict:
    """Changes that make a cell one of the task `question`."""
    return {"task": "question", "config.task": {"name": "question"}, "scores": scores}


def test_medians_ranges_and_the_share_of_hierarchical_seeds(folder):
    for seed, (whole, first) in enumerate([(0.99, 0.95), (0.97, 0.02), (0.98, 0.9), (0.95, 0.1)], start=1):
        folder.cell("recall", "gru_dot", seed, change=question(rows(whole, first)))
    folder.cell("recall", "transformer", 1, change=question(rows(1.0, 0.0)))
    evidence = Evidence(store.load(folder.path))
    (setting,) = evidence.settings()
    table = generalisation.table_of(evidence, setting)
    own = {row[0].text: row for row in table.rows}
    assert [cell.text for cell in own["gru_dot"][1:3]] == ["0.975 (0.950-0.990)", "0.500 (0.020-0.950)"]
    assert own["gru_dot"][3].key == 0.5 and own["transformer"][3].key == 0.0
    assert own["gru_dot"][4].text == "1.000; .0001" and own["transformer"][4].text == "-"


@pytest.mark.parametrize("task", ["recall", "reverse"])
def test_other_tasks_have_no_such_table(folder, task):
    folder.cell(task, "gru_dot", 1)
    evidence = Evidence(store.load(folder.path))
    assert generalisation.table_of(evidence, evidence.settings()[0]) is None

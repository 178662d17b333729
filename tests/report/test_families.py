"""The table of where each family wins."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from bench.analysis.evidence import Evidence
from bench.records import store
from bench.report.tables import families


def cells(folder, arm: str, level: float, *, task: str = "recall", seeds=(1, 2, 3), noise: float = 0.0, **change):
    for seed in seeds:
        folder.cell(task, arm, seed, level=lambda split, at: level, noise=noise, change=change)


def table_of(folder):
    return families.table_of(Evidence(store.load(folder.path)))


def by_split(table) -> dict[str, dict[str, str]]:
    """Metric and split -> head of a column -> text."""
    heads = [str(head) for head in table.columns]
    return {str(row[1].text): dict(zip(heads, (str(cell.text) for cell in row), strict=True)) for row in table.rows}


def test_the_family_above_all_others_is_ahead(folder):
    cells(folder, "transformer", 0.9)
    cells(folder, "lstm_dot", 0.7)
    cells(folder, "lstm_none", 0.3)
    (row,) = by_split(table_of(folder)).values()
    assert row["ahead"] == "Transformer" and row["Transformer"] == "90.0 %"
    assert row["LSTM + attention"] == "70.0 %" and row["LSTM"] == "30.0 %" and "GRU" not in row
    assert row["arms shown"] == "transformer, lstm_dot, lstm_none"


def test_a_recurrent_family_can_be_ahead(folder):
    cells(folder, "transformer", 0.5)
    cells(folder, "gru_none", 1.0)
    (row,) = by_split(table_of(folder)).values()
    assert row["ahead"] == "GRU"


def test_families_that_the_test_does_not_tell_apart(folder):
    cells(folder, "transformer", 0.9)
    cells(folder, "lstm_dot", 0.9)
    cells(folder, "gru_none", 0.3)
    (row,) = by_split(table_of(folder)).values()
    assert row["ahead"] == "level: Transformer, LSTM + attention"
    for seed, value in ((1, 0.7), (2, 0.95), (3, 0.95)):
        folder.cell("recall", "lstm_dot", seed, level=lambda split, at, value=value: value)
    (row,) = by_split(table_of(folder)).values()
    assert row["ahead"] == "open: Transformer, LSTM + attention"
    assert table_of(folder).rows[0][2].text.render("zh").startswith("未定：")


def test_validation_and_not_the_test_chooses_the_arm_of_a_family(folder):
    cells(folder, "transformer", 0.5)
    cells(folder, "lstm_dot", 0.9, **{"selection.value": 2.0})
    cells(folder, "lstm_additive", 0.6, **{"selection.value": 1.0})
    (row,) = by_split(table_of(folder)).values()
    assert row["LSTM + attention"] == "60.0 %" and row["arms shown"] == "transformer, lstm_additive"


def test_too_few_seeds_are_shown_in_parentheses_and_not_compared(folder):
    cells(folder, "transformer", 0.5)
    cells(folder, "lstm_dot", 0.4)
    cells(folder, "gru_dot", 0.9, seeds=(1, 2))
    (row,) = by_split(table_of(folder)).values()
    assert row["GRU + attention"] == "(90.0 %)" and row["ahead"] == "Transformer"


def test_an_arm_with_enough_seeds_stands_for_its_family(folder):
    cells(folder, "transformer", 0.5)
    cells(folder, "lstm_dot", 0.4, **{"selection.value": 2.0})
    cells(folder, "lstm_additive", 0.6, seeds=(1,), **{"selection.value": 1.0})
    assert by_split(table_of(folder)).popitem()[1]["arms shown"] == "transformer, lstm_dot"


def test_a_column_is_sorted_by_the_numbers_that_it_shows(folder):
    for task, level in (("recall", 0.9), ("multi30k", 0.3)):
        cells(folder, "transformer", level, task=task)
        cells(folder, "lstm_dot", level / 2, task=task)
    column = [row[3] for row in table_of(folder).rows]
    assert {cell.text for cell in column} == {"90.0 %", "30.00"}
    assert all(cell.key == pytest.approx(float(cell.text.removesuffix(" %"))) for cell in column)


def test_families_that_guess_decide_nothing(folder):
    guessing = {"data.chance.exact_match": 0.5}
    cells(folder, "transformer", 0.54, **guessing)
    cells(folder, "lstm_none", 0.5, **guessing)
    ((name, row),) = by_split(table_of(folder)).items()
    assert row["ahead"] == "all at chance" and name == "Exact match, test (guessing: 50 %)"
    cells(folder, "gru_none", 0.6, **guessing)
    (row,) = by_split(table_of(folder)).values()
    assert row["ahead"] == "GRU"


def test_some_seeds_that_solve_the_task_and_others_that_do_not_decide_nothing(folder):
    cells(folder, "transformer", 0.1)
    for seed, value in ((1, 1.0), (2, 1.0), (3, 0.5)):
        folder.cell("recall", "lstm_none", seed, level=lambda split, at, value=value: value)
    (row,) = by_split(table_of(folder)).values()
    assert row["ahead"] == "open: Transformer, LSTM"


def test_a_split_with_a_metric_of_its_own_is_judged_by_it(folder):
    for arm in ("transformer", "gru_none"):
        cells(folder, arm, 0.9, task="reverse")
    records = store.load(folder.path)
    own = records.scores[records.scores["split"] == "test_longer"].assign(metric="pairs")
    own["value"] = [0.8 if "gru" in cell else 0.2 for cell in own["cell"]]
    records = replace(records, scores=pd.concat([records.scores, own], ignore_index=True))
    rows = by_split(families.table_of(Evidence(records)))
    assert list(rows) == ["Exact match, test (guessing: 6.25 %)", "Pairs with both answers right, test_longer"]
    assert rows["Pairs with both answers right, test_longer"]["ahead"] == "GRU"


def test_settings_without_a_comparison_are_named(folder):
    cells(folder, "transformer", 0.5)
    cells(folder, "lstm_dot", 0.4)
    cells(folder, "transformer", 0.9, task="reverse", seeds=(1,))
    cells(folder, "lstm_dot", 0.4, task="reverse", seeds=(1,))
    table = table_of(folder)
    assert len(table.rows) == 1 and "fewer than 3 seeds of two families: reverse." in table.note


@pytest.mark.parametrize("others", [(), ("transformer_encoder", "minlstm")])
def test_one_family_has_no_table(folder, others):
    for arm in ("transformer", *others):
        cells(folder, arm, 0.5)
    assert table_of(folder) is None


def test_a_cell_that_fails_a_gate_does_not_count(folder):
    cells(folder, "transformer", 0.5)
    cells(folder, "lstm_dot", 0.4)
    cells(folder, "gru_dot", 0.9, **{"sanity.loss_fell": False})
    (row,) = by_split(table_of(folder)).values()
    assert "GRU + attention" not in row and row["ahead"] == "Transformer"


def test_beam_search_counts_where_every_arm_has_it(folder):
    cells(folder, "transformer", 0.4, task="multi30k")
    cells(folder, "lstm_dot", 0.3, task="multi30k")
    records = store.load(folder.path)
    records.scores.loc[records.scores["search"] == "greedy", "value"] = 5.0
    rows = by_split(families.table_of(Evidence(records)))
    assert list(rows) == ["BLEU, test_2016_flickr", "BLEU, test_2017_flickr", "BLEU, test_2017_mscoco"]
    assert {row["Transformer"] for row in rows.values()} == {"40.00"}

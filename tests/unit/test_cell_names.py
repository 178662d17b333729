"""Cells keep their names: a table of all of them is committed and compared with what is composed today."""

from __future__ import annotations

import random

import pytest

from bench.conf.compose import compose
from tests import cell_table

SAMPLE = 25


def test_a_sample_of_the_cells_of_suites_keep_their_names_and_hashes():
    rows = [row for row in cell_table.read() if row[1].startswith("task=")]
    assert len(rows) > 900
    for suite, overrides, name, config_hash in random.Random(1).sample(rows, SAMPLE):
        cell = compose(overrides.split(" "))
        assert (cell.name, cell.hash) == (name, config_hash), f"{suite}: {overrides}"


def test_every_committed_record_composes_to_its_own_name():
    rows = cell_table.record_rows()
    assert rows and rows == [row for row in cell_table.read() if not row[1].startswith("task=")]
    assert [recorded for _, recorded, _, _ in rows] == [name for _, _, name, _ in rows]


@pytest.mark.slow
def test_every_cell_of_every_suite_keeps_its_name_and_hash():
    assert [*cell_table.suite_rows(), *cell_table.record_rows()] == cell_table.read()

"""Cells keep their names: a table of all of them was written once and is compared with what is composed today."""

from __future__ import annotations

from tests import cell_table


def test_every_cell_of_every_suite_keeps_its_name_and_hash():
    expected = cell_table.read()
    assert [*cell_table.suite_rows(), *cell_table.record_rows()] == expected


def test_every_committed_record_composes_to_its_own_name():
    rows = cell_table.record_rows()
    assert rows
    assert [recorded for _, recorded, _, _ in rows] == [name for _, _, name, _ in rows]

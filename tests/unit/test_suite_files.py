"""Files of suites: what they stand for, and those that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.conf import suites
from bench.errors import UserError


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """Where a suite of the test's own is written."""
    return tmp_path / "mine.yaml"


def test_a_list_of_values_is_a_cell_with_each(conf: Path) -> None:
    conf.write_text(
        "# What it is for\nthreads: 2\ncell_timeout: 60\ncells:\n"
        "  - {task: copy, model: [transformer, lstm_dot], seed: [1, 2]}\n  - {task: parity, task.longest: null}\n"
    )
    found = suites.read(conf)
    assert (found.name, found.description, found.threads, found.cell_timeout) == ("mine", "What it is for", 2, 60)
    assert found.cells == (
        ("task=copy", "model=transformer", "seed=1", "threads=2"),
        ("task=copy", "model=transformer", "seed=2", "threads=2"),
        ("task=copy", "model=lstm_dot", "seed=1", "threads=2"),
        ("task=copy", "model=lstm_dot", "seed=2", "threads=2"),
        ("task=parity", "task.longest=null", "threads=2"),
    )


CELLS = "cells: [{task: copy}]"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "`cells` is missing"),
        ("- 3", "`cells` is missing"),
        ("threads: 1", "`cells` is missing"),
        ("cells: 3", "cells must be a list"),
        ("cells: []", "cells must be a list"),
        ("cells: {task: copy}", "cells must be a list"),
        ("cells: [3]", "entry 1 of cells must have settings"),
        ("cells: [{task: copy}, {}]", "entry 2 of cells must have settings"),
        ("cells: [{task: []}]", "entry 1 of cells: 'task' must have a value"),
        ("cells: [{task: {a: 1}}]", "entry 1 of cells: 'task' must have a value"),
        ("cells: [{task: [[copy]]}]", "entry 1 of cells: 'task' must have a value"),
        ("cells: [{1: copy}]", "entry 1 of cells: 1 must have a value"),
        ("cells: [{seed: 2026-01-01}]", "entry 1 of cells: 'seed' must have a value"),
        (f"threads: x\n{CELLS}", "threads must be a whole number from 1 to 1024"),
        (f"threads: 0\n{CELLS}", "threads must be a whole number from 1 to 1024"),
        (f"threads: true\n{CELLS}", "threads must be a whole number from 1 to 1024"),
        (f"threads: null\n{CELLS}", "threads must be a whole number from 1 to 1024"),
        (f"threads: 99999999999\n{CELLS}", "threads must be a whole number from 1 to 1024"),
        (f"cell_timeout: -1\n{CELLS}", "cell_timeout must be seconds above 0"),
        (f"cell_timeout: .inf\n{CELLS}", "cell_timeout must be seconds above 0"),
        (f"cell_timeout: .nan\n{CELLS}", "cell_timeout must be seconds above 0"),
        (f"cell_timeout: soon\n{CELLS}", "cell_timeout must be seconds above 0"),
        (f"theads: 1\n{CELLS}", "a suite has no 'theads'"),
        ("cells: [", "not YAML"),
        ("\0", "not YAML"),
        ("[" * 5000, "not YAML"),
        ("cells: !!python/object/apply:os.getcwd []", "not YAML"),
    ],
)
def test_a_file_that_is_no_suite_is_one_line(conf: Path, text: str, told: str) -> None:
    conf.write_text(text)
    with pytest.raises(UserError) as refused:
        suites.read(conf)
    assert told in str(refused.value) and str(conf) in str(refused.value) and "\n" not in str(refused.value)


def test_a_file_in_another_encoding_is_one_line(conf: Path) -> None:
    conf.write_bytes("# Übung\n".encode("latin-1") + CELLS.encode())
    with pytest.raises(UserError):
        suites.read(conf)


def test_only_some_tasks(conf: Path) -> None:
    conf.write_text("cells: [{task: [copy, parity, reverse]}]")
    assert [words[0] for words in suites.read(conf, "parity,copy").cells] == ["task=copy", "task=parity"]
    with pytest.raises(UserError, match="suite mine has no task 'dyck'; it has copy, parity, reverse"):
        suites.read(conf, "copy,dyck")
    with pytest.raises(UserError, match="unknown suite 'yours'; there are attention, "):
        suites.load("yours")

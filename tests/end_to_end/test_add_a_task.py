"""Follows "Add a task" of bench/tasks/README.md in a copy of the project: two files, and nothing else changes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the task of bench/tasks/README.md added."""
    folder = tmp_path_factory.mktemp("project")
    for part in ("bench", "models", "tests/contract", "tests/unit"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("pyproject.toml", "README.md", "tests/conftest.py"):
        shutil.copy(ROOT / part, folder / part)
    section = (ROOT / "bench/tasks/README.md").read_text(encoding="utf-8").split("## Add a task")[1]
    paths = re.findall(r"`(bench/\w[\w/]*\.(?:py|yaml))`[:;]", section)
    blocks = re.findall(r"```(?:python|yaml)\n(.*?)```", section, re.DOTALL)
    assert paths == ["bench/tasks/majority.py", "bench/conf/task/majority.yaml"] and len(blocks) == 2
    for path, block in zip(paths, blocks, strict=True):
        assert not (ROOT / path).exists()
        (folder / path).write_text(block, encoding="utf-8")
    return folder


def run(folder: Path, *words: str) -> str:
    """The output of a module that runs in the folder and imports from it; the test fails if the command fails."""
    process = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "BENCH_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stdout[-3000:] + process.stderr[-3000:]
    return process.stdout


@pytest.mark.slow
def test_the_contract_tests_and_the_worked_example_pass(project: Path) -> None:
    files = ("tests/contract/test_tasks.py", "bench/tasks/majority.py")
    output = run(project, "pytest", *files, "-q", "-p", "no:cacheprovider", "-k", "majority")
    passed = re.search(r"(\d+) passed", output)
    assert passed is not None and int(passed[1]) > 10


def test_the_list_names_it(project: Path) -> None:
    assert "Which of two symbols is more frequent?" in run(project, "bench", "list", "tasks")


@pytest.mark.slow
def test_it_trains(project: Path) -> None:
    small = ("task.train_size=500", "task.valid_size=50", "task.test_size=50", "task.test_longest=59")
    run(project, "bench", "run", "task=majority", "budget=smoke", "model=gru_none", *small, f"out={project / 'out'}")
    assert list((project / "out").glob("majority-gru_none-smoke-*/record.json"))

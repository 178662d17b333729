"""Follows "Add a model" of models/README.md in a copy of the project: two files, and nothing else changes."""

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
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with the arm of models/README.md added."""
    folder = tmp_path_factory.mktemp("project")
    for part in ("bench", "models", "tests/contract"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("pyproject.toml", "README.md", "tests/conftest.py"):
        shutil.copy(ROOT / part, folder / part)
    section = (ROOT / "models" / "README.md").read_text(encoding="utf-8").split("## Add a model")[1].split("\n## ")[0]
    paths = re.findall(r"`((?:models|bench/conf)/\w[\w/]*\.(?:py|yaml))`:$", section, re.MULTILINE)
    blocks = re.findall(r"```(?:python|yaml)\n(.*?)```", section, re.DOTALL)
    assert paths == ["models/mean.py", "bench/conf/model/mean.yaml"] and len(blocks) == 2
    for path, block in zip(paths, blocks, strict=True):
        assert not (ROOT / path).exists()
        (folder / path).write_text(block, encoding="utf-8")
    return folder


def run(folder: Path, *words: str) -> str:
    """A module's output, run in the folder and importing from it; the test fails where the command does."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_the_contract_tests_find_it(copy: Path) -> None:
    report = run(copy, "pytest", "tests/contract/test_models.py", "-q", "-p", "no:cacheprovider", "-k", "mean")
    assert int(re.search(r"(\d+) passed", report)[1]) > 20


@pytest.mark.slow
def test_it_has_a_card_and_a_place_in_the_list(copy: Path) -> None:
    assert "mean" in run(copy, "bench", "list", "models").split()
    card = run(copy, "bench", "list", "model", "mean", "task=recall", "budget=quick")
    assert "Running means" in card and "RunningMean" not in card, "a module without weights is not a layer of the card"
    assert re.search(r"width \d+, \d+,\d+ parameters", card)


@pytest.mark.slow
def test_it_trains(copy: Path) -> None:
    run(copy, "bench", "run", "model=mean", "task=recall", "budget=smoke", f"out={copy / 'out'}")
    assert list((copy / "out").glob("recall-mean-smoke-*/record.json"))

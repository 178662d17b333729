"""Folders that belong to another user: what may not be read or written is one line and exit status 2, and nothing is
left out in silence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.conf.compose import compose
from bench.errors import BrokenFile
from bench.records import reading, store
from bench.runs import suite
from bench.runs.record import new_record
from bench.runs.worker import PINNING_VARIABLES, THREAD_VARIABLES, child_environment

ROOT = Path(__file__).resolve().parents[2]

CELL = (
    "task=reverse",
    "model=lstm_dot",
    "budget=smoke",
    "task.train_size=60",
    "task.valid_size=10",
    "task.test_size=10",
)

CAPABILITIES = "-dac_override,-dac_read_search,-fowner"
"""Without these the permissions of files hold for root too."""

SCRIPT = """
import contextlib, io, json, sys
from bench.__main__ import main
answers = []
for words in json.loads(sys.argv[1]):
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        status = main(words)
    answers.append([status, out.getvalue(), errors.getvalue()])
print(json.dumps(answers))
"""


def as_another_user(here: Path, commands: Sequence[Sequence[str]], **variables: str) -> list[tuple[int, str, str]]:
    """Exit status, output and errors of commands, run one after another in one process for which permissions hold."""
    prefix: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root, and no setpriv to make permissions hold")
        prefix = ["setpriv", "--bounding-set", CAPABILITIES]
    done = subprocess.run(
        [*prefix, sys.executable, "-P", "-c", SCRIPT, json.dumps([list(words) for words in commands])],
        cwd=here, capture_output=True, text=True, timeout=200,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "BENCH_OFFLINE": "1"} | variables,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [(status, output, errors) for status, output, errors in json.loads(done.stdout)]


def write_cell(out: Path, status: str = "done", *words: str) -> Path:
    """A cell with a record and nothing else."""
    cell = compose([*CELL, *words])
    store.write(out, new_record(cell, None, status, None if status == "done" else "made up"))
    return out / cell.name


@pytest.fixture
def here(tmp_path):
    """A folder with results of another user, and a folder that nothing can be written to or read from."""
    write_cell(tmp_path / "theirs")
    (tmp_path / "closed").mkdir()
    for folder in (*(tmp_path / "theirs").iterdir(), tmp_path / "theirs"):
        folder.chmod(0o555)
    (tmp_path / "closed").chmod(0)
    yield tmp_path
    for folder in (tmp_path / "closed", tmp_path / "theirs", *(tmp_path / "theirs").iterdir()):
        folder.chmod(0o755)


@pytest.mark.slow
def test_results_of_another_user(here):
    commands = [
        ["run", *CELL, "out=theirs"],
        ["run", *CELL, "out=closed"],
        ["run", *CELL, "out=closed/new"],
        ["suite", "smoke", "--out", "theirs"],
        ["tune", "smoke", "--out", "theirs"],
        ["profile", "task=reverse", "budget=smoke", "--out", "theirs/profile"],
        ["data", "generators", "reverse", "--budgets", "smoke", "--out", "theirs/table.md"],
        ["report", "theirs"],
        ["report", "theirs", "--out", "closed/report"],
        ["report", "closed"],
        ["compare", "theirs", "closed"],
        ["hypotheses", "closed"],
        ["score", "closed"],
        ["run", "task=bitext", "task.source=closed/a", "task.target=closed/b"],
    ]
    for words, (status, output, errors) in zip(commands, as_another_user(here, commands)):
        assert (status, errors.count("\n"), output) == (2, 1, ""), (words, errors, output)
        assert errors.startswith("bench: ") and ("closed" in errors or "theirs" in errors), (words, errors)


@pytest.mark.slow
def test_a_cell_that_cannot_be_read_is_not_left_out(here):
    """`glob` passes over a folder that may not be searched, and the report would lack the cell without a word."""
    ours = write_cell(here / "ours")
    hidden = write_cell(here / "ours", "done", "seed=2")
    hidden.chmod(0)
    try:
        commands = [
            ["report", "ours"],
            ["compare", "ours", "ours"],
            ["score", "ours"],
            ["run", *CELL, "seed=2", "out=ours"],
        ]
        for words, (status, _, errors) in zip(commands, as_another_user(here, commands)):
            assert (status, errors.count("\n")) == (2, 1), (words, errors)
            assert str(Path("ours") / hidden.name) in errors, (words, errors)
    finally:
        hidden.chmod(0o755)
    assert [path.name for path in reading.folders_with(here / "ours", store.RECORD)] == sorted(
        [ours.name, hidden.name]
    )


def test_only_a_folder_without_a_record_is_passed_over(tmp_path, monkeypatch):
    cell = write_cell(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "file").touch()
    assert reading.folders_with(tmp_path, store.RECORD) == [cell]

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(BrokenFile, match="cannot be read .Permission denied.; ask its owner"):
        reading.folders_with(tmp_path, store.RECORD)


@pytest.mark.slow
def test_a_cell_that_cannot_be_replaced_is_not_trained(here):
    failed = write_cell(here / "ours", "failed")
    failed.chmod(0o555)
    ((status, _, errors),) = as_another_user(here, [["run", *CELL, "out=ours"]])
    assert (status, errors.count("\n")) == (2, 1) and "name another results folder" in errors
    assert failed.name in errors and "started" not in errors


def test_the_cache_of_another_user(here):
    """A corpus there is not taken for a missing one; the cache of tasks is a help alone, and its lack no error."""
    script = [["data", "check", "multi30k"]]
    ((status, output, _),) = as_another_user(here, script, BENCH_CACHE=str(here / "closed" / "cache"))
    assert status == 1 and "missing" not in output and "Permission denied" in output
    read = (
        "from bench.data import file_cache; from pathlib import Path; folder = Path('closed/cache');"
        "assert file_cache.find(folder, 'key', '.x') is None; file_cache.store(folder, 'key', '.x', b'content')"
    )
    prefix = ["setpriv", "--bounding-set", CAPABILITIES] if os.geteuid() == 0 else []
    subprocess.run(
        [*prefix, sys.executable, "-c", read], cwd=here, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True
    )


def test_settings_of_another_user(here):
    variables = {"BENCH_TUNED": str(here / "closed" / "tuned")}
    ((status, _, errors),) = as_another_user(here, [["run", *CELL, "--cfg", "job"]], **variables)
    assert (status, errors.count("\n")) == (2, 1) and "cannot be read: Permission denied" in errors


# What else is taken from the environment


def test_no_folder_for_temporary_files_is_a_line(tmp_path, monkeypatch, capfd):
    from bench import __main__

    def no_folder(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.TemporaryDirectory", no_folder)
    assert __main__.main(["run", *CELL, "--cfg", "job"]) == 2
    assert capfd.readouterr().err.count("\n") == 1


def test_any_text_can_be_printed_whatever_the_locale_is(tmp_path):
    """A folder's name in Chinese, on a terminal of another encoding."""
    variables = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "latin-1", "LC_ALL": "C"}
    words = [sys.executable, "-m", "bench", "list", "结果"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, env=variables)
    assert done.returncode == 2 and "结果" in done.stderr.decode("utf-8")


def test_a_cell_is_not_bound_to_the_cores_of_another(monkeypatch):
    """OMP_PROC_BIND=true puts the threads of every process on the same first cores."""
    for name in (*PINNING_VARIABLES, *THREAD_VARIABLES):
        monkeypatch.setenv(name, "1")
    variables = child_environment(3)
    assert not variables.keys() & set(PINNING_VARIABLES)
    assert {variables[name] for name in THREAD_VARIABLES} == {"3"}


def test_a_folder_that_may_be_written_passes(tmp_path):
    suite._check_cell_folder(write_cell(tmp_path, "failed"))
    suite._check_cell_folder(tmp_path / "absent")

"""`bench status`: states of cells, time left, claims so far; and other seeds of a suite."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.conf import suites
from bench.errors import UserError
from bench.records import store
from bench.runs import requested, status
from bench.runs.suite import Job
from bench.system import locks
from tests.report.conftest import Folder

SMOKE = [Job.of(overrides) for overrides in suites.load("smoke").cells]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def status_of(path: Path, jobs: list[Job], at_a_time: int = 1) -> status.Status:
    return status.read(path, status.records_of(path), jobs, None, at_a_time)


def states(folder: Folder, jobs: list[Job] | None = None) -> dict[str, str]:
    return {cell.name: cell.state for cell in status_of(folder.path, jobs or [], 1).cells}


def test_a_cell_is_missing_stopped_running_or_what_its_record_says(folder: Folder) -> None:
    made = {name: folder.cell(seed=seed, status=name)["cell"] for seed, name in enumerate(store.STATUSES)}
    missing, stopped, running = (job.cell.name for job in SMOKE[:3])
    store.work_folder(folder.path, stopped).mkdir(parents=True)
    with locks.exclusive(store.lock_file(folder.path, running)):
        current = states(folder, SMOKE[:3])
    assert {current[name] for name in made.values()} == set(store.STATUSES)
    assert all(current[name] == state for state, name in made.items())
    assert (current[missing], current[stopped], current[running]) == ("missing", "stopped", "running")
    assert states(folder, SMOKE[:3])[running] == "missing", "its process has ended"


def test_seeds_and_tasks_that_were_told_are_what_is_missing(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    """`bench suite smoke --only reverse --seeds 7-8`, of which nothing has ended yet, and then another task."""
    first, second = (
        [Job.of(overrides).cell for overrides in suites.load("smoke", only, seeds).cells]
        for only, seeds in (("reverse", "7-8"), ("recall", "7"))
    )
    requested.add(folder.path, first)
    requested.add(folder.path, second)
    assert main(["status", str(folder.path)]) == 0
    shown = capsys.readouterr().out
    names = {cell.name for cell in (*first, *second)}
    assert len(names) > 3 and f"{len(names)} cells: {len(names)} missing" in shown and "-s1-" not in shown
    (folder.path / store.WORK / requested.FILE).write_text("[1]")
    assert requested.read(folder.path) == {}, "a broken note is none"


def test_a_lock_is_seen_from_another_process_and_not_disturbed(folder: Folder) -> None:
    name = SMOKE[0].cell.name
    path = store.lock_file(folder.path, name)
    code = "import sys, pathlib; from bench.system import locks; print(locks.is_held(pathlib.Path(sys.argv[1])))"
    with locks.exclusive(path):
        seen = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
        assert seen.stdout.strip() == "True" and path.exists()
    assert not locks.is_held(path) and not path.exists()


def test_time_left_is_that_of_like_cells(folder: Folder) -> None:
    for seed, (arm, seconds) in enumerate([("transformer", 100.0), ("transformer", 300.0), ("lstm_dot", 10.0)]):
        folder.cell("reverse", arm, seed, change={"times.total": seconds})
    jobs = [job for job in SMOKE if job.cell.task == "reverse"]
    by_model = {"transformer": 200.0, "lstm_dot": 10.0}
    expected = [by_model.get(job.cell.model, 100.0) for job in jobs]
    assert status_of(folder.path, jobs, 1).seconds_left == pytest.approx(sum(expected))
    assert status_of(folder.path, jobs, 2).seconds_left == pytest.approx(max(sum(expected) / 2, max(expected)))
    assert status_of(folder.path, [], 1).seconds_left == 0
    assert status_of(folder.path / "none", jobs, 1).seconds_left is None


@pytest.mark.slow
def test_the_command_says_what_is_missing_failed_and_decided(folder: Folder, capsys: pytest.CaptureFixture) -> None:
    folder.full(seeds=(1, 2, 3))
    folder.cell("recall", "lstm_dot", 9, status="failed", change={"suite": "smoke"})
    files = sorted(path for path in folder.path.rglob("*"))
    assert main(["status", str(folder.path), "--suite", "quick"]) == 0
    out = capsys.readouterr().out
    assert (
        f"{folder.path}: suite quick, " in out
        and f"{len(suites.load('quick').cells)} missing" in out
        and "1 failed" in out
    )
    assert "and " in out and " more" in out and "--retry-failed" in out and " left" in out
    assert "claims so far: A " in out and "B refuted" in out
    assert sorted(path for path in folder.path.rglob("*")) == files, "nothing is written"


def test_json_and_a_suite_from_the_records(folder: Folder, capsys: pytest.CaptureFixture) -> None:
    for seed in (1, 2):
        folder.cell(seed=seed, change={"suite": "smoke"})
    assert main(["status", str(folder.path), "--json"]) == 0
    current = json.loads(capsys.readouterr().out)
    assert current["suite"] == "smoke" and current["counts"] == {"done": 2, "missing": len(SMOKE)}
    assert len(current["cells"]) == 2 + len(SMOKE) and set(current["claims"]) == set("ABCDEFGH")


def test_a_broken_record_does_not_hide_the_status(folder: Folder, capsys: pytest.CaptureFixture) -> None:
    for seed in (1, 2):
        folder.cell(seed=seed, change={"suite": "smoke"})
    broken = sorted(folder.path.glob("*/record.json"))[0]
    broken.write_text(broken.read_text()[:200])
    assert main(["status", str(folder.path)]) == 0
    captured = capsys.readouterr()
    assert "1 done" in captured.out and "no claims: " in captured.err and "claims so far" not in captured.out


def test_a_folder_that_may_only_be_read_has_a_status(
    folder: Folder, monkeypatch, capsys: pytest.CaptureFixture
) -> None:
    folder.cell(change={"suite": "smoke"})
    monkeypatch.setattr("os.access", lambda path, mode: not mode & os.W_OK)
    assert main(["status", str(folder.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["done"] == 1
    assert main(["suite", "smoke", "--out", str(folder.path)]) == 2, "which cannot be run there"
    assert "cannot be written to" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["nowhere"], [".", "--suite", "nope"]])
def test_bad_input_is_one_line(words: list[str], tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["status", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_other_seeds_take_the_places_of_the_suites_own() -> None:
    own, other = suites.load("quick"), suites.load("quick", seeds="21-30")
    first = min(int(word.removeprefix("seed=")) for cell in own.cells for word in cell if word.startswith("seed="))
    assert len(own.cells) == len(other.cells) == len(set(other.cells)) and own.steps == other.steps
    for before, after in zip(own.cells, other.cells, strict=True):
        moved = [
            f"seed={int(each.removeprefix('seed=')) - first + 21}" if each.startswith("seed=") else each
            for each in before
        ]
        assert moved == list(after)
    assert suites.load("quick", seeds="7,4,9") == suites.load("quick", seeds="4,7,9")


def test_more_or_fewer_seeds_than_the_suites_own_are_run_by_every_cell() -> None:
    own, more, one = (suites.load("quick", seeds=seeds) for seeds in ("21-25", "31-34", "31"))
    arms = {tuple(each for each in cell if not each.startswith("seed=")) for cell in own.cells}
    assert len(more.cells) == 4 * len(arms) == 4 * len(one.cells) and len(set(more.cells)) == len(more.cells)
    assert {(*arm, f"seed={seed}") for arm in arms for seed in (31, 32, 33, 34)} == {
        (
            *(each for each in cell if not each.startswith("seed=")),
            *(each for each in cell if each.startswith("seed=")),
        )
        for cell in more.cells
    }


@pytest.mark.parametrize("seeds", ["", "x", "3-1", "1,,2", "-1", "1.5"])
def test_seeds_that_cannot_be_are_one_line(seeds: str) -> None:
    with pytest.raises(UserError, match="--seeds"):
        suites.load("quick", seeds=seeds)

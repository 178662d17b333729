"""`torchrun --nproc-per-node 2 -m bench run ...`: one record, with the numbers that one process gets."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from bench.__main__ import main
from bench.records import store
from tests.ranks import ROOT, cell, run, variables

TOLERANCE = 1e-5
"""Largest relative difference of a loss."""

SMALL = ("budget=smoke", "task.train_size=300", "task.valid_size=50", "task.test_size=40", "budget.validations=4")
CASES = {
    "transformer": ("task=reverse", "model=transformer", "model.dropout=0.3", "model.dropout_attention=0.2"),
    "lstm_dot": ("task=reverse", "model=lstm_dot", "model.dropout=0", "search.beam=2", "search.batch_tokens=200"),
    "one stack": ("task=parity_stack", "model=lstm_stack", "model.dropout=0.1"),
    "language model": ("task=language", "model=mingru_stack", "budget.epochs=0.5"),
    "values": ("task=adding", "model=gru_none"),
    "fewer rows than processes": ("task=reverse", "model=lstm_none", "budget.batch_tokens=20", "budget.epochs=0.2"),
}


def settings(*words: str) -> tuple[str, ...]:
    """Overrides, the last one of each key."""
    return tuple({word.partition("=")[0]: word for word in words}.values())


LONG = settings("task=reverse", "model=lstm_dot", *SMALL, "budget.epochs=25", "budget.validations=5")


def torchrun(*words: str, count: int = 2) -> list[str]:
    """The command line, as a user writes it."""
    launcher = [str(Path(sys.executable).with_name("torchrun")), "--standalone", "--nproc-per-node", str(count)]
    return [*launcher, "-m", "bench", *words]


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | more


def finished(command: list[str], cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=environment(**more), capture_output=True, text=True, timeout=240)


def alone(*words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "bench", *words]


def record(out: Path) -> dict[str, Any]:
    (folder,) = store.cell_folders(out)
    return store.read(folder)


def losses(out: Path) -> list[tuple[float, float]]:
    (folder,) = store.cell_folders(out)
    with open(folder / store.CURVE, newline="") as lines:
        return [(float(row["train_loss"]), float(row["valid_loss"])) for row in csv.DictReader(lines)]


def assert_alike(one: Path, several: Path, count: int) -> None:
    """The records of one process and of several are the same, but for times and rounding."""
    ours, theirs = record(one), record(several)
    assert "ranks" not in ours["environment"] and theirs["environment"]["ranks"] == count
    same = ("cell", "status", "config", "config_hash", "seeds", "match", "parameters", "flops", "budget", "data")
    assert {key: ours[key] for key in same} == {key: theirs[key] for key in same}
    assert len(losses(one)) == 4
    for our_row, their_row in zip(losses(one), losses(several), strict=True):
        assert their_row == pytest.approx(our_row, rel=TOLERANCE)
    assert theirs["selection"]["value"] == pytest.approx(ours["selection"]["value"], rel=TOLERANCE)
    for our_score, their_score in zip(ours["scores"], theirs["scores"], strict=True):
        assert their_score.pop("value") == pytest.approx(our_score.pop("value"), rel=TOLERANCE)
        assert their_score == our_score
    for kind in ("train", "decode", "decode_one"):
        assert theirs["throughput"][kind]["median"] > 0
    assert theirs["sanity"].keys() == ours["sanity"].keys() and theirs["sanity"]["overfit"]["steps"] > 0
    if ours["task"] not in ("adding", "language"):  # values differ in their last digits; a language model writes none
        our_outputs, their_outputs = (store.read_outputs(out / ours["cell"]) for out in (one, several))
        assert our_outputs.equals(their_outputs)
    assert {path.name for path in (one / ours["cell"]).iterdir()} == {
        path.name for path in (several / ours["cell"]).iterdir()
    }


def test_two_forked_processes_equal_one(tmp_path: Path) -> None:
    """As the slow tests below, without torchrun and in one fresh process."""
    words = [*CASES["transformer"], *SMALL]
    run([(count, f"{cell.__module__}:cell", (str(tmp_path / str(count)), words)) for count in (1, 2)])
    assert_alike(tmp_path / "1", tmp_path / "2", 2)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_torchrun_trains_one_cell_with_the_numbers_of_one_process(case: str, tmp_path: Path) -> None:
    words = ("run", *settings(*SMALL, *CASES[case]))
    one = finished(alone(*words, f"out={tmp_path}/one"), tmp_path)
    several = finished(torchrun(*words, f"out={tmp_path}/several"), tmp_path)
    assert (one.returncode, several.returncode) == (0, 0), several.stderr
    assert_alike(tmp_path / "one", tmp_path / "several", 2)
    assert several.stdout == one.stdout == ""
    said = [line for line in several.stderr.splitlines() if ": started" in line or "done in" in line]
    assert len(said) == 2, "process 0 alone prints"
    assert not (tmp_path / "several" / store.WORK).exists()


@pytest.mark.slow
def test_a_finished_cell_is_not_run_again_and_no_process_waits(tmp_path: Path) -> None:
    words = ("run", "task=reverse", "model=lstm_none", *SMALL, f"out={tmp_path}/out")
    assert finished(alone(*words), tmp_path).returncode == 0
    again = finished(torchrun(*words), tmp_path)
    assert again.returncode == 0 and "finished before" in again.stderr
    assert "ranks" not in record(tmp_path / "out")["environment"]


def processes(launcher: int) -> dict[int, int]:
    """The process of each rank that this torchrun started."""
    by_rank = {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == launcher:
                variables = dict(pair.split("=", 1) for pair in (folder / "environ").read_text().split("\0") if pair)
                by_rank[int(variables["RANK"])] = int(folder.name)
        except (OSError, KeyError):
            continue  # it has ended, or is no rank
    return by_rank


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@pytest.fixture
def training(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A torchrun of two processes whose cell trains and has saved a state."""
    out = tmp_path / "out"
    command = torchrun("run", *LONG, f"out={out}")
    with open(tmp_path / "errors", "wb") as errors:
        launcher = subprocess.Popen(
            command, cwd=tmp_path, env=environment(BENCH_SAVE_EVERY="0.2"), stdout=errors, stderr=errors
        )
        try:
            wait_for(lambda: list(out.glob(f"{store.WORK}/*/state-*.pt")))
            yield launcher
        finally:
            launcher.kill()
            launcher.wait()


STOPS = {
    "all": lambda launcher: os.kill(launcher, signal.SIGTERM),
    "process 1": lambda launcher: os.kill(processes(launcher)[1], signal.SIGTERM),
    "process 0": lambda launcher: os.kill(processes(launcher)[0], signal.SIGTERM),
    "process 1 dies": lambda launcher: os.kill(processes(launcher)[1], signal.SIGKILL),
}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("stop", STOPS)
def test_a_stop_leaves_a_state_and_no_record(stop: str, training: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """And no process; the same command continues, with as many processes or with one."""
    ranks = processes(training.pid)
    assert sorted(ranks) == [0, 1]
    STOPS[stop](training.pid)
    assert training.wait(60) != 0
    wait_for(lambda: not any(Path(f"/proc/{process}").exists() for process in ranks.values()), 40)
    out = tmp_path / "out"
    assert not list(out.glob(f"*/{store.RECORD}")), (tmp_path / "errors").read_text()
    assert list(out.glob(f"{store.WORK}/*/state-*.pt"))
    words = ("run", *LONG)
    command = torchrun if stop == "all" else alone
    continued = finished(command(*words, f"out={out}"), tmp_path)
    assert continued.returncode == 0, continued.stderr
    budget = record(out)["budget"]
    assert len(budget["resumed"]) == 1 and 0 < budget["resumed"][0] < budget["steps"]
    whole = finished(command(*words, f"out={tmp_path}/whole"), tmp_path)
    assert whole.returncode == 0, whole.stderr
    for row, expected in zip(losses(out), losses(tmp_path / "whole"), strict=True):
        assert row == (expected if stop == "all" else pytest.approx(expected, rel=1e-3))
    if stop == "all":
        ours, theirs = (
            load_file(folder / record(folder)["cell"] / store.WEIGHTS) for folder in (out, tmp_path / "whole")
        )
        assert all((ours[name] == theirs[name]).all() for name in theirs), "the same bits"


REFUSED = {
    "bench suite": ["suite", "smoke"],
    "bench tune": ["tune", "smoke"],
    "bench verify": ["verify", "."],
    "bench run --multirun": ["run", "-m", "seed=1,2", "budget=smoke"],
}


@pytest.mark.parametrize("name", REFUSED)
def test_commands_of_several_cells_are_refused_in_one_line(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for key, text in variables(0, 2, 1).items():
        monkeypatch.setenv(key, text)
    assert main(REFUSED[name]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and len(printed.err.splitlines()) == 1
    assert f"torchrun started 2 processes, which train one cell together, and {name} is for several" in printed.err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_torchrun_ends_when_process_0_refuses(tmp_path: Path) -> None:
    refused = finished(torchrun("run", "task=reverse", "model=lstm_dot", "optim.lr=fast"), tmp_path)
    assert refused.returncode != 0
    lines = [line for line in refused.stderr.splitlines() if line.startswith("bench: ")]
    assert len(lines) == 1 and "optim.lr" in lines[0] and not list(tmp_path.iterdir())

"""BENCH_TRACK: the rows of curve.csv in TensorBoard and MLflow, and cells that do not depend on them."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.records import store
from bench.runs import trackers

CELL = ("task=reverse", "model=lstm_none", "budget=smoke", "task.train_size=300", "budget.epochs=1",
        "budget.validations=3")  # fmt: skip


def run(out: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-P", "-m", "bench", "run", *CELL, f"out={out}"]
    return subprocess.run(words, env=os.environ | environment, capture_output=True, text=True, check=False)


def curve(out: Path) -> list[dict[str, str]]:
    (folder,) = store.cell_folders(out)
    with open(folder / "curve.csv", newline="") as lines:
        return list(csv.DictReader(lines))


def test_tensorboard_has_the_rows_of_the_curve(tmp_path: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    assert run(tmp_path / "out", BENCH_TRACK="tensorboard").returncode == 0
    (folder,) = (tmp_path / "out" / "tensorboard").iterdir()
    accumulator = events.EventAccumulator(str(folder)).Reload()
    sent = [(each.step, each.value) for each in accumulator.Scalars("curve/valid_loss")]
    rows = curve(tmp_path / "out")
    assert len(rows) == 3 and [step for step, _ in sent] == [int(row["step"]) for row in rows]
    assert [loss for _, loss in sent] == pytest.approx([float(row["valid_loss"]) for row in rows])
    assert "test/greedy/exact_match" in accumulator.Tags()["scalars"]


@pytest.mark.slow
def test_mlflow_has_the_rows_the_configuration_and_the_status(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    address = (tmp_path / "server").as_uri()
    allowed = {"MLFLOW_TRACKING_URI": address, "MLFLOW_ALLOW_FILE_STORE": "true"}
    assert run(tmp_path / "out", BENCH_TRACK="mlflow", **allowed).returncode == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        client = mlflow.MlflowClient(address)
        where = client.get_experiment_by_name(trackers.EXPERIMENT).experiment_id
        (one,) = client.search_runs([where])
        sent = client.get_metric_history(one.info.run_id, "valid_loss")
    assert one.info.status == "FINISHED" and one.data.params["optim.lr"] == "0.002"
    losses = [float(row["valid_loss"]) for row in curve(tmp_path / "out")]
    assert [each.value for each in sorted(sent, key=lambda each: each.step)] == pytest.approx(losses)


@pytest.mark.slow
def test_a_tracker_that_fails_is_named_and_the_cell_is_the_same(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    nowhere = {"MLFLOW_TRACKING_URI": "unknown://nowhere"}
    tracked = run(tmp_path / "tracked", BENCH_TRACK="mlflow", **nowhere)
    assert (
        tracked.returncode == 0 and "mlflow failed, and nothing more is sent to it" in tracked.stdout + tracked.stderr
    )
    assert run(tmp_path / "alone").returncode == 0
    timed = ("seconds",)
    ours, alone = ([{k: v for k, v in row.items() if k not in timed} for row in curve(tmp_path / name)]
                   for name in ("tracked", "alone"))  # fmt: skip
    assert ours == alone


@pytest.mark.parametrize(
    ("names", "reason"),
    [("wandb", "must name tensorboard or mlflow; got 'wandb'"), ("mlflow", "needs MLFLOW_TRACKING_URI")],
)
def test_a_wrong_name_is_refused_before_anything_is_written(tmp_path: Path, names: str, reason: str) -> None:
    if names == "mlflow":
        pytest.importorskip("mlflow")
    refused = run(tmp_path / "out", BENCH_TRACK=names, MLFLOW_TRACKING_URI="")
    assert refused.returncode == 2 and reason in refused.stderr and "Traceback" not in refused.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_package_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(trackers.VARIABLE, "tensorboard")
    monkeypatch.setitem(trackers.PACKAGES, "tensorboard", "no_such_package")
    with pytest.raises(trackers.UserError, match=r"pip install .*\[track\]"):
        trackers.chosen()


def test_nothing_is_imported_unless_asked_for() -> None:
    code = "import sys, bench.runs.cell; assert not {'tensorboard', 'mlflow'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0

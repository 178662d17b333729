"""The whole way: the command line, a suite, its records and its report; and one real corpus scored by another
program."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open

from bench.conf import suites
from bench.conf.compose import compose
from bench.data.corpora import files, registry
from bench.errors import UserError
from bench.records import store
from bench.runs.cell import run_cell
from bench.training.progress import Silent


def bench(*words: str, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *words], input=stdin, capture_output=True, text=True, cwd=cwd, timeout=600
    )


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("smoke") / "results"
    done = bench("suite", "smoke", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(out / "report.html")
    return out


@pytest.mark.slow
def test_every_cell_of_the_suite_has_a_whole_record(smoke: Path) -> None:
    cells = [compose(words) for words in suites.load("smoke").cells]
    assert {folder.name for folder in store.cell_folders(smoke)} == {cell.name for cell in cells}
    for cell in cells:
        record = store.read(smoke / cell.name)
        assert record["status"] == "done" and record["suite"] == "smoke" and record["config_hash"] == cell.hash
        assert record["parameters"]["total"] == pytest.approx(60_000, rel=0.05)
        assert record["environment"]["threads"] == 1
        assert record["throughput"]["train"]["median"] > 0 and record["memory"]["peak_rss_bytes"] > 1e7
        assert record["budget"]["target_tokens"] > 0 and 0 <= record["budget"]["padding_share"] < 0.5
        assert {score["metric"] for score in record["scores"]} >= {"exact_match"}
        assert not (smoke / store.WORK / cell.name).exists()
        for name in (store.CURVE, store.OUTPUTS, store.WEIGHTS):
            assert (smoke / cell.name / name).stat().st_size > 0


@pytest.mark.slow
def test_every_arm_got_the_same_budget_and_data(smoke: Path) -> None:
    cells = store.load(smoke).cells
    for _, group in cells.groupby("task"):
        for column in ("budget.examples", "budget.steps", "budget.target_tokens", "data.checksums.train"):
            assert group[column].nunique() == 1


@pytest.mark.slow
def test_parameters_equal_what_the_weights_file_holds(smoke: Path) -> None:
    for folder in store.cell_folders(smoke):
        with safe_open(folder / store.WEIGHTS, "pt") as file:
            held = sum(int(np.prod(file.get_slice(name).get_shape())) for name in file.keys())  # noqa: SIM118, no dictionary
        assert held == store.read(folder)["parameters"]["total"]


@pytest.mark.slow
def test_scores_can_be_computed_again_from_the_outputs(smoke: Path) -> None:
    for folder in store.cell_folders(smoke):
        outputs = store.read_outputs(folder)
        for score in store.read(folder)["scores"]:
            if score["metric"] != "exact_match":
                continue
            rows = outputs[outputs["split"] == score["split"]]
            if score["axis"] is not None:
                rows = rows[rows[score["axis"]] == score["at"]]
            assert len(rows) == score["n"]
            assert (rows["hypothesis"] == rows["reference"]).mean() == pytest.approx(score["value"])


@pytest.mark.slow
def test_again_runs_nothing_and_the_report_can_be_rebuilt(smoke: Path) -> None:
    before = {folder: (folder / store.RECORD).stat().st_mtime_ns for folder in store.cell_folders(smoke)}
    done = bench("suite", "smoke", "--out", str(smoke))
    assert done.returncode == 0 and "finished before" in done.stdout
    assert before == {folder: (folder / store.RECORD).stat().st_mtime_ns for folder in store.cell_folders(smoke)}
    assert bench("report", str(smoke)).returncode == 0


@pytest.mark.slow
def test_the_tables_load_from_python(smoke: Path) -> None:
    loaded = store.load(smoke)
    assert len(loaded.cells) == 7 and len(loaded.curves) == 14
    assert loaded.scores.groupby("cell").ngroups == 7
    assert pd.api.types.is_numeric_dtype(loaded.scores["value"])


@pytest.mark.slow
def test_a_trained_cell_answers_line_by_line(smoke: Path, tmp_path: Path) -> None:
    """Also one whose record was written before there was more than one rule to match by."""
    folder = next(folder for folder in store.cell_folders(smoke) if folder.name.startswith("reverse-lstm_dot"))
    greedy = store.read_outputs(folder).head(5)
    done = bench("translate", "--run", str(folder), "--beam", "1", stdin="\n".join([*greedy["source"], ""]) + "\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:5] == greedy["hypothesis"].tolist()
    older = tmp_path / folder.name
    shutil.copytree(folder, older)
    record = json.loads((folder / store.RECORD).read_text())
    record["config"]["budget"]["tolerance"] = record["config"].pop("match")["tolerance"]
    record["parameters"] |= {key: record["match"][key] for key in ("target", "mismatch", "width")}
    del record["match"]
    (older / store.RECORD).write_text(json.dumps(record | {"schema": 1}))
    again = bench("translate", "--run", str(older), "--beam", "1", stdin="\n".join([*greedy["source"], ""]) + "\n")
    assert (again.returncode, again.stdout) == (0, done.stdout), again.stderr
    wrong = bench("translate", "--run", str(folder), stdin="a b 7\n")
    assert (
        wrong.returncode == 2
        and len(wrong.stderr.splitlines()) == 1
        and "reads words separated by spaces, from a, b, c" in wrong.stderr
    )


@pytest.mark.slow
def test_a_cell_is_the_same_alone_as_in_its_suite(smoke: Path, tmp_path: Path) -> None:
    words = suites.load("smoke").cells[2]
    cell = compose(words)
    assert run_cell(cell, tmp_path) == "done"
    alone, inside = (store.read_outputs(out / cell.name) for out in (tmp_path, smoke))
    assert alone.equals(inside)
    assert (tmp_path / cell.name / store.WEIGHTS).read_bytes() == (smoke / cell.name / store.WEIGHTS).read_bytes()


@pytest.mark.slow
def test_hydras_multirun_writes_a_cell_for_each_combination(tmp_path: Path) -> None:
    tiny = ["budget=smoke", "task.train_size=60", "task.valid_size=10", "task.test_size=10", f"out={tmp_path}/out"]
    done = bench("run", "-m", "model=lstm_none,gru_none", "seed=3", *tiny)
    assert done.returncode == 0, done.stderr
    found = {(r["model"], r["seed"]) for r in map(store.read, store.cell_folders(tmp_path / "out"))}
    assert found == {("lstm_none", 3), ("gru_none", 3)}


def nothing_in(folder: Path) -> bool:
    return not folder.exists() or not any(folder.iterdir())


@pytest.mark.parametrize(
    ("words", "needle"),
    [
        (["optim.lr=fast"], "optim.lr"),
        (["match.rule=weight"], "match.rule must be one of params, nonembedding, flops, width"),
    ],
    ids=["told by the worker", "told before there is one"],
)
def test_bad_values_are_one_line_and_nothing_is_written(words: list[str], needle: str, tmp_path: Path) -> None:
    done = bench("run", *words, f"out={tmp_path}/out")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and needle in done.stderr and "Traceback" not in done.stderr
    assert nothing_in(tmp_path / "out")


@pytest.mark.parametrize(
    ("words", "needle"),
    [
        (["model=transformer", "model.width=50", "model.n_heads=3", "match.tolerance=9"], "does not divide"),
        (["model=lstm_dot", "model.cell=elman"], "cell must be one of"),
        (["optim.schedule=stairs"], "optim.schedule"),
        (["search.beam=0"], "search.beam"),
        (["budget.parameters=100", "model=lstm_dot"], "budget.parameters=100 is too small for model lstm_dot with a "),
        (["match.target=70000", "model.width=8", "model=lstm_dot"], "allow it with match.tolerance"),
        (["match.rule=width", "match.target=51", "model=lstm_dot"], "model lstm_dot: "),
        (["device=cuda"], "device=cpu"),
        (["task=multi30k", "task.target=xx"], "xx"),
    ],
)
def test_values_that_only_a_run_can_refuse(words: list[str], needle: str, tmp_path: Path) -> None:
    if needle == "device=cpu" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(UserError) as refused:
        run_cell(compose(words), tmp_path / "out")
    assert needle in str(refused.value) and "\n" not in str(refused.value)
    assert nothing_in(tmp_path / "out")


@pytest.mark.slow
def test_no_corpus_and_no_network_is_a_skipped_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_OFFLINE", "1")
    monkeypatch.setenv("BENCH_MIRROR", "")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    done = bench("run", "task=multi30k", "budget=smoke", f"out={tmp_path}/out")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "train.en.gz" in done.stderr
    (folder,) = store.cell_folders(tmp_path / "out")
    record = store.read(folder)
    assert record["status"] == "skipped" and "train.en.gz" in record["reason"]
    assert bench("report", str(tmp_path / "out")).returncode == 0
    assert "train.en.gz" in (tmp_path / "out" / "details.md").read_text()


@pytest.mark.slow
def test_bleu_equals_what_the_sacrebleu_command_prints(tmp_path: Path) -> None:
    """A barely trained model on the real Multi30k; only the arithmetic matters here."""
    if files.find(registry.corpora()["multi30k"], "train.en.gz") is None:
        pytest.skip("no copy of Multi30k here")
    words = ["task=multi30k", "model=gru_none", "budget=smoke", "budget.parameters=150000", "budget.epochs=0.1"]
    cell = compose([*words, "task.tests=[test_2016_flickr]", "search.beam=2", "optim.lr=0.01"])
    assert run_cell(cell, tmp_path) == "done"
    outputs = store.read_outputs(tmp_path / cell.name)
    for how in ("greedy", "beam2"):
        rows = outputs[outputs["search"] == how]
        assert len(rows) == 1000
        (tmp_path / "ref").write_text("\n".join(rows["reference"]) + "\n")
        hypotheses = "\n".join(rows["hypothesis"]) + "\n"
        for metric in ("bleu", "chrf"):
            command = [
                sys.executable,
                "-m",
                "sacrebleu",
                str(tmp_path / "ref"),
                "-m",
                metric,
                "-w",
                "10",
                "-f",
                "json",
            ]
            printed = subprocess.run(command, input=hypotheses, capture_output=True, text=True, check=True)
            said = json.loads(printed.stdout)
            (ours,) = (
                score
                for score in store.read(tmp_path / cell.name)["scores"]
                if (score["search"], score["metric"], score["axis"]) == (how, metric, None)
            )
            assert ours["value"] == pytest.approx(said["score"], abs=1e-9)
            assert said["signature"] == ours["signature"]


@pytest.mark.slow
def test_an_arm_is_matched_by_flops_at_the_lengths_of_its_training_data(tmp_path: Path) -> None:
    """Those of the arm itself come out in its record, counted on the trained model."""
    tiny = ["task=recall", "task.train_size=60", "task.valid_size=10", "task.test_size=10", "budget=smoke"]
    cell = compose([*tiny, "model=gru_none", "match.rule=flops", "match.reference=lstm_none"])
    said = Said()
    assert run_cell(cell, tmp_path, progress=said) == "done"
    record = store.read(tmp_path / cell.name)
    match = record["match"]
    assert (match["rule"], match["reference"]) == ("flops", "lstm_none") and abs(match["mismatch"]) <= 0.05
    assert match["got"] == record["flops"]["forward_per_target_token"]
    reference = compose([*tiny, "model=lstm_none"])
    assert run_cell(reference, tmp_path) == "done"
    assert match["target"] == store.read(tmp_path / reference.name)["flops"]["forward_per_target_token"]
    (line,) = (line for line in said.lines if "FLOPs" in line)
    assert line.startswith(f"gru_none on recall: width {match['width']}, ") and line.endswith("(lstm_none)")


class Said(Silent):
    """Keeps what a cell says."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

"""`bench reach` on the command line, on freshly trained cells, and its figures in the report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bench import __main__
from bench.conf.compose import compose
from bench.diagnostics.reach import measure
from bench.records import reach_rows, store
from bench.records.reach_rows import ProbeSettings
from bench.runs.cell import run_cell
from tests.report import pages

TINY = ("budget=smoke", "budget.parameters=20000", "match.tolerance=1", "task.train_size=3000", "task.valid_size=20")

CELLS = {
    # One key and its value, then the key again. The value is predicted after the key is repeated in the target, so
    # two tokens lie in between: one of the source and one of the target.
    "recall": (*TINY, "task=recall", "task.slots=1", "task.pairs=1", "task.keys=20", "task.values=10",
               "task.test_size=16", "model=lstm_dot", "optim.lr=1e-2", "budget.epochs=16"),
    "adding": (*TINY, "task=adding", "task.train_shortest=6", "task.train_longest=6", "task.test_longest=12",
               "task.test_size=30", "model=gru_dot", "budget.epochs=0.1"),
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each cell, all in one results folder."""
    out, folders = tmp_path_factory.mktemp("reach") / "results", {}
    for name, words in CELLS.items():
        cell = compose(words)
        assert run_cell(cell, out) == "done"
        folders[name] = out / cell.name
    return folders


@pytest.fixture
def copied(trained: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """Copies that a test may change."""
    shutil.copytree(trained["recall"].parent, tmp_path / "results")
    return {name: tmp_path / "results" / folder.name for name, folder in trained.items()}


def bench(*words: object) -> int:
    return __main__.main(["reach", *map(str, words)])


@pytest.mark.slow
def test_a_cell_reaches_as_far_as_it_has_learnt_to_look(copied, capsys):
    folder = copied["recall"]
    assert bench("--run", folder) == 0
    output, progress = capsys.readouterr()
    assert output.splitlines()[0] == str(folder / reach_rows.FILE) and "probed in" in progress
    reach = reach_rows.read(folder)
    assert reach.settings == ProbeSettings("test", 200)
    nothing, whole = reach.accuracy
    assert whole > 0.9 and nothing < 0.4 and reach.effective_reach in (3, 4)
    kept = {row.k: row for row in reach.curve(reach_rows.REPLACEMENT)}
    assert list(kept) == [0, 1, 2, 3, 4] and kept[2].value < 0.4 and kept[3].value > 0.8
    assert all(row.n == 16 and row.low <= row.value <= row.high for row in kept.values())
    share = {row.k: row.value for row in reach.curve(reach_rows.GRADIENT)}
    assert share[3] > share[2] and share[3] > share[4]
    line = output.splitlines()[-1].split()
    assert line == [
        folder.name,
        "test",
        f"{whole:.3f}",
        f"{nothing:.3f}",
        f"{reach.constant_accuracy:.3f}",
        str(reach.effective_reach),
        "3",
    ]
    assert not list(folder.glob(".*"))


@pytest.mark.slow
def test_what_is_there_is_not_done_again_unless_the_settings_are_others(copied, capsys, monkeypatch):
    folder = copied["recall"]
    assert bench("--run", folder) == 0
    first = (folder / reach_rows.FILE).read_bytes()
    output = capsys.readouterr().out
    with monkeypatch.context() as patch:
        patch.setattr(measure.trained, "load", lambda folder: pytest.fail("loaded"))
        assert bench("--run", folder) == 0
    again = capsys.readouterr()
    assert again.out == output and "probed before" in again.err
    assert bench("--run", folder, "--examples", 5) == 0
    assert (
        reach_rows.read(folder).settings.examples == 5
        and reach_rows.read(folder).curve(reach_rows.REPLACEMENT)[0].n == 5
    )
    assert bench("--run", folder) == 0
    assert (folder / reach_rows.FILE).read_bytes() == first
    (folder / reach_rows.FILE).write_text("broken")
    assert bench("--run", folder) == 0
    assert (folder / reach_rows.FILE).read_bytes() == first


@pytest.mark.slow
def test_real_values_and_other_splits(copied, capsys):
    folder = copied["adding"]
    assert bench("--run", folder, "--split", "test_longer") == 0
    reach = reach_rows.read(folder)
    assert reach.settings.split == "test_longer"
    assert {row.k for row in reach.curve(reach_rows.REPLACEMENT)} == set(range(13))
    assert reach.curve(reach_rows.WITHIN)[-1].value == 1.0 and 0 < reach.constant_accuracy < 0.3


@pytest.mark.slow
def test_a_whole_results_folder_leaves_out_what_cannot_be_probed(copied, capsys):
    (copied["adding"] / store.WEIGHTS).unlink()
    out = copied["recall"].parent
    assert bench("--all", out) == 0
    output, progress = capsys.readouterr()
    assert output.splitlines()[0] == str(copied["recall"] / reach_rows.FILE) and len(output.splitlines()) == 4
    assert f"left out: {copied['adding']} has no model.safetensors" in progress
    assert not (copied["adding"] / reach_rows.FILE).exists()


@pytest.mark.slow
def test_a_whole_results_folder_goes_on_where_a_cell_turns_out_to_be_unfit(copied, capsys):
    """A cell may prove unusable only once its data are loaded. If no cell is left, its error ends the command."""
    unfit, out = copied["adding"], copied["adding"].parent
    data = json.loads((unfit / store.RECORD).read_text())["data"]
    changed(unfit, data=data | {"checksums": {"train": "0" * 64}})
    assert bench("--all", out) == 0
    output, progress = capsys.readouterr()
    assert output.splitlines()[0] == str(copied["recall"] / reach_rows.FILE) and len(output.splitlines()) == 4
    assert f"{unfit.name}: left out: the data of {unfit} differ from those it was trained on" in progress
    shutil.rmtree(copied["recall"])
    assert bench("--all", out) == 2
    assert "the data of" in capsys.readouterr().err.splitlines()[-1]


def changed(folder: Path, **values: object) -> None:
    record = json.loads((folder / store.RECORD).read_text())
    (folder / store.RECORD).write_text(json.dumps(record | values))


@pytest.mark.slow
def test_bad_input_is_one_line_and_nothing_is_written(copied, tmp_path, capfd, monkeypatch):
    good = copied["recall"]
    made = {name: tmp_path / name for name in ("failed", "weightless", "foreign", "torn", "other", "bare", "unscored")}
    for folder in made.values():
        shutil.copytree(good, folder)
    changed(made["failed"], status="failed", reason="it did not work")
    (made["weightless"] / store.WEIGHTS).unlink()
    (made["foreign"] / store.RECORD).unlink()
    torn = (made["torn"] / store.WEIGHTS).read_bytes()
    (made["torn"] / store.WEIGHTS).write_bytes(torn[: len(torn) // 2])
    data = json.loads((good / store.RECORD).read_text())["data"]
    changed(made["other"], data=data | {"checksums": data["checksums"] | {"train": "0" * 64}})
    changed(made["bare"], config={"task": {}})
    changed(made["unscored"], scores=[None, {"split": 3}])
    empty = tmp_path / "empty"
    empty.mkdir()
    before = sorted(tmp_path.rglob("*"))
    cases = {
        (): "--run DIR",
        ("--run", good, "--all", good.parent): "--run DIR, or",
        ("--run", tmp_path / "absent"): "absent is not a cell's folder",
        ("--run", good / store.RECORD): "is not a cell's folder",
        ("--run", made["foreign"]): "no record.json in it",
        ("--run", made["failed"]): "its status is failed: it did not work",
        ("--run", made["weightless"]): "has no model.safetensors",
        ("--run", good, "--run", made["weightless"]): "has no model.safetensors",
        ("--run", made["torn"]): "model.safetensors has 41,040 bytes but was written with 82,080",
        ("--run", made["other"]): "the data of",
        ("--run", made["bare"]): "does not describe a cell",
        ("--run", made["unscored"]): "an item of scores must be an object, got null",
        ("--run", good, "--split", "nope"): "has no split 'nope'; there are test",
        ("--run", good, "--examples", 0): "--examples must be at least 1, got 0",
        ("--run", good, "--examples", "x"): "'x' is not a valid integer",
        ("--all", tmp_path / "absent"): "is not a folder",
        ("--all", good / store.RECORD): "is not a folder",
        ("--all", empty): "holds no results",
        ("--all", good.parent, "--split", "nope"): "holds no cell to probe",
        ("--all", good.parent, "--examples", -1): "--examples must be at least 1",
    }
    for words, message in cases.items():
        assert bench(*words) == 2, words
        output, errors = capfd.readouterr()
        *progress, line = errors.splitlines()
        assert line.startswith("bench: ") and message in line and output == "", errors
        assert all(each.endswith("started") for each in progress)
        assert sorted(tmp_path.rglob("*")) == before, words


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_to_is_one_line(copied, capsys, monkeypatch):
    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("bench.system.files.os.replace", refuse)
    assert bench("--run", copied["recall"], "--examples", 2) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == f"bench: cannot write {copied['recall'] / reach_rows.FILE}: Permission denied"
    assert not list(copied["recall"].glob("*reach*"))


@pytest.mark.slow
def test_the_curves_come_into_the_report(copied, capsys):
    out = copied["recall"].parent
    shutil.rmtree(copied["adding"])  # a report of one setting is faster
    assert bench("--all", out) == 0
    assert __main__.main(["report", str(out)]) == 0
    page, text = pages.html(out), pages.markdown(out)
    for kind in ("gradient", "accuracy"):
        (drawn,) = (path.name for path in (out / "figures").glob(f"reach-{kind}-*.svg"))
        assert f"figures/{drawn}" in page and f"figures/{drawn.replace('.svg', '.png')}" in text

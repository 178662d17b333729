"""`bench verify`: cells run again are the same bits, within the spread, or not reproduced."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.conf.compose import compose
from bench.records import store
from bench.runs import verify

REFERENCE = Path(__file__).resolve().parents[2] / "results" / "reference"
SIZES = ("budget=smoke", "task.train_size=300", "task.test_size=60", "budget.epochs=1", "budget.validations=2")


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "bench", *words], capture_output=True, text=True, check=False
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seeds of one arm, one of them with a setting of its own and a list."""
    out = tmp_path_factory.mktemp("verify") / "runs"
    words = ["task=reverse", "model=lstm_none", *SIZES, "optim.lr=0.004"]
    assert bench("run", "-m", *words, "seed=1,2,3", f"out={out}").returncode == 0
    return out


def change(folder: Path, name: str, edit: object) -> None:
    record = json.loads((folder / name / store.RECORD).read_text())
    edit(record)  # type: ignore[operator]
    (folder / name / store.RECORD).write_text(store.record_text(record))


def first(record: dict) -> dict:
    """The row of the headline score."""
    return next(row for row in record["scores"] if row["axis"] is None)


@pytest.mark.slow
def test_the_same_code_gives_the_same_bits_and_then_a_changed_score_does_not(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    checked = bench("verify", str(folder), "--cells", "2", "--out", str(out))
    lines = checked.stdout.strip().splitlines()
    assert checked.returncode == 0 and [line.split(": ")[1] for line in lines] == ["same bits"] * 2, checked
    name = lines[0].split(":")[0]

    def higher(record: dict) -> None:
        first(record)["value"] += 0.5

    change(out, name, higher)
    missed = bench("verify", str(folder), "--cells", "2", "--out", str(out))
    assert missed.returncode == 1 and f"{name}: not reproduced; exact_match of lstm_none" in missed.stdout

    def slightly(record: dict) -> None:
        first(record)["value"] += 1e-8 - 0.5

    change(out, name, slightly)
    near = bench("verify", str(folder), "--cells", "2", "--out", str(out))
    assert near.returncode == 0 and f"{name}: within the spread" in near.stdout


def test_a_recorded_cell_is_composed_again_whatever_its_settings() -> None:
    words = ["task=grammar", "model=transformer", "budget=quick", "model.positions=rotary", "search.beam=3",
             "search.length_penalty=[0.6,1.0]", "task.rules=[adjectives]", "match.target=90000", "seed=7"]  # fmt: skip
    cell = compose(words)
    config = {key: value for key, value in cell.config.items() if key != "out"}
    again = verify.job_of({"cell": cell.name, "config": config})
    assert again.cell.name == cell.name and again.cell.hash == cell.hash


def test_a_cell_run_again_by_other_code_says_nothing_about_this_one(tmp_path: Path, monkeypatch) -> None:
    record = next(iter(store.read_all(REFERENCE / "quick").values()))
    store.write(tmp_path, record)
    cells = [record["cell"]]
    with pytest.raises(verify.UserError, match="was run by other code"):
        verify.check_earlier(tmp_path, cells)
    monkeypatch.setattr(verify, "code_version", lambda: record["code"])
    verify.check_earlier(tmp_path, cells)


def test_a_setting_equal_to_the_default_of_a_tuned_variant_is_composed_again() -> None:
    """The variant's own choice must not take its place."""
    words = ["task=shakespeare", "model=lstm_stack", "model.n_layers=2", "budget=nanogpt_cpu", "optim.lr=0.002"]
    cell = compose(words)
    assert compose(words[:-1]).name != cell.name, "the choice is another one"
    config = {key: value for key, value in cell.config.items() if key != "out"}
    assert verify.job_of({"cell": cell.name, "config": config}).cell.name == cell.name


@pytest.mark.slow
def test_cells_without_scores_are_compared_by_their_validation_loss(folder: Path, tmp_path: Path) -> None:
    ours, again = (Path(shutil.copytree(folder, tmp_path / name)) for name in ("ours", "again"))
    name = min(path.name for path in ours.iterdir() if (path / store.RECORD).is_file())
    for place, factor in ((ours, 1.0), (again, 1.0000001)):
        for cell in {path.name for path in place.iterdir() if (path / store.RECORD).is_file()}:
            change(place, cell, lambda record: record.update(scores=[], files={}))
        (place / name / store.CURVE).write_text((folder / name / store.CURVE).read_text() + f"9,,,,{factor},,\n")
        change(place, name, lambda record, factor=factor: record["selection"].update(value=factor))
    (check,) = verify.compare(ours, again, [name])
    assert check.outcome == verify.WITHIN and "no scores; validation loss 1, recorded 1" in check.why
    change(again, name, lambda record: record["selection"].update(value=1.5))
    (check,) = verify.compare(ours, again, [name])
    assert check.outcome == verify.UNKNOWN and "validation loss 1.5, recorded 1" in check.why


@pytest.mark.parametrize("name", ["quick", "faq", "long_range", "sentences_cpu"])
def test_committed_cells_are_composed_again(name: str) -> None:
    for record in verify.choose(REFERENCE / name, 3):
        try:
            job = verify.job_of(record)
        except verify.UserError as error:
            assert "BENCH_MIRROR" in str(error) or "download" in str(error)  # checksums of a corpus that is not here
        else:
            assert job.cell.name == record["cell"]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_choice_is_the_same_at_every_call_and_takes_every_arm_in_turn(count: int) -> None:
    chosen = verify.choose(REFERENCE / "quick", count)
    assert chosen == verify.choose(REFERENCE / "quick", count) and len(chosen) == count
    assert len({(record["task"], record["model"]) for record in chosen}) == count


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    folder = REFERENCE / "quick"
    (tmp_path / "empty").mkdir()
    for words, reason in (
        ([str(tmp_path / "empty")], "holds no results"),
        ([str(folder), "--out", str(folder)], "is the folder whose cells are run again"),
        ([str(folder), "--cells", "0"], "0 is not in the range"),
    ):
        refused = bench("verify", *words)
        assert refused.returncode == 2 and reason in refused.stderr and "Traceback" not in refused.stderr

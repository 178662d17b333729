"""Records of every schema version there has been: read, put side by side and reported; a later one says so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import bench
from bench.__main__ import main
from bench.analysis.compare import sets
from bench.errors import UserError
from bench.records import store
from bench.report import page
from tests.report import pages

RECORDS = Path(__file__).parents[1] / "records"
VERSIONS = sorted(path for path in RECORDS.iterdir() if path.is_dir())


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A results folder with the cells of all versions."""
    for version in VERSIONS:
        shutil.copytree(version, tmp_path / "mixed", dirs_exist_ok=True)
    return tmp_path / "mixed"


def test_every_version_has_its_records() -> None:
    assert [int(path.name.removeprefix("v")) for path in VERSIONS] == list(store.READABLE)
    for path in VERSIONS:
        schemas = [json.loads((cell / store.RECORD).read_text())["schema"] for cell in store.cell_folders(path)]
        assert set(schemas) == {int(path.name.removeprefix("v"))} and len(schemas) == 2


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.name)
def test_an_older_record_has_what_one_of_today_has(version: Path) -> None:
    newest = {cell.name.split("-s1-")[0]: store.read(cell) for cell in store.cell_folders(VERSIONS[-1])}
    for cell in store.cell_folders(version):
        record, today = store.read(cell), newest[cell.name.split("-s1-")[0]]
        assert record["schema"] == store.SCHEMA
        assert not set(record) - set(today)
        assert set(today) - set(record) <= {"architecture"}, "of a model, found since"
        assert set(record["match"]) == set(today["match"]) and set(record["data"]) == set(today["data"])
        assert record["match"]["got"] == record["parameters"]["total"]
        assert not {"target", "mismatch", "width"} & set(record["parameters"])
        assert record["config"]["match"] == today["config"]["match"]
        batching = {} if version == VERSIONS[-1] else {"batching": "length"}  # before version 3 there was no other way
        assert record["config"]["budget"] == today["config"]["budget"] | batching


def test_a_folder_of_all_versions_is_loaded(mixed: Path) -> None:
    apart = [len(bench.load(version)) for version in VERSIONS]
    table = bench.load(mixed)
    assert len(table) == sum(apart) and min(apart) > 0
    assert table["value"].notna().all() and table["mismatch"].notna().all() and (table["width"] > 0).all()
    assert len(store.load(mixed).curves) == 2 * 2 * len(VERSIONS)


@pytest.mark.slow
def test_a_folder_of_all_versions_is_reported(mixed: Path) -> None:
    page.build(mixed)
    text = pages.markdown(mixed)
    assert "6: 6 done" in text and "lstm\\_none" in text and "Every cell finished." in text


@pytest.mark.parametrize("version", VERSIONS[:-1], ids=lambda path: path.name)
def test_an_older_folder_is_compared_with_todays(version: Path) -> None:
    comparison = sets.compare(version, VERSIONS[-1], seed=1, resamples=10, trials=10)
    assert comparison.statuses == ({"done": 2}, {"done": 2})
    assert {score.arm for score in comparison.scores} == {"transformer", "lstm_none"}, comparison.only


@pytest.mark.slow
def test_a_later_version_says_so_and_what_to_do(mixed: Path, capsys: pytest.CaptureFixture) -> None:
    page.build(mixed)
    before = (mixed / "report.html").read_bytes()
    path = next(mixed.glob("*/record.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": store.SCHEMA + 1}))
    with pytest.raises(UserError, match="update bench"):
        bench.load(mixed)
    for command in (["report"], ["compare", str(VERSIONS[0])], ["score"]):
        assert main([*command, str(mixed)]) == 2
        error = capsys.readouterr().err
        assert (
            error.count("\n") == 1
            and "has schema version 4" in error
            and "update bench" in error
            and str(path) in error
        )
    assert (mixed / "report.html").read_bytes() == before


@pytest.mark.parametrize("version", [0, -1, None, "2", True, 2.0, [2], {}])
def test_what_is_no_version_is_refused(version: object, mixed: Path) -> None:
    path = next(mixed.glob("*/record.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": version}))
    with pytest.raises(UserError, match="schema version"):
        store.read(path.parent)

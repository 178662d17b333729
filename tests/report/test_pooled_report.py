"""One report of several results folders."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest

from bench.__main__ import main
from bench.analysis.claims import judge
from bench.analysis.evidence import Evidence
from bench.errors import UserError
from bench.records import cost_rounds, pool, store
from bench.report import ledger_page, page
from tests import cell_table
from tests.report import pages
from tests.report.conftest import Folder, rounds


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    """Two folders with an arm each: neither has a comparison by itself."""
    folders = []
    for name, arm, level in (("first", "lstm_dot", 0.9), ("second", "lstm_none", 0.2)):
        made = Folder(tmp_path / name / "run", "made_up")
        for seed in (1, 2, 3):
            made.cell("recall", arm, seed, level=lambda split, at, level=level: level, noise=0.01, outputs=seed == 1)
        folders.append(made.path)
    return folders


def verdict_of(letter: str, folders: list[Path]) -> str:
    verdicts = judge.verdicts_from(Evidence(pool.read(folders).records))
    return next(each.verdict for each in verdicts if each.letter == letter)


def test_verdicts_come_from_the_pooled_records(two):
    assert [verdict_of("G", [folder]) for folder in two] == ["not tested", "not tested"]
    assert verdict_of("G", two) == "supported"


@pytest.mark.slow
def test_every_number_says_where_it_comes_from(two, tmp_path, capsys):
    cost_rounds.write(two[1] / store.PROFILE, rounds())
    before = {path: path.read_bytes() for folder in two for path in folder.rglob("*") if path.is_file()}
    out = tmp_path / "pooled"
    assert main(["report", *map(str, two), "--out", str(out), "--lang", "en,zh"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "report.html")
    assert {path: path.read_bytes() for path in before} == before
    assert not (two[0] / "report.html").exists()
    origin = "first/run (3 cells), second/run (3 cells)"
    for name, text in pages.html_pages(out).items():
        assert (origin in text) == (name != "details.html"), name
    assert origin in pages.markdown(out) and "first/run（3 个单元）" in pages.html(out, "zh")
    scores = pd.read_csv(out / "results.csv")
    assert scores.columns[-1] == "folder"
    assert scores.groupby("arm")["folder"].unique().map(list).to_dict() == {
        "lstm_dot": ["first/run"], "lstm_none": ["second/run"]
    }  # fmt: skip
    table = pd.read_csv(out / "tables" / "folders.csv")
    assert table["results folder"].tolist() == ["first/run", "second/run"]
    assert table["profile"].tolist() == ["-", "used"], "the first folder has none"
    claims = json.loads((out / "verdicts.json").read_text(encoding="utf-8"))["claims"]
    assert claims[6]["folders"] == origin and "profile of second/run" in claims[3]["folders"]
    text = (out / "tasks" / "recall-made_up-100000-cpu.html").read_text(encoding="utf-8")
    assert text.count("lstm_none") > 3 and '<th scope="row">lstm_none</th>' in text, "outputs of both folders"


@pytest.mark.slow
def test_a_first_page_alone_leads_to_the_pages_of_the_folders(two, tmp_path, capsys):
    other = Folder(tmp_path / "third run", "made_up")
    for arm, level in (("transformer", 0.9), ("lstm_none", 0.3)):
        for seed in (1, 2, 3):
            other.cell("reverse", arm, seed, level=lambda split, at, level=level: level, noise=0.01)
    page.build(other.path, languages=("en", "zh"))
    out = tmp_path / "pages" / "all"
    folders = [*map(str, two), str(other.path)]
    assert main(["report", *folders, "--out", str(out), "--lang", "en,zh", "--first-page"]) == 0
    capsys.readouterr()
    assert {path.name for path in out.iterdir()} == {
        "report.html", "report.zh.html", "report.md", "report.zh.md", "verdicts.json", "figures", "tables"
    }  # fmt: skip
    for name in ("report.html", "report.zh.html"):
        text = (out / name).read_text(encoding="utf-8")
        links = {link.partition("#")[0] for link in re.findall(r'href="([^"]+)"', text)} - {""}
        assert all((out / unquote(link)).is_file() for link in links), links
        ending = ".zh.html" if "zh" in name else ".html"
        assert f"../../third%20run/tasks/reverse-made_up-100000-cpu{ending}" in links
        assert "recall" in text and not any("tasks/recall" in link for link in links), "its cells lie in two folders"
    text = (out / "report.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links and all((out / unquote(link)).is_file() for link in links), links
    figures = {path.stem for path in (out / "figures").iterdir()}
    assert "deciding-G" in figures and figures == set(re.findall(r"figures/([\w-]+)\.svg", text))
    assert verdict_of("G", two) == json.loads((out / "verdicts.json").read_text())["claims"][6]["verdict"]


def test_a_first_page_alone_replaces_no_whole_report(two, capsys):
    page.build(two[0])
    before = sorted(path.name for path in two[0].rglob("*"))
    assert main(["report", str(two[0]), "--first-page"]) == 2
    assert "--first-page" in capsys.readouterr().err
    assert main(["report", *map(str, two), "--out", str(two[0]), "--first-page"]) == 2
    assert sorted(path.name for path in two[0].rglob("*")) == before


@pytest.mark.slow
def test_the_committed_page_of_all_folders_says_what_their_records_say():
    committed = cell_table.REFERENCE / "all"
    folders = ledger_page.default_folders(cell_table.REFERENCE)
    assert sorted(pd.read_csv(committed / "tables/folders.csv")["results folder"]) == [each.name for each in folders]
    now = judge.verdicts_from(Evidence(pool.read(folders).records))
    claims = json.loads((committed / "verdicts.json").read_text(encoding="utf-8"))["claims"]
    assert [(each["letter"], each["verdict"], each["answer"]) for each in claims] == [
        (each.letter, each.verdict, str(each.sentence)) for each in now
    ]


def test_a_report_of_others_leaves_the_checksums_of_a_results_folder(two):
    page.build(two[0])
    before = (two[0] / "SHA256SUMS").read_text()
    page.build(two[1], two[0])
    assert (two[0] / "SHA256SUMS").read_text() == before


def test_one_folder_has_no_further_column(two, tmp_path):
    page.build(two[0], tmp_path / "alone")
    assert "folder" not in pd.read_csv(tmp_path / "alone" / "results.csv").columns
    assert "first/run" not in pages.html(tmp_path / "alone") and not (tmp_path / "alone/tables/folders.csv").exists()


def test_a_cell_in_two_folders_counts_once_if_it_is_the_same(two, tmp_path, capsys):
    copy = shutil.copytree(two[0], tmp_path / "copy")
    cell = next(copy.glob("recall-*-s1-*"))
    assert len(pool.read([*two, copy]).records.cells) == len(pool.read(two).records.cells) == 6
    assert len(pool.read([two[0], two[0]]).names) == 1
    (cell / store.OUTPUTS).unlink(missing_ok=True)
    assert len(pool.read([two[0], copy]).records.cells) == 3, "copies may leave files out"
    path = cell / store.RECORD
    path.write_text(path.read_text().replace("Made-up CPU", "Another CPU"))
    assert main(["report", str(two[0]), str(copy), "--out", str(tmp_path / "out")]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and str(path) in line and str(two[0] / cell.name / store.RECORD) in line
    assert "differ" in line and not (tmp_path / "out").exists()


def test_several_folders_need_a_place_for_the_report(two, capsys):
    assert main(["report", *map(str, two)]) == 2
    assert "--out DIR" in capsys.readouterr().err
    with pytest.raises(UserError, match="is not a folder"):
        pool.read([two[0], two[0] / "nowhere"])

"""Answers as plain text: the files another program reads give the record's scores, and nothing is overwritten."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench import __main__
from bench.errors import UserError
from bench.records import hypotheses, store
from tests.unit import answers

SOURCES, REFERENCES = answers.sentences(40, 1), answers.sentences(40, 2)
GREEDY, BEAM = answers.noisy(REFERENCES, 0.3, 3), answers.noisy(REFERENCES, 0.2, 4)
AWKWARD = ['He said "no".', "", "<pad> 'NA'", "Größe – ça va?", "nan"]
"""Quotes, an empty line, words that mean something to a reader of tables, letters beyond ASCII."""


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two cells with answers, and one without."""
    out = tmp_path / "results"
    answers.cell(out, "one", {
        ("test", "greedy"): (SOURCES, REFERENCES, GREEDY),
        ("test", "beam5"): (SOURCES, REFERENCES, BEAM),
        ("other", "greedy"): (AWKWARD, AWKWARD[::-1], AWKWARD),
    })  # fmt: skip
    answers.cell(out, "two", {("test", "greedy"): (SOURCES, REFERENCES, BEAM)})
    answers.cell(out, "failed", {})
    return out


def lines(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    return text[:-1].split("\n")


def test_a_file_for_each_split_and_search(results: Path, capsys: pytest.CaptureFixture) -> None:
    assert __main__.main(["hypotheses", str(results)]) == 0
    out = results / "hypotheses"
    output, errors = capsys.readouterr()
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == {
        *(f"one/test.{kind}" for kind in ("source", "reference", "greedy", "beam5")),
        *(f"one/other.{kind}" for kind in ("source", "reference", "greedy")),
        *(f"two/test.{kind}" for kind in ("source", "reference", "greedy")),
    }
    assert output.splitlines()[0] == f"{out / 'one'}: test.source test.reference test.greedy test.beam5 " + (
        "other.source other.reference other.greedy"
    )
    assert errors.count("\n") == 1 and f"left out: {results / 'failed'} has no outputs.tsv" in errors
    assert lines(out / "one" / "test.source") == SOURCES and lines(out / "one" / "test.reference") == REFERENCES
    assert lines(out / "one" / "test.greedy") == GREEDY and lines(out / "one" / "test.beam5") == BEAM
    assert lines(out / "one" / "other.greedy") == AWKWARD and lines(out / "one" / "other.reference") == AWKWARD[::-1]


def test_a_cell_alone_goes_beside_the_cells_or_where_it_is_told(results: Path, tmp_path: Path, monkeypatch) -> None:
    hypotheses.write(results / "two")
    assert [path.name for path in (results / "hypotheses").iterdir()] == ["two"]
    monkeypatch.chdir(results / "two")
    written, _ = hypotheses.write(Path(), tmp_path / "elsewhere")
    place = tmp_path / "elsewhere" / "two"
    assert list(written) == [place] and (place / "test.greedy").is_file()
    assert {folder.name for folder in store.cell_folders(results)} == {"one", "two", "failed"}


def test_the_sacrebleu_command_prints_the_score_of_the_record(results: Path) -> None:
    hypotheses.write(results)
    place = results / "hypotheses" / "one"
    scores = store.read(results / "one")["scores"]
    for search in ("greedy", "beam5"):
        command = [sys.executable, "-m", "sacrebleu", "test.reference", "-i", f"test.{search}", "-m", "bleu", "chrf"]
        ran = subprocess.run(
            [*command, "-w", "10"], capture_output=True, text=True, check=True, cwd=place, timeout=120
        )
        for score in json.loads(ran.stdout):
            name = {"BLEU": "bleu", "chrF2": "chrf"}[score["name"]]
            (ours,) = (s for s in scores if (s["split"], s["search"], s["metric"]) == ("test", search, name))
            assert score["score"] == pytest.approx(ours["value"], abs=1e-9) and score["signature"] == ours["signature"]


def test_writing_again_changes_nothing_and_nothing_else_is_overwritten(results: Path) -> None:
    out = results / "hypotheses"
    hypotheses.write(results)
    hypotheses.write(results)
    (out / "two" / "test.greedy").write_text("something else\n")
    (out / "one" / "test.beam5").unlink()
    with pytest.raises(UserError, match=r"two/test.greedy exists with other contents"):
        hypotheses.write(results)
    assert (out / "two" / "test.greedy").read_text() == "something else\n"
    assert not (out / "one" / "test.beam5").exists(), "something was written before the refusal"


@pytest.mark.parametrize(
    ("text", "needle"),
    [
        ("", "no column index"),
        ("split\tsearch\tindex\tsource\treference\thypothesis\n", "is empty"),
        ("split\tsearch\tindex\tsource\ntest\tgreedy\t0\ta\n", "no column reference"),
    ],
)
def test_outputs_that_are_none_are_one_line(results: Path, text: str, needle: str) -> None:
    (results / "two" / store.OUTPUTS).write_text(text)
    with pytest.raises(UserError, match=needle):
        hypotheses.write(results / "two")
    assert not (results / "hypotheses").exists()


def test_a_place_that_cannot_be_written_is_one_line(results: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write .*file.*; name another --out$"):
        hypotheses.write(results, tmp_path / "file")

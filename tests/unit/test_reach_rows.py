"""`reach.csv`: writing and reading it, broken files, and the numbers derived from its curves."""

from __future__ import annotations

import pytest

from bench.records import reach_rows
from bench.records.reach_rows import CONSTANT, GRADIENT, NORM, REPLACEMENT, WITHIN, ProbeSettings, Reach, Row

SETTINGS = ProbeSettings("test")


def reach(kept: list[float], within: list[float] = ()) -> Reach:
    """Accuracies at 0, 1, 2, ..., and shares of the gradient at 1, 2, ..."""
    rows = [Row(REPLACEMENT, k, value, None, None, 10) for k, value in enumerate(kept)]
    rows += [Row(WITHIN, k, value, None, None, 10) for k, value in enumerate(within, start=1)]
    return Reach(SETTINGS, tuple(rows))


def test_what_is_written_is_read(tmp_path):
    made = Reach(
        ProbeSettings("test, longer", 50, 3),
        (
            Row(CONSTANT, 0, 0.125, None, None, 800),
            Row(GRADIENT, 1, 0.25, 0.125, 0.5, 50),
            Row(NORM, 1, 1234.5, 1e-30, 2e9, 50),
            Row(WITHIN, 1, 1.0, 0.0, 1.0, 49),
            Row(REPLACEMENT, 0, 0.5, 0.25, 0.75, 50),
        ),
    )
    path = reach_rows.write(tmp_path, made)
    assert reach_rows.read(tmp_path) == made
    assert [each.name for each in tmp_path.iterdir()] == ["reach.csv"] and path == tmp_path / "reach.csv"
    before = path.read_bytes()
    reach_rows.write(tmp_path, made)
    assert path.read_bytes() == before
    assert before.decode().splitlines()[:2] == [
        "what,k,value,low,high,n,split,examples,partners,method",
        f'constant,0,0.125,,,800,"test, longer",50,3,{reach_rows.METHOD}',
    ]


def test_a_write_that_fails_leaves_the_earlier_file(tmp_path, monkeypatch):
    reach_rows.write(tmp_path, reach([0.5]))
    before = (tmp_path / reach_rows.FILE).read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bench.system.files.flush", full)
    with pytest.raises(OSError):
        reach_rows.write(tmp_path, reach([0.25]))
    assert (tmp_path / reach_rows.FILE).read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [reach_rows.FILE]


def test_a_number_has_six_figures(tmp_path):
    """Further digits would differ between machines."""
    reach_rows.write(tmp_path, reach([1 / 3]))
    assert "replacement,0,0.333333,," in (tmp_path / reach_rows.FILE).read_text()


def test_no_file_is_nothing(tmp_path):
    assert reach_rows.read(tmp_path) is None and reach_rows.read(tmp_path / "absent") is None


GOOD = "replacement,3,0.5,0.25,0.75,10,test,200,4,1"
BROKEN = {
    "": "columns are not",
    "what,k\n": "columns are not",
    "\ufeff{head}\n{good}": "columns are not",
    "{head}": "has no rows",
    "{head}\n{good},more": "line 2 does not have 10 fields",
    "{head}\n{good}\nreplacement,4": "line 3 does not have 10 fields",
    "{head}\n{good}\n{good}": "one number twice",
    "{head}\n{good}\nreplacement,4,0.5,0.25,0.75,10,other,200,4,1": "several settings",
    "{head}\nlength,3,0.5,,,10,test,200,4,1": "what must be one of",
    "{head}\nreplacement,-3,0.5,,,10,test,200,4,1": "k must be a whole number from 0",
    "{head}\nreplacement,3.5,0.5,,,10,test,200,4,1": "k must be",
    "{head}\nreplacement,9999999999999999999999,0.5,,,10,test,200,4,1": "k must be",
    "{head}\nreplacement,\u0663,0.5,,,10,test,200,4,1": "k must be",
    "{head}\nreplacement,3,nan,,,10,test,200,4,1": "value must be a number from 0 to 1",
    "{head}\nreplacement,3,inf,,,10,test,200,4,1": "value must be",
    "{head}\nnorm,3,inf,,,10,test,200,4,1": "value must be a number from 0, got 'inf'",
    "{head}\nreplacement,3,1.5,,,10,test,200,4,1": "value must be",
    "{head}\ngradient,3,-0.5,,,10,test,200,4,1": "value must be",
    "{head}\nreplacement,3,<b>,,,10,test,200,4,1": "got '<b>'",
    "{head}\nreplacement,3,0.5,x,,10,test,200,4,1": "low must be",
    "{head}\nreplacement,3,0.5,,2,10,test,200,4,1": "high must be",
    "{head}\nreplacement,3,0.5,,,0,test,200,4,1": "n must be a whole number from 1",
    "{head}\nreplacement,3,0.5,,,10,,200,4,1": "split is empty",
    "{head}\nreplacement,3,0.5,,,10,test,all,4,1": "examples must be",
    '{head}\nreplacement,3,0.5,,,10,"test,200,4,1': "broken",
    "{head}\nreplacement,3,0.5,,,10,{long},200,4,1": "field larger than field limit",
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_is_one_line_that_names_it(text, tmp_path):
    filled = text.format(head=",".join(reach_rows.COLUMNS), good=GOOD, long="x" * 200_000)
    (tmp_path / reach_rows.FILE).write_text(filled, encoding="utf-8")
    with pytest.raises(ValueError, match="reach.csv is broken: .*`bench reach` again$") as caught:
        reach_rows.read(tmp_path)
    assert BROKEN[text] in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_bytes_and_folders_are_broken_files(tmp_path):
    (tmp_path / reach_rows.FILE).write_bytes(b"\x89PNG\x00\xff\xfe")
    with pytest.raises(ValueError, match="is broken"):
        reach_rows.read(tmp_path)
    (tmp_path / "other" / reach_rows.FILE).mkdir(parents=True)
    with pytest.raises(ValueError, match="is broken: Is a directory"):
        reach_rows.read(tmp_path / "other")


@pytest.mark.parametrize(
    ("kept", "context"),
    [
        ([0.2, 0.2, 0.9, 0.9], 2),
        ([0.2, 0.2, 0.86, 0.9], 2),  # within 0.05
        ([0.2, 0.2, 0.84, 0.9], 3),
        ([0.2, 0.9, 0.5, 0.9], 3),  # what is lost again was not reached
        ([0.5, 0.5, 0.5], 0),
        ([0.9, 0.2, 0.2], 0),  # more than the whole source gives counts as well
        ([0.7], 0),
        ([], None),
    ],
)
def test_the_effective_reach_is_from_where_nothing_more_is_missed(kept, context):
    assert reach(kept).effective_reach == context


def test_half_of_the_gradient():
    assert reach([0.5], [0.2, 0.49, 0.51, 1.0]).half_gradient == 3
    assert reach([0.5], [0.5, 1.0]).half_gradient == 1
    assert reach([0.5]).half_gradient is None


def test_the_table_says_what_the_curves_say():
    made = reach([0.1, 0.2, 0.9], [0.3, 1.0])
    made = Reach(made.settings, (*made.rows, Row(CONSTANT, 0, 0.125, None, None, 800)))
    heads, *lines = reach_rows.summary_table(["one", "two"], [made, Reach(ProbeSettings("test_longer"), ())])
    assert [line.split() for line in lines] == [
        ["one", "test", "0.900", "0.100", "0.125", "2", "2"],
        ["two", "test_longer", "-", "-", "-", "-", "-"],
    ]
    assert heads.split()[:2] == ["cell", "split"] and len({len(line) for line in (heads, *lines)}) == 1

"""Tables: separators, quotes and headers, and a warning where an option is missing."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.conf.compose import compose
from bench.data.tables import TableForm, read_table
from bench.errors import DataError, UserError
from bench.tasks import task_cache
from bench.tasks.bitext import Bitext
from tests.unit.made_up import VOCABULARY, joined, lines

CSV = TableForm(",", "csv")


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def written(content: str, name: str = "t.tsv") -> str:
    Path(name).write_text(content, encoding="utf-8", newline="")
    return name


QUOTED = (
    'source,target\r\n"He said ""no"", twice.","Er sagte ""nein""."\r\n"two\r\nlines",plain "inside"\r\n,empty\r\n'
)


def test_csv_as_spreadsheets_write_it():
    counts, warnings = Counter(), []
    form = TableForm(",", "csv", header=True)
    text = read_table(written(QUOTED), (1, 2), counts, True, form=form, normalised=True, warnings=warnings)
    assert [" ".join(line.split()) for line in text.sources] == ['He said "no", twice.', "two lines"]
    assert text.targets == ['Er sagte "nein".', 'plain "inside"']
    assert +counts == {"header_lines": 1, "train_dropped_empty": 1} and not warnings


@pytest.mark.parametrize(
    ("content", "form", "message"),
    [
        ('a,b\n"c,d\ne,f\n', CSV, "line 2: the quotes of this row do not match"),
        ('a,b\n"c"d,e\n', CSV, "line 2: the quotes of this row do not match"),
        ('a,b\n"two\nlines",d\ne,f,g\n', CSV, "line 4: 3 columns, and line 1 has 2"),
        ('a,b\n"two\nlines",d\ne, \n', CSV, "line 4: no text in column 2"),
        ("a,b\nc,d\n", TableForm(), "line 1: 1 column,.*if commas separate its columns, add task.separator=comma"),
        ("a;b\nc;d\n", CSV, "if semicolons separate its columns, add task.separator=semicolon"),
        ("a\tb\n", TableForm(header=True), "nothing below its header"),
    ],
)
def test_tables_that_do_not_suit_are_refused_with_a_line_number(content, form, message):
    with pytest.raises(DataError, match=message) as error:
        read_table(written(content), (1, 2), form=form)
    assert "t.tsv" in str(error.value) and "\n" not in str(error.value)


def test_a_cell_longer_than_the_csv_module_expects():
    long = "x " * 100_000
    assert read_table(written(f'"{long}",b\n'), (1, 2), form=CSV) == ([long], ["b"])


CELL = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r\t"), max_size=9)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=5), st.sampled_from(",;\t|"))
def test_what_the_csv_module_writes_is_read(rows, separator):
    rows = [("x" + a, b + "y") for a, b in rows]
    with open("t.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=separator).writerows(rows)
    text = read_table("t.csv", (1, 2), form=TableForm(separator, "csv"))
    assert list(zip(*text)) == rows


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        (
            "source\ttarget\na\tb\n",
            "t.tsv: line 1 looks like a header: source, target; if it is one, add task.header=true",
        ),
        ("text_en\tText (DE)\na\tb\n", "line 1 looks like a header"),
        ("Deutsch\tEnglisch\t#\na\tb\t1\nc\td\t2\n", "line 1 looks like a header: Deutsch, Englisch"),
        ('"a"\t"b"\n"c"\t"d"\n', "t.tsv: 4 cells look quoted; .* add task.quoting=csv"),
        ('"He said ""no""."\tb\nc\td\ne\tf\n', "1 cells look quoted"),
    ],
)
def test_what_looks_like_a_header_or_quotes_is_a_warning(content, warning):
    warnings: list[str] = []
    read_table(written(content), (1, 2), warnings=warnings)
    assert len(warnings) == 1
    with pytest.raises(AssertionError, match=warning):
        raise AssertionError(warnings[0])


@pytest.mark.parametrize(
    "content", ['"Go."\tb\nc\td\ne\tf\n', "Hello.\tHallo.\nno\tnein.\n", "1\t2\n3\t4\n", 'a "b"\tc\n']
)
def test_ordinary_text_gives_no_warning(content):
    warnings: list[str] = []
    read_table(written(content), (1, 2), warnings=warnings)
    assert not warnings


def table(name: str, **options) -> Bitext:
    return Bitext(table=name, vocabulary=VOCABULARY, **options)


def test_csv_and_tab_separated_text_make_the_same_data_and_the_warning_is_kept():
    rows = list(zip(lines("en", 300, 0), lines("de", 300, 0)))
    written("en\tde\n" + "".join(f"{a}\t{b}\n" for a, b in rows), "a.tsv")
    with open("a.csv", "w", newline="") as file:
        csv.writer(file).writerows([("en", "de"), *rows])
    plain, comma = (task_cache.load(table(name, header=True)) for name in ("a.tsv", "a.csv"))
    assert plain.train.sources == comma.train.sources and plain.train.references == comma.train.references
    assert plain.counts["header_lines"] == comma.counts["header_lines"] == 1 == plain.report["changed"]["header_lines"]
    assert plain.counts["train_pairs"] + plain.counts["valid_split_off"] + plain.counts["test_split_off"] == 300
    unheard = [task_cache.load(table("a.tsv")).warnings for _ in range(2)]
    assert unheard[0] == unheard[1] and any("looks like a header" in line for line in unheard[0])
    assert not any("header" in line for line in plain.warnings)


BASE = ["task=bitext", f"task.vocabulary={VOCABULARY}"]


def test_the_form_of_a_table_is_in_the_hash_only_where_it_is_not_the_plain_one():
    content = joined([f"{a}\t{b}" for a, b in zip(lines("en", 9, 0), lines("de", 9, 0))])
    for name in ("a.tsv", "b.tsv", "a.csv"):
        Path(name).write_bytes(content)
    cells = {name: compose([*BASE, f"task.table={name}"]) for name in ("a.tsv", "b.tsv", "a.csv")}
    assert cells["a.tsv"].hash == cells["b.tsv"].hash != cells["a.csv"].hash
    assert not {"separator", "quoting", "header"} & set(cells["a.tsv"].config["task"])
    header = compose([*BASE, "task.table=a.tsv", "task.header=true"])
    assert header.hash != cells["a.tsv"].hash and header.config["task"]["header"] is True
    spelt = compose([*BASE, "task.table=a.csv", "task.separator=tab", "task.quoting=none"])
    assert spelt.hash != cells["a.csv"].hash


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["task.table=a.tsv", "task.separator=ab"], "separator='ab': write tab, comma, semicolon, or one character"),
        (["task.table=a.tsv", "task.quoting=excel"], "quoting='excel' must be one of none, csv"),
        (["task.source=a.tsv", "task.target=b.tsv", "task.header=true"], "header apply only to a table"),
    ],
)
def test_options_of_tables_that_do_not_suit(options, message):
    for name in ("a.tsv", "b.tsv"):
        written("a\tb\n", name)
    with pytest.raises(UserError, match=message):
        compose([*BASE, *options])

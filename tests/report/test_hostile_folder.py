"""A results folder that somebody made to do harm: its text is shown as text, or one line says what is wrong with it,
and nothing around the folder changes or is looked at."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from xml.etree import ElementTree

import pytest

import bench
from bench.__main__ import main
from bench.analysis import naming
from bench.errors import UserError
from bench.records import store
from bench.report import page
from tests.report import pages
from tests.report.conftest import Folder
from tests.thorough import some

pytestmark = pytest.mark.slow

SCRIPT = '<script>alert(1)</script><img src=x onerror="alert(2)">'
SECRET = "the secret of the house"


@pytest.fixture
def surroundings(tmp_path: Path) -> Callable[[], dict[str, bytes]]:
    """A call lists every file and folder around the results folder, with what it holds."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text(SECRET)

    def look() -> dict[str, bytes]:
        results = tmp_path / "results"
        around = (path for path in tmp_path.rglob("*") if not path.is_relative_to(results))
        return {str(path): path.read_bytes() if path.is_file() else b"" for path in around}

    return look


def changed(folder: Folder, change: Callable[[dict], None], arm: str = "transformer") -> Path:
    """A cell whose record was changed on the disk; its file."""
    path = folder.path / folder.cell("recall", arm)["cell"] / store.RECORD
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    return path


def put(record: dict, keys: str, value: object) -> None:
    """Set a value by its dotted place, in every item of a list."""
    first, _, rest = keys.partition(".")
    if isinstance(record, list):
        for item in record:
            put(item, keys, value)
    elif rest:
        put(record[first], rest, value)
    else:
        record[first] = value


def one_line(folder: Folder, capsys: pytest.CaptureFixture, *names: str) -> str:
    """What `bench report` and `bench compare` say of a folder that they refuse; `bench.load` says it too."""
    errors = []
    for command in (["report"], ["compare", str(folder.path)]):
        assert main([*command, str(folder.path)]) == 2
        captured = capsys.readouterr()
        assert captured.out == "" and captured.err.count("\n") == 1 and len(captured.err) < 1500
        errors.append(captured.err)
    with pytest.raises(UserError) as caught:
        bench.load(folder.path)
    assert errors[0] == errors[1] == f"bench: {' '.join(str(caught.value).split())}\n"
    for name in names:
        assert name in errors[0]
    assert not list(folder.path.glob("report*")) and not list(folder.path.glob(".report*"))
    return errors[0]


TEXTS = (
    "task", "model", "budget_name", "suite", "scores.split", "scores.search", "scores.metric", "scores.unit",
    "scores.axis", "scores.signature", "environment.cpu", "environment.libraries.torch", "code.version", "code.commit",
    "config.task.name", "config.device", "data.checksums.train", "match.rule",
)  # fmt: skip
"""Where a record holds text that a report shows or names its files by."""

TRICKS = {
    "script": SCRIPT,
    "path": "../../../evil",
    "absolute": "/etc/passwd",
    "device": "CON",
    "lines": "one\ntwo\r\nthree\u2028four",
    "nothing": "\x00\x1b[31m\x07",
    "long": "x/" * 4000,
    "markdown": "a](https://evil.example) | **b** `c` $\\frac{1}{$ \\input{/etc/passwd} {{ 7 * 7 }} %s {0}",
    "backwards": "\u202eevil\u2066",
}


@pytest.mark.parametrize("trick", some(TRICKS, 3))
def test_text_is_shown_as_text_wherever_it_stands(trick: str, folder: Folder, surroundings: Callable) -> None:
    before = surroundings()
    for arm in ("transformer", "lstm_none"):
        changed(folder, lambda record: [put(record, keys, TRICKS[trick]) for keys in TEXTS], arm)
    folder.cell("recall", "gru_none", status="failed", change={"reason": TRICKS[trick]})
    folder.cell("reverse", "gru_none")
    page.build(folder.path, languages=("en", "zh"))
    assert surroundings() == before
    every = pages.html_pages(folder.path)
    shown = "\n".join(every.values())
    assert shown.count("<script") == len(every) > 2 and "<img" not in shown
    assert trick != "script" or "&lt;script&gt;alert(1)" in shown
    text = pages.markdown(folder.path)
    assert "<script" not in text and not re.search(r"(?<!\\)\]\(https", text)
    assert trick != "markdown" or ("{{ 7 * 7 }}" in shown and "\\](https" in text)
    only_safe_files(folder.path)


def only_safe_files(out: Path) -> None:
    """Every file of a report has a plain name, and every link on the page leads to one."""
    made = [path for name in ("figures", "tables") for path in (out / name).rglob("*")]
    assert len(made) > 20 and not any(path.is_symlink() or path.is_dir() for path in made)
    for path in made:
        assert re.fullmatch(r"[\w-]+\.(svg|png|csv|tex)", path.name) and len(path.name.encode()) < 230
    for svg in (out / "figures").glob("*.svg"):
        ElementTree.fromstring(svg.read_text(encoding="utf-8"))
    for path in (out / "tasks").iterdir():
        assert re.fullmatch(r"[\w-]+(\.zh)?\.html", path.name) and len(path.name.encode()) < 230
    for name, text in pages.html_pages(out).items():
        for link in re.findall(r'(?:href|src)="([^"#]+)', text):
            assert ((out / name).parent / html.unescape(link)).is_file(), (name, link)


def test_names_that_become_the_same_are_told_apart(folder: Folder) -> None:
    tasks = ("a b", "../a/b", "A B", "")
    for number, task in enumerate(tasks):
        changed(folder, lambda record, task=task: put(record, "task", task), f"arm{number}")
        os.replace(next(folder.path.glob(f"recall-arm{number}-*")), folder.path / f"cell{number}")
        path = folder.path / f"cell{number}" / store.RECORD
        path.write_text(json.dumps(json.loads(path.read_text()) | {"cell": f"cell{number}"}))
    page.build(folder.path)
    names = [path.stem for path in (folder.path / "tables").glob("results-*.csv")]
    assert len({name.casefold() for name in names}) == len(tasks)
    only_safe_files(folder.path)


def test_splits_that_become_the_same_are_told_apart(folder: Folder) -> None:
    def change(record: dict) -> None:
        record["scores"] = [row | {"split": split} for split in ("test", "test!", "test?") for row in record["scores"]]

    changed(folder, change)
    page.build(folder.path)
    figures = list((folder.path / "figures").glob("distance-*.svg"))
    assert len(figures) == 3 and len(list((folder.path / "tables").glob("distance-*.csv"))) == 3
    only_safe_files(folder.path)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "/", "\0", "x" * 10_000, "é" * 300, "\U00020000" * 300, "a-b", "COM1"]
)
def test_a_file_name_is_short_and_plain(text: str) -> None:
    for name in (naming.slug(text), naming.file_name(text, text, text)):
        assert re.fullmatch(r"[\w-]*", name) and len(name.encode()) <= naming.WHOLE
    assert naming.slug(text)
    assert naming.slug(text + "x" * 500) != naming.slug(text + "x" * 501)


def test_enormous_texts(folder: Folder, capsys: pytest.CaptureFixture) -> None:
    """The message of an exception may be of any length, and its beginning is shown; a name may not."""
    huge = SCRIPT * 180_000
    assert len(huge) > 9_000_000
    folder.cell("recall", "transformer")
    folder.cell("recall", "gru_none", status="failed", change={"reason": huge, "traceback": huge})
    built = page.build(folder.path)
    assert built.stat().st_size < 5_000_000 and "<script>alert" not in built.read_text(encoding="utf-8")
    for path in [built, *built.parent.glob("report*"), *built.parent.glob(".report*")]:
        path.unlink(missing_ok=True)
    changed(folder, lambda record: put(record, "task", huge), "lstm_none")
    one_line(folder, capsys, "task is a text of 9,", "lstm_none")


SOURCES = {
    "deep lists": "[" * 100_000 + "]" * 100_000,
    "deep objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "deep inside": '{"schema": 3, "data": {"notes": ' + '{"a":' * 60 + "1" + "}" * 60 + "}}",
    "cut off": '{"schema": 3, "cell": "a',
    "empty": "",
    "a list": "[]",
    "a text": '"record"',
    "a long number": '{"schema": 3, "seed": ' + "9" * 5000 + "}",
    "half a character": '{"schema": 3, "task": "\\ud800"}',
    "half a character in a key": '{"schema": 3, "data": {"notes": {"\\udfff": "a"}}}',
    "not text": b"\xff\xfe{\x00}\x00",
}


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_no_record_is_one_line(source: str, folder: Folder, capsys: pytest.CaptureFixture) -> None:
    path = folder.path / folder.cell("recall")["cell"] / store.RECORD
    content = SOURCES[source]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    one_line(folder, capsys, str(path))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e300", "9" * 400])
@pytest.mark.parametrize(
    "keys", ["scores.value", "seed", "parameters.total", "data.chance.exact_match", "sanity.eos_share"]
)
def test_what_is_no_number_is_one_line(
    number: str, keys: str, folder: Folder, capsys: pytest.CaptureFixture
) -> None:  # fmt: skip
    path = changed(folder, lambda record: put(record, keys, "HERE"))
    path.write_text(path.read_text().replace('"HERE"', number))
    one_line(folder, capsys, str(path), keys)


def places(value: object, at: str = "") -> Iterable[str]:
    """Every dotted place of a record, of lists the items' own."""
    if isinstance(value, dict):
        for key, part in value.items():
            if "." in key:
                continue  # a file's name, under `files`
            yield f"{at}{key}"
            yield from places(part, f"{at}{key}.")
    elif isinstance(value, list) and value:
        yield from places(value[0], at)


SHOWN_AS_IT_IS = re.compile(
    r"traceback|reason|config(_hash|\..*)?|suite|code\..*|seeds?\..*|environment\..*|data\.(counts|checksums|notes).*|"
    r"tuning.*|.*\.signature|selection\..*|schema"
)
"""Of a record: what may be of several types."""


def test_wrong_types_in_every_place_are_one_line_or_are_shown(folder: Folder) -> None:
    """A list and an object in each place, and in most of them a text or a number where the other belongs."""
    path = folder.path / folder.cell("recall")["cell"] / store.RECORD
    whole = path.read_text()
    refused = []
    for keys in dict.fromkeys(places(json.loads(whole))):
        for wrong in ([{"a": [1]}], {"a": {"b": "c"}}, "text", 7):
            record = json.loads(whole)
            put(record, keys, wrong)
            path.write_text(json.dumps(record))
            try:
                store.read(path.parent)
            except UserError as error:
                assert str(path) in str(error) and "\n" not in str(error) and len(str(error)) < 1000
                refused.append(keys)
            else:
                assert not isinstance(wrong, list) or SHOWN_AS_IT_IS.fullmatch(keys), keys
    path.write_text(whole)
    store.read(path.parent)
    assert {"cell", "task", "seed", "scores", "scores.value", "parameters.total", "throughput.train.median"} <= set(
        refused
    )


def links(folder: Folder, outside: Path) -> dict[str, tuple[Path, Path]]:
    """Where a link lies, and to what it leads."""
    cell = folder.path / "recall-transformer-quick-s1-00100000"
    return {
        "a cell": (folder.path / "linked", outside),
        "a record": (cell / store.RECORD, outside / store.RECORD),
        "outputs": (cell / store.OUTPUTS, outside / "secret.txt"),
        "outputs, by name": (cell / store.OUTPUTS, Path("/etc/passwd")),
        "a curve": (cell / store.CURVE, Path("../../outside/secret.txt")),
        "attention": (cell / store.ATTENTION, Path("/proc/self/environ")),
        "reach": (cell / "reach.csv", Path("/dev/zero")),
        "a record's temporary file": (cell / f".{store.RECORD}", outside / "secret.txt"),
    }


@pytest.mark.parametrize(
    "which",
    [
        "a cell",
        "a record",
        "outputs",
        "outputs, by name",
        "a curve",
        "attention",
        "reach",
        "a record's temporary file",
    ],
)
def test_no_link_is_followed_out_of_the_folder(
    which: str, folder: Folder, tmp_path: Path, surroundings: Callable, capsys: pytest.CaptureFixture
) -> None:
    record = folder.cell("recall")
    outside = tmp_path / "outside"
    (outside / store.RECORD).write_text(json.dumps(record | {"task": SECRET, "cell": "linked"}))
    place, target = links(folder, outside)[which]
    place.unlink(missing_ok=True)
    place.symlink_to(target)
    before = surroundings()
    error = one_line(folder, capsys, "is a link out of the results folder")
    assert SECRET not in error and str(place) in error
    assert main(["score", str(folder.path)]) == 2 and capsys.readouterr().err.count("\n") == 1
    assert surroundings() == before


def test_links_that_lead_nowhere_or_round_are_no_harm(folder: Folder, surroundings: Callable) -> None:
    folder.cell("recall")
    (folder.path / "round").symlink_to("round")
    (folder.path / "up").symlink_to("..")
    (folder.path / "gone").symlink_to("/nowhere/at/all")
    before = surroundings()
    page.build(folder.path)
    assert surroundings() == before


@pytest.mark.parametrize("name", [store.CURVE, store.OUTPUTS, store.ATTENTION, "reach.csv"])
def test_a_pipe_or_a_folder_in_a_files_place_is_one_line(
    name: str, folder: Folder, capsys: pytest.CaptureFixture
) -> None:  # fmt: skip
    path = folder.path / folder.cell("recall")["cell"] / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    one_line(folder, capsys, str(path), "neither a file nor a folder")  # and is not waited for
    path.unlink()
    path.mkdir()
    assert main(["report", str(folder.path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "target"), [("report.html", "outside/secret.txt"), ("tasks", "outside"), ("results.csv", "not/there"),
                         ("figures", "outside"), ("tables", "not/there")],
)  # fmt: skip
def test_a_report_is_not_written_through_a_link(
    name: str, target: str, folder: Folder, tmp_path: Path, surroundings: Callable
) -> None:  # fmt: skip
    folder.cell("recall")
    (folder.path / name).symlink_to(tmp_path / target)
    before = surroundings()
    page.build(folder.path)
    assert surroundings() == before
    assert not (folder.path / name).is_symlink() and (folder.path / name).exists()


def test_a_cell_is_the_one_its_folder_is_named_after(
    folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:  # fmt: skip
    """A record cannot have the files of another folder shown as its own."""
    other = Folder(tmp_path / "outside" / "results")
    answers = other.path / other.cell("recall", hypothesis=SECRET)["cell"]
    for name in ("../outside/results/" + answers.name, str(answers), "..", "x" * 9000):
        changed(folder, lambda record, name=name: put(record, "cell", name))
        one_line(folder, capsys, "is of the cell")


@pytest.mark.parametrize("key", ["throughput.train.median", "data.chance.exact_match", "seed.a", "a.b"])
def test_a_key_with_dots_is_not_taken_for_nested_ones(
    key: str, folder: Folder, capsys: pytest.CaptureFixture
) -> None:  # fmt: skip
    changed(folder, lambda record: record.update({key: [1]}))
    one_line(folder, capsys, "key with a dot", key)


def test_a_score_cannot_say_that_it_is_of_another_cell(folder: Folder) -> None:
    changed(folder, lambda record: put(record, "scores.cell", "another"))
    assert set(bench.load(folder.path)["cell"]) == {"recall-transformer-quick-s1-00100000"}

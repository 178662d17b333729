"""What every loader of parallel text does with files that are not as they should be: a clear error, or a repair that
is counted. Made-up files, packed as the real ones are."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from bench.data import cleaning
from bench.data.examples import fingerprint
from bench.data.text import DROPPED_EMPTY, ParallelText
from bench.errors import DataError, DataUnavailable
from tests.unit.made_up import LOADERS, Loader, Texts

NUMBER = 5
"""Of the training file's lines, the one that is damaged: a sentence in every loader."""

EVERY = sorted(LOADERS)
PAIRED = [name for name in EVERY if not LOADERS[name]().table]
TABLES = [name for name in EVERY if LOADERS[name]().table]
SEPARATE = [name for name in EVERY if LOADERS[name]().held_out is not None]
PUBLISHED = [name for name in EVERY if LOADERS[name]().corpora]
PACKED = [name for name in EVERY if LOADERS[name]().holder().endswith(("gz", "zip"))]


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """Neither the user's cache nor the network, whatever a test does."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BENCH_OFFLINE", "1")


@pytest.fixture
def read(monkeypatch, tmp_path):
    """read(loader, texts, ...): what its task reads of these files, normalise_spaces, and what it counts."""

    def reading(loader: Loader, texts: Texts, **spoil) -> tuple[dict[str, ParallelText], Counter[str]]:
        loader.write(tmp_path, texts, monkeypatch, **spoil)
        counts: Counter[str] = Counter()
        texts = loader.make(tmp_path).texts(counts)
        return {name: cleaning.normalise_spaces(text, counts) for name, text in texts.items()}, counts

    return reading


def changed(loader: Loader, change, file: str | None = None) -> Texts:
    """The loader's files with one changed: that of the training text where none is named."""
    file = loader.training if file is None else file
    return {**loader.texts, file: change(loader.texts[file])}


def on_line(change, number: int = NUMBER):
    """A change of one line alone, counted from 1."""

    def change_all(content: bytes) -> bytes:
        rows = content.split(b"\n")
        rows[number - 1] = change(rows[number - 1])
        return b"\n".join(rows)

    return change_all


def without_line(content: bytes) -> bytes:
    rows = content.split(b"\n")
    return b"\n".join(rows[: NUMBER - 1] + rows[NUMBER:])


def emptied(row: bytes) -> bytes:
    """No text: nothing at all, or in a table, in the last column; around it, what a file's format asks for."""
    if b"\t" in row:
        return row.rsplit(b"\t", 1)[0] + b"\t "
    return b'<seg id="1">  </seg>' if b"<seg" in row else b" "


def one_line(error) -> str:
    message = str(error.value)
    assert message and "\n" not in message
    return message


@pytest.mark.parametrize("name", EVERY)
def test_whole_files_make_data(name, monkeypatch, tmp_path):
    loader = LOADERS[name]()
    loader.write(tmp_path, loader.texts, monkeypatch)
    first, second = (loader.make(tmp_path).load() for _ in range(2))
    assert first.counts == second.counts and first.checksums == second.checksums
    ours_and_theirs = zip(*((data.train, data.valid, *data.tests.values()) for data in (first, second)))
    for ours, theirs in ours_and_theirs:
        assert len(ours) > 0 and fingerprint(ours) == fingerprint(theirs)
    held_out = {line for split in (first.valid, *first.tests.values()) for line in split.sources}
    assert not held_out & set(first.train.sources)
    for key in ("removed_overlap", "removed_duplicates", "dropped_long", "dropped_ratio", "dropped_empty"):
        assert first.counts[f"train_{key}"] == 0
    assert first.counts["train_kept"] == first.counts["train_pairs"] == len(first.train)
    assert all(len(checksum) == 64 for checksum in first.checksums.values())


@pytest.mark.parametrize("name", sorted(set(EVERY) - {"files", "files.gz", "table", "table.gz"}))
def test_both_directions_have_the_same_pairs_and_vocabulary(name, monkeypatch, tmp_path):
    loader = LOADERS[name]()
    loader.write(tmp_path, loader.texts, monkeypatch)
    task = loader.make(tmp_path)
    back = type(task)(**{**asdict(task), "source": task.target, "target": task.source})
    there, again = task.load(), back.load()
    assert there.checksums["subwords"] == again.checksums["subwords"]
    assert len(list((tmp_path / "cache" / "subwords").iterdir())) == 1, "learnt once"
    for ours, theirs in zip((there.train, there.valid), (again.train, again.valid)):
        assert (ours.sources, ours.references) == (theirs.references, theirs.sources)
        np.testing.assert_array_equal(ours.src.tokens, theirs.tgt.tokens)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.replace(b"\n", b"\r\n"),
        lambda content: b"\xef\xbb\xbf" + content,
        lambda content: content.removesuffix(b"\n"),
        on_line(lambda row: row.replace(b" ", b"  ", 1) + b" "),
    ],
    ids=["crlf", "byte-order-mark", "no-last-newline", "spaces"],
)
@pytest.mark.parametrize("name", EVERY)
def test_repairs_that_leave_the_text_as_it_is(name, change, read):
    loader = LOADERS[name]()
    whole, _ = read(loader, loader.texts)
    repaired, counts = read(loader, changed(loader, change))
    assert repaired == whole and counts["tabs"] == counts[DROPPED_EMPTY] == 0


@pytest.mark.parametrize("name", PAIRED)
def test_a_line_with_a_tab_has_a_space_there_and_is_counted(name, read):
    loader = LOADERS[name]()
    whole, _ = read(loader, loader.texts)
    repaired, counts = read(loader, changed(loader, on_line(lambda row: row.replace(b" ", b"\t", 1))))
    assert repaired == whole and counts["tabs"] == 1


@pytest.mark.parametrize("name", TABLES)
def test_a_table_with_a_tab_inside_a_text_is_an_error(name, read):
    loader = LOADERS[name]()
    with pytest.raises(DataError, match=f"line {NUMBER}: 3 columns, and line 1 has 2") as error:
        read(loader, changed(loader, on_line(lambda row: row.replace(b" ", b"\t", 1))))
    one_line(error)


@pytest.mark.parametrize("name", EVERY)
def test_an_empty_training_side_is_an_error_or_left_out_and_counted(name, read):
    loader = LOADERS[name]()
    whole, _ = read(loader, loader.texts)
    damaged = changed(loader, on_line(emptied))
    if loader.strict:
        with pytest.raises(DataError, match=f"line {NUMBER}: no text") as error:
            read(loader, damaged)
        one_line(error)
        return
    cleaned, counts = read(loader, damaged)
    before, after = ({pair for text in texts.values() for pair in zip(*text)} for texts in (whole, cleaned))
    assert counts[DROPPED_EMPTY] == 1 and after < before and len(after) == len(before) - 1


@pytest.mark.parametrize("name", SEPARATE)
def test_an_empty_held_out_side_is_an_error(name, read):
    loader = LOADERS[name]()
    with pytest.raises(DataError, match=r"line \d: no text") as error:
        read(loader, changed(loader, on_line(emptied, 3), loader.held_out))
    one_line(error)


@pytest.mark.parametrize("name", EVERY)
def test_bytes_that_are_not_utf_8_are_an_error_that_names_the_line(name, read):
    loader = LOADERS[name]()
    with pytest.raises(DataError, match=f"line {NUMBER}: not UTF-8") as error:
        read(loader, changed(loader, on_line(lambda row: row[:2] + b"\xe4" + row[2:])))
    one_line(error)


@pytest.mark.parametrize("name", EVERY)
def test_an_empty_file_is_an_error(name, read):
    loader = LOADERS[name]()
    with pytest.raises(DataError, match="the file is empty") as error:
        read(loader, changed(loader, lambda content: b""))
    one_line(error)


@pytest.mark.parametrize("name", PAIRED)
def test_sides_of_unequal_length_are_an_error(name, read):
    loader = LOADERS[name]()
    with pytest.raises(DataError, match=r"has (\d+) lines and .* has \d+; the numbers must be equal") as error:
        read(loader, changed(loader, without_line))
    one_line(error)


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("eighths", [1, 4, 7])
def test_a_truncated_archive_is_an_error(name, eighths, read):
    loader = LOADERS[name]()
    with pytest.raises(DataError, match="not a whole (gzip file|archive)") as error:
        read(loader, loader.texts, spoil=lambda content: content[: eighths * len(content) // 8])
    one_line(error)


@pytest.mark.parametrize("name", EVERY)
def test_another_file_than_expected_is_an_error(name, monkeypatch, tmp_path):
    loader = LOADERS[name]()
    path = loader.write(tmp_path, loader.texts, monkeypatch)
    task = loader.make(tmp_path)
    path.write_bytes(path.read_bytes() + b"more\n")
    with pytest.raises(DataError, match="SHA-256 is|changed since this cell was configured") as error:
        task.load()
    assert not isinstance(error.value, DataUnavailable) and str(path) in one_line(error)


@pytest.mark.parametrize("name", EVERY)
def test_a_side_that_is_missing_is_said(name, monkeypatch, tmp_path):
    loader = LOADERS[name]()
    path = loader.write(tmp_path, loader.texts, monkeypatch)
    path.unlink()
    with pytest.raises(DataError) as error:
        loader.make(tmp_path).load()
    assert Path(path).name in one_line(error)
    assert isinstance(error.value, DataUnavailable) == (name in PUBLISHED)

"""A small parallel corpus, damaged at random: read with the two sides as they belong together, or refused in one line.

Every pair carries its number on both sides, so that a shift is seen. The number of damaged corpora is COUNT; the
environment variable BENCH_FUZZ asks for more.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.data.archives import read_member
from bench.data.cleaning import normalise_spaces
from bench.data.tables import read_table
from bench.data.text import ParallelText, align, parse_lines, read_pair
from bench.errors import DataError

COUNT = int(os.environ.get("BENCH_FUZZ", "120"))
"""Damaged corpora of each form."""

PAIRS = 30
SIDES = [
    [f"{side} {number} {word} {number}" for number, word in enumerate(["ü", "a b", "c,d"] * (PAIRS // 3))]
    for side in "sz"
]
PUT_IN = (
    b"\x00",
    b"\xef\xbb\xbf",
    b"\r",
    b"\r\n",
    b"\n",
    b"\n\n",
    b"\t",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xe2\x80\xa8",
    b"\x0b",
    b"\x0c",
    b"\x1c",
    b"\xc2\x85",
    b"\xe2\x80\xa9",
    b"\x1a",
    b" ",
    b"\xf4\x90\x80\x80",
)
"""What looks like the end of a line to somebody, what is no UTF-8, and what is nothing to see."""


def text(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def damaged(content: bytes, generator: np.random.Generator, most: int) -> bytes:
    """One fault or several, anywhere."""
    for _ in range(int(generator.integers(1, most + 1))):
        at = int(generator.integers(0, len(content) + 1))
        kind = int(generator.integers(0, 6))
        if kind == 0:
            content = content[:at]
        elif kind == 1 and at < len(content):
            content = content[:at] + bytes([content[at] ^ (1 << int(generator.integers(8)))]) + content[at + 1 :]
        elif kind == 2:
            content = content[:at] + PUT_IN[int(generator.integers(len(PUT_IN)))] + content[at:]
        elif kind == 3:
            lines = content.split(b"\n")
            del lines[int(generator.integers(len(lines)))]
            content = b"\n".join(lines)
        elif kind == 4:
            content = content[:at] + content[at + int(generator.integers(1, 9)) :]
        else:
            content = content[:at] + bytes(generator.integers(0, 256, 4, dtype=np.uint8)) + content[at:]
    return content


def plain(folder: Path, spoil: Callable[[bytes], bytes], counts: Counter) -> ParallelText:
    (folder / "a").write_bytes(spoil(text(SIDES[0])))
    (folder / "b").write_bytes(text(SIDES[1]))
    return read_pair(folder / "a", folder / "b", counts, allow_blank=True)


def both(folder: Path, spoil: Callable[[bytes], bytes], counts: Counter) -> ParallelText:
    for name, lines in zip("ab", SIDES):
        (folder / name).write_bytes(spoil(text(lines)))
    return read_pair(folder / "a", folder / "b", counts, allow_blank=True)


def zipped(folder: Path, spoil: Callable[[bytes], bytes], counts: Counter) -> ParallelText:
    (folder / "a.gz").write_bytes(spoil(gzip.compress(text(SIDES[0]), mtime=0)))
    (folder / "b").write_bytes(text(SIDES[1]))
    return read_pair(folder / "a.gz", folder / "b", counts, allow_blank=True)


def table(folder: Path, spoil: Callable[[bytes], bytes], counts: Counter) -> ParallelText:
    (folder / "t.tsv").write_bytes(spoil(text(["\t".join(pair) for pair in zip(*SIDES)])))
    return read_table(folder / "t.tsv", (1, 2), counts, allow_blank=True)


def _members(path: Path, counts: Counter) -> ParallelText:
    sides = [parse_lines(read_member(path, name), f"{path}/{name}", counts, allow_blank=True) for name in "ab"]
    return align(sides, ("a", "b"), counts, allow_blank=True)


def tar(folder: Path, spoil: Callable[[bytes], bytes], counts: Counter, mode: str = "w:gz") -> ParallelText:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, lines in zip("ab", SIDES):
            about = tarfile.TarInfo(name)
            about.size = len(text(lines))
            archive.addfile(about, io.BytesIO(text(lines)))
    (folder / "t.tar.gz").write_bytes(spoil(buffer.getvalue()))
    return _members(folder / "t.tar.gz", counts)


def plain_tar(folder: Path, spoil: Callable[[bytes], bytes], counts: Counter) -> ParallelText:
    return tar(folder, spoil, counts, "w")


def zip_file(folder: Path, spoil: Callable[[bytes], bytes], counts: Counter) -> ParallelText:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, lines in zip("ab", SIDES):
            archive.writestr(name, text(lines))
    (folder / "t.zip").write_bytes(spoil(buffer.getvalue()))
    return _members(folder / "t.zip", counts)


FORMS = (plain, both, zipped, table, tar, plain_tar, zip_file)
CHECKED = (zipped, tar, zip_file)
"""Forms with a checksum of their own: there any number of faults is detected. In the others two may cancel out, a line
that goes and one that comes, and nothing in the files tells."""


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_damaged_corpus_is_refused_or_read_pair_by_pair(form, tmp_path: Path, record_property) -> None:
    whole = form(tmp_path, lambda content: content, Counter())
    assert [list(side) for side in whole] == SIDES
    ends = Counter()
    for number in range(COUNT):
        generator = np.random.default_rng([number, FORMS.index(form)])
        counts: Counter = Counter()
        try:
            text = form(tmp_path, lambda content: damaged(content, generator, 3 if form in CHECKED else 1), counts)
        except DataError as error:
            assert str(error) and "\n" not in str(error), (number, str(error))
            ends["refused"] += 1
            continue
        tidy = normalise_spaces(text, counts)
        assert len(tidy.sources) == len(tidy.targets)
        if form is not both:  # where the same line can go on one side and another on the other
            check_together(tidy, number)
        assert all("\t" not in line and "\n" not in line for side in text for line in side), number
        ends["read"] += 1
    record_property("ends", dict(ends))
    record_property("cases", COUNT)
    assert ends["refused"] > COUNT / 20 and sum(ends.values()) == COUNT


def check_together(text: ParallelText, number: int) -> None:
    """Lines that were not damaged themselves stand beside their translations."""
    for source, target in zip(*text, strict=True):
        if source in SIDES[0] and target in SIDES[1]:
            assert SIDES[0].index(source) == SIDES[1].index(target), (number, source, target)


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x85"])
def test_what_other_programs_end_a_line_at_ends_none(mark: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one" + mark + "more\ntwo\n", encoding="utf-8", newline="")
    (tmp_path / "b").write_text("eins\nzwei\n", encoding="utf-8")
    assert read_pair(tmp_path / "a", tmp_path / "b").sources == [f"one{mark}more", "two"]


def test_a_line_of_ten_megabytes(tmp_path: Path) -> None:
    long = "x " * 5_000_000
    (tmp_path / "a").write_text(f"one\n{long}\nthree\n")
    (tmp_path / "b").write_text("eins\nzwei\ndrei\n")
    assert [len(line) for line in read_pair(tmp_path / "a", tmp_path / "b").sources] == [3, len(long), 5]


INSTEAD = {
    "a folder": lambda path: path.mkdir(),
    "a loop": lambda path: path.symlink_to(path.name),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "nothing": lambda path: None,
    "an empty file": lambda path: path.write_bytes(b""),
    "one byte order mark": lambda path: path.write_bytes(b"\xef\xbb\xbf"),
    "below a file": lambda path: None,
}


@pytest.mark.parametrize("suffix", ["", ".gz", ".tsv", ".zip", ".tar.gz"])
@pytest.mark.parametrize("kind", INSTEAD)
def test_something_else_in_the_place_of_a_file(kind: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"text{suffix}"
    INSTEAD[kind](path)
    if kind == "below a file":
        (tmp_path / "file").touch()
        path = tmp_path / "file" / f"text{suffix}"
    (tmp_path / "b").write_text("eins\n")
    with pytest.raises(DataError) as caught:
        if suffix == ".tsv":
            read_table(path, (1, 2))
        elif suffix in (".zip", ".tar.gz"):
            read_member(path, "a")
        else:
            read_pair(path, tmp_path / "b")
    assert re.search(r"text|a has|lines", str(caught.value)) and "\n" not in str(caught.value)

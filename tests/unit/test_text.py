"""Text of files: repaired where a repair says nothing about the text, and refused otherwise."""

import gzip
import io
import tarfile
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from bench.data import archives, file_kinds, tables, text
from bench.errors import DataError


def one_line(error) -> str:
    message = str(error.value)
    assert message and "\n" not in message
    return message


def written(tmp_path: Path, content: bytes, name: str = "text.en.gz") -> Path:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def packed(tmp_path: Path, kind: str, members: dict[str, bytes]) -> Path:
    """An archive with these files in it."""
    path = tmp_path / f"archive.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, content in members.items():
                about = tarfile.TarInfo(name)
                about.size = len(content)
                archive.addfile(about, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name", ["text.en.gz", "text.en"])
@pytest.mark.parametrize(
    "content",
    [
        "ein Hund\nzwei Hünde \u2028 dort\n",
        "ein Hund\nzwei Hünde \u2028 dort",
        "ein Hund\r\nzwei Hünde \u2028 dort\r\n",
        "\ufeffein Hund\nzwei Hünde \u2028 dort\n",
    ],
    ids=["plain", "no-last-newline", "crlf", "bom"],
)
def test_reads_lines(tmp_path, name, content):
    assert text.read_lines(written(tmp_path, content.encode(), name)) == ["ein Hund", "zwei Hünde \u2028 dort"]


def test_tabs_become_spaces_and_are_counted(tmp_path):
    counts = Counter()
    path = written(tmp_path, b"a\tb\tc\nd e\n\tf\n")
    assert text.read_lines(path, counts) == ["a b c", "d e", " f"]
    assert counts["tabs"] == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"a\n\nb\n", "line 2: no text"),
        (b"a\nb\n \t\n", "line 3: no text"),
        (b"\n", "line 1: no text"),
        (b"a\nb\nc\xe4c\nd\n", "line 3: not UTF-8"),
        ("ein Hund\n".encode("utf-16"), "unpacked: UTF-16, not UTF-8 text; convert it"),
    ],
    ids=["empty", "bom-alone", "empty-line", "blank-line", "newline-alone", "latin-1", "utf-16"],
)
def test_broken_text_is_an_error_that_names_the_line(tmp_path, content, message):
    path = written(tmp_path, content)
    with pytest.raises(DataError, match=message) as error:
        text.read_lines(path)
    assert str(path) in one_line(error)


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[:-9], lambda b: b[:20], lambda b: b"plain", lambda b: b[:12] + b"\xff" * 9 + b[21:]],
    ids=["end-gone", "start-alone", "not-gzip", "overwritten"],
)
def test_a_damaged_gzip_file_is_an_error(tmp_path, damage):
    path = tmp_path / "text.gz"
    path.write_bytes(damage(gzip.compress(b"one line\nand another\n" * 9)))
    with pytest.raises(DataError, match="not a whole gzip file") as error:
        text.read_lines(path)
    assert str(path) in one_line(error)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        text.read_lines(tmp_path / "none.gz")


def test_pairs_are_as_long_as_each_other(tmp_path):
    source, target = written(tmp_path, b"a\tb\nc\n", "x.en.gz"), written(tmp_path, b"d\ne\n", "x.de")
    counts = Counter()
    assert text.read_pair(source, target, counts) == (["a b", "c"], ["d", "e"])
    assert counts["tabs"] == 1
    target.write_bytes(b"d\ne\nf\n")
    with pytest.raises(DataError) as error:
        text.read_pair(source, target)
    message = one_line(error)
    assert f"{source} has 2 lines" in message and f"{target} has 3" in message


def test_pairs_without_text_are_refused_or_left_out_and_counted(tmp_path):
    source, target = written(tmp_path, b"a\n \nc\nd\n", "x.en"), written(tmp_path, b"e\nf\n\nh\n", "x.de")
    with pytest.raises(DataError, match="line 2: no text") as error:
        text.read_pair(source, target)
    assert str(source) in one_line(error)
    counts = Counter()
    assert text.read_pair(source, target, counts, allow_blank=True) == (["a", "d"], ["e", "h"])
    assert counts[text.DROPPED_EMPTY] == 2


TABLE = b"1\ta b\tc\n2\td\te\n"


@pytest.mark.parametrize("name", ["pairs.tsv.gz", "pairs.tsv"])
def test_columns_of_a_table(tmp_path, name):
    path = written(tmp_path, TABLE, name)
    assert tables.read_table(path, (2, 3)) == (["a b", "d"], ["c", "e"])
    assert tables.read_table(path, (3, 1)) == (["c", "e"], ["1", "2"])
    crlf = written(tmp_path, b"\xef\xbb\xbf" + TABLE.replace(b"\n", b"\r\n"), "crlf.tsv")
    assert tables.read_table(crlf, (1, 3)) == (["1", "2"], ["c", "e"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\tb\n", "line 1: 2 columns, so there is no column 3"),
        (b"a\tb\tc\nd\te\n", "line 2: 2 columns, and line 1 has 3"),
        (b"a\tb\tc\nd\te\tf\tg\n", "line 2: 4 columns, and line 1 has 3"),
        (b"a\tb\tc\nd\te\t \n", "line 2: no text"),
        (b"", "empty"),
        (b"a\tb\t\xff\n", "line 1: not UTF-8"),
    ],
)
def test_broken_tables_are_an_error_that_names_the_line(tmp_path, content, message):
    path = written(tmp_path, content, "pairs.tsv")
    with pytest.raises(DataError, match=message) as error:
        tables.read_table(path, (2, 3))
    assert str(path) in one_line(error)


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_a_member_of_an_archive_is_read_and_nothing_is_written(tmp_path, kind):
    path = packed(tmp_path, kind, {"in/a.txt": b"one\n", "b.txt": b"two\n"})
    assert archives.read_member(path, "in/a.txt") == b"one\n" and archives.read_member(path, "b.txt") == b"two\n"
    with pytest.raises(DataError, match="there is no c.txt in it") as error:
        archives.read_member(path, "c.txt")
    assert str(path) in one_line(error)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", ["zip", "tgz"])
@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"plain", lambda b: b""])
def test_a_damaged_archive_is_an_error(tmp_path, kind, damage):
    path = packed(tmp_path, kind, {"a.txt": bytes(range(256)) * 40})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match="not a whole archive") as error:
        archives.read_member(path, "a.txt")
    assert str(path) in one_line(error)


def test_a_zip_whose_content_changed_is_an_error(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", b"some text that is stored as it is\n")
    path.write_bytes(path.read_bytes().replace(b"some text", b"SOME TEXT"))
    with pytest.raises(DataError, match="not a whole archive"):
        archives.read_member(path, "a.txt")


def test_an_archive_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        archives.read_member(tmp_path / "none.zip", "a.txt")


def tar_of(path: Path, *members: tarfile.TarInfo, content: bytes = b"text\n") -> Path:
    """A tar file of made-up members, those that are files with this content."""
    with tarfile.open(path, "w:gz") as archive:
        for about in members:
            about.size = len(content) if about.isreg() else 0
            archive.addfile(about, io.BytesIO(content) if about.isreg() else None)
    return path


def info(name: str, kind: bytes = tarfile.REGTYPE, to: str = "") -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.type, about.linkname = kind, to
    return about


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


OUTSIDE = ("../../evil.txt", "/tmp/evil-of-a-test.txt", "a/../../evil.txt", "C:\\evil.txt")


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_an_archive_that_names_places_outside_writes_nothing_there(tmp_path, kind, name):
    """Neither when such a member is passed on the way nor when it is read itself."""
    inside = tmp_path / "a" / "b" / "c"
    inside.mkdir(parents=True)
    path = packed(inside, kind, {name: b"evil\n", "good.txt": b"good\n"})
    before = listing(tmp_path)
    assert archives.read_member(path, "good.txt") == b"good\n" and archives.read_member(path, name) == b"evil\n"
    assert listing(tmp_path) == before and not Path("/tmp/evil-of-a-test.txt").exists()


KINDS = {"symbolic": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "device": tarfile.CHRTYPE, "block": tarfile.BLKTYPE,
         "pipe": tarfile.FIFOTYPE, "folder": tarfile.DIRTYPE}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("to", ["/etc/passwd", "../secret.txt", "a.txt", "other.txt"])
def test_what_is_no_plain_file_in_a_tar_is_refused(tmp_path, kind, to):
    """A link to a file of this machine, to itself, round, or to another member."""
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "in").mkdir()
    other = info("other.txt", tarfile.SYMTYPE, "a.txt")
    path = tar_of(tmp_path / "in" / "x.tgz", info("before.txt"), info("a.txt", KINDS[kind], to), other)
    before = listing(tmp_path)
    with pytest.raises(DataError, match="a.txt in it is no plain file") as error:
        archives.read_member(path, "a.txt")
    assert str(path) in one_line(error)
    assert archives.read_member(path, "before.txt") == b"text\n" and listing(tmp_path) == before


def test_a_link_in_a_zip_is_refused(tmp_path):
    path, about = tmp_path / "x.zip", zipfile.ZipInfo("a.txt")
    about.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(about, "/etc/passwd")
    with pytest.raises(DataError, match="no plain file"):
        archives.read_member(path, "a.txt")


def test_a_zip_with_a_password_is_one_line(tmp_path):
    path = packed(tmp_path, "zip", {"a.txt": b"text\n" * 9})
    raw = bytearray(path.read_bytes())
    raw[6] |= 1  # encrypted, say both headers
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    with pytest.raises(DataError, match="not a whole archive.*encrypted") as error:
        archives.read_member(path, "a.txt")
    one_line(error)


LIMIT = 1 << 20


@pytest.fixture
def memory(monkeypatch):
    """memory(call): the peak of what Python allocated in it, with a small limit on texts."""
    monkeypatch.setattr(file_kinds, "MAX_TEXT_BYTES", LIMIT)

    def peak(call) -> int:
        tracemalloc.start()
        try:
            call()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return peak


@pytest.mark.parametrize("kind", ["gz", "zip", "tgz"])
def test_a_small_file_that_unpacks_to_a_huge_one_is_refused_before_it_fills_the_memory(tmp_path, memory, kind):
    content = b"bomb\n" * (40 * LIMIT // 5)
    path = written(tmp_path, content) if kind == "gz" else packed(tmp_path, kind, {"a.txt": content})
    assert path.stat().st_size < LIMIT

    def read() -> None:
        with pytest.raises(DataError, match=r"more than 1,048,576 bytes|larger than any archive") as error:
            text.read_lines(path) if kind == "gz" else archives.read_member(path, "a.txt")
        assert str(path) in one_line(error)

    assert memory(read) < 8 * LIMIT


def test_what_is_as_large_as_a_text_may_be_is_read(tmp_path, memory):
    content = (b"a line\n" * LIMIT)[:LIMIT]
    for kind in ("zip", "tgz"):
        assert len(archives.read_member(packed(tmp_path, kind, {"a.txt": content}), "a.txt")) == LIMIT
    assert len(text.read_lines(written(tmp_path, content))) > LIMIT // 8


def test_what_is_skipped_in_a_tar_is_bounded_too(tmp_path, memory):
    """A huge member before the one to read, and a huge header."""
    path = packed(tmp_path, "tgz", {"huge.bin": bytes(20 * LIMIT), "a.txt": b"text\n"})
    with pytest.raises(DataError, match="larger than any archive"):
        archives.read_member(path, "a.txt")
    about = info("a.txt")
    about.pax_headers = {"comment": "x" * (6 * LIMIT)}
    tar_of(path, about)

    def read() -> None:
        with pytest.raises(DataError, match="larger than any archive"):
            archives.read_member(path, "a.txt")

    assert memory(read) < 4 * LIMIT

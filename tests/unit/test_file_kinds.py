"""What is no UTF-8 text file is named, with what to do, and a stream is refused before it is opened."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bench.conf.compose import compose
from bench.data import file_kinds, text
from bench.data.corpora.files import file_checksum
from bench.errors import DataError, UserError
from bench.tasks.bitext import Bitext

LINES = "The kettle is boiling.\nDas Wasser kocht.\n" * 9


def zipped(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, LINES)
    return path.read_bytes()


OTHERS = {
    "x.en.gz": (LINES.encode(), "not a whole gzip file but plain text; let its name end without .gz"),
    "y.gz": (bz2.compress(LINES.encode()), "but bzip2-compressed; unpack it first: bunzip2"),
    "x.en": (gzip.compress(LINES.encode()), "gzip-compressed, not UTF-8 text; let its name end in .gz, or unpack it"),
    "u16": (LINES.encode("utf-16"), "UTF-16, not UTF-8 text; convert it to UTF-8: iconv -f UTF-16 -t UTF-8"),
    "u16be": (LINES.encode("utf-16-be"), "UTF-16BE, not UTF-8"),
    "twice.gz": (gzip.compress(gzip.compress(LINES.encode())), "compressed twice; unpack it once: gunzip"),
    "thai": ("แมวกินปลา\n".encode("utf-16-le"), "line 2: a NUL; the file is damaged, or .*iconv -f UTF-16LE"),
    "u32": (LINES.encode("utf-32"), "UTF-32, not UTF-8"),
    "u32le": (LINES.encode("utf-32-le"), "UTF-32LE, not UTF-8"),
    "b": (bz2.compress(LINES.encode()), "bzip2-compressed.*bunzip2"),
    "z": (lzma.compress(LINES.encode()), "xz-compressed.*unxz"),
    "zst": (b"\x28\xb5\x2f\xfd\x04\x00abc", "zstd-compressed.*unzstd"),
    "p.parquet": (b"PAR1\x15\x04\x15\x10PAR1", "a Parquet file.*tab-separated"),
    "tar": (b"a.txt".ljust(257, b"\0") + b"ustar\x0000" + bytes(300), "a tar archive.*tar -xf"),
    "mac": (LINES.replace("\n", "\r").encode(), r"carriage return alone; convert it: tr"),
    "latin": (LINES.encode() + b"S\xe4tze\n", "line 19: not UTF-8 .*; convert the file to UTF-8"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_of_another_kind_is_named_with_what_to_do(name: str, tmp_path: Path) -> None:
    content, message = OTHERS[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        text.read_lines(path)
    shown = str(error.value)
    assert str(path) in shown and "\n" not in shown and "fetch" not in shown


@pytest.mark.parametrize(("member", "kind"), [("xl/workbook.xml", "an Excel file"), ("a.txt", "a zip archive")])
def test_a_zip_is_an_archive_or_an_excel_file(member: str, kind: str, tmp_path: Path) -> None:
    assert file_kinds.kind(zipped(tmp_path / "x", member)[: file_kinds.HEAD])[0] == kind


@pytest.mark.parametrize(
    "line", ["", "a", "BZh is no magic", "PAR1 gene", "%PD", "PK", "GET /", "\ufeffa", "水", "é" * 300]
)
def test_text_is_no_other_kind(line: str) -> None:
    assert file_kinds.kind(line.encode()[: file_kinds.HEAD]) is None


def test_a_damaged_file_of_the_users_is_not_to_be_deleted(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(LINES.encode())[:-9])
    with pytest.raises(DataError, match="not a whole gzip file .*copy or compress it again") as error:
        text.read_lines(path)
    assert "delete" not in str(error.value)


@pytest.mark.parametrize("reader", [file_checksum, text.read_lines, lambda path: Bitext(str(path), "other")])
def test_a_pipe_is_refused_and_not_waited_for(reader, tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(DataError, match="pipe: a pipe, but it is read more than once; write it to a file"):
        reader(path)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/dev/null", "no regular file, but it is read more than once"),
        ("/dev/stdin", "/dev/stdin: .*; write it to a file"),
        ("/tmp", "/tmp: a folder; name a file in it"),
    ],
)
def test_devices_and_folders_are_refused(path: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "b").write_text("b\n")
    with pytest.raises(UserError, match=message):
        compose(["task=bitext", f"task.source={path}", f"task.target={tmp_path / 'b'}"])


def test_standard_input_is_refused_also_where_it_is_a_file_and_a_substituted_process(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a\n")
    code = (
        "import sys\nfrom bench.data.file_kinds import require_regular_file\nfrom bench.errors import DataError\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n        require_regular_file(path)\n    except DataError as error:\n        print(error)\n"
    )
    shell = f'exec {sys.executable} -c "$CODE" /dev/stdin /dev/fd/0 <(echo a) a < a'
    done = subprocess.run(
        ["bash", "-c", shell],
        env={**os.environ, "CODE": code},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    refused = done.stdout.splitlines()
    assert len(refused) == 3 and all("write it to a file" in line for line in refused), done

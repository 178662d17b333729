"""`bench doctor`: one screen of facts about the machine, with advice where something is missing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.data.corpora import files, registry
from bench.data.corpora.files import Corpus
from bench.diagnostics import doctor
from bench.system import cgroups, environment

SUBJECTS = ["code", "torch", "GPU", "cores", "memory", "allocator", "fonts", "corpora", "optional", "BLEU", "cache"]


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("BENCH_MIRROR", raising=False)
    return tmp_path / "cache"


def finding(subject: str, findings: list[doctor.Finding]) -> doctor.Finding:
    return next(each for each in findings if each.subject == subject)


@pytest.mark.slow
def test_it_fits_a_screen_and_writes_nothing(empty_cache: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    facts = [line for line in lines[: lines.index("")] if not line.startswith(" ")]
    assert [line.split()[0] for line in facts] == SUBJECTS
    assert len(lines) <= 24 and max(map(len, lines)) <= 100
    assert "Advice:" in lines and "- `bench data fetch multi30k`" in "\n".join(lines)
    assert not empty_cache.exists()


def test_json_has_the_same(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_torch", lambda: iter([doctor.Finding("torch", "1"), doctor.Finding("GPU", "none")]))
    assert main(["doctor", "--json"]) == 0
    assert [each["subject"] for each in json.loads(capsys.readouterr().out)] == SUBJECTS


def corpus(folder: Path, name: str, content: bytes, damaged: bool = False) -> Corpus:
    made = Corpus(
        name, "made up", "none", ("https://example.org/",), {"a.txt": hashlib.sha256(content).hexdigest()}, 99
    )
    (folder / name).mkdir(parents=True)
    (folder / name / "a.txt").write_bytes(b"other" if damaged else content)
    return made


def test_corpora_are_whole_damaged_or_not_here(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [corpus(empty_cache, "one", b"text"), corpus(empty_cache, "two", b"text", damaged=True)]
    absent = Corpus("three", "made up", "none", ("https://example.org/",), {"a.txt": "0" * 64}, 99)
    monkeypatch.setattr(registry, "corpora", lambda: {each.name: each for each in (*made, absent)})
    (found,) = doctor._corpora(False)
    assert found.text == "one whole, two damaged, not here: three"
    assert str(empty_cache / "two" / "a.txt") in found.advice and "bench data fetch two" in found.advice
    monkeypatch.setattr(doctor, "LARGE_BYTES", 1)
    assert next(doctor._corpora(False)).text == "one whole (1 not checked), two whole (1 not checked), not here: three"
    assert next(doctor._corpora(True)).text == found.text


def test_limits_of_a_control_group_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "cpu_quota", lambda *_: 1.5)
    monkeypatch.setattr(cgroups, "memory_limit", lambda *_: 1 << 30)
    assert "1 usable of" in doctor._cores().text and "a quota of 1.5 cores" in doctor._cores().text
    memory = doctor._memory()
    assert memory.text.startswith("1.0 GiB, a limit of the control group") and "--jobs 1" in memory.advice


@pytest.mark.parametrize(("library", "preload"), [("glibc", ""), ("glibc", "/usr/lib/libmine.so"), ("", "")])
def test_the_allocator_is_named(library: str, preload: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.platform, "libc_ver", lambda: (library, ""))
    monkeypatch.setenv("LD_PRELOAD", preload)
    text = doctor._allocator().text
    assert ("tcmalloc" in text) == (library == "glibc" and not preload) and ("libmine.so" in text) == bool(preload)


def test_a_torch_that_cannot_be_imported_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "TORCH", "import no_such_module")
    (found,) = doctor._torch()
    assert found.text.startswith("cannot be imported (ModuleNotFoundError") and "install torch again" in found.advice


def test_a_torch_that_takes_too_long_and_warns_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "TORCH", "import sys, time; print('odd', file=sys.stderr, flush=True); time.sleep(60)")
    monkeypatch.setattr(doctor, "TORCH_SECONDS", 1)
    (found,) = doctor._torch()
    assert found.text == "cannot be imported (odd)"


def test_a_missing_commit_has_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = {"version": "1", "commit": None, "clean": None, "reason": "git is not installed"}
    monkeypatch.setattr(environment, "code_version", lambda: unknown)
    assert "no commit: git is not installed" in doctor._code().text


def test_missing_fonts_name_their_package(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.report.figures import fonts

    monkeypatch.setattr(fonts, "drawable", lambda text: "U+0000")
    assert "Chinese and Korean" in doctor._fonts().text and "fonts-noto-cjk" in doctor._fonts().advice


def test_no_home_folder_is_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError

    for name in ("BENCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert "BENCH_CACHE" in doctor._cache().advice and "BENCH_CACHE" in next(doctor._corpora(False)).advice


def test_a_cache_that_may_not_be_read_is_advice(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(files.os, "lstat", refuse)
    (found,) = doctor._corpora(False)
    assert "multi30k cannot be read" in found.text and "Permission denied" in found.advice


def test_a_commit_without_a_state_is_not_called_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    half = {"version": "1", "commit": "a" * 40, "clean": None, "reason": "git took more than 10 seconds"}
    monkeypatch.setattr(environment, "code_version", lambda: half)
    assert (
        doctor._code().text.endswith("changes not known: git took more than 10 seconds") and not doctor._code().advice
    )


def test_long_findings_are_wrapped_and_paths_stay_whole() -> None:
    path = "/" + "x" * 150
    lines = doctor.lines(
        [doctor.Finding("corpora", "one whole, " * 30), doctor.Finding("cache", "none", f"see {path}")]
    )
    assert any(path in line for line in lines)
    assert all(len(line) <= doctor.WIDTH for line in lines if path not in line)


def test_torch_is_not_taken_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made_up_torch.py").touch()
    monkeypatch.setattr(doctor, "TORCH", "import made_up_torch")
    assert "cannot be imported" in next(doctor._torch()).text

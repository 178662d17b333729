"""`bench translate`: bytes in, UTF-8 out, a line for each line, and nothing changed or lost without a word."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from bench.__main__ import main
from bench.data.examples import UNK
from bench.errors import UserError
from bench.evaluation.decoding import Hypotheses
from bench.runs import translate
from bench.runs.trained import Trained


class Echo:
    """A task whose ids are code points, so that a model that copies gives the line that was read."""

    def source_ids(self, text: str) -> list[int]:
        if "?" in text:
            raise UserError("the task reads no ?")
        return [UNK if character == "~" else ord(character) for character in text]

    def target_limit(self, lengths: np.ndarray) -> np.ndarray:
        return lengths + 1

    def target_text(self, ids: list[int]) -> str:
        return "".join(map(chr, ids))


@pytest.fixture
def run(monkeypatch, capfd):
    """run(bytes): exit status, standard output as bytes and standard error of the command, in an ASCII locale."""
    model = types.SimpleNamespace(max_length=None)
    monkeypatch.setattr(translate.trained, "load", lambda folder: Trained(None, Echo(), None, model, 1.0))
    monkeypatch.setattr(
        translate, "decode_tokens", lambda model, src, *_: Hypotheses([src[0, :-1].tolist()], [src[0, 0] != ord("!")])
    )

    def call(content: bytes) -> tuple[int, bytes, str]:
        written = io.BytesIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="ascii"))
            out = io.TextIOWrapper(written, encoding="ascii")
            patch.setattr(sys, "stdout", out)
            status = main(["translate", "--run", "cell", "--beam", "1"])
            out.flush()
            out.detach()
        return status, written.getvalue(), capfd.readouterr().err

    return call


def test_a_line_for_each_line_whatever_other_programs_end_lines_at(run):
    lines = ["a\u2028b", "c\x85d", "e\rf", "g\x0bh", "", "i\u2029", "k"]
    status, out, _ = run("\r\n".join(lines).encode())
    assert status == 0 and out.decode().count("\n") == len(lines)
    assert out.decode() == "".join(f"{line}\n" for line in lines)


def test_tokens_that_the_vocabulary_does_not_know_are_counted_by_line(run):
    status, _, err = run(b"ab\na~b~\n")
    assert status == 0
    assert err.splitlines() == ["bench: line 2: 2 of 4 tokens are unknown to the model, which guesses there"]


def test_text_is_normalised_and_that_is_told_at_the_end(run):
    status, out, err = run("\ufeffder Junge\n\ufeffu\u0308ber\n\u200b\n \nThe a\u200e.\n".encode())
    assert (status, out.decode()) == (0, "der Junge\nüber\n\n\nThe a.\n")
    assert err.splitlines() == [
        "bench: 3 lines with invisible characters, which were removed",
        "bench: 1 lines with letters and marks apart, composed to NFC",
    ]


def test_plain_text_needs_no_message(run):
    assert run("Wörter\nund Zeilen".encode()) == (0, "Wörter\nund Zeilen\n".encode(), "")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"x\xffy\n", "standard input, line 3000: not UTF-8 (invalid start byte); convert it to UTF-8"),
        (b"x\0y\n", "standard input, line 3000: a NUL; the text is damaged"),
        (b"what?\n", "line 3000: the task reads no ?"),
    ],
)
def test_a_bad_line_is_named_and_those_before_it_are_not_lost(run, bad, message):
    status, out, err = run(b"good\n" * 2999 + bad + b"good\n")
    assert status == 2 and out == b"good\n" * 2999 and err == f"bench: {message}\n"


def test_other_kinds_of_files_are_named(run):
    status, out, err = run("Text\n".encode("utf-16"))
    assert (status, out) == (2, b"") and err.startswith("bench: standard input: UTF-16, not UTF-8 text; convert it")


def test_an_output_that_reaches_its_limit_is_told(run):
    status, out, err = run(b"a\n!b\n")
    assert (status, out) == (0, b"a\n!b\n")
    assert err == "bench: line 2: the translation reached its limit, 3 tokens, and is cut there\n"


def test_lines_are_answered_as_they_come(tmp_path: Path):
    """Over a pipe that stays open."""
    code = (
        "import sys, types\n"
        "upper = types.SimpleNamespace(translate=lambda folder, lines, **_: (line.upper() for line in lines))\n"
        "sys.modules['bench.runs.translate'] = upper  # without torch\n"
        "from bench.__main__ import main\nsys.exit(main(['translate', '--run', 'cell']))\n"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "LC_ALL": "C", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        for line in ("tür", "水 и"):
            process.stdin.write(f"{line}\n".encode())
            process.stdin.flush()
            assert process.stdout.readline().decode() == f"{line.upper()}\n"
        process.stdin.close()
        assert process.wait(60) == 0


def test_standard_input_that_is_closed_is_one_line(run, monkeypatch, capfd):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["translate", "--run", "cell", "--beam", "1"]) == 2
    assert "standard input is closed" in capfd.readouterr().err

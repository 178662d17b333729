"""The verdicts on the terminal."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest
from rich.cells import cell_len

from bench.analysis.claims import judge
from bench.analysis.messages import Message
from bench.cli import verdict_lines

SENTENCE = Message("claims.A.sentence")


@dataclass
class Made:
    """What a line is made of."""

    letter: str
    verdict: str
    sentence: str

    @property
    def word(self) -> Message:
        return Message(f"verdicts.{self.verdict}")


EVERY = [Made(letter, verdict, SENTENCE) for letter, verdict in zip("ABCDE", judge.VERDICTS)]


def test_each_has_its_letter_its_word_and_its_sentence():
    shown = verdict_lines.lines(EVERY, "en", colour=False, width=60)
    assert [line.split() for line in shown if line[0] != " "] == [
        ["A", "+", "supported"], ["B", "-", "refuted"], ["C", "~", "qualified"], ["D", "?", "inconclusive"],
        ["E", "?", "not", "tested"],
    ]  # fmt: skip
    assert " ".join(" ".join(line.split()) for line in shown if line[0] == " ") == " ".join([SENTENCE] * 5)
    assert max(map(len, shown)) <= 60 and "\x1b" not in "".join(shown)


def test_chinese_lines_keep_to_the_width_in_columns():
    shown = verdict_lines.lines(EVERY, "zh", colour=False, width=50)
    assert max(map(cell_len, shown)) <= 50 and "部分成立" in shown[6] + shown[4] + shown[5] + shown[7] + shown[8]
    text = "".join(line.strip() for line in shown[1 : shown.index(next(line for line in shown if line[0] == "B"))])
    assert text.replace(" ", "") == SENTENCE.render("zh").replace(" ", "")


def test_colour_is_of_the_word_alone_and_a_sentence_controls_nothing():
    (word, sentence) = verdict_lines.lines([Made("A", "refuted", "a\x1b[31mb\nc\u202ed")], "en", colour=True, width=80)
    assert "\x1b[31m" in word and "refuted" in word and word.endswith("\x1b[0m")
    assert "\x1b" not in sentence and "\u202e" not in sentence and "b c" in sentence


@pytest.mark.parametrize(("terminal", "no_colour", "wanted"), [(True, None, True), (False, None, False),
                                                              (True, "1", False), (True, "", True)])  # fmt: skip
def test_colour_needs_a_terminal_and_no_color_unset(monkeypatch, terminal, no_colour, wanted):
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_colour is not None:
        monkeypatch.setenv("NO_COLOR", no_colour)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    assert verdict_lines.wants_colour(stream) is wanted

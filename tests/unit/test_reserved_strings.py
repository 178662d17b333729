"""Text with what SentencePiece reserves for itself comes back, or is counted."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data import subwords
from bench.data.examples import SPECIALS, UNK
from bench.data.subwords import count_reserved, learn
from tests.unit.made_up import VOCABULARY, joined, lines
from tests.unit.test_bitext import Bitext

RESERVED = ("\u2581", "\u2585", *SPECIALS)
LINES = ["<s> struck </s> out", "a\u2581b c", "x \u2585 y", "the <pad> and <unk> of a dog", "plain words"] * 6


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def test_reserved_strings_come_back():
    vocabulary = learn(LINES, 60, escaped=True)
    for line in LINES:
        (ids,) = vocabulary.encode([line])
        assert UNK not in ids and vocabulary.decode(ids) == line
        (ids,) = vocabulary.sample([line], 0.5, np.random.default_rng(1))
        assert vocabulary.decode(ids) == line


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from((*RESERVED, "a", "s", " ", "<", ">", "/")), max_size=12).map("".join))
def test_any_mixture_of_them_comes_back(text: str):
    vocabulary = learn(LINES, 60, escaped=True)
    line = " ".join(text.split())
    (ids,) = vocabulary.encode([line])
    assert UNK not in ids and not set(ids) & {0, 1, 2} and vocabulary.decode(ids) == line


def test_text_without_them_has_the_same_vocabulary_and_ids():
    plain = [*lines("en", 60, 0), *lines("de", 60, 0)]
    ours, theirs = (learn(plain, VOCABULARY, escaped) for escaped in (True, False))
    assert ours.checksum == theirs.checksum and ours.encode(plain) == theirs.encode(plain)


def test_a_line_that_is_too_long_for_sentencepiece_is_learnt_in_parts(monkeypatch):
    monkeypatch.setattr(subwords, "_PART", 4)
    assert list(subwords._learnable("abcdefghij")) == ["abcd", "efgh", "ij"]
    limit = subwords._SETTINGS["max_sentence_length"]
    monkeypatch.setattr(subwords, "_PART", limit // 4)
    long = "水" * (limit // 3 + 9)  # its only line with this letter
    (ids,) = learn([*LINES, long], 70, escaped=True).encode(["水"])
    assert UNK not in ids


def test_lines_that_do_not_come_back_are_counted():
    counts: Counter[str] = Counter()
    count_reserved([(["plain"], ["<s", "s>"])], counts)
    assert not counts
    count_reserved([(["a <s> b <s>", "plain"], ["\u2581", "<unk>"])], counts)
    assert counts == {"reserved": 3}


def test_own_text_with_them_has_references_that_can_be_reached(tmp_path, monkeypatch):
    sides = {"en": [*lines("en", 300, 0), *LINES], "de": [*lines("de", 300, 0), *LINES[1:], LINES[0]]}
    for language, side in sides.items():
        (tmp_path / language).write_bytes(joined(side))
    options = {"vocabulary": 110, "held_out": 0.1}
    task = Bitext(str(tmp_path / "en"), str(tmp_path / "de"))
    task.vocabulary, task.held_out = options["vocabulary"], options["held_out"]
    data = task.load()
    restored = Bitext(str(tmp_path / "en"), str(tmp_path / "de"))
    restored.restore(data)
    rows = [row for row, line in enumerate(data.train.references) if subwords.RESERVED.search(line)]
    assert rows and "reserved" not in data.counts
    for row in rows:
        assert task.target_text(data.train.tgt[row]) == data.train.references[row]
        assert restored.target_text(data.train.tgt[row]) == data.train.references[row]
        assert restored.source_ids(data.train.sources[row]) == data.train.src[row].tolist()

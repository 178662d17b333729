"""Joint subwords: specials, round trips, sameness, the cache, and sizes that do not suit the text."""

import random

import pytest

from bench.data import subwords
from bench.data.examples import BOS, EOS, PAD, UNK
from bench.errors import UserError


def made_up_lines(count: int = 300) -> list[str]:
    generator = random.Random(0)
    words = ["Hund", "Hunde", "läuft", "dog", "dogs", "runs", "running", "½", "…", "Straße,", "it's", "(two)"]
    return [" ".join(generator.choices(words, k=generator.randint(1, 9))) + "." for _ in range(count)]


LINES = made_up_lines()


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "subwords"


def test_size_specials_and_checksum():
    learnt = subwords.learn(LINES, 60)
    assert learnt.size == 60
    ids = [i for line in learnt.encode(LINES) for i in line]
    assert not {PAD, BOS, EOS, UNK} & set(ids) and min(ids) >= 0 and max(ids) < 60
    assert learnt.encode(["☃"])[0].count(UNK) == 1
    assert learnt.decode([PAD, BOS, EOS]) == ""
    assert len(learnt.checksum) == 64


def test_text_comes_back():
    learnt = subwords.learn(LINES, 60)
    assert [learnt.decode(ids) for ids in learnt.encode(LINES)] == LINES
    assert learnt.decode(learnt.encode(["  two  Hunde "])[0]) == "two Hunde"
    assert learnt.decode([UNK]) == "\u2047"
    assert learnt.decode(learnt.encode(["two ☃."])[0]) == "two \u2047."
    assert learnt.encode([]) == []


def test_frequent_words_become_one_piece():
    learnt = subwords.learn(LINES, 60)
    assert len(learnt.encode(["dogs"])[0]) < len("dogs")


def test_long_lines_count(cache):
    # One line beyond SentencePiece's own limit of 4,192 bytes, with a character that no other line has.
    learnt = subwords.learn([*LINES, "☃ " * 3000], 60)
    assert UNK not in learnt.encode(["☃"])[0]


def test_same_text_same_model_and_other_text_another(cache):
    first = subwords.learn(LINES, 60)
    for file in cache.iterdir():
        file.unlink()
    assert subwords.learn(list(LINES), 60).checksum == first.checksum
    assert subwords.learn(LINES, 59).checksum != first.checksum
    assert subwords.learn([*LINES[:-1], "Hund läuft, Hund läuft"], 60).checksum != first.checksum
    assert len(list(cache.iterdir())) == 3


def test_learnt_once_then_taken_from_the_cache(cache):
    first = subwords.learn(LINES, 60)
    (file,) = cache.iterdir()
    assert file.name.endswith(f"-{first.checksum}.model")
    other = subwords.learn(LINES, 59)
    file.rename(file.with_name(file.name.replace(first.checksum, other.checksum))).write_bytes(other.model)
    assert subwords.learn(LINES, 60).checksum == other.checksum  # learning again would give the first one


def test_a_damaged_model_in_the_cache_is_learnt_again(cache):
    first = subwords.learn(LINES, 60)
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    file.write_bytes(subwords.learn(LINES, 59).model)
    assert subwords.learn(LINES, 60).checksum == first.checksum
    assert file.read_bytes() == whole and len(list(cache.iterdir())) == 2


def test_a_cache_that_cannot_be_written_is_done_without(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "file"))
    assert subwords.learn(LINES, 60).size == 60


@pytest.mark.parametrize(
    ("lines", "size", "message"),
    [
        (LINES, 5, r"^vocabulary=5 is too small.* at least (\d+)$"),
        (LINES, 100000, r"^vocabulary=100000 is too large.* at most (\d+)$"),
        ([], 60, r"^vocabulary=60: SentencePiece cannot learn"),
    ],
)
def test_sizes_that_do_not_suit_the_text(cache, capfd, lines, size, message):
    with pytest.raises(UserError, match=message) as error:
        subwords.learn(lines, size)
    assert "\n" not in str(error.value)
    assert not cache.exists()
    printed = capfd.readouterr()
    assert printed.out == printed.err == ""


def test_the_sizes_it_advises_work():
    for size in (5, 100000):
        with pytest.raises(UserError) as error:
            subwords.learn(LINES, size)
        advised = int(str(error.value).split()[-1])
        assert subwords.learn(LINES, advised).size == advised


def test_learning_is_silent(capfd):
    subwords.learn(LINES, 60)
    printed = capfd.readouterr()
    assert printed.out == printed.err == ""

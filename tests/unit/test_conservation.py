"""Every pair and every letter that is read is kept, or counted under a reason; a bypass is caught."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.data import cleaning, conservation, report
from bench.data.counts import CHANGED, LEFT_OUT, SET_ASIDE, SPLIT_OFF
from bench.data.text import ParallelText
from bench.errors import DataError, UserError
from bench.tasks import bitext, task_cache
from bench.tasks.bitext import Bitext
from tests.unit.made_up import VOCABULARY, joined, lines

HELD_OUT = {name: [f"{name}.en", f"{name}.de"] for name in ("valid", "test")}


@pytest.fixture(autouse=True)
def texts(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for seed, (name, size) in enumerate({"train": 150, "valid": 20, "test": 30}.items()):
        write(name, lines("en", size, seed), lines("de", size, seed))


def write(name: str, sources: list[str], targets: list[str]) -> None:
    Path(f"{name}.en").write_bytes(joined(sources))
    Path(f"{name}.de").write_bytes(joined(targets))
    Path(f"{name}.tsv").write_bytes(joined([f"{a}\t{b}" for a, b in zip(sources, targets)]))


def task(**options) -> Bitext:
    return Bitext(**{"source": "train.en", "target": "train.de", "vocabulary": VOCABULARY, **HELD_OUT, **options})


def of_table(**options) -> Bitext:
    return Bitext(table="train.tsv", vocabulary=VOCABULARY, valid=["valid.tsv"], test=["test.tsv"], **options)


def drop_a_pair(text: ParallelText) -> ParallelText:
    return ParallelText(text.sources[:-1], text.targets[:-1])


def cut_a_text(text: ParallelText) -> ParallelText:
    return ParallelText([*text.sources[:-1], text.sources[-1][:5]], text.targets)


def repeat_a_text(text: ParallelText) -> ParallelText:
    return ParallelText(text.sources, [*text.targets[:-1], text.targets[-1] * 2])


@pytest.mark.parametrize("reader", ["read_pair", "read_table"])
@pytest.mark.parametrize(
    ("bypass", "message"),
    [
        (drop_a_pair, "were read and 0 left out"),
        (cut_a_text, "source: reading lost"),
        (repeat_a_text, "target: .*added"),
    ],
)
def test_a_reader_that_drops_or_cuts_is_caught(monkeypatch, reader, bypass, message):
    original = getattr(bitext, reader)
    monkeypatch.setattr(bitext, reader, lambda *arguments, **options: bypass(original(*arguments, **options)))
    with pytest.raises(DataError, match=f"{message}.*error of the program"):
        (task() if reader == "read_pair" else of_table()).load()


def test_a_filter_that_does_not_count_is_caught(monkeypatch):
    original = cleaning.select_by_text
    monkeypatch.setattr(cleaning, "select_by_text", lambda *arguments: drop_a_pair(original(*arguments)))
    with pytest.raises(DataError, match="150 training pairs were read, but 149 kept, 0 left out and 0 split off"):
        task().load()


def test_every_pair_of_a_dirty_text_is_accounted_for():
    sources, targets = lines("en", 150, 0), lines("de", 150, 0)
    sources[3], targets[5], targets[7] = "", "  ", "\ufeff"
    sources[20] = lines("en", 1, 2)[0]
    targets[30] = "Hund " * 60
    targets[31] = lines("de", 1, 0)[0] + "  e\u0301 \u200b"
    write("train", [*sources, sources[0]], [*targets, targets[0]])
    data = task(duplicates=False, max_length=40, max_ratio=9.0).load()
    pairs = data.report["pairs"]
    assert pairs["read"] == 151 == pairs["kept"] + sum(pairs["left_out"].values())
    assert pairs["kept"] == len(data.train) and len(pairs["left_out"]) >= 4
    split_off = Bitext(source="train.en", target="train.de", vocabulary=VOCABULARY, held_out=0.1).load()
    pairs = split_off.report["pairs"]
    assert sum(pairs["split_off"].values()) == len(split_off.valid) + len(split_off.tests["test"]) > 0
    assert pairs["read"] == 151 == sum((pairs["kept"], *pairs["left_out"].values(), *pairs["split_off"].values()))


def test_every_reason_has_one_sentence_and_one_place():
    groups = (LEFT_OUT, CHANGED, SPLIT_OFF, SET_ASIDE)
    keys = [key for group in groups for key in group]
    assert len(set(keys)) == len(keys)
    assert all(meaning and not meaning.endswith(".") for group in groups for meaning in group.values())


def test_letters_do_not_depend_on_the_normal_form():
    assert conservation.letters(["\u00e9t\u00e9 \ud55c"]) == conservation.letters(
        ["e\u0301t\u200be\u0301", "\u1112\u1161\u11ab"]
    )


# Cleaning and limits of a user's text


def test_by_default_only_what_makes_an_answer_known_is_left_out():
    target = lines("de", 1, 2)[0]
    sources, targets = lines("en", 150, 0), lines("de", 150, 0)
    targets[10] = target  # of the test, with another source
    targets[11] = " ".join(lines("de", 40, 7))  # hundreds of subwords
    sources[12] = lines("en", 1, 2)[0]
    write("train", sources, targets)
    data = task().load()
    assert data.report["pairs"] == {
        "read": 150, "kept": 149, "left_out": {"train_removed_overlap": 1}, "split_off": {}, "set_aside": {},
    }  # fmt: skip
    assert data.train.tgt.lengths.max() > 200


def test_the_output_limit_follows_the_longest_training_target():
    sources, targets = lines("en", 150, 0), lines("de", 150, 0)
    targets[11] = " ".join(lines("de", 40, 7))
    write("train", sources, targets)
    long = task(output_limit=None)
    data = long.load()
    longest = int(data.train.tgt.lengths.max()) + 1
    lengths = data.tests["test"].src.lengths
    assert (long.target_limit(lengths) >= longest * 1.2).all() and (long.target_limit(lengths) <= 8192).all()
    restored = task(output_limit=None)
    restored.restore(data)
    assert (restored.target_limit(lengths) == long.target_limit(lengths)).all()
    before, named = task(output_limit=0), task(output_limit=50)
    assert (before.target_limit(lengths) == 3 * lengths + 20).all()
    assert (named.target_limit(lengths) == (3 * lengths + 20).clip(50)).all()
    assert [warning for warning in data.warnings if f"longest training target has {longest - 1:,} subwords" in warning]


def test_a_limit_below_a_reference_is_a_warning():
    sources, targets = lines("en", 30, 2), lines("de", 30, 2)
    targets[4] = " ".join(lines("de", 60, 7))
    write("test", sources, targets)
    data = task(output_limit=None).load()
    assert data.report["held_out"]["test"]["beyond_output_limit"] == 1
    assert any("1 of 30 references of test are longer" in warning for warning in data.warnings)


@pytest.mark.parametrize("limit", [-1, 8193])
def test_an_impossible_output_limit_is_refused(limit):
    with pytest.raises(ValueError, match=f"output_limit={limit}: a number of subwords from 0 to 8192, or null"):
        task(output_limit=limit)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 2}, "^max_length=2 leaves no training pair; use a larger one"),
        ({"max_ratio": 1.0}, "^max_ratio=1.0 leaves no training pair; use a larger one"),
        (
            {"max_length": 14, "max_ratio": 1.0},
            "^cleaning leaves no training pair of 150: max_length=14 .*max_ratio=1.0",
        ),
    ],
)
def test_the_rule_that_leaves_nothing_is_named(options, message):
    write("train", [f"{line} dog" for line in lines("en", 150, 0)], lines("de", 150, 0))
    with pytest.raises(UserError, match=message):
        task(**options).load()


def test_so_is_the_overlap_and_a_text_of_empty_lines():
    sources, targets = lines("en", 30, 2), lines("de", 30, 2)
    write("train", sources * 4, [*targets * 3, *lines("de", 30, 9)])
    with pytest.raises(UserError, match="overlap=source leaves no training pair: all are also in a held-out text"):
        task().load()
    write("train", lines("en", 30, 5), [""] * 30)
    with pytest.raises(UserError, match="the training text has no pair with text on both sides"):
        task().load()


# Held-out sets


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"valid": ["test.en", "test.de"]}, "test and valid are the same text .'test.en'."),
        ({"valid": ["./test.en", "test.de"]}, "test and valid are the same text"),
        ({"test": ["train.en", "train.de"]}, "test and train are the same text"),
        ({"test": ["copy.en", "test.de"]}, "test and valid are the same text .'valid.en' and 'copy.en'."),
    ],
)
def test_equal_sets_are_refused(options, message):
    Path("copy.en").write_bytes(Path("valid.en").read_bytes())
    with pytest.raises(ValueError, match=message) as error:
        task(**options)
    assert "leave it out, and it is split off" in str(error.value) and "\n" not in str(error.value)


def test_overlapping_sets_are_refused_or_counted():
    write("valid", [*lines("en", 20, 1), *lines("en", 3, 2)], [*lines("de", 20, 1), *lines("de", 3, 2)])
    data = task().load()
    assert data.report["held_out"]["test"]["in_valid"] == 3
    assert any("3 of 30 sources of test are also in valid" in warning for warning in data.warnings)
    write("valid", [*lines("en", 30, 2), "dog"], [*lines("de", 30, 2), "Hund"])
    with pytest.raises(UserError, match="all 30 sources of test are also in valid"):
        task().load()
    write("valid", [*(f" {line}  " for line in lines("en", 30, 2)), "dog"], [*lines("de", 30, 2), "Hund"])
    with pytest.raises(UserError, match="all 30 sources of test are also in valid"):
        task().load()


# The report


def test_the_report_and_its_warnings():
    same = [f"dog {number}" for number in range(30)]
    write("train", [*lines("en", 120, 0), *same, "dogs", "", *lines("en", 10, 2)],
          [*lines("de", 120, 0), *same, "Hunde Ж", "Gras", *lines("de", 10, 2)])  # fmt: skip
    write("test", [*lines("en", 30, 2), "ö"], [*lines("de", 30, 2), "日"])
    made = task()
    data = made.load()
    found = data.report
    assert found["pairs"]["read"] == 162 and found["pairs"]["kept"] == 151
    assert found["lengths"]["train"]["target"]["longest"] == data.train.tgt.lengths.max()
    assert found["lengths"]["train"]["target"]["median"] <= found["lengths"]["train"]["target"]["p99"]
    assert found["held_out"]["test"]["in_training"] == 10 and found["held_out"]["valid"]["pairs"] == 20
    assert found["unknown"]["test"]["target"] > 0 == found["unknown"]["train"]["source"]
    assert list(found["scripts"]["source"]) == ["Latin"]
    assert found["identical_share"] == pytest.approx(30 / 161)
    text = " | ".join(data.warnings)
    for part in (
        "11 of 162 training pairs (6.8 %) are left out", "valid has only 20 pairs, too few to choose between models",
        "test has only 31 pairs, too few to compare models", "same text on both sides",
    ):  # fmt: skip
        assert part in text
    printed = list(report.lines_of(found))
    assert "162 training pairs read, 151 kept, 11 left out" in printed[0] and "a side has no text" in printed[0]
    assert all("\n" not in line for line in printed)
    cached = task()
    assert task_cache.load(cached).report == task_cache.load(made).report == found and cached.warnings == data.warnings


def test_a_good_text_has_no_warning():
    for seed, (name, size) in enumerate({"train": 150, "valid": 100, "test": 100}.items()):
        write(name, lines("en", size, seed), lines("de", size, seed))
    data = task().load()
    assert data.warnings == [] and data.report["pairs"]["left_out"] == {}

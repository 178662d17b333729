"""A user's own text: where it is read from, what is split off, and that a cell is of one text."""

import builtins
import csv
import hashlib
import json
import os
import sys
import types
from collections import Counter
from pathlib import Path

import pytest

from bench.conf import schema
from bench.conf.compose import compose
from bench.data import hub
from bench.data.examples import Split, TaskData, fingerprint
from bench.errors import DataError, DataUnavailable, UserError
from bench.tasks import task_cache
from bench.tasks.bitext import Bitext
from tests.unit.made_up import VOCABULARY, joined, lines

COMMIT = "0123456789abcdef" * 2 + "01234567"
SIZES = {"train": 300, "valid": 20, "test": 30}


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """Neither the user's cache nor the network, whatever a test does; files are named from here."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BENCH_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    for seed, (name, size) in enumerate(SIZES.items()):
        for language in ("en", "de"):
            Path(f"{name}.{language}").write_bytes(joined(lines(language, size, seed)))
        rows = zip(map(str, range(size)), lines("en", size, seed), lines("de", size, seed))
        Path(f"{name}.tsv").write_bytes(joined(["\t".join(row) for row in rows]))


def task(**options) -> Bitext:
    return Bitext(**{"source": "train.en", "target": "train.de", "vocabulary": VOCABULARY, **options})


def of_table(**options) -> Bitext:
    return task(table="train.tsv", source="2", target="3", **options)


def splits(data: TaskData) -> list[Split]:
    return [data.train, data.valid, *data.tests.values()]


# What is read


def test_files_and_tables_make_the_same_data():
    of_files = task(valid=["valid.en", "valid.de"], test=["test.en", "test.de"])
    files, table = of_files.load(), of_table(valid=["valid.tsv"], test=["test.tsv"]).load()
    for ours, theirs in zip(splits(files), splits(table)):
        assert fingerprint(ours) == fingerprint(theirs) and ours.sources == theirs.sources
    assert {split.name: len(split) for split in splits(files)} == SIZES
    assert files.train.sources == lines("en", 300, 0) and files.tests["test"].references == lines("de", 30, 2)
    assert of_files.held_out is None and "test_split_off" not in files.counts


def test_each_table_has_the_form_of_its_own_name():
    rows = [f"{i},well {text},nun {other}" for i, (text, other) in
            enumerate(zip(lines("en", 30, 2), lines("de", 30, 2)))]  # fmt: skip
    Path("test.csv").write_bytes(joined(rows))
    Path("tabs.tsv").write_bytes(joined([row.replace(",", "\t") for row in rows]))
    tasks = [of_table(valid=["valid.tsv"], test=[name]) for name in ("test.csv", "tabs.tsv")]
    assert [each.load().tests["test"].sources for each in tasks] == [
        [f"well {text}" for text in lines("en", 30, 2)]
    ] * 2
    hashed = [each.hashed_options({"table": "train.tsv", "test": each.test, "files": None}) for each in tasks]
    assert csv.field_size_limit() == 2**17, "the limit of other tables is what it was"
    assert hashed[0]["test_form"] == {"separator": ",", "quoting": "csv"} and "test_form" not in hashed[1]


def test_the_other_direction_of_a_table_has_the_same_vocabulary():
    held_out = {"valid": ["valid.tsv"], "test": ["test.tsv"]}
    there, back = of_table(**held_out).load(), task(table="train.tsv", source="3", target="2", **held_out).load()
    assert there.checksums["subwords"] == back.checksums["subwords"]


def test_the_first_two_columns_are_meant_where_none_is_named():
    chosen = Bitext(table="train.tsv")
    assert (chosen.source, chosen.target) == ("1", "2")


# What is split off


def test_sets_are_split_off_by_the_source_sentence():
    rows = [(f"{line}", target) for line, target in zip(lines("en", 300, 0), lines("de", 300, 0))]
    doubled = [pair for source, target in rows for pair in ((source, target), (f" {source}", f"{target} !"))]
    for end, side in (("en", 0), ("de", 1)):
        Path(f"train.{end}").write_bytes(joined([pair[side] for pair in doubled]))
    data = task(held_out=0.1).load()
    sets = {"train": data.train, "valid": data.valid, "test": data.tests["test"]}
    assert sum(map(len, sets.values())) == 600 and data.counts["train_removed_overlap"] == 0
    sources = [set(split.sources) for split in sets.values()]
    assert sum(map(len, sources)) == len(set().union(*sources)) == 300, "both translations of a sentence go together"
    for name in ("valid", "test"):
        assert data.counts[f"{name}_split_off"] == len(sets[name]) and 20 < len(sets[name]) < 110
    assert data.train.sources == [line for line in lines("en", 300, 0) for _ in range(2) if line in sources[0]]


def test_a_sentence_stays_in_its_set_when_others_come_or_go():
    before = task(held_out=0.1).load()
    for language in ("en", "de"):
        Path(f"train.{language}").write_bytes(joined(lines(language, 300, 0)[100:]))
    after = task(held_out=0.1).load()
    assert set(after.tests["test"].sources) == set(before.tests["test"].sources) & set(lines("en", 300, 0)[100:])


def test_one_set_may_be_given_and_the_other_split_off():
    data = task(test=["test.en", "test.de"]).load()
    assert len(data.tests["test"]) == 30 and len(data.valid) == data.counts["valid_split_off"] > 0
    assert "test_split_off" not in data.counts and data.counts["train_pairs"] == 300 - len(data.valid)


def test_training_pairs_that_are_also_in_a_given_set_are_left_out():
    for language in ("en", "de"):
        Path(f"test.{language}").write_bytes(joined([*lines(language, 5, 0), *lines(language, 5, 2)]))
    data = task(valid=["valid.en", "valid.de"], test=["test.en", "test.de"]).load()
    assert data.counts["train_overlap_test"] == data.counts["train_removed_overlap"] == 5 and len(data.train) == 295


def test_cleaning_is_the_users_choice():
    odd = {"en": ["dogs 1.", "dogs " * 30], "de": ["Hunde " * 10, "Hunde " * 30]}
    for language in ("en", "de"):
        text = [*odd[language], *lines(language, 300, 0), *lines(language, 300, 0)[:40]]
        Path(f"train.{language}").write_bytes(joined(text))
        Path(f"test.{language}").write_bytes(joined([*odd[language], *lines(language, 20, 2) * 2]))
        Path(f"valid.{language}").write_bytes(joined([*odd[language], *lines(language, 20, 1) * 2]))
    held_out = {name: [f"{name}.en", f"{name}.de"] for name in ("valid", "test")}
    plain = task(**held_out).load()
    cleaned = task(duplicates=False, max_ratio=2.0, max_length=25, overlap="source", **held_out).load()
    assert plain.counts["train_duplicate_pairs"] == cleaned.counts["train_removed_duplicates"] == 40
    assert plain.counts["train_removed_duplicates"] == plain.counts["train_dropped_ratio"] == 0
    assert plain.counts["train_removed_overlap"] == cleaned.counts["train_removed_overlap"] == 2
    assert len(plain.train) == 340 and len(cleaned.train) == 300
    assert len(plain.valid) == len(cleaned.valid) == 42, "held-out text is never cleaned"
    for language, words in odd.items():
        Path(f"train.{language}").write_bytes(joined([*words, *lines(language, 300, 0)]))
        for seed, name in enumerate(held_out, start=1):
            Path(f"{name}.{language}").write_bytes(joined(lines(language, 20, seed)))
    cleaned = task(max_ratio=2.0, max_length=25, **held_out).load()
    assert cleaned.counts["train_dropped_ratio"] == cleaned.counts["train_dropped_long"] == 1
    assert cleaned.train.sources == lines("en", 300, 0)


def test_too_little_to_split_off_is_an_error():
    for language in ("en", "de"):
        Path(f"train.{language}").write_bytes(joined(lines(language, 4, 0)))
    with pytest.raises(UserError, match=r"held_out=0.02 of \d pairs leaves (valid|test)"):
        task().load()


def test_a_vocabulary_that_the_text_cannot_fill_is_an_error():
    with pytest.raises(UserError, match=r"vocabulary=8000 is too large for this training text; use at most \d+"):
        task(vocabulary=8000).load()


# Which text a cell is of

WORDS = ["task=bitext", "task.source=train.en", "task.target=train.de", f"task.vocabulary={VOCABULARY}"]


def test_changed_files_make_a_new_cell():
    first, again = compose(WORDS), compose(WORDS)
    expected = {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in ("train.en", "train.de")}
    assert first.hash == again.hash and first.config["task"]["files"] == expected
    Path("train.de").write_bytes(joined(lines("de", 300, 7)))
    assert compose(WORDS).hash != first.hash
    with pytest.raises(DataError, match="train.de: changed since this cell was configured"):
        schema.build_task(first.config["task"]).load()


def test_a_cell_of_which_the_data_are_kept_needs_no_text():
    config = compose(WORDS).config["task"]
    made = task_cache.load(schema.build_task(config))
    for name in ("train.en", "train.de"):
        os.unlink(name)
    known = schema.build_task(config)
    assert fingerprint(task_cache.load(known).train) == fingerprint(made.train)
    assert known.target_text(known.source_ids("dogs")) == "dogs"


def test_the_record_has_the_checksum_of_every_file():
    data = of_table(valid=["valid.tsv"]).load()
    assert set(data.checksums) == {"train.tsv", "valid.tsv", "subwords"}


def test_no_text_is_said_when_it_is_needed(tmp_path):
    task = schema.build_task(compose(["task=bitext"]).config["task"])
    for use in (task.load, task.identity, lambda: task_cache.load(task)):
        with pytest.raises(UserError, match="needs a text: task.source=FILE task.target=FILE"):
            use()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": None}, "source='train.en', target=None: give both"),
        ({"target": "train.en"}, "both 'train.en'"),
        ({"table": "train.tsv", "dataset": "a/b"}, "give only one"),
        ({"table": "train.tsv"}, "source='train.en': with a table, give a column number"),
        ({"table": "train.tsv", "source": "0", "target": "1"}, "source='0'"),
        ({"dataset": "a/b"}, "revision=None: not a commit"),
        ({"dataset": "a/b", "revision": "main"}, "revision='main': not a commit"),
        ({"dataset": ".", "revision": COMMIT}, "dataset='.': a local path"),
        ({"dataset": "a/b", "revision": COMMIT, "source": None, "target": None}, "give both"),
        ({"revision": COMMIT}, "revision=.*applies only to a dataset"),
        ({"split": "train"}, "split='train': applies only to a dataset"),
        ({"subset": "de-en"}, "subset='de-en': applies only to a dataset"),
        ({"valid": "valid.en"}, r"valid='valid.en': write valid=\[SOURCE FILE, TARGET FILE\]"),
        ({"test": ["test.en"]}, r"test=\['test.en'\]: write test=\[SOURCE FILE, TARGET FILE\]"),
        ({"table": "train.tsv", "source": "1", "target": "2", "test": ["a", "b"]}, r"write test=\[TABLE\]"),
        ({"dataset": "a/b", "revision": COMMIT, "test": []}, r"write test=\[SPLIT\]"),
        ({"held_out": 0.0}, "held_out=0.0: not a share"),
        ({"held_out": 0.5}, "held_out=0.5: not a share"),
        ({"valid": ["valid.en", "valid.de"], "test": ["test.en", "test.de"], "held_out": 0.1}, "nothing is split off"),
        ({"files": {"train.en": "0" * 64}}, "files: has checksums of train.en, but the task reads train.en, train.de"),
        ({"vocabulary": 0}, "vocabulary=0"),
        ({"overlap": "target"}, "overlap='target'"),
        ({"max_ratio": 0.5}, "max_ratio=0.5"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message) as error:
        task(**options)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named_before_anything_runs():
    with pytest.raises(UserError, match="none.de: cannot be read"):
        compose([*WORDS[:2], "task.target=none.de"])


# Data sets of the Hub


class Rows:
    """Replaces a split of the library `datasets`."""

    def __init__(self, **columns):
        self.columns = columns

    @property
    def column_names(self):
        return list(self.columns)

    def __getitem__(self, name):
        return self.columns[name]


@pytest.fixture
def library(monkeypatch):
    """library(load): installs a module `datasets` with this load_dataset."""

    def install(load):
        module = types.ModuleType("datasets")
        module.load_dataset = load
        monkeypatch.setitem(sys.modules, "datasets", module)

    return install


def of_hub(**options) -> Bitext:
    return task(dataset="a/b", revision=COMMIT, source="en", target="de", **options)


@pytest.mark.parametrize("nested", [True, False])
def test_a_data_set_is_read_by_columns_or_languages(library, nested):
    calls = []

    def load(name, subset, *, split, revision):
        calls.append((name, subset, split, revision))
        size, seed = {"train": (300, 0), "validation": (20, 1)}[split]
        sides = {"en": lines("en", size, seed), "de": lines("de", size, seed)}
        if nested:
            return Rows(id=list(range(size)), translation=[{"en": a, "de": b} for a, b in zip(*sides.values())])
        return Rows(**sides)

    library(load)
    chosen = of_hub(subset="de-en", valid=["validation"])
    before = chosen.identity()
    data = chosen.load()
    assert calls == [("a/b", "de-en", "validation", COMMIT), ("a/b", "de-en", "train", COMMIT)]
    assert data.valid.sources == lines("en", 20, 1) and data.valid.references == lines("de", 20, 1)
    assert data.counts["train_pairs"] + len(data.tests["test"]) == 300
    assert data.checksums["validation.de"] == hashlib.sha256(joined(lines("de", 20, 1))).hexdigest()
    assert chosen.identity() == before == of_hub(subset="de-en", valid=["validation"]).identity()
    assert before != of_hub(valid=["validation"]).identity()


def test_rows_without_text_are_left_out_and_counted(library):
    pairs = [{"en": a, "de": b} for a, b in zip(lines("en", 100, 0), lines("de", 100, 0))]
    pairs[3], pairs[5], pairs[7] = {"en": "a\tb\nc", "de": "d"}, {"en": None, "de": "d"}, None
    library(lambda *_, **__: Rows(translation=pairs))
    counts = Counter()
    text = hub.read_split("a/b", None, COMMIT, "train", ("en", "de"), counts, allow_blank=True)
    assert len(text.sources) == 98 and counts == {"tabs": 1, "train_dropped_empty": 2}
    with pytest.raises(DataError, match="a/b, train, en, line 6: no text"):
        hub.read_split("a/b", None, COMMIT, "train", ("en", "de"), counts, allow_blank=False)


@pytest.mark.parametrize(
    ("load", "kind", "message"),
    [
        (lambda: Rows(text=["a"]), UserError, "a/b, train: there is no field 'en'; there are text$"),
        (
            lambda: Rows(translation=[{"fr": "a", "de": "b"}]),
            UserError,
            "translation, translation.fr, translation.de$",
        ),
        (lambda: Rows(en=[1], de=["b"]), DataError, "row 1: en must be text, got int"),
        (lambda: raising(ValueError('Unknown split "train".\nno')), UserError, 'Unknown split "train". no'),
        (lambda: raising(ConnectionError("no\nnetwork")), DataUnavailable, "loaded .ConnectionError: no network"),
    ],
)
def test_a_data_set_that_does_not_suit_is_one_line(library, load, kind, message):
    library(lambda *_, **__: load())
    with pytest.raises(kind, match=message) as error:
        of_hub().load()
    assert "\n" not in str(error.value) and type(error.value) is kind


def raising(error: Exception):
    raise error


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch):
    original = builtins.__import__

    def refuse(name, *rest):
        if name == "datasets":
            raise ModuleNotFoundError("No module named 'datasets'")
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UserError, match=r"No module named 'datasets'.*seq2seq-bench\[datasets\]") as error:
        of_hub().load()
    assert not isinstance(error.value, DataError)


def test_the_real_library_reads_a_folder_of_files(monkeypatch, tmp_path):
    """What can be seen of it without a network."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    pytest.importorskip("datasets", exc_type=ImportError)
    rows = [{"translation": {"en": a, "de": b}} for a, b in zip(lines("en", 30, 0), lines("de", 30, 0))]
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "train.jsonl").write_bytes(joined([json.dumps(row) for row in rows]))
    text = hub.read_split(str(folder), None, COMMIT, "train", ("de", "en"), Counter(), allow_blank=False)
    assert text == (lines("de", 30, 0), lines("en", 30, 0))
    with pytest.raises(UserError, match="dev"):
        hub.read_split(str(folder), None, COMMIT, "dev", ("de", "en"), Counter(), allow_blank=False)

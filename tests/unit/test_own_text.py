"""A text of the user's is what its files contain, not how their paths are written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from bench.analysis.missing_values import flatten
from bench.analysis.own_text import TEXT, with_labels
from bench.analysis.settings import add_settings
from bench.conf.compose import compose
from bench.tasks.bitext import Bitext
from tests.unit.made_up import VOCABULARY, joined, lines


@pytest.fixture(autouse=True)
def texts(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "copies").mkdir()
    for language in ("en", "de", "vi"):
        Path(f"train.{language}").write_bytes(joined(lines(language, 120, 0)))
        Path(f"valid.{language}").write_bytes(joined(lines(language, 20, 2)))
        Path(f"test.{language}").write_bytes(joined(lines(language, 20, 1)))
        shutil.copy(f"train.{language}", f"copies/another-name.{language}")


def words(source: str, target: str, model: str = "lstm_dot", **options: str) -> list[str]:
    more = [f"task.{key}={value}" for key, value in options.items()]
    vocabulary = f"task.vocabulary={VOCABULARY}"
    return ["task=bitext", f"task.source={source}", f"task.target={target}", vocabulary, f"model={model}", *more]


@pytest.mark.parametrize("folder", ["./", "copies/../", ""])
def test_another_spelling_of_a_path_is_the_same_cell(folder, tmp_path):
    plain = compose(words("train.en", "train.de"))
    assert compose(words(f"{folder}train.en", f"{folder}train.de")).hash == plain.hash
    assert compose(words(str(tmp_path / "train.en"), "train.de")).name == plain.name
    assert compose(words("train.en", "train.vi")).hash != plain.hash
    assert compose(words("train.de", "train.en")).hash != plain.hash, "the other direction"


def test_a_copy_elsewhere_is_the_same_cell_and_has_the_same_vocabulary():
    plain, copied = words("train.en", "train.de"), words("copies/another-name.en", "copies/another-name.de")
    assert compose(plain).hash == compose(copied).hash
    held_out = {name: [f"{name}.en", f"{name}.de"] for name in ("valid", "test")}
    here, there, crossed = (
        Bitext(source=source, target=target, vocabulary=VOCABULARY, **held_out).load()
        for source, target in (
            ("train.en", "train.de"),
            ("copies/another-name.en", "copies/another-name.de"),
            ("train.de", "copies/another-name.en"),
        )
    )
    assert here.vocabulary == there.vocabulary == crossed.vocabulary


def test_the_held_out_files_count_too():
    test = {"test": "[test.en,test.de]"}
    cell = compose(words("train.en", "train.de", **test))
    assert cell.hash == compose(words("train.en", "train.de", test="[./test.en,test.de]")).hash
    Path("test.en").write_bytes(joined(lines("en", 20, 5)))
    assert compose(words("train.en", "train.de", **test)).hash != cell.hash


def labelled(*settings: list[str]) -> list[str]:
    cells = [compose(each) for each in settings]
    columns = ("task", "budget_name", "model", "config")
    table = pd.DataFrame([(cell.task, cell.budget, cell.model, cell.config) for cell in cells], columns=columns)
    add_settings(table, [flatten(cell.config) for cell in cells])
    assert len(set(table["setting"])) == len(set(table["task_label"]))
    return list(table["task_label"])


def test_arms_of_one_text_are_in_one_setting_and_texts_are_named_by_their_files():
    one = words("train.en", "train.de"), words("./train.en", "copies/another-name.de", model="transformer")
    assert labelled(*one) == ["bitext", "bitext"]
    other = words("train.en", "train.vi")
    assert labelled(*one, other) == [
        *["bitext [train.en to train.de]"] * 2,
        "bitext [train.en to train.vi]",
    ]


def test_texts_of_one_name_are_told_apart():
    tested = words("train.en", "train.de", test="[test.en,test.de]")
    plain, with_test = labelled(words("train.en", "train.de"), tested)
    assert plain.startswith("bitext [train.en to train.de") and "test test.en" in with_test and plain != with_test
    flat = [flatten(compose(each).config) for each in (tested,)]
    changed = [{**each, "task.files.train.en": "0" * 64} for each in flat]
    names = [config[TEXT] for config in with_labels([*flat, *changed, *flat])]
    assert names[0] == names[2] != names[1]


def test_other_tasks_are_left_as_they_are():
    config = flatten(compose(["task=multi30k"]).config)
    assert with_labels([config]) == [config]

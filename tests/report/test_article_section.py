"""The section on the article's code, from made-up files whose truth is known; broken files are refused in one line."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.analysis import messages
from bench.errors import BrokenFile
from bench.records import article_rows
from bench.records.article_rows import CROSS_ENTROPY, RECIPES, SQUARED_ERROR, Article, ArticleFacts, ArticleRow
from bench.report.article import ArticleSection, section
from bench.report.rendering import inline

FACTS = ArticleFacts(
    call={"d_model": 20, "n_layers": 2, "n_heads": 2, "d_k": 10, "d_v": 10},
    parameters=25_532,
    steps=240,
    seeds=(11, 12, 13),
    learning_rates={SQUARED_ERROR: 0.03, CROSS_ENTROPY: 0.01},
    trials={recipe: {"0.01": (0.1, 0.2), "0.03": (0.3, 0.4)} for recipe in RECIPES},
    trial_seeds=(101, 102),
    repairs=article_rows.REPAIRS,
    words=("task=reverse",),
    config={"task": {"train_shortest": 1, "train_longest": 6, "symbols": 8}, "model": {"max_len": 16}},
    environment={"cpu": "made up"},
    code={"version": "0"},
    source="0123abcd",
)


def made(final: Mapping[str, tuple[float, ...]]) -> Article:
    """Accuracies grow in four equal parts to the final ones of each seed."""
    rows = [
        ArticleRow(recipe, seed, step, 1.0, final[recipe][place] * step / 240)
        for recipe in RECIPES
        for place, seed in enumerate(FACTS.seeds)
        for step in (60, 120, 180, 240)
    ]
    return Article(FACTS, tuple(rows))


COSTLY = made({SQUARED_ERROR: (0.42, 0.5, 0.55), CROSS_ENTROPY: (0.97, 0.99, 0.981)})


def section_of(article: Article, folder: Path) -> ArticleSection:
    article_rows.write(folder, article)
    built = section(folder, folder / "figures")
    assert built is not None
    return built


def final_mean(folder: Path, recipe: str) -> float:
    """Mean of the last step's accuracies, in percent, straight from the file."""
    with (folder / "article.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["recipe"] == recipe and row["step"] == "240"]
    assert len(rows) == 3
    return 100 * sum(float(row["valid_token_accuracy"]) for row in rows) / 3


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_number_of_the_sentence_is_in_the_files(tmp_path, language):
    sentence = section_of(COSTLY, tmp_path).sentence.render(language)
    steps, squared, entropy, passed, reached = map(float, re.findall(r"\d+(?:\.\d+)?", sentence_order(sentence)))
    assert steps == 240
    assert squared == passed == round(final_mean(tmp_path, SQUARED_ERROR), 1) == 49.0
    assert entropy == round(final_mean(tmp_path, CROSS_ENTROPY), 1) == 98.0
    # The mean curve of cross-entropy is .245, .490, .735 and .980; the recipe ends at .490, which .4903 passes.
    assert reached == 120


def sentence_order(sentence: str) -> str:
    """The sentence with the last two numbers in the English order, where Chinese has them the other way round."""
    return re.sub(r"并且 (\d+) 步之内就超过 ([\d.]+ %)", r"超过 \2 \1", sentence)


def test_without_files_there_is_no_section(tmp_path):
    assert section(tmp_path, tmp_path / "figures") is None and not (tmp_path / "figures").exists()


@pytest.mark.parametrize(
    ("squared", "entropy", "english", "chinese"),
    [
        ((0.9, 0.95, 0.97), (0.1, 0.2, 0.3), "costs nothing here", "没有代价"),
        ((0.9, 0.95, 0.97), (0.96, 0.98, 0.99), "no cost is seen", "看不出代价"),
        ((0.9, 0.95, 0.95), (0.95, 0.98, 0.99), "no cost is seen", "看不出代价"),
        ((0.9, 0.95, 0.95), (0.951, 0.98, 0.99), "within 240 steps", "240 步之内"),
    ],
)
def test_a_cost_is_claimed_only_where_the_ranges_over_seeds_are_apart(tmp_path, squared, entropy, english, chinese):
    sentence = section_of(made({SQUARED_ERROR: squared, CROSS_ENTROPY: entropy}), tmp_path).sentence
    assert english in sentence and chinese in sentence.render("zh")


def test_repairs_and_scope_are_in_both_languages(tmp_path):
    built = section_of(COSTLY, tmp_path)
    assert len(built.repairs) == 5 and "max_len, was not defined; it is 16" in built.repairs[0]
    for text in (built.title, built.sentence, built.scope, built.repairs_title, *built.repairs, built.figure.title):
        assert text and re.search("[一-鿿]{3}", text.render("zh")) and not re.search("[一-鿿]", text)
    for number in ("d_model 20", "25,532", "1 to 6", "42.0 % to 55.0 %", "97.0 % to 99.0 %"):
        assert number in built.scope
    assert "42.0 % 至 55.0 %" in built.scope.render("zh")


def test_the_figure_shows_the_mean_and_the_range_over_seeds(tmp_path):
    figure = section_of(COSTLY, tmp_path).figure
    assert figure.name == "article" and (tmp_path / "figures" / "article.png").exists()
    row = figure.numbers.set_index(["recipe", "step"]).loc[(SQUARED_ERROR, 120)]
    assert (row["mean"], row["min"], row["max"], row["seeds"]) == pytest.approx((0.245, 0.21, 0.275, 3))
    english, chinese = inline(figure, "en"), inline(figure, "zh")
    for word in ("mean squared error", "cross-entropy", "training steps", "validation token accuracy (share)"):
        assert f">{word}</text>" in english and f">{word}</text>" not in chinese
    for word in ("均方误差", "交叉熵", "训练步数"):
        assert f">{word}</text>" in chinese
    assert "var(--" in english, "colours of text and axes are the page's, light or dark"


def test_files_come_back_as_they_were_written(tmp_path):
    article_rows.write(tmp_path, COSTLY)
    assert article_rows.read(tmp_path) == replace(COSTLY, rows=tuple(round_trip(row) for row in COSTLY.rows))
    before = [(tmp_path / name).read_bytes() for name in ("article.csv", "article.json")]
    article_rows.write(tmp_path, COSTLY)
    assert before == [(tmp_path / name).read_bytes() for name in ("article.csv", "article.json")]


def round_trip(row: ArticleRow) -> ArticleRow:
    """Nine significant digits are written."""
    return replace(row, valid_token_accuracy=float(f"{row.valid_token_accuracy:.9g}"))


def of_table(change: Callable[[str], str], checksum: bool = True) -> Callable[[Path], None]:
    """Changes the table; checksum: the facts get the changed table's."""

    def apply(folder: Path) -> None:
        text = change((folder / "article.csv").read_text(encoding="utf-8"))
        (folder / "article.csv").write_text(text, encoding="utf-8")
        if checksum:
            of_facts(lambda facts: {**facts, "table_sha256": hashlib.sha256(text.encode()).hexdigest()})(folder)

    return apply


def of_facts(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        facts = json.loads((folder / "article.json").read_text(encoding="utf-8"))
        (folder / "article.json").write_text(json.dumps(change(facts)), encoding="utf-8")

    return apply


def without(name: str) -> Callable[[Path], None]:
    return of_facts(lambda facts: {key: each for key, each in facts.items() if key != name})


@pytest.mark.parametrize(
    ("break_it", "file", "cause"),
    [
        (lambda folder: (folder / "article.csv").unlink(), "csv", "No such file"),
        (lambda folder: (folder / "article.json").unlink(), "json", "No such file"),
        (lambda folder: (folder / "article.json").write_bytes(b"\xff\xfe"), "json", "decode"),
        (lambda folder: (folder / "article.json").write_text("[" * 100_000), "json", "recursion"),
        (lambda folder: (folder / "article.json").write_text("{}\n{"), "json", "Extra data"),
        (of_facts(lambda facts: [1]), "json", "not of schema 1"),
        (of_facts(lambda facts: {**facts, "schema": 2}), "json", "not of schema 1"),
        (of_facts(lambda facts: {**facts, "steps": "240"}), "json", "steps must be a whole number"),
        (of_facts(lambda facts: {**facts, "parameters": True}), "json", "parameters must be a whole number"),
        (of_facts(lambda facts: {**facts, "seeds": [11, 11]}), "json", "seeds must be distinct"),
        (of_facts(lambda facts: {**facts, "repairs": ["all"]}), "json", "unknown repairs all"),
        (of_facts(lambda facts: {**facts, "config": []}), "json", "config must map"),
        (of_facts(lambda facts: {**facts, "config": {"task": {}, "model": {}}}), "json", "lacks 'train_shortest'"),
        (of_facts(lambda facts: {**facts, "config": {"task": 1}}), "json", "task must map"),
        (of_facts(lambda facts: {**facts, "trials": {name: {"0.1": [2]} for name in RECIPES}}), "json", "a trial"),
        (without("call"), "json", "lacks 'call'"),
        (without("table_sha256"), "json", "lacks 'table_sha256'"),
        (of_table(lambda text: text.replace("0.5", "0.6"), checksum=False), "csv", "checksum"),
        (of_table(lambda text: ""), "csv", "columns"),
        (of_table(lambda text: text.replace("seed,", "seeds,")), "csv", "columns"),
        (of_table(lambda text: text.replace(",0.5\n", ",nan\n")), "csv", "line 9: valid_token_accuracy must be"),
        (of_table(lambda text: text.replace(",0.5\n", ",1.5\n")), "csv", "line 9: valid_token_accuracy must be"),
        (of_table(lambda text: text.replace(",0.5\n", "\n")), "csv", "line 9: it does not have 5 fields"),
        (of_table(lambda text: text.replace(",0.5\n", ",0.5,1\n")), "csv", "line 9: it does not have 5 fields"),
        (of_table(lambda text: text.replace("13,240", "13,250")), "csv", "steps do not end at 240"),
        (of_table(lambda text: text.rsplit("\n", 2)[0] + "\n"), "csv", "every step of every recipe"),
        (of_table(lambda text: text.replace("cross_entropy", "hinge")), "csv", "every step of every recipe"),
        (of_facts(lambda facts: {**facts, "seeds": [11, 12, 14]}), "csv", "every step of every recipe"),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_in_one_line(tmp_path, break_it, file, cause):
    article_rows.write(tmp_path, COSTLY)
    break_it(tmp_path)
    with pytest.raises(BrokenFile) as error:
        section(tmp_path, tmp_path / "figures")
    message = str(error.value)
    assert message.startswith(f"{tmp_path / f'article.{file}'} is broken: ") and cause in message, message
    assert message.endswith("run `bench article` again") and "\n" not in message and len(message) < 400


def test_texts_have_no_leftover_placeholder(tmp_path):
    built = section_of(COSTLY, tmp_path)
    for language in messages.languages():
        for text in (built.sentence, built.scope, *built.repairs, built.figure.caption):
            assert "{" not in text.render(language)

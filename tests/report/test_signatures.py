"""Scores that were computed in different ways are never compared or averaged, and none rests on an undefined one."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from bench.analysis import exploratory, results_table, significance
from bench.analysis.claims import judge
from bench.analysis.compare import sets, words
from bench.analysis.evidence import Evidence
from bench.analysis.signatures import is_separated
from bench.evaluation.length_penalty import choose
from bench.evaluation.search_config import Search
from bench.metrics import NO_FOUR_TOKENS
from bench.records import store
from bench.report import labels, page, series
from bench.report.tables import facts, families, results, translation
from bench.runs import rescore
from bench.tasks.kinds.translation import Translation
from bench.training.progress import Silent
from tests.report import pages
from tests.report.conftest import Folder
from tests.unit import answers
from tests.unit.test_penalty import A, B, Letters, ShortOrLong, valid

FLORES, CHAR = (f"nrefs:1|case:mixed|eff:no|tok:{name}|smooth:exp|version:2.6.0" for name in ("flores200", "char"))
DRAWS = {"seed": 1, "resamples": 20, "trials": 20}
SPLIT = "test_2016_flickr"


def rows(bleu: float | None, signature: str, chrf: float = 50.0) -> list[dict]:
    """Scores of a cell: BLEU, undefined if None, and chrF; on the whole split and at two lengths."""
    base = {"split": SPLIT, "search": "greedy", "unit": "points", "n": 40}
    scores = []
    for axis, at in ((None, None), ("length", 5), ("length", 10)):
        where = {"axis": axis, "at": at}
        reason = {} if bleu is not None else {"reason": NO_FOUR_TOKENS}
        scores.append(base | where | {"metric": "bleu", "value": bleu, "signature": signature} | reason)
        scores.append(base | where | {"metric": "chrf", "value": chrf, "signature": "chrF2"})
    return scores


def fill(folder: Folder, arms: dict[str, tuple[float | None, str, float]], seeds: tuple[int, ...] = (1, 2, 3)) -> None:
    for arm, (bleu, signature, chrf) in arms.items():
        for seed in seeds:
            value = None if bleu is None else bleu + 0.1 * seed
            folder.cell("multi30k", arm, seed, change={"scores": rows(value, signature, chrf + 0.1 * seed)})


@pytest.fixture
def mixed(folder: Folder) -> Folder:
    """Two arms with BLEU by different tokenisers, 40 points apart; by chrF the other one is better."""
    fill(folder, {"transformer": (60.0, CHAR, 50.0), "lstm_dot": (20.0, FLORES, 55.0)})
    return folder


def evidence(folder: Folder) -> Evidence:
    return Evidence(store.load(folder.path))


def test_another_version_of_a_library_is_no_other_signature(folder):
    fill(folder, {"transformer": (60.0, CHAR, 50.0), "lstm_dot": (20.0, CHAR.replace("2.6", "2.5"), 50.0)})
    every = evidence(folder)
    (setting,) = every.settings()
    assert every.metrics(setting) == ["bleu", "chrf"] and every.headline(setting).metric == "bleu"


def test_metrics_with_several_signatures_are_separate_and_no_headline(mixed):
    every = evidence(mixed)
    (setting,) = every.settings()
    assert set(every.metrics(setting)) == {"bleu (tok:char)", "bleu (tok:flores200)", "chrf"}
    assert every.headline(setting).metric == "chrf"
    table = results_table.table(every)
    assert set(table["metric"]) == {"bleu", "chrf"} and set(table["signature"]) == {CHAR, FLORES, "chrF2"}


def test_no_verdict_or_figure_compares_them(mixed, tmp_path):
    compared = [each.comparison for each in exploratory.judgements(evidence(mixed), [])]
    assert compared and not [each for each in compared if "bleu" in str(each.metric)]
    assert not [each for verdict in judge.verdicts(store.load(mixed.path)) for each in verdict.comparisons]
    (row,) = families.table_of(evidence(mixed)).rows
    assert row[1].text.startswith("chrF") and "Transformer" not in row[2].text


def test_the_report_says_that_they_are_separate(mixed):
    every = evidence(mixed)
    (setting,) = every.settings()
    (warning,) = [text for text in facts.warnings(every) if "different ways" in text]
    assert "judged by chrF" in warning and "tok:char" in warning and "chrF" in warning.render("zh")
    table = translation.table_of(every, setting)
    assert {str(name) for name in table.columns if "bleu" in str(name)} == {
        "bleu (tok:char), greedy search", "bleu (tok:flores200), greedy search",
    }  # fmt: skip
    for row in table.rows:
        assert [cell.text for cell in row[2:]].count("-") == 1, "an arm has one of them only"


def test_two_folders_are_not_compared_by_them(folder, tmp_path):
    other = Folder(tmp_path / "other")
    fill(folder, {"transformer": (60.0, CHAR, 50.0)})
    fill(other, {"transformer": (20.0, FLORES, 50.0)})
    comparison = sets.compare(folder.path, other.path, **DRAWS)
    assert {score.metric for score in comparison.scores} == {"chrf"}
    (line,) = comparison.not_compared
    assert "bleu" in line and "tok:char in A, tok:flores200 in B" in line
    assert line in "\n".join(words.lines(comparison)) and words.NO_CHANGE not in list(words.lines(comparison))


def test_of_a_mixed_folder_only_the_part_that_is_alike_is_compared(mixed, tmp_path):
    other = Folder(tmp_path / "other")
    fill(other, {"transformer": (61.0, CHAR, 50.0), "lstm_dot": (60.0, CHAR, 55.0)})
    comparison = sets.compare(mixed.path, other.path, **DRAWS)
    by = {(score.arm, score.metric): score.difference for score in comparison.scores}
    assert by["transformer", "bleu"] == pytest.approx(1.0) and ("lstm_dot", "bleu") not in by
    assert len(comparison.not_compared) == 1 and "lstm_dot" in comparison.not_compared[0]


def test_the_axis_says_its_unit(folder):
    folder.cell("multi30k", "transformer", 1)
    every = evidence(folder)
    assert series.length_unit(every, every.settings()[0]) == "words"
    folder.cell("multi30k", "transformer", 1, change={"data.language": {"length_unit": "characters"}})
    every = evidence(folder)
    label = labels.axis_label("length", series.length_unit(every, every.settings()[0]))
    assert label == "length of the source (characters)" and "字符" in label.render("zh")


# Undefined


@pytest.fixture
def undefined(folder: Folder) -> Folder:
    fill(folder, {"transformer": (None, CHAR, 90.0), "lstm_dot": (None, CHAR, 50.0)})
    return folder


def test_an_undefined_headline_falls_to_the_next_metric(undefined):
    every = evidence(undefined)
    (setting,) = every.settings()
    assert every.headline(setting).metric == "chrf" and every.metrics(setting) == ["chrf"]
    assert [(row.metric, row.reason, row.headline) for row in every.passed_over(setting)] == [
        ("bleu", NO_FOUR_TOKENS, "chrf")
    ]
    checked = {result.gate.name: result.outcome for result in next(iter(every.gate_results.values()))}
    assert checked["length ratio"] == "passed", "it is a translation, whatever its BLEU"


def test_no_verdict_rests_on_what_is_undefined(undefined):
    for verdict in judge.verdicts(store.load(undefined.path)):
        assert not [each for each in verdict.comparisons if each.comparison.metric == "bleu"]
        assert not [each for each in verdict.comparisons if math.isnan(each.mean) and each.p_holm is not None]


def test_tables_show_what_is_undefined(undefined):
    every = evidence(undefined)
    (setting,) = every.settings()
    table = results_table.table(every)
    assert len(table) == 2 * 3 * 6 and table[table["metric"] == "bleu"]["value"].isna().all()
    assert table[table["metric"] == "chrf"]["value"].notna().all()
    shown = [[str(cell.text) for cell in row] for row in results.other_scores(every, setting).rows]
    assert [row[3] for row in shown if row[4] == f"undefined: {NO_FOUR_TOKENS}"] == ["lstm_dot", "transformer"]
    note = results.of_setting(every, setting).note
    assert "chrF is read in its place" in note and "没有定义" in note.render("zh")
    assert [text for text in facts.warnings(every) if NO_FOUR_TOKENS in text]


@pytest.mark.slow
def test_a_report_is_built_without_defined_bleu(undefined):
    page.build(undefined.path, languages=["en", "zh"])
    assert f"undefined: {NO_FOUR_TOKENS}" in pages.markdown(undefined.path)
    table = pd.read_csv(undefined.path / "results.csv")
    assert table[table["metric"] == "bleu"]["value"].isna().all()


def test_a_tokeniser_that_was_missing_or_undetermined_is_a_warning(folder):
    because = {"transformer": ("missing", "flores200"), "lstm_dot": ("undetermined", "13a")}
    for arm, (reason, wanted) in because.items():
        language = {"tokeniser": "char", "tokeniser_because": reason, "tokeniser_wanted": wanted}
        change = {"scores": rows(50.0, CHAR), "data.language": language}
        folder.cell("multi30k", arm, 1, change=change)
    texts = sorted(text for text in facts.warnings(evidence(folder)) if "n-grams are counted" in text)
    assert len(texts) == 2 and "because flores200 was not" in texts[0] and "task.target_language" in texts[1]


def test_compare_says_what_is_undefined(undefined, tmp_path):
    comparison = sets.compare(undefined.path, undefined.path, **DRAWS)
    assert comparison.not_compared == [f"multi30k, {SPLIT}, bleu: undefined, {NO_FOUR_TOKENS} (A and B)"]


def test_earlier_records_with_zero_are_read_as_they_are(folder, tmp_path):
    fill(folder, {"transformer": (0.0, CHAR, 90.0)}, seeds=(1,))
    every = evidence(folder)
    assert every.headline(every.settings()[0]).metric == "bleu" and every.undefined.empty


# Tests over segments, and scoring again


def cell(out: Path, name: str, texts: list[str], changed: int, tokeniser: str | None = None) -> Path:
    """A cell whose first outputs differ from the references; tokeniser: other signature of BLEU."""
    hypotheses = [*["错了吧。"] * changed, *texts[changed:]]
    folder = answers.cell(out, name, {("test", "greedy"): (texts, texts, hypotheses)})
    if tokeniser:
        record = json.loads((folder / store.RECORD).read_text(encoding="utf-8"))
        for score in record["scores"]:
            if score["metric"] == "bleu":
                score["signature"] = score["signature"].replace("tok:13a", f"tok:{tokeniser}")
        (folder / store.RECORD).write_text(store.record_text(record), encoding="utf-8")
    return folder


CHINESE = [f"我看见{number}个红杯子在桌上。" for number in "一二三四五六七八九十"] * 3


def test_segments_are_tested_with_the_tokeniser_of_the_record(tmp_path):
    one, other = (cell(tmp_path, name, CHINESE, count, "zh") for name, count in (("one", 0), ("two", 9)))
    comparison = significance.compare(one, other, **DRAWS)
    bleu = comparison.tested[0]
    assert bleu.first == pytest.approx(100) and 50 < bleu.second < 90 and "tok:zh" in bleu.bootstrap_signature


def test_segments_with_different_signatures_or_undefined_metrics_are_not_tested(tmp_path):
    one, other = cell(tmp_path, "one", CHINESE, 0, "zh"), cell(tmp_path, "two", CHINESE, 9)
    comparison = significance.compare(one, other, **DRAWS)
    assert [row.metric for row in comparison.tested] == ["chrf"]
    assert comparison.left_out == ["bleu: the signatures differ (tok:zh and tok:13a)"]
    assert "not tested by bleu" in "\n".join(significance.lines(comparison))
    with pytest.raises(significance.UserError, match="signatures differ"):
        significance.compare(one, other, metrics=["bleu"], **DRAWS)
    short = [cell(tmp_path, name, ["a b", "b c"] * 5, count) for name, count in (("three", 0), ("four", 3))]
    assert significance.compare(*short, **DRAWS).left_out == [f"bleu: undefined, {NO_FOUR_TOKENS}"]


def test_a_tokeniser_that_would_be_downloaded_is_not_used(tmp_path):
    one, other = (cell(tmp_path, name, CHINESE, count, "spm") for name, count in (("one", 0), ("two", 9)))
    assert "no tokeniser of this program" in significance.compare(one, other, **DRAWS).left_out[0]


def test_scoring_again_reads_the_tokeniser_from_the_signature(tmp_path, monkeypatch):
    monkeypatch.setattr(rescore, "_task_metrics", lambda folder, record: Translation.metrics.fget(None))
    folder = cell(tmp_path, "one", CHINESE, 9, "zh")
    record = json.loads((folder / store.RECORD).read_text(encoding="utf-8"))
    for score in record["scores"]:
        score |= {"n": len(CHINESE), "at": None}
    (folder / store.RECORD).write_text(store.record_text(record), encoding="utf-8")
    with pytest.raises(rescore.DataError, match="bleu"):  # the value of 13a under the signature of zh
        rescore.rescore(folder)
    record["scores"] = [score for score in record["scores"] if score["metric"] != "bleu"]
    record["data"] = {"language": {"tokeniser": "zh"}}
    (folder / store.RECORD).write_text(store.record_text(record), encoding="utf-8")
    assert rescore.rescore(folder).added == ["bleu"]
    scores = {score["metric"]: score for score in store.read(folder)["scores"]}
    assert "tok:zh" in scores["bleu"]["signature"] and 50 < scores["bleu"]["value"] < 90
    assert rescore.rescore(folder) == (3, 0, [])


@pytest.mark.parametrize("recorded", [None, 0.0])
def test_scoring_again_confirms_undefined_scores_and_earlier_zeros(recorded, tmp_path, monkeypatch):
    monkeypatch.setattr(rescore, "_task_metrics", lambda folder, record: ("bleu",))
    folder = cell(tmp_path, "one", ["a b", "b c"] * 5, 0)
    record = json.loads((folder / store.RECORD).read_text(encoding="utf-8"))
    record["scores"] = [score | {"n": 10, "at": None} for score in record["scores"] if score["metric"] == "bleu"]
    assert record["scores"][0]["value"] == 0.0, "what sacreBLEU gives"
    record["scores"][0]["value"] = recorded
    (folder / store.RECORD).write_text(store.record_text(record), encoding="utf-8")
    assert rescore.rescore(folder) == (1, 0, [])


class Undefined(Letters):
    """Letters whose first metric is undefined, because no answer has four of them."""

    metrics = ("bleu", "exact_match")


def test_a_length_penalty_is_not_chosen_by_an_undefined_metric():
    searches = [Search(3, penalty) for penalty in (0.0, 2.0)]
    best, choice = choose(ShortOrLong().eval(), Undefined(), valid([[A, B]] * 4), searches, 100, "cpu", Silent())
    assert (best.length_penalty, choice["metric"]) == (2.0, "exact_match")


def test_names_of_separate_metrics_are_recognised():
    assert is_separated("bleu (tok:zh)") and not is_separated("bleu") and not is_separated("bleu_lit_de")

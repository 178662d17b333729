"""The first page: eight verdicts with their sentences, each with one figure, and little else."""

from __future__ import annotations

import html
import json
import math
import re
from pathlib import Path

import pandas as pd
import pytest

from bench.analysis.claims import judge
from bench.analysis.evidence import Evidence
from bench.records import pool, store
from bench.report import page
from bench.report.figures import deciding
from tests.report import pages

ROOT = Path(page.__file__).parents[2]
MAX_FIGURES, MAX_BYTES = 12, 1_200_000


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_first_page_is_short(answered, language):
    text = pages.html_pages(answered.path, language)["report.html" if language == "en" else "report.zh.html"]
    drawn = text.count("<figure")
    assert text.count('<details class="claim"') == 8 and drawn <= MAX_FIGURES
    assert len(text.encode()) <= MAX_BYTES
    assert drawn == 5, "A, C (its costs), D, G and H have a figure each"


@pytest.mark.slow
def test_the_first_page_of_a_reference_folder_is_short(tmp_path):
    page.build(ROOT / "results/reference/long_range", tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert 1 <= text.count("<figure") <= MAX_FIGURES and len(text.encode()) <= MAX_BYTES


def test_where_most_claims_are_not_tested_scores_come_first_and_these_claims_in_one_line(folder):
    for arm in ("transformer", "lstm_none"):
        for seed in (1, 2):
            folder.cell("reverse", arm, seed)
    page.build(folder.path, folder.path)
    shown, text = ((folder.path / f"report.{kind}").read_text(encoding="utf-8") for kind in ("html", "md"))
    verdicts = json.loads((folder.path / "verdicts.json").read_text(encoding="utf-8"))["claims"]
    untested = [each["letter"] for each in verdicts if each["verdict"] == "not tested"]
    assert 4 < len(untested) < 8
    assert shown.index('id="scores"') < shown.index('id="table-results-reverse') < shown.index('id="verdicts"')
    one_line = shown[shown.index('id="untested"') :]
    for letter in "ABCDEFGH":
        assert (f'id="claim-{letter}"' in one_line) == (letter in untested) and f'id="claim-{letter}"' in shown
    rows = [
        line for line in text[text.index("## Verdicts") : text.index("## Claim by claim")].splitlines()[4:] if line
    ]
    assert len(rows) == 8 - len(untested) + 1 and rows[-1].count(";") == len(untested) - 1
    assert text.index("## Scores") < text.index("## Verdicts")
    assert "`bench suite quick --out results/runs/quick`" in text, "code is code"


@pytest.mark.slow
def test_every_figure_and_table_stands_on_one_page_alone(answered):
    every = pages.html_pages(answered.path)
    for name in (path.stem for path in (answered.path / "figures").glob("*.svg")):
        assert sum(text.count(f'<figure id="{name}"') for text in every.values()) == 1, name
    tables = [name for text in every.values() for name in re.findall(r'<table class="sortable" id="([^"]+)"', text)]
    assert len(tables) == len(set(tables)) > 15


@pytest.mark.slow
def test_a_verdict_stands_with_its_sentence_and_everything_behind_it(answered):
    text = pages.html_pages(answered.path)["report.html"]
    claims = dict(re.findall(r'<details class="claim" id="claim-([A-H])">(.*?)</details>', text, flags=re.DOTALL))
    verdicts = json.loads((answered.path / "verdicts.json").read_text(encoding="utf-8"))["claims"]
    assert [each["letter"] for each in verdicts] == list(claims) == list("ABCDEFGH")
    assert {"supported", "refuted", "qualified", "not tested"} <= {each["verdict"] for each in verdicts}
    for letter, verdict in zip("ABCDEFGH", verdicts):
        shown = html.unescape(re.sub("</?code>", "`", claims[letter]))
        summary = shown[: shown.index("</summary>")]
        assert verdict["verdict"] in summary and verdict["answer"] in summary
        texts = [verdict[part] for part in ("scope", "rule", "predicts", "corrected", "sentence", "command")]
        for text in [*texts, *verdict["evidence"], verdict["needed"] or ""]:
            assert text in shown, (letter, text)
        assert (f'id="deciding-{letter}"' in shown) == (letter in "ACDGH"), letter


@pytest.mark.slow
def test_the_figure_of_claim_a_shows_the_arms_by_distance(answered):
    table = pd.read_csv(answered.path / "tables" / "deciding-A.csv")
    assert set(table["arm"]) == {"transformer", "lstm_none", "gru_none", "lstm_dot", "gru_dot"}
    assert list(table[table["arm"] == "lstm_none"]["at"]) == list(range(2, 33, 2)) and set(table["seeds"]) == {3}
    own = table[table["arm"] == "lstm_none"].set_index("at")
    assert own.loc[2, "mean"] > 0.85 and own.loc[32, "mean"] < 0.1
    assert (own["min"] <= own["mean"]).all() and (own["mean"] <= own["max"]).all()


@pytest.mark.slow
def test_every_seed_of_a_compared_arm_is_a_dot(answered):
    table = pd.read_csv(answered.path / "tables" / "deciding-H.csv")
    records = {path.parent.name: json.loads(path.read_text()) for path in answered.path.glob("multi30k*/record.json")}
    expected = {
        (record["model"], record["seed"]): score["value"]
        for record in records.values() for score in record["scores"]
        if [score[key] for key in ("split", "search", "metric", "at")] == ["test_2016_flickr", "greedy", "bleu", None]
    }  # fmt: skip
    for row in table[~table["measure"].str.contains("beam")].itertuples():
        assert row.value == pytest.approx(expected[row.arm, row.seed])
    for (_, _), own in table.groupby(["measure", "arm"]):
        assert own["mean"].iloc[0] == pytest.approx(own["value"].mean()) and len(own) == 3


@pytest.mark.slow
def test_the_figure_of_claim_d_shows_ratios_of_the_profile(answered):
    table = pd.read_csv(answered.path / "tables" / "deciding-D.csv")
    training = table[table["measure"].str.contains("training")].iloc[0]
    assert training["pair"] == "transformer / lstm_dot" and training["ratio"] == pytest.approx(0.5, rel=0.02)
    assert training["low"] < training["ratio"] < training["high"]
    state = table[table["measure"].str.contains("state")].iloc[0]
    assert state["ratio"] == pytest.approx(2) and math.isnan(state["low"]), "counted: no interval"


def test_errors_keep_their_sign_and_what_has_no_value_no_figure(folder, tmp_path):
    folder.budget = "made_up"
    for arm in ("lstm_dot", "lstm_none"):
        for seed in (1, 2, 3):
            made = folder.cell("recall", arm, seed, level=lambda split, at: 0.2)
            rows = [row | {"metric": "mse", "unit": "squared error"} for row in made["scores"]]
            store.write(folder.path, made | {"scores": rows, "data": made["data"] | {"chance": {"mse": 0.5}}})
    evidence = Evidence(pool.read([folder.path]).records)
    drawn = {each.letter: deciding.draw(evidence, each, tmp_path) for each in judge.verdicts_from(evidence)}
    assert [letter for letter, figure in drawn.items() if figure] == ["G"]
    assert drawn["G"].numbers["value"].between(0.19, 0.21).all() and set(drawn["G"].numbers["chance"]) == {0.5}


@pytest.mark.slow
def test_an_earlier_report_s_task_pages_go_and_nothing_else(folder):
    folder.cell("recall")
    page.build(folder.path, None, ("en", "zh"))
    assert {path.name for path in (folder.path / "tasks").iterdir()} == {
        "recall-quick-100000-cpu.html", "recall-quick-100000-cpu.zh.html"
    }  # fmt: skip
    (folder.path / "notes.html").write_text("mine")
    page.build(folder.path)
    assert {path.name for path in (folder.path / "tasks").iterdir()} == {"recall-quick-100000-cpu.html"}
    assert not (folder.path / "details.zh.html").exists() and (folder.path / "notes.html").read_text() == "mine"

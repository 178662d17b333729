"""What a report shows of translations beside the headline: greedy and beam in columns, the beam's scores against
length, and what its length penalty was chosen from."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from bench.report import page
from tests.report import pages
from tests.report.conftest import Folder

BEAM = "beam search of size 5"
SEARCHES = {"greedy": 0.0, "beam5": 2.0, "teacher-forced": 0.0}
METRICS = {"bleu": 20.0, "chrf": 40.0, "exact_match": 0.1}
SPLITS = ("test_2016_flickr", "test_2017_flickr")


def scores(better: float) -> list[dict]:
    """Of one cell. Planted: whole = metric's own + search's own + `better`, at a length that less the length."""
    rows = []
    for split in SPLITS:
        for search, gain in SEARCHES.items():
            for metric, base in METRICS.items() if search != "teacher-forced" else (("loss", 3.0),):
                unit = {"bleu": "points", "chrf": "points", "exact_match": "share"}.get(metric, "nats a position")
                for axis, at in ((None, None), ("length", 5), ("length", 10), ("depth", 1)):
                    value = base if unit != "points" else base + gain + better - (at or 0)
                    rows.append(
                        {"split": split, "search": search, "metric": metric, "value": value, "unit": unit,
                         "n": 40, "axis": axis, "at": at, "signature": metric}
                    )  # fmt: skip
    return rows


CHOICE = {
    "chosen": 0.6, "search": "beam5", "metric": "bleu", "unit": "points", "signature": "bleu",
    "candidates": [{"length_penalty": 0.0, "value": 30.123}, {"length_penalty": 0.6, "value": 31.5}],
}  # fmt: skip


@pytest.fixture(scope="module")
def translated(tmp_path_factory):
    """A report of two arms with two seeds on a translation task, one with a choice, and of an arm on another task."""
    folder = Folder(tmp_path_factory.mktemp("translated") / "results")
    for arm, better in (("transformer", 3.0), ("lstm_dot", 0.0)):
        for seed in (1, 2):
            change = {"scores": scores(better + seed)}
            if arm == "transformer":
                change["selection.length_penalty"] = CHOICE
            folder.cell("multi30k", arm, seed, change=change)
    folder.cell("recall", "lstm_dot", 1)
    page.build(folder.path)
    return folder.path


@pytest.mark.slow
def test_greedy_and_beam_stand_in_columns_of_their_own(translated):
    table = pd.read_csv(translated / "tables" / "translation-multi30k-quick-100000-cpu.csv")
    assert list(table.columns) == [
        "split",
        "arm",
        *(f"{of}, {by}" for of in ("BLEU", "chrF") for by in ("greedy search", BEAM)),
    ]
    assert table[["split", "arm"]].values.tolist() == [[s, a] for s in SPLITS for a in ("transformer", "lstm_dot")]
    first = [float(text.split()[0]) for text in table.iloc[0, 2:]]
    assert first == [24.5, 26.5, 44.5, 46.5]  # seeds 1 and 2: 1.5 on top
    assert table.iloc[1][f"BLEU, {BEAM}"] == "23.50 [23.00, 24.00] (23.00-24.00)"
    for text in (pages.markdown(translated), pages.html(translated)):
        assert len(re.findall("<h2>Greedy and beam|^### Greedy and beam", text, flags=re.MULTILINE)) == 1


@pytest.mark.parametrize(("metric", "base"), [("bleu", 20.0), ("chrf", 40.0)])
@pytest.mark.parametrize("split", SPLITS)
def test_scores_of_the_beam_are_drawn_by_length(translated, metric, base, split):
    name = f"length-{metric}-beam5-multi30k-quick-100000-cpu-{split}"
    assert (translated / "figures" / f"{name}.svg").is_file() and (translated / "figures" / f"{name}.png").is_file()
    numbers = pd.read_csv(translated / "tables" / f"{name}.csv")
    assert numbers[["search", "split", "metric"]].drop_duplicates().values.tolist() == [["beam5", split, metric]]
    means = numbers.set_index(["arm", "at"])["mean"].to_dict()
    assert means == {
        (arm, at): base + 2.0 + better + 1.5 - at
        for arm, better in (("transformer", 3.0), ("lstm_dot", 0.0)) for at in (5, 10)
    }  # fmt: skip
    title = f"{'BLEU' if metric == 'bleu' else 'chrF'} against length, {BEAM}, split {split}"
    assert title.replace("_", "\\_") in pages.markdown(translated)


def test_the_headline_is_drawn_once_and_under_its_own_name(translated):
    names = {path.stem for path in (translated / "figures").glob("length-*.svg")}
    expected = {f"length-{measure}multi30k-quick-100000-cpu-{split}" for split in SPLITS
                for measure in ("", "bleu-beam5-", "chrf-beam5-")}  # fmt: skip
    assert names == expected
    numbers = pd.read_csv(translated / "tables" / f"length-multi30k-quick-100000-cpu-{SPLITS[0]}.csv")
    assert set(numbers["search"]) == {"greedy"} and set(numbers["metric"]) == {"bleu"}


def test_claim_a_leads_to_long_sentences_and_judges_nothing_by_them(translated):
    names = [f"length-bleu-beam5-multi30k-quick-100000-cpu-{split}" for split in SPLITS]
    text = pages.markdown(translated)
    claims = re.split(r"^### (?=[A-H]\. )", text[text.index("## Claim by claim") :], flags=re.MULTILINE)[1:]
    listed = re.compile(r"^  - (\w+): \[.*\]\(figures/(.*)\.png\)$", flags=re.MULTILINE)
    figures_by_claim = {claim[0]: listed.findall(claim) for claim in claims}
    assert figures_by_claim == {
        letter: [("multi30k", name) for name in names] if letter == "A" else [] for letter in "ABCDEFGH"
    }
    html = pages.html(translated)
    (task,) = (translated / "tasks").glob("multi30k-*")
    links = [f'href="tasks/{task.name}#{name}"' for name in names]
    assert [(html.count(link), html.count(f'id="{name}"')) for link, name in zip(links, names)] == [(1, 1)] * 2
    verdicts = json.loads((translated / "verdicts.json").read_text(encoding="utf-8"))
    assert verdicts["claims"][0]["verdict"] == "not tested"


@pytest.mark.slow
def test_without_a_beam_greedy_search_is_all_there_is(folder):
    greedy = [row for row in scores(0.0) if row["search"] == "greedy"]
    folder.cell("multi30k", "lstm_dot", 1, change={"scores": greedy})
    page.build(folder.path)
    table = pd.read_csv(folder.path / "tables" / "translation-multi30k-quick-100000-cpu.csv")
    assert list(table.columns) == ["split", "arm", "BLEU, greedy search", "chrF, greedy search"]
    names = {path.stem for path in (folder.path / "figures").glob("length-*.svg")}
    assert names == {f"length-{measure}multi30k-quick-100000-cpu-{split}" for split in SPLITS
                     for measure in ("", "chrf-greedy-")}  # fmt: skip
    long_sentences = pages.markdown(folder.path).split("**Long sentences**")[1]
    assert f"](figures/length-multi30k-quick-100000-cpu-{SPLITS[0]}.png)" in long_sentences


def test_without_points_there_is_no_translation(folder):
    folder.cell("recall", "lstm_dot", 1)
    page.build(folder.path)
    assert not list((folder.path / "tables").glob("translation-*"))
    text = pages.markdown(folder.path)
    for words in ("Greedy and beam", "Length penalties", "Long sentences"):
        assert words not in text


def test_what_a_length_penalty_was_chosen_from_is_said(translated):
    table = pd.read_csv(translated / "tables" / "length-penalties.csv", dtype=str)
    assert table.drop(columns="task").values.tolist() == [
        ["transformer", seed, f"{BEAM}, bleu (points)", "0.6", "0: 30.12; 0.6: 31.5"] for seed in ("1", "2")
    ]
    for text in (pages.markdown(translated), pages.html(translated)):
        methods = text[re.search(r"<h2>Methods|^## Methods", text, flags=re.MULTILINE).start() :]
        assert "Length penalties chosen on validation" in methods and "0: 30.12; 0.6: 31.5" in methods

"""Scores of phenomena in a report, from made-up records whose truth is known."""

from __future__ import annotations

import csv

import pytest

from bench.analysis.claims import judge
from bench.analysis.evidence import Evidence
from bench.records import store
from bench.records.phenomena import CONTRAST, WORD
from bench.report import page, series
from bench.report.figures import phenomena
from tests.report import pages

SIGNATURE = {WORD: "decisive word", CONTRAST: "wrong word"}


def rows(kind: str, values: dict[int, tuple[float, int]], split: str = "test", name: str = "agreement") -> list[dict]:
    """values: at a distance, the share and the number of examples."""
    total = sum(n for _, n in values.values())
    whole = sum(value * n for value, n in values.values()) / total
    base = {"split": split, "search": "greedy" if kind == WORD else "teacher-forced", "metric": f"{name}_{kind}",
            "unit": "share", "signature": SIGNATURE[kind]}  # fmt: skip
    parts = [(None, None, whole, total), *((f"{name}_distance", at, value, n) for at, (value, n) in values.items())]
    return [base | {"axis": axis, "at": at, "value": value, "n": n} for axis, at, value, n in parts]


def planted(folder, more: bool = True) -> None:
    """Three seeds of reverse for three arms; more: with scores of two phenomena."""
    for arm, low in (("transformer", 0.9), ("lstm_dot", 0.8), ("lstm_none", 0.2)):
        for seed in (1, 2, 3):
            right = low + 0.01 * seed
            made = folder.cell("reverse", arm, seed, level=lambda split, at, low=low: low, noise=0.02)
            extra = [
                *rows(WORD, {1: (1.0, 50), 2: (right, 30), 3: (0.5, 10)}),
                *rows(CONTRAST, {1: (1.0, 50), 2: (right, 30), 3: (0.5, 10)}),
                *rows(WORD, {16: (right / 2, 20)}, "test_longer"),
                *rows(WORD, {1: (1.0, 90)}, name="verb_final"),
            ]
            if more:
                folder.cell("reverse", arm, seed, level=lambda split, at, low=low: low, noise=0.02,
                            change={"scores": [*made["scores"], *extra]})  # fmt: skip


def test_distances_are_put_into_bins_by_the_number_of_examples(folder):
    planted(folder)
    evidence = Evidence(store.load(folder.path))
    (setting,) = evidence.settings()
    table = series.by_distance(evidence, setting, WORD, "test")
    (row,) = table[(table.arm == "transformer") & (table.phenomenon == "agreement") & (table["at"] == 2)].itertuples()
    shares = [(right * 30 + 0.5 * 10) / 40 for right in (0.91, 0.92, 0.93)]
    assert (row.mean, row.min, row.max) == pytest.approx((shares[1], shares[0], shares[2]))
    assert (row.seeds, row.examples) == (3, 40)
    assert set(table["at"]) == {1, 2} and set(table.phenomenon) == {"agreement", "verb_final"}


@pytest.mark.slow
def test_figures_are_of_the_first_split_and_of_the_one_that_reaches_farthest(folder, tmp_path):
    planted(folder)
    evidence = Evidence(store.load(folder.path))
    (setting,) = evidence.settings()
    figures = phenomena.of_setting(evidence, setting, tmp_path)
    assert [figure.title for figure in figures] == [
        "Decisive words correct, split test",
        "Decisive words correct, by phenomenon and distance, split test",
        "Decisive words correct, split test_longer",
        "Decisive words correct, by phenomenon and distance, split test_longer",
        "Reference above the foil, split test",
        "Reference above the foil, by phenomenon and distance, split test",
    ]
    assert all(("verb final" in figure.svg) == (figure in figures[:2]) for figure in figures[:4])
    assert {path.name for path in tmp_path.glob("*.png")} == {f"{figure.name}.png" for figure in figures}


@pytest.mark.slow
def test_they_are_shown_and_written_out_but_count_for_no_verdict(folder, tmp_path):
    planted(folder, more=False)
    before = judge.verdicts(store.load(folder.path))
    planted(folder)
    records = store.load(folder.path)
    assert judge.verdicts(records) == before
    page.build(folder.path)
    text = pages.markdown(folder.path)
    assert "| verb final | decisive words correct | test | 90 |" in text
    assert "agreement\\_word" not in text.split("### Phenomena")[0]
    with (folder.path / "results.csv").open() as file:
        written = list(csv.DictReader(file))
    assert len(written) == len(records.scores) and any(row["metric"] == "agreement_contrast" for row in written)


@pytest.mark.slow
def test_a_report_without_phenomena_says_nothing_of_them(folder, tmp_path):
    planted(folder, more=False)
    page.build(folder.path)
    assert "Phenomena" not in pages.markdown(folder.path)
    assert not list((folder.path / "figures").glob("phenomena*"))

"""Tests between two cells: a planted difference is found and an absent one is not; the numbers are sacrebleu's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import __main__
from bench.analysis import significance
from bench.records import hypotheses
from tests.unit import answers

ROOT = Path(__file__).resolve().parents[2]
SOURCES, REFERENCES = answers.sentences(150, 1), answers.sentences(150, 2)
FEW = {"seed": 7, "resamples": 200, "trials": 400}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bad: twice the errors of good; other: as good as good, with errors of its own; same: good's answers."""
    out = tmp_path_factory.mktemp("results")
    good = answers.noisy(REFERENCES, 0.2, 3)
    systems = {"good": good, "bad": answers.noisy(REFERENCES, 0.4, 4), "other": answers.noisy(REFERENCES, 0.2, 5),
               "same": good, "nearly": [REFERENCES[0], *good[1:]]}  # fmt: skip
    for name, lines in systems.items():
        both = (SOURCES, REFERENCES, lines)
        answers.cell(out, name, {("test", "greedy"): both, ("test", "beam5"): both, ("second", "greedy"): both})
    return out


def compared(results: Path, first: str, second: str, **options) -> significance.CellComparison:
    return significance.compare(results / first, results / second, **FEW | options)


def test_a_planted_difference_is_found(results: Path) -> None:
    comparison = compared(results, "good", "bad")
    assert (comparison.split, comparison.search, comparison.segments) == ("test", "greedy", 150)
    assert [row.metric for row in comparison.tested] == ["bleu", "chrf"]
    for row in comparison.tested:
        assert row.second < row.first
        assert row.bootstrap_p == pytest.approx(1 / 201) and row.randomisation_p == pytest.approx(1 / 401)
        assert row.means[1] + row.halves[1] < row.means[0] - row.halves[0]


def test_an_absent_difference_is_not_found(results: Path) -> None:
    comparison = compared(results, "good", "other")
    assert comparison.differing > 100
    for row in comparison.tested:
        assert row.first != row.second
        assert row.bootstrap_p > 0.05 and row.randomisation_p > 0.05


def test_systems_that_answer_alike_do_not_differ(results: Path) -> None:
    """sacrebleu alone gives the least p there is, as no draw shows more than no difference."""
    comparison = compared(results, "good", "same")
    assert comparison.differing == 0
    assert [(row.bootstrap_p, row.randomisation_p) for row in comparison.tested] == [(1.0, 1.0)] * 2


def test_one_answer_is_no_evidence(results: Path) -> None:
    """Where one answer differs, half of all draws are as they were and the other half mirrored: p is 1."""
    comparison = compared(results, "good", "nearly", metrics=["chrf"])
    assert comparison.differing == 1 and comparison.tested[0].second > comparison.tested[0].first
    assert comparison.tested[0].randomisation_p == 1.0


def sacrebleu(place: Path, systems: tuple[str, str], *options: str) -> tuple[list[str], list[str]]:
    """What the command prints of files from `bench hypotheses`: scores of the first system and then of the second,
    BLEU before chrF, with mean and interval where there are any; and its p-values."""
    files = [str(place / name / "test.greedy") for name in systems]
    command = [sys.executable, "-m", "sacrebleu", str(place / systems[0] / "test.reference"), "-i", *files]
    printed = subprocess.run(
        [*command, "-m", "bleu", "chrf", "-w", "6", "-f", "text", "-nc", *options],
        capture_output=True, text=True, check=True, timeout=300, env=os.environ | {"SACREBLEU_SEED": str(FEW["seed"])},
    ).stdout  # fmt: skip
    table = printed[: printed.index("Null hypothesis")]
    scores = re.findall(r"│ +(\d+\.\d{6}(?: \([^p)]+\))?)(?= )", table)
    return scores, re.findall(r"\(p = ([\d.]+)\)", table)


@pytest.mark.slow
@pytest.mark.parametrize("second", ["bad", "other"])
def test_the_numbers_are_those_of_the_sacrebleu_command(results: Path, tmp_path: Path, second: str) -> None:
    for name in ("good", second):
        hypotheses.write(results / name, tmp_path)
    rows = compared(results, "good", second).tested
    systems = [(r.first, r.means[0], r.halves[0]) for r in rows] + [(r.second, r.means[1], r.halves[1]) for r in rows]
    bootstrap = sacrebleu(tmp_path, ("good", second), "--paired-bs", "--paired-bs-n", str(FEW["resamples"]))
    assert bootstrap[0] == [f"{score:.6f} ({mean:.6f} ± {half:.6f})" for score, mean, half in systems]
    assert bootstrap[1] == [f"{row.bootstrap_p:.4f}" for row in rows]
    shuffled = sacrebleu(tmp_path, ("good", second), "--paired-ar", "--paired-ar-n", str(FEW["trials"]))
    assert shuffled[0] == [f"{score:.6f}" for score, _, _ in systems]
    assert shuffled[1] == [f"{row.randomisation_p:.4f}" for row in rows]


@pytest.mark.slow
def test_the_seed_decides_and_the_environment_stays_as_it_was(results: Path, monkeypatch) -> None:
    first = compared(results, "good", "other")
    for value in ("99", None):
        monkeypatch.setenv("SACREBLEU_SEED", value) if value else monkeypatch.delenv("SACREBLEU_SEED")
        assert compared(results, "good", "other") == first
        assert os.environ.get("SACREBLEU_SEED") == value
    assert compared(results, "good", "other", seed=8).tested[0].bootstrap_p != first.tested[0].bootstrap_p
    assert "seed:7|" in first.tested[0].bootstrap_signature and "|bs:200|" in first.tested[0].bootstrap_signature
    assert "|ar:400|seed:7|" in first.tested[0].randomisation_signature


def test_what_the_command_says(results: Path, capsys: pytest.CaptureFixture) -> None:
    words = ["significance", str(results / "good"), str(results / "bad"), "--seed", "7", "--resamples", "200",
             "--trials", "400", "--search", "beam5", "--metric", "chrf", "--split", "test"]  # fmt: skip
    assert __main__.main(words) == 0
    printed = capsys.readouterr().out
    for needle in (
        *("test, beam5 search, 150 segments", f"A = {results / 'good'}", f"B = {results / 'bad'}"),
        "p 0.0050 by paired bootstrap, 0.0025 by paired approximate randomisation",
        *("Seed 7, 200 resamples, 400 trials", "Unit of resampling: the segment", "two trained systems"),
    ):
        assert needle in printed, needle
    assert "bleu:" not in printed
    assert __main__.main([*words, "--json"]) == 0
    comparison = json.loads(capsys.readouterr().out)
    again = compared(results, "good", "bad", search="beam5", metrics=["chrf"])
    assert comparison["cells"] == list(again.cells) and comparison["unit"] == "segment"
    assert (comparison["seed"], comparison["resamples"], comparison["trials"]) == (7, 200, 400)
    (row,) = comparison["tested"]
    assert row["first"] == again.tested[0].first and row["bootstrap_p"] == again.tested[0].bootstrap_p


def changed(results: Path, name: str, sources, references, metrics=("bleu", "chrf")) -> Path:
    both = (sources, references, references)
    return answers.cell(results.parent / "changed", name, {("test", "greedy"): both}, metrics)


def test_cells_that_cannot_be_compared_are_one_line(results: Path, capsys: pytest.CaptureFixture) -> None:
    good = results / "good"
    shorter = changed(results, "shorter", SOURCES[:-1], REFERENCES[:-1])
    other = changed(results, "other", SOURCES, [*REFERENCES[:9], "Another.", *REFERENCES[10:]])
    sources = changed(results, "sources", ["Another.", *SOURCES[1:]], REFERENCES)
    accuracy = changed(results, "accuracy", SOURCES, REFERENCES, ("exact_match",))
    chrf = changed(results, "chrf", SOURCES, REFERENCES, ("chrf",))
    for words, needle in (
        ([shorter], "test has 150 examples in"),
        ([other], "the references of test differ between"),
        ([other], "first in line 10: not the same test set"),
        ([sources], "the sources of test differ between"),
        ([accuracy], "is not scored by bleu or chrf, and these tests are for translations"),
        ([chrf, "--metric", "chrf,bleu"], "is not scored by bleu, but by chrf"),
        ([good], "are the same cell; name two"),
        ([results / "bad", "--split", "nope"], "has no split 'nope'; it has test, second"),
        (
            [results / "bad", "--split", "second", "--search", "beam5"],
            "has no search 'beam5' of second; it has greedy",
        ),
        ([results / "bad", "--metric", "ter"], "no test for the metric 'ter'; there are bleu, chrf"),
    ):
        assert __main__.main(["significance", str(good), *map(str, words)]) == 2, words
        printed, errors = capsys.readouterr()
        assert printed == "" and errors.count("\n") == 1 and needle in errors, errors


@pytest.mark.slow
def test_no_torch(results: Path) -> None:
    code = (
        "import sys; from bench.__main__ import main; code = main(sys.argv[1:]);"
        "sys.exit('imported torch' if {'torch', 'models', 'hydra'} & set(sys.modules) else code)"
    )
    words = ["significance", str(results / "good"), str(results / "bad"), "--resamples", "9", "--trials", "9"]
    for line in (words, ["hypotheses", str(results)]):
        ran = subprocess.run(
            [sys.executable, "-c", code, *line], capture_output=True, text=True, cwd=ROOT, timeout=120
        )
        assert ran.returncode == 0, ran.stderr

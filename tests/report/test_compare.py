"""`bench compare` over made-up folders whose differences are known."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats as distributions

from bench.__main__ import main
from bench.analysis import stats, welch
from bench.analysis.compare import scores as scoring
from bench.analysis.compare import sets, words
from bench.analysis.comparisons import FALSE_CALLS

ROOT = Path(sets.__file__).parents[2]
DRAWS = {"seed": 1, "resamples": 50, "trials": 50}


@pytest.fixture
def two(folder, tmp_path):
    """Two empty results folders."""
    return folder, type(folder)(tmp_path / "other")


def compared(first, second, **options) -> tuple[sets.Comparison, str]:
    comparison = sets.compare(first.path, second.path, **DRAWS, **options)
    return comparison, "\n".join(words.lines(comparison))


@pytest.mark.slow
def test_identical_folders_have_no_change(two):
    for one in two:
        one.full(seeds=(1, 2, 3), tasks=("recall", "multi30k"))
    comparison, text = compared(*two)
    assert words.NO_CHANGE in text
    assert comparison.only == ([], []) and comparison.changes == [] and comparison.unlike == []
    assert len(comparison.scores) == 5 + 5 * 3 * 2 * 2, "all are compared"
    assert all(score.same and score.p == 1 and score.significant is False for score in comparison.scores)
    assert len(comparison.speeds) == 2 * 5 * 3 and {speed.ratio for speed in comparison.speeds} == {1.0}


def test_verdicts_that_differ_are_named(two):
    for folder, with_attention in zip(two, (0.9, 0.2), strict=True):
        for arm, score in (("lstm_dot", with_attention), ("lstm_none", 0.5)):
            for seed in (1, 2, 3):
                level = (lambda value: lambda split, at: value)(score + seed / 1000)
                folder.cell("recall", arm, seed, level=level, change={"config.model": {"name": arm, "encoder": "uni"}})
    comparison, text = compared(*two)
    assert ("G", "supported", "refuted") in comparison.verdicts and "  G: A supported, B refuted: turned" in text
    assert "Verdicts: 7 of 8 claims have the same word in both." in text


def test_a_planted_difference_is_found_and_an_absent_one_is_not(two):
    noise = np.random.default_rng(7).normal(0, 0.004, (2, 2, 5))
    for place, one in enumerate(two):
        for arm, shift in (("transformer", -0.1 * place), ("lstm_dot", 0.0)):
            for seed in range(1, 6):
                drawn = float(noise[place, int(arm == "lstm_dot"), seed - 1])
                one.cell("recall", arm, seed, level=lambda split, at, value=0.8 + shift + drawn: value)
    comparison, text = compared(*two)
    by_arm = {score.arm: score for score in comparison.scores}
    planted, absent = by_arm["transformer"], by_arm["lstm_dot"]
    assert planted.significant and planted.difference == pytest.approx(-0.1, abs=0.01)
    assert planted.interval[0] < planted.difference < planted.interval[1] < 0
    assert not absent.significant and absent.p > 0.05
    assert planted.test == scoring.PAIRED and planted.adjusted == pytest.approx(2 * planted.p)
    gaps = noise[1, 0] - noise[0, 0] - 0.1
    assert planted.p == pytest.approx(distributions.ttest_rel(gaps, np.zeros(5)).pvalue)
    assert f"transformer: A {planted.first.mean:.3f} [" in text
    assert ": significant" in text and ": not significant" in text


@pytest.mark.slow
def test_other_seeds_are_tested_unpaired(two):
    values = np.random.default_rng(3).normal(0.7, 0.01, 8)
    for seed, value in enumerate(values):
        two[seed >= 4].cell("recall", "transformer", seed, level=lambda split, at, value=float(value): value)
    (score,) = compared(*two)[0].scores
    expected = distributions.ttest_ind(values[4:], values[:4], equal_var=False)
    assert score.test == scoring.WELCH and score.p == pytest.approx(expected.pvalue)
    assert score.difference == pytest.approx(values[4:].mean() - values[:4].mean())
    assert score.interval == pytest.approx(tuple(expected.confidence_interval()))


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_are_not_tested(two, seeds):
    for place, one in enumerate(two):
        for seed in range(1, seeds + 1):
            one.cell("recall", "transformer", seed, level=lambda split, at, place=place: 0.9 - 0.3 * place)
    comparison, text = compared(*two)
    (score,) = comparison.scores
    assert score.p is score.adjusted is score.significant is None and words.NOT_TESTED in text
    assert (score.interval is None) == (seeds == 1) and ("(one seed: no interval)" in text) == (seeds == 1)


def test_rounding_is_no_difference(two):
    for place, one in enumerate(two):
        for seed in range(1, 5):
            one.cell("recall", "transformer", seed, level=lambda split, at, place=place: 0.9 - 1e-14 * place)
    (score,) = compared(*two)[0].scores
    assert score.test == scoring.PAIRED and score.p == 1 and not score.significant


@pytest.mark.slow
def test_noise_alone_is_seldom_called():
    """Of 400 comparisons of nothing but noise, with six tests each, at most one in twenty has anything significant."""
    rng, false = np.random.default_rng(11), 0
    for _ in range(400):
        tests = [welch.paired(dict(enumerate(rng.normal(0, 1, 4))), dict.fromkeys(range(4), 0.0)) for _ in range(6)]
        false += min(stats.holm([test.p for test in tests])) < FALSE_CALLS
    assert false / 400 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)


def test_what_was_changed_is_named(two):
    two[0].cell("recall", "transformer", 1)
    two[0].cell("recall", "transformer", 2)
    two[0].cell("recall", "lstm_dot", 1)
    changed = {
        "config.optim": {"lr": 0.01, "clip": 2.0}, "code.commit": "fff0000", "environment.libraries.torch": "2.13.0",
        "data.checksums.train": "cd" * 32, "sanity.eos_share": 0.1,
    }  # fmt: skip
    two[1].cell("recall", "transformer", 1, change=changed)
    two[1].cell("recall", "transformer", 2, change={"config.optim.lr": 0.01})
    two[1].cell("recall", "lstm_dot", 1, status="failed")
    comparison, text = compared(*two)
    changes = {(change.kind, change.key): change for change in comparison.changes}
    assert (changes["configuration", "optim.lr"].first, changes["configuration", "optim.lr"].second) == (
        "0.002",
        "0.01",
    )
    assert [cell.endswith(f"transformer, seed {seed}") for seed, cell in
            enumerate(changes["configuration", "optim.lr"].cells, start=1)] == [True, True]  # fmt: skip
    assert changes["configuration", "optim.clip"].first == "-"
    assert changes["code", "code.commit"].second == "fff0000"
    assert changes["environment", "environment.libraries.torch"].second == "2.13.0"
    assert changes["data", "checksums.train"].second == "cd" * 32
    assert changes["sanity gate", "doubt"].second == "only 10 % of outputs ended by themselves"
    assert changes["status", "status"].second == "failed (made up: failed)"
    assert len(comparison.changes) == 7 and words.NO_CHANGE not in text
    assert "configuration: optim.lr 0.002 -> 0.01 (2 cells: " in text
    assert next(score for score in comparison.scores).second.doubtful == 1


def test_a_sweep_is_several_arms(two):
    """Where a seed was run with several rates, these are arms; they are not thrown together with an arm of one
    rate."""
    two[0].cell("recall", "transformer", 1)
    two[1].cell("recall", "transformer", 1)
    two[1].cell("recall", "transformer", 1, change={"config.optim.lr": 0.01, "cell": "recall-transformer-other"})
    comparison, _ = compared(*two)
    size = "recall (budget quick, 100,000 parameters, cpu)"
    assert {score.arm for score in comparison.scores} == {"transformer"} and comparison.only[0] == []
    assert comparison.only[1] == [f"{size}, transformer [lr=0.01]: 1 cell"], "the other cell is in both"
    two[0].cell("recall", "transformer", 1, change={"config.optim.lr": 0.05, "cell": "recall-transformer-third"})
    comparison, _ = compared(*two)
    assert comparison.only[0] == [f"{size}, transformer [lr=0.05]: 1 cell"]


def test_a_part_of_a_folder_is_compared_with_the_whole(two):
    """Names of arms and settings depend on what else a folder holds; equal cells are equal all the same."""
    for folder in two:
        for seed in (1, 2, 3):
            folder.cell("recall", "transformer", seed, change={"config.model.positions": "rotary"})
            folder.cell("reverse", "transformer", seed, change={"config.task.symbols": 16})
    for seed in (1, 2, 3):
        change = {"config.model.positions": "none", "cell": f"recall-transformer-none-{seed}"}
        two[0].cell("recall", "transformer", seed, change=change)
        change = {"config.task.symbols": 8, "cell": f"reverse-transformer-eight-{seed}"}
        two[0].cell("reverse", "transformer", seed, change=change)
    comparison, _ = compared(*two)
    assert comparison.only[1] == [] and len(comparison.only[0]) == 2
    assert len({(score.setting, score.arm) for score in comparison.scores}) == 2
    assert all(score.same for score in comparison.scores) and comparison.changes == []


def test_one_step_more_in_every_seed_is_no_difference_without_noise(two):
    for seed, value in ((1, 0.50), (2, 0.51), (3, 0.52)):
        for folder, more in zip(two, (0.0, 0.001), strict=True):
            folder.cell("recall", "transformer", seed, level=lambda split, at, value=value + more: value)
    comparison, _ = compared(*two)
    tested = [score for score in comparison.scores if score.p is not None]
    assert tested and all(score.p > FALSE_CALLS for score in tested)


def test_what_is_missing_is_named_once(two):
    two[0].full(seeds=(1, 2), tasks=("recall", "reverse"))
    two[1].full(seeds=(1, 2), tasks=("recall",))
    for seed in (1, 2):
        two[1].cell("multi30k", "transformer", seed)
    dropped = ("recall-gru_none", "recall-lstm_dot-quick-s2")
    drop = [path for path in two[1].path.iterdir() if path.name.startswith(dropped)]
    assert len(drop) == 3
    for path in drop:
        (path / "record.json").unlink()
    comparison, text = compared(*two)
    size = "(budget quick, 100,000 parameters, cpu)"
    assert sorted(comparison.only[0]) == [
        f"recall {size}, gru_none: 2 cells", f"recall {size}, lstm_dot, seed 2",
        f"reverse {size}: 10 cells (gru_dot, gru_none, lstm_dot, lstm_none, transformer)",
    ]  # fmt: skip
    assert comparison.only[1] == [f"multi30k {size}: 2 cells (transformer)"]
    assert f"Only in A:\n  recall {size}, gru_none: 2 cells" in text and "Only in B:" in text


def test_a_score_that_only_one_has_is_named(two):
    two[0].cell("multi30k", "transformer", 1)
    record = two[1].cell("multi30k", "transformer", 1)
    kept = [row for row in record["scores"] if (row["search"], row["metric"]) != ("beam5", "bleu")]
    two[1].cell("multi30k", "transformer", 1, change={"scores": kept})
    comparison, _ = compared(*two)
    assert len(comparison.only[0]) == 3 and comparison.only[1] == []
    assert comparison.only[0][0] == "multi30k, transformer, test_2016_flickr, beam5, bleu"


def test_another_size_is_a_change_and_another_machine_no_ratio(two):
    two[0].cell("recall", "transformer", 1, speed=1000)
    two[0].cell("recall", "lstm_dot", 1, speed=1000)
    two[1].cell("recall", "transformer", 1, speed=2000, target=200_000)
    two[1].cell("recall", "lstm_dot", 1, speed=2000, target=200_000, change={"environment.cpu": "Another"})
    comparison, text = compared(*two)
    assert len(comparison.scores) == 2 and comparison.only == ([], [])
    assert ("configuration", "budget.parameters", "100000", "200000") in {
        (change.kind, change.key, change.first, change.second) for change in comparison.changes
    }
    assert {speed.arm for speed in comparison.speeds} == {"transformer"}
    assert [speed.ratio for speed in comparison.speeds] == pytest.approx([2.0] * 3)
    assert comparison.unlike == ["recall, lstm_dot"] and "recall, lstm_dot." in text


@pytest.mark.slow
def test_segments(two):
    for place, one in enumerate(two):
        one.cell("multi30k", "transformer", 1)
        one.cell("multi30k", "lstm_dot", 1, hypothesis="a b" if place == 0 else "b c", outputs=True)
        one.cell("multi30k", "gru_dot", 1, outputs=place == 0)
        one.cell("recall", "transformer", 1)
    assert compared(*two)[0].segments is None
    comparison, text = compared(*two, by_segment=True)
    assert {(row.cell.split(", ")[-2], row.split) for row in comparison.segments} == {
        (arm, split) for arm in ("transformer", "lstm_dot")
        for split in ("test_2016_flickr", "test_2017_flickr", "test_2017_mscoco")
    }  # fmt: skip
    for row in comparison.segments:
        differs = "lstm_dot" in row.cell
        assert (row.differing, row.metric) == (30 * differs, "bleu") and (row.randomisation_p < 0.5) == differs
    assert (
        len(comparison.left_out) == 1
        and "gru_dot" in comparison.left_out[0]
        and "outputs.tsv" in comparison.left_out[0]
    )
    assert "Over segments:" in text and "30 with different outputs" in text


def test_the_command(two, capsys):
    for place, one in enumerate(two):
        one.cell("recall", "transformer", 1, level=lambda split, at, place=place: 0.9 - 0.3 * place)
    assert main(["compare", str(two[0].path), str(two[1].path)]) == 0
    assert "transformer: A 0.900" in capsys.readouterr().out
    assert main(["compare", str(two[0].path), str(two[1].path), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["schema"] == sets.SCHEMA and printed["scores"][0]["difference"] == pytest.approx(-0.3)
    assert printed["scores"][0]["interval"] is None


def test_bad_input_is_one_line(two, capsys, tmp_path):
    two[0].cell("recall", "transformer", 1)
    (tmp_path / "empty").mkdir()
    broken = two[1].cell("recall", "transformer", 1)
    (two[1].path / broken["cell"] / "record.json").write_text("{", encoding="utf-8")
    bad = ((tmp_path / "no", "is not a folder"), (tmp_path / "empty", "no results"), (two[1].path, "JSON"))
    for other, words_ in bad:
        for pair in ((two[0].path, other), (other, two[0].path)):
            assert main(["compare", *map(str, pair)]) == 2
            printed = capsys.readouterr()
            assert printed.out == "" and printed.err.count("\n") == 1 and words_ in printed.err


@pytest.mark.slow
def test_no_torch(two):
    two[0].cell("recall", "transformer", 1)
    code = (
        "import sys; from bench.__main__ import main; "
        f"assert main(['compare', {str(two[0].path)!r}, {str(two[0].path)!r}]) == 0; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)

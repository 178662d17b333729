"""Claims E and F from planted scores in a folder of records: what decides them, and what must not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.analysis import arms
from bench.analysis.claims import judge
from bench.records import store
from tests.report.conftest import Folder


def verdict(letter: str, path: Path) -> judge.Verdict:
    return next(each for each in judge.verdicts(store.load(path)) if each.letter == letter)


def planted(
    folder: Folder,
    option: str,
    levels: Mapping[object, float],
    *,
    arm: str = "transformer",
    task: str = "recall",
    budget: str = "standard",
    seeds: int = 4,
    noise: float = 0.004,
    change: Mapping[str, object] | None = None,
) -> None:
    """Cells of one arm that differ in one option of the model, each with its own accuracy."""
    for number, (value, level) in enumerate(levels.items()):
        for seed in range(1, seeds + 1):
            shift = noise * ((seed + number) % 3 - 1)
            names = {"cell": f"{task}-{arm}-{value}-{seed}", "budget_name": budget, "config.budget.name": budget}
            folder.cell(
                task, arm, seed, level=lambda split, at, level=level + shift: level, target=100_000,
                change={f"config.model.{option}": value} | names | dict(change or {}),
            )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_the_name_of_an_arm_is_read_back() -> None:
    name = "transformer [positions=none, lr=0.002]"
    assert arms.base(name) == "transformer" and arms.options(name) == {"positions": "none", "lr": "0.002"}
    assert arms.options("transformer") == {} and arms.base("lstm_none") == "lstm_none"


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({"none": 0.10, "sinusoidal": 0.9, "rotary": 0.95}, "supported"),
        ({"none": 0.80, "sinusoidal": 0.2, "rotary": 0.95}, "supported"),
        ({"none": 0.95, "sinusoidal": 0.9, "rotary": 0.95}, "refuted"),
        ({"none": 0.95, "rotary": 0.3}, "refuted"),
        ({"sinusoidal": 0.1, "rotary": 0.95}, "not tested"),
        ({"none": 0.1, "sinusoidal": 0.9}, "not tested"),
    ],
)
def test_e_by_rotary_positions_against_none(folder: Folder, levels: dict, expected: str) -> None:
    """Rotary was named beforehand: other kinds of positions change nothing."""
    planted(folder, "positions", levels)
    outcome = verdict("E", folder.path)
    assert outcome.verdict == expected, outcome.evidence
    if expected != "not tested":
        assert "with rotary positions" in outcome.sentence and "without positions" in outcome.sentence


def test_e_takes_both_shapes_apart(folder: Folder) -> None:
    """With a decoder positions help; in the encoder alone they do not: the claim is qualified, and both are said."""
    planted(folder, "positions", {"none": 0.1, "rotary": 0.95})
    planted(folder, "positions", {"none": 0.95, "rotary": 0.95}, arm="transformer_encoder")
    outcome = verdict("E", folder.path)
    assert outcome.verdict == "qualified"
    assert "However: " in outcome.sentence and "encoder alone" in outcome.sentence


def test_e_needs_three_seeds(folder: Folder) -> None:
    planted(folder, "positions", {"none": 0.1, "rotary": 0.95}, seeds=2)
    assert verdict("E", folder.path).verdict == "inconclusive"


def test_a_learning_rate_of_its_own_does_not_hide_a_variant(folder: Folder) -> None:
    planted(folder, "positions", {"none": 0.1}, change={"config.optim.lr": 0.001})
    planted(folder, "positions", {"rotary": 0.95}, change={"config.optim.lr": 0.004})
    assert verdict("E", folder.path).verdict == "supported"


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({1: 0.5, 2: 0.4, 8: 0.7}, "supported"),
        ({1: 0.5, 8: 0.5}, "refuted"),
        ({1: 0.5, 2: 0.9, 8: 0.4}, "refuted"),
        ({2: 0.5, 8: 0.9}, "not tested"),
    ],
)
def test_f_by_eight_heads_against_one(folder: Folder, levels: dict, expected: str) -> None:
    planted(folder, "n_heads", levels)
    outcome = verdict("F", folder.path)
    assert outcome.verdict == expected, outcome.evidence


def test_f_noise_decides_nothing(folder: Folder) -> None:
    planted(folder, "n_heads", {1: 0.5, 8: 0.53}, noise=0.1)
    assert verdict("F", folder.path).verdict == "inconclusive"


def test_a_gated_cell_changes_no_verdict(folder: Folder) -> None:
    planted(folder, "positions", {"none": 0.1, "rotary": 0.95})
    before = verdict("E", folder.path)
    names = {"cell": "recall-transformer-none-4", "budget_name": "standard", "config.budget.name": "standard"}
    change = names | {"config.model.positions": "none"}
    folder.cell("recall", "transformer", 4, level=lambda split, at: 1.0, target=100_000,
                change=change | {"sanity.eos_share": 0.1})  # fmt: skip
    after = verdict("E", folder.path)
    assert after.verdict == before.verdict == "supported"
    folder.cell("recall", "transformer", 4, level=lambda split, at: 1.0, target=100_000, change=change)
    assert verdict("E", folder.path).verdict == "inconclusive", "the same cell, were it trusted"

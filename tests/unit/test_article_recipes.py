"""`bench article`: both recipes on the same batches, losses by hand, files that come back, trials and their choice."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from bench.__main__ import main
from bench.diagnostics import article
from bench.diagnostics.article import PRINTED_CALL, WORDS, Settings
from bench.errors import StorageError, UserError
from bench.records import article_rows
from bench.records.article_rows import CROSS_ENTROPY, RECIPES, SQUARED_ERROR
from models.transformer import Transformer

TINY = Settings(
    seeds=(11, 12), steps=4, validations=2,
    words=tuple({"task.train_size=20000": "task.train_size=300"}.get(word, word) for word in WORDS),
)  # fmt: skip


def test_the_losses_have_the_values_computed_by_hand() -> None:
    outputs = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 1.0]])
    targets = torch.tensor([1, 2])
    # One-hot (0, 1, 0) and (0, 0, 1): squared differences 1, 1, 0 and 0, 0, 0, over six values.
    assert float(article.squared_error(outputs, targets)) == pytest.approx(2 / 6)
    first = math.log(math.e + math.e**2 + 1) - 2
    second = math.log(2 + math.e) - 1
    assert float(article.cross_entropy(outputs, targets)) == pytest.approx((first + second) / 2)


def watched(monkeypatch: pytest.MonkeyPatch, recipe: str, seed: int) -> tuple[list, dict[str, torch.Tensor]]:
    """Sources and targets of every training batch, and the weights before the first step."""
    seen: list = []
    weights: dict[str, torch.Tensor] = {}
    original = article.unpadded_features

    def watch(model, batch):
        if not weights:
            weights.update({name: each.detach().clone() for name, each in model.named_parameters()})
        seen.append((batch.src.tolist(), batch.tgt_in.tolist(), batch.tgt_out.tolist()))
        return original(model, batch)

    with monkeypatch.context() as patch:
        patch.setattr(article, "unpadded_features", watch)
        article.train(recipe, seed, 0.03, TINY)
    return seen, weights


def test_both_recipes_see_the_same_batches_from_the_same_weights(monkeypatch):
    squared, squared_weights = watched(monkeypatch, SQUARED_ERROR, 11)
    entropy, entropy_weights = watched(monkeypatch, CROSS_ENTROPY, 11)
    assert squared == entropy and len(squared) == TINY.steps and squared[0] != squared[1]
    assert all(torch.equal(each, entropy_weights[name]) for name, each in squared_weights.items())
    assert watched(monkeypatch, SQUARED_ERROR, 12)[0] != squared


def test_a_seed_gives_the_same_bits_again_and_another_seed_others() -> None:
    rows = article.train(SQUARED_ERROR, 11, 0.03, TINY)
    assert rows == article.train(SQUARED_ERROR, 11, 0.03, TINY)
    assert [row.step for row in rows] == [2, 4]
    assert [row.train_loss for row in rows] != [row.train_loss for row in article.train(SQUARED_ERROR, 12, 0.03, TINY)]


def test_a_loss_that_is_not_finite_is_refused(monkeypatch):
    monkeypatch.setitem(article.LOSSES, SQUARED_ERROR, lambda outputs, targets: outputs.sum() * math.nan)
    with pytest.raises(UserError, match="mean_squared_error, seed 11, learning rate 0.03: the loss is not finite"):
        article.train(SQUARED_ERROR, 11, 0.03, TINY)


def test_the_model_is_the_class_with_the_printed_call(tmp_path):
    """The sizes of the article's call, by keyword, and what the print leaves open as the documents say."""
    facts = article.run(tmp_path, settings=TINY).facts
    model = Transformer(12, 12, **PRINTED_CALL, positions="learned", max_len=16, tied=False, shared=True)
    assert facts.parameters == sum(each.numel() for each in model.parameters())
    assert facts.call == PRINTED_CALL == {"d_model": 20, "n_layers": 2, "n_heads": 2, "d_k": 10, "d_v": 10}
    options = {name: facts.config["model"][name] for name in ("positions", "norm", "tied", "dropout", "d_ff")}
    assert options == {"positions": "learned", "norm": "pre", "tied": False, "dropout": 0.1, "d_ff": 80}


def test_files_come_back_and_are_kept_until_settings_or_code_change(tmp_path, monkeypatch):
    first = article.run(tmp_path, settings=TINY, workers=1)
    assert article_rows.read(tmp_path) == first
    assert [(row.recipe, row.seed, row.step) for row in first.rows] == [
        (recipe, seed, step) for recipe in RECIPES for seed in (11, 12) for step in (2, 4)
    ]
    stored = json.loads((tmp_path / article_rows.FACTS).read_text(encoding="utf-8"))
    assert stored["environment"]["threads"] == 1 and stored["source"] == article.source() and stored["code"]["version"]
    with monkeypatch.context() as patch:
        patch.setattr(article, "train", lambda *_: pytest.fail("trained again"))
        assert article.run(tmp_path, settings=TINY, workers=1) == first
    assert article.run(tmp_path, settings=replace(TINY, seeds=(11,)), workers=1).facts.seeds == (11,)
    trained = []
    original = article.train
    monkeypatch.setattr(article, "train", lambda *arguments: trained.append(1) or original(*arguments))
    monkeypatch.setattr(article, "source", lambda: "other")
    assert (
        article.run(tmp_path, settings=replace(TINY, seeds=(11,)), workers=1).facts.source == "other"
        and len(trained) == 2
    )


def test_files_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    first = article.run(tmp_path, settings=TINY)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("bench.system.files.flush", full)
        with pytest.raises(StorageError, match="article.csv: No space left"):
            article_rows.write(tmp_path, replace(first, rows=first.rows[:4]))
    assert article_rows.read(tmp_path) == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["article.csv", "article.json"]


def test_the_committed_choice_has_equal_trials_and_is_their_best() -> None:
    stored = article.read_trials()
    assert min(stored["seeds"]) >= 101 and tuple(stored["seeds"]) == article.TRIAL_SEEDS
    assert set(stored["seeds"]).isdisjoint(Settings().seeds)
    for recipe in RECIPES:
        own = stored["trials"][recipe]
        assert tuple(own) == article.RATES and {len(each) for each in own.values()} == {len(stored["seeds"])}
        chosen = stored["chosen"][recipe]
        assert chosen == article.choose(own)
        assert article.RATES.index(chosen) not in (0, len(article.RATES) - 1), "an edge extends the grid"


def test_of_equal_rates_the_first_is_chosen() -> None:
    assert article.choose({"0.01": [0.2, 0.4], "0.03": [0.3, 0.3], "0.1": [0.1, 0.45]}) == "0.01"
    assert article.choose({"0.01": [0.2, 0.4], "0.03": [0.3, 0.4]}) == "0.03"


def test_trials_are_written_in_the_form_of_the_committed_file(tmp_path, monkeypatch):
    monkeypatch.setattr(article, "RATES", ("0.003", "0.03"))
    original = article.train

    def train(recipe: str, seed: int, rate: float, settings: Settings) -> list:
        if rate == 0.003 and recipe == SQUARED_ERROR:
            raise UserError("the loss is not finite")
        return original(recipe, seed, rate, settings)

    monkeypatch.setattr(article, "train", train)
    stored = article.read_trials(article.run_trials(tmp_path / "new", settings=TINY))
    assert stored.keys() == yaml.safe_load(article.TRIALS.read_text(encoding="utf-8")).keys()
    assert stored["trials"][SQUARED_ERROR]["0.003"] == [0.0, 0.0] and stored["chosen"][SQUARED_ERROR] == "0.03"
    accuracy = original(CROSS_ENTROPY, 102, 0.003, TINY)[-1].valid_token_accuracy
    assert stored["trials"][CROSS_ENTROPY]["0.003"][1] == round(accuracy, 6)


def test_the_command_prints_both_accuracies_and_its_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(article, "Settings", lambda: TINY)
    monkeypatch.setattr(
        "bench.system.environment.usable_cores", lambda: 1
    )  # other processes do not see the line above
    assert main(["article", "--out", str(tmp_path / "new")]) == 0
    printed = capsys.readouterr().out.splitlines()
    rows = article_rows.read(tmp_path / "new")
    assert rows is not None
    for line, recipe in zip(printed, RECIPES):
        accuracies = rows.final_accuracies(recipe)
        assert line.startswith(f"{recipe}: {sum(accuracies) / 2:.1%} of validation tokens after 4 steps")
    assert printed[-1] == str(tmp_path / "new" / "article.csv")


def test_a_file_in_place_of_the_folder_is_refused_in_one_line(tmp_path: Path, capsys):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    for more in ([], ["--trials"]):
        assert main(["article", "--out", str(tmp_path / "taken"), *more]) == 2
        errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("bench: ")]
        assert len(errors) == 1 and "taken is a file, not a folder" in errors[0]

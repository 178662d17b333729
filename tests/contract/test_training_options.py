"""Options of training: each does what its name says, and resumes bit for bit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from bench.data.bpe_dropout import redraw_with_dropout
from bench.data.examples import Split
from bench.data.ragged import Ragged
from bench.data.subwords import Subwords, learn
from bench.training.checkpoint import CheckpointStore
from bench.training.config import TrainingConfig
from bench.training.history import END, PATIENCE
from bench.training.teacher_forcing import validate
from bench.training.trainer import Trainer
from tests.contract.arms import SOURCE_SIZE, build
from tests.contract.test_training import CONFIG, KillAt, Killed, data, one_thread, same, weights  # noqa: F401

NOISY = dataclasses.replace(CONFIG, epochs=12, validations=12, lr=0.05, schedule="constant")
"""A rate so high that validation gets worse now and then."""

OPTIONS: dict[str, tuple[str, TrainingConfig, dict[str, object]]] = {
    "inverse_sqrt": ("gru_dot", dataclasses.replace(CONFIG, schedule="inverse_sqrt"), {}),
    "one_cycle": ("gru_dot", dataclasses.replace(CONFIG, schedule="one_cycle", warmup=0.3), {}),
    "plateau": ("gru_none", dataclasses.replace(NOISY, schedule="plateau", plateau_patience=1), {}),
    "patience": ("lstm_none", dataclasses.replace(NOISY, patience=3), {}),
    "average of the last": ("gru_none", dataclasses.replace(NOISY, average=6, average_chosen="always"), {}),
    "average of the best": ("gru_none", dataclasses.replace(NOISY, average=3, average_of="best"), {}),
    "dropout, Transformer": (
        "transformer",
        CONFIG,
        {"dropout_embedding": 0.1, "dropout_residual": 0.3, "dropout_attention": 0.2},
    ),
    "dropout, additive": ("lstm_additive", CONFIG, {"dropout_attention": 0.2, "dropout_recurrent": 0.4}),
    "dropout, input feeding": ("lstm_feeding", CONFIG, {"dropout_recurrent": 0.3}),
    "dropout, residual": ("residual_gru", CONFIG, {"dropout_recurrent": 0.3, "dropout_attention": 0.1}),
}


def trainer(option: str) -> Trainer:
    name, config, changes = OPTIONS[option]
    return Trainer(build(name, shared=True, dropout=0.2, **changes), *data(), config, 0)


FAST = ("average of the best", "dropout, Transformer")


@pytest.mark.parametrize(
    "option", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in OPTIONS]
)
def test_resumed_equals_uninterrupted(option: str, tmp_path: Path) -> None:
    whole = trainer(option)
    expected = whole.run()
    store = CheckpointStore(tmp_path)
    for share in (0.3, 0.7):
        with pytest.raises(Killed):
            trainer(option).run(store, KillAt(round(share * expected.steps)))
        assert store.latest.exists()
    resumed = trainer(option)
    history = resumed.run(store)
    assert same(weights(resumed.model), weights(whole.model))
    for column in ("step", "train_loss", "valid_loss", "learning_rate"):
        assert [row[column] for row in history.curve] == [row[column] for row in expected.curve]
    for name in ("steps", "stopped", "average", "best_step", "best_loss"):
        assert getattr(history, name) == getattr(expected, name)


def test_an_option_changes_what_is_learnt() -> None:
    plain = Trainer(build("lstm_additive", shared=True, dropout=0.2), *data(), CONFIG, 0)
    plain.run()
    changed = trainer("dropout, additive")
    changed.run()
    assert not same(weights(plain.model), weights(changed.model))


@pytest.mark.slow
def test_plateau_lowers_the_rate_after_validations_without_a_new_best() -> None:
    run = trainer("plateau")
    curve = run.run().curve
    lowest, scale, expected = float("inf"), 1.0, []
    for row in curve:
        expected.append(scale * 0.05)
        scale, lowest = (scale, row["valid_loss"]) if row["valid_loss"] < lowest else (scale / 2, lowest)
    warm = 0.1 * run.total_steps
    after_warm_up = [(row["learning_rate"], rate) for row, rate in zip(curve, expected) if row["step"] > warm]
    assert len(after_warm_up) > 8 and scale <= 0.5
    assert all(rate == pytest.approx(wanted) for rate, wanted in after_warm_up)


@pytest.mark.slow
def test_patience_ends_training_and_the_schedule_stays_the_planned_one() -> None:
    name, config, _ = OPTIONS["patience"]
    runs = {
        patience: Trainer(build(name, shared=True, dropout=0.2), *data(), changed, 0)
        for patience in (None, 3)
        for changed in [dataclasses.replace(config, patience=patience)]
    }
    whole, stopped = (run.run() for run in runs.values())
    assert (whole.stopped, stopped.stopped) == (END, PATIENCE)
    assert stopped.steps < whole.steps == runs[None].total_steps == runs[3].total_steps
    timeless = [[{**row, "seconds": 0} for row in history.curve] for history in (whole, stopped)]
    assert timeless[0][: len(timeless[1])] == timeless[1], "the same until then"
    losses = [row["valid_loss"] for row in stopped.curve]
    assert min(losses) == losses[-4] and [row["step"] for row in stopped.curve][-4] == stopped.best_step
    waits = [place - losses.index(min(losses[: place + 1])) for place in range(len(losses) - 1)]
    assert max(waits) < 3, "no later than configured"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lr", "which", "by", "chosen"),
    [
        (0.05, "best", "validation", True),  # back and forth around something better
        (3e-4, "last", "validation", False),  # still getting better, so the last one is
        (3e-4, "last", "always", True),
    ],
)
def test_the_average_is_measured_and_only_validation_chooses(lr: float, which: str, by: str, chosen: bool) -> None:
    config = dataclasses.replace(NOISY, lr=lr, average=4, average_of=which, average_chosen=by)
    run = Trainer(build("gru_none", shared=True), *data(), config, 0)
    history = run.run()
    steps = [row["step"] for row in history.curve]
    losses = {row["step"]: row["valid_loss"] for row in history.curve}
    wanted = steps[-4:] if which == "last" else sorted(sorted(steps, key=losses.__getitem__)[:4])
    assert (history.average["of"], history.average["steps"]) == (which, wanted)
    assert history.average["chosen"] == chosen
    assert (history.average["value"] < history.best_loss) == (lr == 0.05)
    loss, _ = validate(run.model, run.valid_batches)
    assert loss == (history.average["value"] if chosen else history.best_loss)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schedule": "cosinus"}, "optim.schedule must be one of cosine,"),
        ({"plateau_factor": 1.0}, "optim.plateau_factor must be above 0 and below 1, got 1.0"),
        ({"plateau_patience": 0}, "optim.plateau_patience must be at least 1, got 0"),
        ({"patience": 0}, "budget.patience must be at least 1, or null for never; got 0"),
        ({"average": 1}, "optim.average must be at least 2, or 0 for no average; got 1"),
        ({"average": -2}, "optim.average must be at least 2"),
        ({"average": 2, "average_of": "first"}, "optim.average_of must be one of last, best; got 'first'"),
        ({"average": 2, "average_chosen": "never"}, "optim.average_chosen must be one of validation, always"),
        ({"bpe_dropout": 1.0}, "optim.bpe_dropout must be at least 0 and below 1, got 1.0"),
        ({"bpe_dropout": -0.1}, "optim.bpe_dropout must be at least 0 and below 1"),
        ({"average": 7}, "optim.average=7 exceeds the number of checkpoints, budget.validations=6"),
        ({"patience": 5}, "budget.patience=5 cannot stop anything with budget.validations=6"),
        ({"average_of": "best"}, "optim.average_of=best has no effect without optim.average"),
        ({"average_chosen": "always"}, "optim.average_chosen=always has no effect without optim.average"),
        ({"plateau_factor": 0.1}, "optim.plateau_factor=0.1 has no effect without optim.schedule=plateau"),
        ({"plateau_patience": 4}, "optim.plateau_patience=4 has no effect without optim.schedule=plateau"),
    ],
)
def test_nonsense_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **changes).check_used()


# BPE dropout


WORDS = ("ababa", "abba", "baab", "bababb", "aabb")
LINES = [" ".join(WORDS[(i * k) % 5] for k in range(1, 3 + i % 4)) for i in range(90)]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> tuple[Subwords, Split]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        subwords = learn(LINES, 20)
    sides = Ragged.of(subwords.encode(LINES))
    return subwords, Split("train", sides, sides, sources=LINES, references=LINES[::-1])


def drawing(text: tuple[Subwords, Split], seed: int = 0, p: float = 0.4, epochs: float = 2.5) -> Trainer:
    subwords, train = text
    config = dataclasses.replace(CONFIG, epochs=epochs, bpe_dropout=p)
    model = build("transformer", shared=True, dropout=0.2)
    assert subwords.size <= SOURCE_SIZE
    valid = Split("valid", train.src, train.tgt)
    return Trainer(model, train, valid, config, seed, redraw=redraw_with_dropout(subwords, train, p))


def test_every_epoch_is_a_whole_pass_over_text_cut_anew(text: tuple[Subwords, Split]) -> None:
    run = drawing(text)
    plans = [run.plan(epoch) for epoch in range(3)]
    for plan in plans:
        assert np.array_equal(np.sort(np.concatenate(plan)), np.arange(len(LINES)))
    assert run.total_steps == len(plans[0]) + len(plans[1]) + round(0.5 * len(plans[2]))
    epochs = []
    for epoch in range(3):
        run.plan(epoch)
        epochs.append(run.batcher)
    assert not np.array_equal(epochs[0].split.src.tokens, epochs[1].split.src.tokens)
    for batcher, plan in zip(epochs, plans):
        longest = np.maximum(batcher.src_lengths, batcher.tgt_lengths)
        assert all(len(rows) == 1 or len(rows) * longest[rows].max() <= CONFIG.batch_tokens for rows in plan)
    again = drawing(text)
    again.plan(1)
    assert np.array_equal(again.batcher.split.src.tokens, epochs[1].split.src.tokens), "by seed and epoch alone"
    other = drawing(text, seed=1)
    other.plan(1)
    assert not np.array_equal(other.batcher.split.src.tokens, epochs[1].split.src.tokens)


@pytest.mark.slow
def test_bpe_dropout_resumes_bit_for_bit(text: tuple[Subwords, Split], tmp_path: Path) -> None:
    whole = drawing(text)
    expected = whole.run()
    assert expected.examples == pytest.approx(2.5 * len(LINES), rel=0.05)
    store = CheckpointStore(tmp_path)
    for share in (0.3, 0.7):
        with pytest.raises(Killed):
            drawing(text).run(store, KillAt(round(share * whole.total_steps)))
    resumed = drawing(text)
    history = resumed.run(store)
    assert same(weights(resumed.model), weights(whole.model))
    assert [row["target_tokens"] for row in history.curve] == [row["target_tokens"] for row in expected.curve]

"""Same seed, same weights; interrupted and resumed, bit for bit as if it had not been."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data.examples import Split
from bench.data.ragged import Ragged
from bench.tasks.reverse import Reverse
from bench.training.checkpoint import CheckpointStore
from bench.training.progress import Silent
from bench.training.trainer import Diverged, Settings, Trainer
from tests.contract.arms import NAMES, SOURCE_SIZE, build

SETTINGS = Settings(epochs=2.5, batch_tokens=120, validations=6, lr=3e-3, label_smoothing=0.1)


def data() -> tuple[Split, Split]:
    loaded = Reverse(symbols=12, train_longest=6, test_longest=8, train_size=150, valid_size=20, test_size=5).load()
    return loaded.train, loaded.valid


def trainer(name: str, seed: int = 0, settings: Settings = SETTINGS) -> Trainer:
    # The output layer of every arm must reach reverse's 16 ids; arms are built for SOURCE_SIZE.
    model = build(name, shared=True, seed=seed, dropout=0.2)
    assert model.output_dim == SOURCE_SIZE
    return Trainer(model, *data(), settings, seed)


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_bits_other_seed_other_weights(name: str) -> None:
    runs = [trainer(name, seed) for seed in (0, 0, 1)]
    torch.rand(7)  # whatever the global generator is at
    curves = [run.run().curve for run in runs]
    first, second, third = (weights(run.model) for run in runs)
    assert same(first, second) and not same(first, third)
    untimed = [[{k: v for k, v in row.items() if k != "seconds"} for row in curve] for curve in curves]
    assert untimed[0] == untimed[1] != untimed[2]


class Killed(Exception):
    pass


class KillAt(Silent):
    """Raises at the given reported step, as if the process had been killed there."""

    def __init__(self, step: int) -> None:
        self.step = step

    def advance(self, done: int, note: str = "") -> None:
        if done >= self.step:
            raise Killed


@pytest.mark.parametrize("name", NAMES)
def test_resumed_equals_uninterrupted(name: str, tmp_path: Path) -> None:
    whole = trainer(name)
    expected = whole.run()
    states = CheckpointStore(tmp_path)
    for share in (0.3, 0.7):
        cut = trainer(name)
        with pytest.raises(Killed):
            cut.run(states, KillAt(round(share * whole.total_steps)))
        assert states.last.exists()
    resumed = trainer(name)
    history = resumed.run(states)
    assert same(weights(resumed.model), weights(whole.model))
    for column in ("step", "target_tokens", "train_loss", "valid_loss", "valid_token_accuracy"):
        assert [row[column] for row in history.curve] == [row[column] for row in expected.curve]
    assert (history.best_step, history.best_loss) == (expected.best_step, expected.best_loss)


def test_every_arm_gets_the_same_batches() -> None:
    plans = [trainer(name).plan(1) for name in NAMES]
    for plan in plans[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(plans[0], plan, strict=True))
    rows = np.sort(np.concatenate(plans[0]))
    assert np.array_equal(rows, np.arange(150)), "every example once an epoch"


def test_a_loss_that_is_not_finite_is_told() -> None:
    broken = trainer("transformer")
    with torch.no_grad():
        next(broken.model.parameters()).fill_(float("nan"))
    with pytest.raises(Diverged, match="not finite|loss is"):
        broken.run()


def test_the_best_validation_loss_is_what_stays() -> None:
    run = trainer("lstm_none", settings=Settings(epochs=20, batch_tokens=120, validations=40, lr=0.05))
    history = run.run()
    best = min(history.curve, key=lambda row: row["valid_loss"])
    assert history.best_step == best["step"]
    from bench.training.trainer import validate

    loss, _ = validate(run.model, run.valid_batches)
    assert loss == pytest.approx(best["valid_loss"], abs=1e-5)


def test_equal_lengths_need_no_mask_and_padding_is_counted() -> None:
    from bench.training.batches import Batcher

    src = Ragged.of([[4, 5], [6, 7], [8]])
    batcher = Batcher(Split("train", src, copy.deepcopy(src)), 100)
    assert batcher.make(np.array([0, 1])).src_mask is None
    batch = batcher.make(np.array([0, 2]))
    assert batch.src.tolist() == [[4, 5, 2], [8, 2, 0]]
    assert batch.src_mask.tolist() == [[True] * 3, [True, True, False]]
    assert batch.tgt_in.tolist() == [[1, 4, 5], [1, 8, 2]] and batch.tgt_out.tolist() == [[4, 5, 2], [8, 2, 0]]
    assert (batch.source_tokens, batch.target_tokens) == (5, 5)


@pytest.mark.parametrize("name", NAMES)
def test_bf16_trains_alike_and_keeps_its_weights_in_float32(name: str) -> None:
    """Same seed, same bits again; other bits than fp32, and a validation loss that is near."""
    settings = dataclasses.replace(SETTINGS, precision="bf16")
    runs = [trainer(name, 0, settings) for _ in range(2)]
    curves = [run.run().curve for run in runs]
    assert same(weights(runs[0].model), weights(runs[1].model))
    assert all(p.dtype == torch.float32 for p in runs[0].model.parameters())
    plain = trainer(name)
    exact = plain.run().curve
    assert not same(weights(runs[0].model), weights(plain.model))
    assert curves[0][-1]["valid_loss"] == pytest.approx(exact[-1]["valid_loss"], rel=0.05)

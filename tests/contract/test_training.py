"""Same seed, same weights; interrupted and resumed, bit for bit as if it had not been."""

from __future__ import annotations

import copy
import dataclasses
import functools
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data.examples import Split
from bench.data.ragged import Ragged
from bench.tasks.reverse import Reverse
from bench.training.batches import Batcher
from bench.training.checkpoint import CheckpointStore
from bench.training.config import TrainingConfig
from bench.training.history import History
from bench.training.progress import Silent
from bench.training.teacher_forcing import validate
from bench.training.trainer import Diverged, Trainer
from tests.contract.arms import (
    NAMES,
    REPRESENTATIVES,
    SOURCE_SIZE,
    build,
    described,
    slow_unless_representative,
)

ARMS = slow_unless_representative(NAMES)
FEW_ARMS = [
    name if name in ("transformer", "lstm_feeding") else pytest.param(name, marks=pytest.mark.slow) for name in NAMES
]
"""For what resuming checks as well: one arm of each family is enough in the fast layer."""

CONFIG = TrainingConfig(epochs=2.5, batch_tokens=120, validations=6, lr=3e-3, label_smoothing=0.1)


def data() -> tuple[Split, Split]:
    loaded = Reverse(symbols=12, train_longest=6, test_longest=8, train_size=150, valid_size=20, test_size=5).load()
    return loaded.train, loaded.valid


def trainer(name: str, seed: int = 0, config: TrainingConfig = CONFIG) -> Trainer:
    # The output layer of every arm must reach reverse's 16 ids; arms are built for SOURCE_SIZE.
    model = build(name, shared=True, seed=seed, dropout=0.2)
    assert model.output_dim == SOURCE_SIZE
    return Trainer(model, *data(), config, seed)


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


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished training: its history and the weights it selected."""

    history: History
    weights: dict[str, torch.Tensor]

    @property
    def curve(self) -> list[dict]:
        """Without times."""
        return [{key: value for key, value in row.items() if key != "seconds"} for row in self.history.curve]


def run(name: str, seed: int = 0, config: TrainingConfig = CONFIG) -> Run:
    whole = trainer(name, seed, config)
    return Run(whole.run(), weights(whole.model))


uninterrupted = functools.cache(run)
"""A training that several tests compare with."""


def test_every_class_of_model_is_represented() -> None:
    classes = [{described(name)["_target_"] for name in names} for names in (NAMES, REPRESENTATIVES)]
    assert classes[0] == classes[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", FEW_ARMS)
def test_same_seed_same_bits_other_seed_other_weights(name: str) -> None:
    first = uninterrupted(name)
    torch.rand(7)  # moves the global generator
    second, third = run(name), run(name, seed=1)
    assert same(first.weights, second.weights) and not same(first.weights, third.weights)
    assert first.curve == second.curve != third.curve


class Killed(Exception):
    pass


class KillAt(Silent):
    """Raises at the given reported step, as if the process had been killed there."""

    def __init__(self, step: int) -> None:
        self.step = step

    def advance(self, done: int, note: str = "") -> None:
        if done >= self.step:
            raise Killed


@pytest.mark.parametrize("name", ARMS)
def test_resumed_equals_uninterrupted(name: str, tmp_path: Path) -> None:
    expected = uninterrupted(name)
    store = CheckpointStore(tmp_path)
    for share in (0.3, 0.7):
        cut = trainer(name)
        with pytest.raises(Killed):
            cut.run(store, KillAt(round(share * expected.history.steps)))
        assert store.latest.exists()
    resumed = trainer(name)
    history = resumed.run(store)
    assert same(weights(resumed.model), expected.weights)
    assert Run(history, {}).curve == expected.curve
    assert (history.best_step, history.best_loss) == (expected.history.best_step, expected.history.best_loss)


def test_every_arm_gets_the_same_batches() -> None:
    plans = [trainer(name).plan(1) for name in NAMES]
    for plan in plans[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(plans[0], plan, strict=True))
    rows = np.sort(np.concatenate(plans[0]))
    assert np.array_equal(rows, np.arange(150)), "every example once an epoch"


def test_a_loss_that_is_not_finite_stops_training() -> None:
    broken = trainer("transformer")
    with torch.no_grad():
        next(broken.model.parameters()).fill_(float("nan"))
    with pytest.raises(Diverged, match="not finite|loss is"):
        broken.run()


def test_the_best_validation_loss_is_what_stays() -> None:
    long = trainer("lstm_none", config=TrainingConfig(epochs=20, batch_tokens=120, validations=40, lr=0.05))
    history = long.run()
    best = min(history.curve, key=lambda row: row["valid_loss"])
    assert history.best_step == best["step"]
    loss, _ = validate(long.model, long.valid_batches)
    assert loss == pytest.approx(best["valid_loss"], abs=1e-5)


def test_equal_lengths_need_no_mask_and_padding_is_counted() -> None:
    src = Ragged.of([[4, 5], [6, 7], [8]])
    batcher = Batcher(Split("train", src, copy.deepcopy(src)), 100)
    assert batcher.make(np.array([0, 1])).src_mask is None
    batch = batcher.make(np.array([0, 2]))
    assert batch.src.tolist() == [[4, 5, 2], [8, 2, 0]]
    assert batch.src_mask.tolist() == [[True] * 3, [True, True, False]]
    assert batch.tgt_in.tolist() == [[1, 4, 5], [1, 8, 2]] and batch.tgt_out.tolist() == [[4, 5, 2], [8, 2, 0]]
    assert (batch.source_tokens, batch.target_tokens) == (5, 5)


@pytest.mark.parametrize("name", FEW_ARMS)
def test_bf16_trains_alike_and_keeps_its_weights_in_float32(name: str) -> None:
    """Same seed, same bits again; other bits than fp32, and a validation loss that is near."""
    config = dataclasses.replace(CONFIG, precision="bf16")
    narrow = trainer(name, 0, config)
    first, second = Run(narrow.run(), weights(narrow.model)), run(name, 0, config)
    assert same(first.weights, second.weights)
    assert all(p.dtype == torch.float32 for p in narrow.model.parameters())
    exact = uninterrupted(name)
    assert not same(first.weights, exact.weights)
    assert first.curve[-1]["valid_loss"] == pytest.approx(exact.curve[-1]["valid_loss"], rel=0.05)

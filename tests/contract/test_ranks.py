"""Several processes train an arm as one does: in double precision, where rounding hides no wrong mask or sum."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data.examples import Split
from bench.data.ragged import Ragged
from bench.training import ranks
from bench.training.config import TrainingConfig
from bench.training.trainer import Trainer
from tests.contract.arms import NAMES, SOURCE_SIZE, STACKS, build
from tests.ranks import run

CONFIG = TrainingConfig(epochs=2.0, batch_tokens=24, validations=2, lr=3e-3, label_smoothing=0.1)
"""Batches of one to four rows, so that two or three processes are sometimes more than there are rows."""

FAST = ("transformer", "lstm_feeding", "transformer_stack")
CASES = [
    pytest.param(name, count, marks=() if name in FAST and count == 2 else pytest.mark.slow)
    for name in (*NAMES, *STACKS)
    for count in (2, 3)
]
RECURRENT = ("rnn_dot", "lstm_feeding", "lstm_stack", "residual_gru", "residual_gru_stack")
"""Arms tried with dropout of the state-to-state weights too."""


def split(seed: int, size: int, one_stack: bool) -> Split:
    """Random tokens, one to six a side; one stack answers at every place but the first, and at the only one."""
    rng = np.random.default_rng(seed)
    sides = [[rng.integers(4, SOURCE_SIZE, length).tolist() for length in rng.integers(1, 7, size)] for _ in range(2)]
    if not one_stack:
        return Split("train", *map(Ragged.of, sides))
    places = [list(range(min(1, len(row) - 1), len(row))) for row in sides[0]]
    answers = [rng.integers(4, SOURCE_SIZE, len(row)).tolist() for row in places]
    return Split("train", *map(Ragged.of, (sides[0], answers)), answered_at=Ragged.of(places))


def train(name: str, out: str) -> None:
    """Train an arm with dropout everywhere, and save the final weights and the curve of this process."""
    torch.set_num_threads(1)
    recurrent = {"dropout_recurrent": 0.25} if name in RECURRENT else {}
    with ranks.joined("cpu"):
        model = build(name, shared=True, dropout=0.2, **recurrent).double()
        one_stack = name in STACKS
        trainer = Trainer(model, split(1, 40, one_stack), split(2, 20, one_stack), CONFIG, seed=5)
        history = trainer.run()
        weights = torch.cat([tensor.flatten().double() for tensor in model.state_dict().values()]).numpy()
        losses = [[row["train_loss"], row["valid_loss"], row["valid_token_accuracy"]] for row in history.curve]
        counts = [history.steps, history.examples, history.source_tokens, history.target_tokens, history.padded_tokens]
        path = Path(out) / f"{name}-{ranks.count()}-{ranks.rank()}"
        np.savez(path, weights=weights, losses=losses, counts=counts, draws=trainer.dropout.get_state().numpy())


@pytest.fixture(scope="module")
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `train` saved, for the arms and numbers of processes that are tested now."""
    folder = tmp_path_factory.mktemp("ranks")
    wanted = {
        (item.callspec.params["name"], item.callspec.params["count"])
        for item in request.session.items
        if getattr(item, "module", None) is request.module and hasattr(item, "callspec")
    }
    jobs = sorted(wanted | {(name, 1) for name, _ in wanted})
    run([(count, f"{__name__}:train", (name, str(folder))) for name, count in jobs])
    return folder


@pytest.mark.parametrize(("name", "count"), CASES)
def test_several_processes_train_as_one(name: str, count: int, trained: Path) -> None:
    one = np.load(trained / f"{name}-1-0.npz")
    several = [np.load(trained / f"{name}-{count}-{rank}.npz") for rank in range(count)]
    for process in several:
        assert np.array_equal(process["weights"], several[0]["weights"]), "the processes keep the same weights"
        assert np.array_equal(process["counts"], one["counts"])
        assert np.array_equal(process["draws"], one["draws"]), "masks are drawn for the global batch"
        assert np.allclose(process["losses"], one["losses"], rtol=0, atol=2e-6)  # rounded in the curve
    difference = np.abs(several[0]["weights"] - one["weights"]).max()
    assert difference < 1e-9, "the weights of one process, but for rounding"

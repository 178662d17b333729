"""Other devices than the CPU. On a GPU: contracts, training, resume, precision, decoding (marked `cuda`, skipped where
there is none). Without one: what a training step asks the device for, since that makes the host wait.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from bench.data.examples import Split
from bench.evaluation.decoding import decode_tokens
from bench.evaluation.search_config import Search
from bench.tasks.parity import Parity
from bench.tasks.reverse import Reverse
from bench.training.checkpoint import CheckpointStore
from bench.training.config import TrainingConfig
from bench.training.trainer import Trainer
from tests.contract.arms import NAMES, STACKS, build, ragged_batch, slow_unless_representative
from tests.contract.test_training import KillAt, Killed, same, weights

WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "_unique2")
"""Operations whose outcome the host has to know, so that a GPU has to finish first."""

FAST_STACKS = ("transformer_stack", "lstm_stack")
ARMS = [*slow_unless_representative(NAMES)] + [
    name if name in FAST_STACKS else pytest.param(name, marks=pytest.mark.slow) for name in STACKS
]
cuda = [pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")]
GPU = "cuda"


class Waits(TorchDispatchMode):
    """Collects the operations that make the host wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        # A boolean index becomes `nonzero` inside the operation, unseen.
        indices = args[1] if name == "index" else ()
        masks = any(isinstance(each, torch.Tensor) and each.dtype == torch.bool for each in indices)
        # torch's recurrent layers look into the sizes of a packed batch, which are always on the host.
        packed = any(frame.filename.endswith("torch/nn/modules/rnn.py") for frame in traceback.extract_stack()[-8:])
        if masks or (name in WAITS and not packed):
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


def splits(name: str) -> tuple[Split, Split]:
    sizes: Any = {"train_size": 150, "valid_size": 20, "test_size": 5}
    if name in STACKS:
        loaded = Parity(one_stack=True, train_longest=12, test_longest=16, **sizes).load()
    else:
        loaded = Reverse(symbols=12, train_longest=6, test_longest=8, **sizes).load()
    return loaded.train, loaded.valid


def trainer(name: str, device: str = "cpu", **options: Any) -> Trainer:
    config = TrainingConfig(epochs=2.5, batch_tokens=120, validations=6, lr=3e-3, label_smoothing=0.1, **options)
    return Trainer(build(name, shared=True, dropout=0.2).to(device), *splits(name), config, 0, device)


@pytest.mark.parametrize("name", ARMS)
def test_a_training_step_does_not_wait_for_the_device(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    training = trainer(name)
    batches = [training.batcher.make(rows) for rows in training.plan(0)[:2]]
    training.model.train()
    training._step(batches[0])  # the first step creates the states of the optimiser
    copy_to_host = torch.Tensor.cpu
    with Waits() as mode:
        monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: mode.seen.append("cpu") or copy_to_host(tensor))
        training._step(batches[1])
    # Recurrent layers that read a padded source in both directions need its lengths on the host: one copy a step. That
    # torch then asks for a copy of what is there already costs nothing.
    reads_lengths = any(isinstance(module, nn.RNNBase) for module in training.model.modules())
    assert set(mode.seen) <= {"cpu"} if reads_lengths else mode.seen == []


def test_the_check_sees_a_wait() -> None:
    with Waits() as mode:
        float(torch.ones(3).sum())
        torch.ones(3)[torch.tensor([True, False, True])]
    assert mode.seen == ["_local_scalar_dense", "index"]


@pytest.mark.parametrize("name", [pytest.param(name, marks=cuda) for name in NAMES])
def test_logits_and_outputs_of_a_gpu_are_those_of_the_cpu(name: str) -> None:
    model = build(name)
    src, mask, tgt = ragged_batch(model)
    with torch.no_grad():
        here = model(src, tgt, mask)
        there = model.to(GPU)(src.to(GPU), tgt.to(GPU), mask.to(GPU))
        assert torch.allclose(here, there.cpu(), atol=1e-4)
    limits = np.full(len(src), 8)
    for beam in (1, 3):
        on_gpu = decode_tokens(model.to(GPU), src.to(GPU), mask.to(GPU), limits, Search(beam))
        assert on_gpu == decode_tokens(model.to("cpu"), src, mask, limits, Search(beam))


@pytest.mark.parametrize("precision", [pytest.param(each, marks=cuda) for each in ("fp32", "bf16")])
@pytest.mark.parametrize("name", [pytest.param(name, marks=cuda) for name in [*NAMES, *STACKS]])
def test_training_on_a_gpu_learns_and_resumes_with_its_dropout(name: str, precision: str, tmp_path: Path) -> None:
    whole = trainer(name, GPU, precision=precision)
    whole.run()
    first, last = (whole.history.curve[place]["train_loss"] for place in (0, -1))
    assert last < first
    store = CheckpointStore(tmp_path)
    with pytest.raises(Killed):
        trainer(name, GPU, precision=precision).run(store, KillAt(whole.history.steps // 2))
    resumed = trainer(name, GPU, precision=precision)
    resumed.run(store)
    assert resumed.history.resumed and same(weights(whole.model), weights(resumed.model))

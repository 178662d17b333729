"""Language models whose recurrent state is carried over from batch to batch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.__main__ import main
from bench.conf.compose import compose
from bench.data.examples import Split
from bench.data.running_text import windows
from bench.errors import UserError
from bench.evaluation import context_use
from bench.metrics import comparable
from bench.records import store
from bench.runs import tune
from bench.runs.cell import run_cell
from bench.training import ranks
from bench.training.batches import Batcher
from bench.training.carried_state import CarriedState
from bench.training.checkpoint import CheckpointStore
from bench.training.config import TrainingConfig
from bench.training.history import History
from bench.training.progress import Silent
from bench.training.trainer import Trainer
from tests.contract.arms import SOURCE_SIZE, build

CONTEXT = 8
CONFIG = TrainingConfig(epochs=2.5, batch_tokens=4 * CONTEXT, validations=5, lr=3e-3, batching="carried")
TEXT = "".join(f"{i % 7} little birds sat on a wall, {i % 5} of them flew.\n" for i in range(200))


def text(name: str, tokens: int, seed: int = 0) -> Split:
    """Random ids in windows of CONTEXT."""
    ids = np.random.default_rng(seed).integers(4, SOURCE_SIZE, tokens + 1).astype(np.int32)
    return windows(name, ids, CONTEXT, "the text")


def trainer(name: str, config: TrainingConfig = CONFIG) -> Trainer:
    return Trainer(build(name, shared=True, dropout=0.2), text("train", 150), text("valid", 60, 1), config, 0)


@pytest.mark.parametrize(("tokens", "batches"), [(96, 3), (93, 3), (150, 5), (85, 3)])
def test_streams_have_every_window_once_and_rows_go_on(tokens: int, batches: int) -> None:
    batcher = Batcher(text("train", tokens), 4 * CONTEXT + 3)
    plan = batcher.streams()
    assert len(plan) == batches and len(plan[0]) == 4
    assert np.sort(np.concatenate(plan)).tolist() == list(range(-(-tokens // CONTEXT)))
    for before, after in zip(plan, plan[1:], strict=False):
        assert (after == before[: len(after)] + 1).all()


def test_features_of_a_stream_are_those_of_its_text_at_once() -> None:
    model, batcher = build("lstm_stack", shared=True), Batcher(text("train", 150), 4 * CONTEXT)
    carried, streams = CarriedState(model), [[] for _ in range(4)]
    with torch.no_grad():
        for batch in batcher.epoch(carried=True):
            for row, features in enumerate(carried.features(batch)):
                streams[row].append(features[: batcher.src_lengths[batch.rows[row]]])
        starts = [*batcher.streams()[0] * CONTEXT, 150]
        for row, parts in enumerate(streams):
            ids = torch.from_numpy(batcher.split.src.tokens[starts[row] : starts[row + 1]].astype(np.int64))
            torch.testing.assert_close(torch.cat(parts), model.features(ids[None])[0], rtol=1e-6, atol=1e-6)


def test_no_gradient_reaches_the_window_before() -> None:
    model, batcher = build("lstm_stack", shared=True), Batcher(text("train", 150), 4 * CONTEXT)
    carried, (first, second, *_) = CarriedState(model), list(batcher.epoch(carried=True))
    carried.features(first)
    assert carried.state and not any(part.requires_grad for part in carried.state.values())
    carried.features(second).sum().backward()


def test_every_epoch_starts_from_the_zero_state(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh: list[bool] = []
    features = CarriedState.features

    def watched(carried: CarriedState, batch):
        fresh.append(not carried.state)
        return features(carried, batch)

    training = trainer("gru_stack", dataclasses.replace(CONFIG, validations=1))
    monkeypatch.setattr(CarriedState, "features", watched)
    history = training.run()
    epoch = len(training.batcher.streams())
    assert [i for i, zero in enumerate(fresh[: history.steps]) if zero] == [0, epoch, 2 * epoch]
    assert len(fresh) == history.steps + len(training.valid_batches) and fresh[history.steps]


class Killed(Exception):
    pass


class KillAt(Silent):
    def __init__(self, step: int) -> None:
        self.step = step

    def advance(self, done: int, note: str = "") -> None:
        if done >= self.step:
            raise Killed


def outcome(history: History, model: torch.nn.Module) -> tuple[list[dict], dict[str, list]]:
    curve = [{key: value for key, value in row.items() if key != "seconds"} for row in history.curve]
    return curve, {name: tensor.tolist() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("name", ["lstm_stack", "residual_gru_stack", "mingru_stack"])
def test_resumed_equals_uninterrupted(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the middle of an epoch and at its end."""
    monkeypatch.setenv("BENCH_SAVE_EVERY", "1e-9")
    whole = trainer(name)
    expected = outcome(whole.run(), whole.model)
    assert whole.total_steps == 12 and len(whole.plan(0)) == 5
    states = CheckpointStore(tmp_path)
    for step in (3, 5, 8):
        with pytest.raises(Killed):
            trainer(name).run(states, KillAt(step))
    resumed = trainer(name)
    same = outcome(resumed.run(states), resumed.model) == expected
    assert same, "and no comparison of all weights in words"
    assert len(resumed.history.resumed) == 3


def test_what_lies_beyond_the_window_is_learnt_with_the_state_alone() -> None:
    """Every eighth token differs, and a window has four: without the state, the last one is a guess."""
    ids = np.resize(np.array([5] * 7 + [6], dtype=np.int32), 1601)
    losses = {}
    for batching in ("mixed", "carried"):
        split = windows("train", ids, 4, "the text")
        config = TrainingConfig(epochs=8, batch_tokens=32, validations=2, lr=0.03, batching=batching)
        training = Trainer(build("gru_stack", shared=True, dropout=0.0), split, split, config, 0)
        losses[batching] = training.run().best_loss
    guessed = np.log(2) / 4
    assert losses["carried"] < 0.5 * guessed < 0.98 * guessed < losses["mixed"]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Of a trained cell."""
    folder = tmp_path_factory.mktemp("carried")
    (folder / "birds.txt").write_text(TEXT, encoding="utf-8")
    words = (
        "task=language model=lstm_stack budget=quick task.context=32 budget.parameters=20000 budget.epochs=1 seed=1 "
        f"match.tolerance=0.2 budget.batching=carried budget.batch_tokens=200 out={folder} "
        f"task.text={folder / 'birds.txt'}"
    )
    cell = compose(words.split())
    assert run_cell(cell, folder) == "done"
    return store.read(folder / cell.name)


def test_scores_say_that_the_state_was_carried_and_are_no_others(record: dict) -> None:
    assert record["budget"]["streams"] == 200 // 32
    kinds = {(row["metric"], row["axis"]): comparable(row["signature"]) for row in record["scores"]}
    assert {axis for _, axis in kinds} == {None, context_use.CONTEXT}
    for metric in ("loss", "bits_per_character", "perplexity"):
        assert "state carried through the split" in kinds[metric, None]
    assert "carried" not in kinds["loss", context_use.CONTEXT]


def test_the_test_loss_is_that_of_one_pass_through_the_split() -> None:
    model, split = build("gru_stack", shared=True), text("test", 150)
    by_token = context_use.token_losses(model, split, 1, "cpu", carried=True)
    with torch.no_grad():
        logits = model(torch.from_numpy(split.src.tokens.astype(np.int64))[None])[0]
        targets = torch.from_numpy(split.tgt.tokens.astype(np.int64))
        expected = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    np.testing.assert_allclose(by_token, expected.numpy(), rtol=1e-5, atol=1e-6)
    from_zero = context_use.token_losses(model, split, 1, "cpu")
    assert np.allclose(by_token[:CONTEXT], from_zero[:CONTEXT]) and not np.allclose(by_token, from_zero)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "task=language model=transformer_stack",
            "needs a recurrent state that reads forwards, and model transformer",
        ),
        ("task=language model=lstm_stack model.causal=false", "needs a recurrent state that reads forwards"),
        ("task=parity_stack model=lstm_stack", "needs examples that follow one another, and those of the task parity"),
        ("task=reverse model=lstm_dot", "needs examples that follow one another, and those of the task reverse"),
        ("task=language model=lstm_stack budget.batch_tokens=10000000", "carries nothing over"),
    ],
)
def test_what_cannot_be_carried_ends_with_one_line(words: str, message: str, tmp_path: Path, capfd) -> None:
    assert main(["run", "budget=smoke", "budget.batching=carried", *words.split(), f"out={tmp_path}"]) == 2
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("bench: ")]
    assert len(lines) == 1 and message in lines[0]


def test_several_processes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = compose(f"task=language model=lstm_stack budget=smoke budget.batching=carried out={tmp_path}".split())
    monkeypatch.setattr("bench.runs.cell.ranks.count", lambda: 2)
    monkeypatch.setattr(ranks, "gather", lambda content: [content])
    with pytest.raises(UserError, match="trains in one process, and torchrun started 2"):
        run_cell(cell, tmp_path)


def test_tuning_compares_no_carried_loss_with_another() -> None:
    with pytest.raises(UserError, match="cannot be compared"):
        tune.parse_grid(["budget.batching=mixed,carried"])
    assert tune.parse_grid(["budget.batching=carried"]) == {"budget.batching": ("carried",)}

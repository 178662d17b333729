"""The probes of `bench reach` on one stack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bench.__main__ import main
from bench.conf.compose import compose
from bench.data.examples import FIRST_FREE_ID, Split
from bench.data.ragged import Ragged
from bench.data.running_text import windows
from bench.diagnostics.reach import probe
from bench.diagnostics.reach.prefixes import to_one_answer
from bench.records import reach_rows
from bench.runs.cell import run_cell
from models.interface import SequenceModel
from tests.contract.arms import SOURCE_SIZE, STACKS, build

BACK = 3


class Backward(nn.Module):
    """Predicts the token that has distance BACK, and one that never occurs where there is none."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(torch.eye(size), freeze=False)
        self.projection = nn.Identity()

    def features(self, inputs, mask=None):
        embedded = self.embedding(inputs)
        features = torch.zeros_like(embedded)
        features[..., 0] = 1.0
        features[:, BACK - 1 :] = 10 * embedded[:, : inputs.shape[1] - BACK + 1]
        return features

    def project(self, features):
        return features


def backward(size: int) -> SequenceModel:
    model = Backward(size).eval()
    model.__class__ = type("Backward", (Backward, SequenceModel), {"__abstractmethods__": frozenset()})
    return model


def copied_back() -> Split:
    """Sequences without a token twice, answered from their third position on by the token BACK - 1 places earlier."""
    sources, first = [], FIRST_FREE_ID
    for number in range(12):
        sources.append(list(range(first, first + 5 + number % 4)))
        first += len(sources[-1])
    answered = [list(range(BACK - 1, len(source))) for source in sources]
    targets = [[source[i - BACK + 1] for i in at] for source, at in zip(sources, answered, strict=True)]
    return Split("test", Ragged.of(sources), Ragged.of(targets), answered_at=Ragged.of(answered))


def test_a_stack_that_looks_three_tokens_back_reaches_three_tokens() -> None:
    split = to_one_answer(copied_back(), probe.SEED)
    assert (split.src.lengths >= BACK).all() and len(set(split.src.lengths)) > 3
    examples = probe.sample_examples(split, 100)
    model = backward(int(split.src.tokens.max()) + 1)
    norms, distances = probe.gradient_norms(model, examples), examples.distances
    assert (norms[distances == BACK] > 0).all() and (norms[distances != BACK] == 0).all()
    grid = probe.distance_grid(examples.max_distance)
    curves = probe.replacement_accuracy(model, split, examples, grid, probe.draw_partners(split, examples, 4))
    # A partner has other tokens at every index, so all is lost where the one token is replaced.
    assert {k: float(share.mean()) for k, share in zip(grid, curves, strict=True)} == {
        k: float(k >= BACK) for k in grid
    }


@pytest.mark.parametrize("name", STACKS)
def test_the_probes_see_what_the_model_predicts_in_the_whole_sequence(name: str) -> None:
    model = build(name, shared=True)
    ids = np.random.default_rng(0).integers(FIRST_FREE_ID, SOURCE_SIZE, 100).astype(np.int32)
    whole = windows("test", ids, 9, "the text")
    split = to_one_answer(whole, probe.SEED)
    with torch.no_grad():
        predicted = [
            model(torch.from_numpy(whole.src[i].astype(np.int64))[None])[0].argmax(-1) for i in range(len(whole))
        ]
    last = split.src.lengths - 1
    assert len(set(last[:-1])) > 3, "answers are drawn, and not the last ones"
    assert [whole.src[i][: end + 1].tolist() for i, end in enumerate(last)] == [
        split.src[i].tolist() for i in range(len(split))
    ]
    tokens = split.tgt.tokens.copy()
    assert tokens.tolist() == [whole.tgt[i][end] for i, end in enumerate(last)]
    tokens[::2] = [int(of_sequence[end]) for of_sequence, end in zip(predicted, last, strict=True)][::2]
    split = Split("test", split.src, Ragged(tokens, split.tgt.offsets), answered_at=split.answered_at)
    examples = probe.sample_examples(split, 100)
    expected = [int(of_sequence[end]) for of_sequence, end in zip(predicted, last, strict=True)] == tokens
    for batch_tokens in (1, 1000):
        correct = probe.predict_correctly(model, examples.split, examples.positions, batch_tokens)
        assert correct.tolist() == expected.tolist() and correct[::2].all()
    together, alone = (probe.gradient_norms(model, examples, batch_tokens=n) for n in (10_000, 1))
    np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-15)
    assert (together[examples.distances == 1] > 0).all()


@pytest.mark.parametrize("causal", [True, False])
def test_reach_of_a_language_model_on_the_command_line(causal: bool, tmp_path: Path, capfd) -> None:
    task = "language task.context=8" if causal else "parity_stack task.train_longest=8 task.test_longest=12"
    words = (
        f"task={task} model=lstm_stack model.causal={str(causal).lower()} budget=smoke budget.parameters=5000 "
        f"match.tolerance=1 task.train_size=50 task.valid_size=10 task.test_size=20 out={tmp_path}"
    )
    cell = compose(words.split())
    assert run_cell(cell, tmp_path) == "done"
    status = main(["reach", "--run", str(tmp_path / cell.name), "--examples", "30"])
    error = capfd.readouterr().err
    if not causal:
        assert status == 2 and "one stack with causal=false" in error
        return
    assert status == 0
    reach = reach_rows.read(tmp_path / cell.name)
    assert reach is not None and 1 <= max(row.k for row in reach.rows) <= 8
    assert reach.effective_reach is not None and reach.half_gradient is not None

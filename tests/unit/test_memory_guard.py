"""What cannot be held is refused before it starts, with planted limits on both sides; what is said to be needed is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.conf.compose import compose
from bench.data.examples import FIRST_FREE_ID, Split, TaskData
from bench.data.ragged import Ragged
from bench.diagnostics.profile import memory as profile_memory
from bench.diagnostics.profile import process
from bench.diagnostics.profile.measure import make_subject
from bench.diagnostics.profile.plan import Request
from bench.errors import UserError
from bench.evaluation.search_config import Search, SearchConfig
from bench.records import store
from bench.runs import cell as cell_module
from bench.runs import memory_guard
from bench.runs.cell import run_cell
from bench.tasks.reverse import Reverse
from bench.training.config import TrainingConfig
from models import cost
from models.dropout import set_dropout_generator
from models.interface import Seq2Seq
from models.recurrent import RecurrentSeq2Seq
from models.transformer import Transformer

GIB = 1 << 30
ROOT = Path(__file__).resolve().parents[2]
MODELS = {
    "transformer": lambda: Transformer(50, 50, 2, 2, 8, 8, 16),
    "attention kept": lambda: Transformer(50, 50, 1, 2, 8, 8, 16, dropout_attention=0.1),
    "alibi": lambda: Transformer(50, 50, 1, 2, 8, 8, 16, positions="alibi"),
    "learned": lambda: Transformer(50, 50, 1, 2, 8, 8, 16, positions="learned", max_len=400),
    "lstm": lambda: RecurrentSeq2Seq(50, 50, 1, 16, cell="lstm"),
    "additive": lambda: RecurrentSeq2Seq(50, 50, 1, 16, cell="gru", attention="additive"),
    "values": lambda: RecurrentSeq2Seq(2, 1, 1, 16, cell="gru", inputs="values", outputs="values"),
}


def kept_by_hand(model: Seq2Seq, rows: int, S: int, T: int) -> int:
    """Bytes of distinct memories that the graph of a pass saves, read off the graph's own nodes."""
    if model.inputs == "values":
        src, tgt = torch.zeros(rows, S, model.input_dim), torch.zeros(rows, T, model.output_dim)
    else:
        src, tgt = torch.ones(rows, S, dtype=torch.int64), torch.ones(rows, T, dtype=torch.int64)
    set_dropout_generator(model.train(), torch.Generator().manual_seed(1))
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept = {}
    todo, seen = [model.features(src, tgt).grad_fn], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        todo += [each for each, _ in node.next_functions]
        for name in dir(node):
            for saved in [getattr(node, name)] if name.startswith("_saved_") or name == "saved_tensors" else []:
                for tensor in saved if isinstance(saved, tuple | list) else [saved]:
                    if isinstance(tensor, torch.Tensor):
                        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
    return sum(storage.nbytes() for address, storage in kept.items() if address not in weights)


SLOW = ("additive", "values", "attention kept", "learned")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in MODELS]
)
def test_activations_extrapolate_to_what_a_graph_keeps(name):
    torch.manual_seed(0)
    model = MODELS[name]()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    of_pair = cost.activation_bytes(model)
    for S, T in ((350, 100), (100, 350)):
        rows = kept_by_hand(model, 3, S, T) - kept_by_hand(model, 1, S, T)
        assert of_pair(S, T) == pytest.approx(rows / 2, rel=0.06), (S, T)
    assert model.training and all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_kept_attention_grows_with_the_product_of_lengths_and_a_fused_kernel_keeps_none():
    fused, kept = (cost.activation_bytes(MODELS[name]()) for name in ("transformer", "attention kept"))
    assert fused(8000, 8000) == pytest.approx(10 * fused(800, 800), rel=0.05)
    assert kept(8000, 8000) > 50 * kept(800, 800)
    # Encoder, decoder and cross-attention of two heads: at least the weights and the dropped ones, 4 bytes each.
    assert kept(8000, 8000) > 3 * 2 * 2 * 4 * 8000**2


def test_few_positions_need_no_measurement():
    tiny = Transformer(9, 9, 1, 1, 4, 4, 8, positions="learned", max_len=3)
    assert cost.activation_bytes(tiny)(3, 3) == 0.0
    short = Transformer(9, 9, 1, 1, 4, 4, 8, positions="learned", max_len=30)
    assert cost.activation_bytes(short)(30, 30) > 0


# A cell: data with one long pair, and planted limits


def made(lengths: list[tuple[int, int]], size: int = 50) -> Split:
    return Split(
        "test",
        Ragged.of([np.full(source, FIRST_FREE_ID) for source, _ in lengths]),
        Ragged.of([np.full(target, FIRST_FREE_ID) for _, target in lengths]),
    )


def check(monkeypatch, model, limit, free=None, *, train=None, test=None, batch_tokens=100, search=None) -> list[str]:
    monkeypatch.setattr(memory_guard, "memory", lambda device: (limit, free))
    short = made([(5, 5)] * 20)
    data = TaskData(train or short, short, {"test": test or short}, 50, 50, True, {}, {})
    training = TrainingConfig(epochs=1, batch_tokens=batch_tokens, validations=1)
    said: list[str] = []
    search = search or SearchConfig(Search(), (), 100)
    memory_guard.check_cell(model, Reverse(), data, training, search, "cpu", said.append)
    return said


def test_training_is_refused_only_above_the_limit(monkeypatch):
    model = MODELS["attention kept"]()
    train = made([(8000, 8000), *[(5, 5)] * 50])
    needed = memory_guard.weight_bytes(model) + cost.activation_bytes(model)(8001, 8001)
    assert needed > GIB
    assert check(monkeypatch, model, round(needed) + 2, train=train) == []
    with pytest.raises(UserError) as refused:
        check(monkeypatch, model, round(needed) - 2, train=train)
    text = str(refused.value)
    assert text.startswith("training needs at least ") and "\n" not in text
    assert "a batch of 1 x 8,001 source and 8,001 target tokens" in text and "task.max_length" in text
    with pytest.raises(UserError, match=r"batch of 3,000 x .*lower budget\.batch_tokens"):
        check(monkeypatch, model, GIB, train=made([(99, 99)] * 3000), batch_tokens=300_000)
    assert check(monkeypatch, model, None, train=train) == [], "no guard where the system says nothing"


def test_less_free_than_needed_is_said(monkeypatch):
    model = MODELS["attention kept"]()
    (line,) = check(monkeypatch, model, 64 * GIB, GIB, train=made([(8000, 8000)]))
    assert re.fullmatch(r"warning: training needs at least \d\.\d GiB of memory, and 1\.0 GiB are free now", line)


def test_decoding_counts_answers_and_only_warns_of_limits(monkeypatch):
    """A Transformer's state is 2 layers x 2 tensors x 2 heads x 8 floats = 256 bytes a token on either side."""
    model = MODELS["transformer"]()
    search = SearchConfig(Search(), (Search(beam=4),), 4000)
    logits = 2 * 4 * 50
    # At beam 4 a batch has 1,000 tokens: the long answer and 19 short ones, then 100 short ones, then the rest.
    test = made([(9, 9)] * 199 + [(9, 49)])

    def of(rows: int, tokens: int) -> int:
        return rows * (256 * 10 + 4 * (256 * tokens + logits))

    assert of(100, 10) > of(1, 50) and of(100, 10) > 200 * (256 * 10 + 256 * 10 + logits), "more than greedy search"
    (line,) = check(monkeypatch, model, of(100, 10), test=test, search=search, batch_tokens=6)
    assert line.startswith("warning: decoding test (beam4) needs "), "outputs may become 2 x 9 + 10 tokens long"
    with pytest.raises(
        UserError, match=r"decoding test \(beam4\) .*100 x 4 outputs of 10 tokens.*search\.batch_tokens"
    ):
        check(monkeypatch, model, of(100, 10) - 1, test=test, search=search, batch_tokens=6)
    at_limit = of(100, int(Reverse().target_limit(np.array([9]))[0]))
    assert check(monkeypatch, model, at_limit, test=test, search=search, batch_tokens=6) == []
    assert len(check(monkeypatch, model, at_limit - 1, test=test, search=search, batch_tokens=6)) == 1


def test_logits_of_validation(monkeypatch):
    needed = 2 * 4 * 50 * 16 * 6  # 16 pairs of 6 tokens are a batch of at most 100
    model = MODELS["lstm"]()
    assert memory_guard.validation_need(model, made([(5, 5)] * 20), TrainingConfig(
        epochs=1, batch_tokens=100, validations=1
    )).bytes == needed  # fmt: skip


def test_a_model_is_refused_before_it_is_built(monkeypatch, tmp_path):
    monkeypatch.setattr(memory_guard, "memory", lambda device: (16 * 10**6 - 1, None))
    with pytest.raises(UserError, match=r"a model of 1,000,000 parameters needs at least 15 MiB.*budget\.parameters"):
        memory_guard.check_parameters(10**6, "cpu")
    monkeypatch.setattr(memory_guard, "memory", lambda device: (16 * 10**6, None))
    memory_guard.check_parameters(10**6, "cpu")
    built = []
    monkeypatch.setattr(cell_module.building, "initialised", lambda *arguments: built.append(arguments))
    with pytest.raises(UserError, match="parameters needs at least"):
        run_cell(compose(["task=reverse", "budget=smoke", "budget.parameters=1200000"]), tmp_path)
    assert not built and not list(tmp_path.iterdir())


def test_a_cell_that_cannot_be_held_leaves_a_record_in_a_suite_and_none_outside(monkeypatch, tmp_path):
    cell = compose(["task=reverse", "budget=smoke"])
    monkeypatch.setattr(memory_guard, "memory", lambda device: (500_000, None))
    with pytest.raises(UserError, match=r"needs at least .* and there are 0 MiB; lower"):
        run_cell(cell, tmp_path / "alone")
    assert run_cell(cell, tmp_path / "suite", suite="mine") == "failed"
    assert "needs at least" in store.read(tmp_path / "suite" / cell.name)["reason"]


# A profile

WORDS = ("task=reverse", "budget=smoke", "match.tolerance=1", "threads=1")


@pytest.mark.parametrize("what", ["train", "greedy", "beam5", "latency"])
def test_a_profile_leaves_out_what_does_not_fit(monkeypatch, what):
    cell = compose(("model=transformer", *WORDS))
    subject = make_subject(cell)
    request = Request("transformer", ("model=transformer", *WORDS), 128, what, 1280, 2, 30.0)
    needed = profile_memory.needed_bytes(subject.model, cell, request, 0)
    rows = {"train": 10, "greedy": 10, "beam5": 2, "latency": 1}[what]
    twice = profile_memory.needed_bytes(subject.model, cell, replace(request, tokens=2560), 0)
    weights = memory_guard.weight_bytes(subject.model) if what == "train" else 0
    assert (twice - weights) / (needed - weights) == pytest.approx(1 if what == "latency" else 2 if rows > 1 else 1)
    for limit, fits in ((int(needed) - 1, False), (int(needed) + 1, True)):
        monkeypatch.setattr(memory_guard, "memory", lambda device, limit=limit: (limit, None))
        reason = profile_memory.reason_to_leave_out(subject.model, cell, request)
        assert (reason is None) == fits
    assert profile_memory.needed_bytes(subject.model, cell, replace(request, quantity="forward"), 0) == 0


@pytest.mark.slow
def test_a_training_step_takes_at_least_what_is_said():
    """A process's own peak. Recurrent layers and a fused kernel keep what autograd saves and little more."""
    for arm in ("transformer", "lstm_dot"):
        words = (f"model={arm}", "task=reverse", "budget=smoke", "budget.parameters=200000", "threads=1")
        cell = compose(words)
        subject = make_subject(cell)
        request = Request(arm, words, 256, "train", 8192, 1, 60.0)
        needed = profile_memory.needed_bytes(subject.model, cell, request, 0)
        # A process between this one and the measuring one: a child's peak begins at its parent's.
        code = f"import json; from {process.__name__} import *; print(json.dumps(measure_in_process({request!r}, 1)))"
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        row = json.loads(answer.stdout)
        taken = row["peak_bytes"] - row["base_bytes"] + memory_guard.weight_bytes(subject.model)
        assert 0.3 * taken < needed < 1.05 * taken, arm

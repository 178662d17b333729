"""What is shown of attention: one example for all arms, rows that sum to one, and weights that make the outputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data.examples import BOS, FIRST_FREE_ID, SPECIALS, Split
from bench.data.ragged import Ragged
from bench.evaluation import attention_maps
from bench.evaluation.attention_maps import CROSS, ENCODER, LONGEST, maps
from bench.evaluation.decoding import search
from bench.evaluation.search_config import Search
from bench.records import store
from bench.tasks.reverse import Reverse
from bench.training.batches import Batcher
from models.interface import Seq2Seq
from tests.contract.arms import NAMES, SOURCE_SIZE, build

ROUNDED = 0.51 * 10**-attention_maps.DIGITS
TASK = Reverse()


def example(length: int) -> Split:
    ids = np.arange(length) % 12 + FIRST_FREE_ID
    return Split("test", Ragged.of([ids, ids[:1]]), Ragged.of([ids[::-1], ids[:1]]))


def shown(name: str, length: int = 7, **options: object) -> dict | None:
    return maps(build(name, **options), TASK, example(length), "cpu")


@pytest.mark.parametrize("name", NAMES)
def test_rows_sum_to_one_and_fit_their_tokens(name: str) -> None:
    found = shown(name)
    if name.endswith("_none"):
        assert found is None
        return
    assert found["source"] == [*TASK.source_text(example(7).src[0]).split(), SPECIALS[2]] and not found["cut"]
    assert 1 <= len(found["output"]) <= LONGEST
    kinds = {one["kind"] for one in found["maps"]}
    own = {"transformer", "transformer_encoder"}
    assert kinds == ({CROSS, ENCODER} if name in own else {CROSS})
    for one in found["maps"]:
        weights = np.array(one["weights"])
        rows = len(found["output"]) if one["kind"] == CROSS else len(found["source"])
        assert weights.shape == (rows, len(found["source"]))
        assert np.abs(weights.sum(axis=1) - 1).max() <= weights.shape[1] * ROUNDED
        assert weights.min() >= 0 and np.array_equal(weights, weights.round(attention_maps.DIGITS))
    for kind in kinds:
        heads = [one["head"] for one in found["maps"] if one["kind"] == kind]
        assert heads == list(range(4 if name in own or name.startswith(("residual", "min", "lstm_multi")) else 1))


def teacher_forced(model: Seq2Seq, found: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """Source and target as the model read them, its own output found once more."""
    source = example(7).src.take(np.array([0]))
    src = Batcher(Split("", source, source), 1).make(np.array([0])).src
    output = search(model, src, None, TASK.target_limit(source.lengths), Search()).tokens[0]
    assert TASK.target_text(output).split() == [word for word in found["output"] if word not in SPECIALS]
    return src, torch.tensor([[BOS, *output]])[:, : len(found["output"])]


def tensor(found: dict, kind: str) -> torch.Tensor:
    return torch.tensor([one["weights"] for one in found["maps"] if one["kind"] == kind])


@torch.no_grad()
def test_the_weights_shown_make_the_outputs_of_multi_head_attention() -> None:
    model = build("transformer")
    found = maps(model, TASK, example(7), "cpu")
    read = teacher_forced(model, found)
    for kind, path in ((CROSS, "decoder.1.cross_attention"), (ENCODER, "encoder.1.mixer.attention")):
        assert {one["layer"] for one in found["maps"] if one["kind"] == kind} == {path}
        attention, calls = model.get_submodule(path), []
        hook = attention.register_forward_hook(lambda _m, args, out: calls.append((args, out)))
        model.features(*read)
        hook.remove()
        (_, _, values, *_), wanted = calls[0]
        heads = tensor(found, kind) @ values[0]
        got = attention.output(heads.transpose(0, 1).flatten(1))
        torch.testing.assert_close(got, wanted[0], rtol=0, atol=50 * ROUNDED)


@torch.no_grad()
@pytest.mark.parametrize("name", ["lstm_dot", "gru_additive", "lstm_general", "lstm_feeding"])
def test_the_weights_shown_make_the_outputs_of_global_attention(name: str) -> None:
    model = build(name)
    for weight in model.parameters():
        weight.mul_(3)  # so that rows differ: a model that has learnt nothing looks about everywhere alike
    found = maps(model, TASK, example(7), "cpu")
    read, calls = teacher_forced(model, found), []
    hook = model.attention.register_forward_hook(lambda _m, args, out: calls.append((args, out)))
    model.features(*read)
    hook.remove()
    hidden, wanted = (torch.cat(parts, dim=1)[0] for parts in zip(*((args[0], out) for args, out in calls)))
    context = tensor(found, CROSS)[0] @ calls[0][0][1]["source.memory"][0]
    got = model.attention.combine(torch.cat([context, hidden], dim=-1))
    torch.testing.assert_close(got, wanted, rtol=0, atol=50 * ROUNDED)
    rows = tensor(found, CROSS)[0]
    assert (rows[1:] - rows[:-1]).abs().max() > 1000 * ROUNDED, "or rows could stand anywhere"


def test_a_long_source_is_cut_and_the_example_is_the_first() -> None:
    found = shown("lstm_dot", 300)
    assert found["cut"] and len(found["source"]) == LONGEST + 1 and found["index"] == 0
    short = {key: value for key, value in shown("lstm_dot", LONGEST).items() if key != "cut"}
    assert short == {key: value for key, value in found.items() if key != "cut"}


def test_a_look_at_the_target_is_not_taken_for_one_at_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where both are equally long, and nothing else looks at the source."""
    model = build("transformer")
    for layer in model.decoder:
        layer.cross_attention.record = lambda weights: None
    for length in range(1, LONGEST):
        found = maps(model, TASK, example(length), "cpu")
        assert {one["kind"] for one in found["maps"]} == {ENCODER}
        if len(found["output"]) == len(found["source"]):
            return
    raise AssertionError("no output was as long as its source")


def test_values_are_shown_too() -> None:
    class Sums(Reverse):
        def source_text(self, ids):
            return " ".join(f"{row[0]:.1f}" for row in ids)

        target_text = source_text

        def target_limit(self, source_lengths):
            return np.full_like(source_lengths, 3)

    rows = np.random.default_rng(0).random((2, 60, SOURCE_SIZE))
    split = Split("test", Ragged.of_rows(rows), Ragged.of_rows(rows[:, :3, :19]))
    found = maps(build("lstm_dot", "values"), Sums(), split, "cpu")
    assert len(found["source"]) == LONGEST and len(found["output"]) == 3 and found["cut"]
    assert found["source"][0] == f"{rows[0, 0, 0]:.1f}" and np.array(found["maps"][0]["weights"]).shape == (3, LONGEST)


def test_the_file_is_json_with_a_map_a_line(tmp_path: Path) -> None:
    found = shown("transformer") | {"source": ['"', "],[", "\\", "ä\n"]}
    folder = store.write(tmp_path, {"cell": "one"}, attention=found)
    assert store.read_attention(folder) == found
    lines = (folder / store.ATTENTION).read_text(encoding="utf-8").splitlines()
    assert sum("weights" in line for line in lines) == len(found["maps"]) == 8
    assert json.loads(lines[2].rstrip(","))["kind"] == CROSS
    assert store.read_attention(store.write(tmp_path, {"cell": "two"})) is None

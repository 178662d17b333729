"""What is shown of attention: one example for all arms, rows that sum to one, and weights that make the outputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data.examples import BOS, FIRST_FREE_ID, SPECIALS, Split
from bench.data.ragged import Ragged
from bench.evaluation.attention_maps import CROSS, DIGITS, ENCODER, MAX_TOKENS, attention_maps
from bench.evaluation.decoding import decode_tokens
from bench.evaluation.search_config import Search
from bench.records import store
from bench.tasks.reverse import Reverse
from bench.training.batches import Batcher
from models.interface import Seq2Seq
from tests.contract.arms import NAMES, SOURCE_SIZE, build

ROUNDED = 0.51 * 10**-DIGITS
TASK = Reverse()


def example(length: int) -> Split:
    ids = np.arange(length) % 12 + FIRST_FREE_ID
    return Split("test", Ragged.of([ids, ids[:1]]), Ragged.of([ids[::-1], ids[:1]]))


def shown(name: str, length: int = 7, **options: object) -> dict | None:
    return attention_maps(build(name, **options), TASK, example(length), "cpu")


@pytest.mark.parametrize("name", NAMES)
def test_rows_sum_to_one_and_fit_their_tokens(name: str) -> None:
    content = shown(name)
    if name.endswith("_none"):
        assert content is None
        return
    assert content["source"] == [*TASK.source_text(example(7).src[0]).split(), SPECIALS[2]] and not content["cut"]
    assert 1 <= len(content["output"]) <= MAX_TOKENS
    kinds = {one["kind"] for one in content["maps"]}
    own = {"transformer", "transformer_encoder"}
    assert kinds == ({CROSS, ENCODER} if name in own else {CROSS})
    for one in content["maps"]:
        weights = np.array(one["weights"])
        rows = len(content["output"]) if one["kind"] == CROSS else len(content["source"])
        assert weights.shape == (rows, len(content["source"]))
        assert np.abs(weights.sum(axis=1) - 1).max() <= weights.shape[1] * ROUNDED
        assert weights.min() >= 0 and np.array_equal(weights, weights.round(DIGITS))
    for kind in kinds:
        heads = [one["head"] for one in content["maps"] if one["kind"] == kind]
        assert heads == list(range(4 if name in own or name.startswith(("residual", "min", "lstm_multi")) else 1))


@pytest.mark.parametrize("positions", [8, 9, 10, 40])
def test_learned_positions_that_just_hold_the_source_are_enough(positions: int) -> None:
    """The output is cut to fit; a trained cell ended here with an error of the model."""
    content = shown("transformer", positions="learned", max_len=positions)
    assert content is not None and len(content["source"]) == 8 and len(content["output"]) < positions


def teacher_forced(model: Seq2Seq, content: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """Source and target as the model read them, its output decoded again."""
    source = example(7).src.take(np.array([0]))
    src = Batcher(Split("", source, source), 1).make(np.array([0])).src
    output = decode_tokens(model, src, None, TASK.target_limit(source.lengths), Search()).tokens[0]
    assert TASK.target_text(output).split() == [word for word in content["output"] if word not in SPECIALS]
    return src, torch.tensor([[BOS, *output]])[:, : len(content["output"])]


def tensor(content: dict, kind: str) -> torch.Tensor:
    return torch.tensor([one["weights"] for one in content["maps"] if one["kind"] == kind])


@torch.no_grad()
def test_the_weights_shown_make_the_outputs_of_multi_head_attention() -> None:
    model = build("transformer")
    content = attention_maps(model, TASK, example(7), "cpu")
    read = teacher_forced(model, content)
    for kind, path in ((CROSS, "decoder.1.cross_attention"), (ENCODER, "encoder.1.mixer.attention")):
        assert {one["layer"] for one in content["maps"] if one["kind"] == kind} == {path}
        attention, calls = model.get_submodule(path), []
        hook = attention.register_forward_hook(lambda _m, args, out: calls.append((args, out)))
        model.features(*read)
        hook.remove()
        (_, _, values, *_), wanted = calls[0]
        heads = tensor(content, kind) @ values[0]
        got = attention.output(heads.transpose(0, 1).flatten(1))
        torch.testing.assert_close(got, wanted[0], rtol=0, atol=50 * ROUNDED)


@torch.no_grad()
@pytest.mark.parametrize("name", ["lstm_dot", "gru_additive", "lstm_general", "lstm_feeding"])
def test_the_weights_shown_make_the_outputs_of_global_attention(name: str) -> None:
    model = build(name)
    for weight in model.parameters():
        weight.mul_(3)  # so that rows differ: a model that has learnt nothing looks about everywhere alike
    content = attention_maps(model, TASK, example(7), "cpu")
    read, calls = teacher_forced(model, content), []
    hook = model.attention.register_forward_hook(lambda _m, args, out: calls.append((args, out)))
    model.features(*read)
    hook.remove()
    hidden, wanted = (torch.cat(parts, dim=1)[0] for parts in zip(*((args[0], out) for args, out in calls)))
    context = tensor(content, CROSS)[0] @ calls[0][0][1]["source.memory"][0]
    got = model.attention.combine(torch.cat([context, hidden], dim=-1))
    torch.testing.assert_close(got, wanted, rtol=0, atol=50 * ROUNDED)
    rows = tensor(content, CROSS)[0]
    assert (rows[1:] - rows[:-1]).abs().max() > 1000 * ROUNDED, "or rows could stand anywhere"


def test_a_long_source_is_cut_and_the_example_is_the_first() -> None:
    content = shown("lstm_dot", 300)
    assert content["cut"] and len(content["source"]) == MAX_TOKENS + 1 and content["index"] == 0
    short = {key: value for key, value in shown("lstm_dot", MAX_TOKENS).items() if key != "cut"}
    assert short == {key: value for key, value in content.items() if key != "cut"}


def test_a_look_at_the_target_is_not_taken_for_one_at_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where both are equally long, and nothing else looks at the source."""
    model = build("transformer")
    for layer in model.decoder:
        layer.cross_attention.record = lambda weights: None
    for length in range(1, MAX_TOKENS):
        content = attention_maps(model, TASK, example(length), "cpu")
        assert {one["kind"] for one in content["maps"]} == {ENCODER}
        if len(content["output"]) == len(content["source"]):
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
    content = attention_maps(build("lstm_dot", "values"), Sums(), split, "cpu")
    assert len(content["source"]) == MAX_TOKENS and len(content["output"]) == 3 and content["cut"]
    assert content["source"][0] == f"{rows[0, 0, 0]:.1f}" and np.array(content["maps"][0]["weights"]).shape == (
        3,
        MAX_TOKENS,
    )


def test_the_file_is_json_with_a_map_a_line(tmp_path: Path) -> None:
    content = shown("transformer") | {"source": ['"', "],[", "\\", "ä\n"]}
    folder = store.write(tmp_path, {"cell": "one"}, attention=content)
    assert store.read_attention(folder) == content
    lines = (folder / store.ATTENTION).read_text(encoding="utf-8").splitlines()
    assert sum("weights" in line for line in lines) == len(content["maps"]) == 8
    assert json.loads(lines[2].rstrip(","))["kind"] == CROSS
    assert store.read_attention(store.write(tmp_path, {"cell": "two"})) is None

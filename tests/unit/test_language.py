"""Language models: windows, units, scores by position and by context, sampling and `bench generate`."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.__main__ import main
from bench.conf.compose import compose
from bench.data.examples import BOS, EOS, PAD, UNK
from bench.data.running_text import Characters, in_parts, windows
from bench.errors import DataError, UserError
from bench.evaluation import context_use
from bench.evaluation.sampling import Sampling, sample
from bench.records import store
from bench.runs import trained
from bench.runs.cell import run_cell
from bench.runs.generate import generate
from bench.tasks.language import LanguageModel
from bench.training.progress import Silent
from tests.contract.arms import SOURCE_SIZE, build

NEVER = (PAD, BOS, UNK)
TEXT = "".join(f"{i % 7} little birds sat on a wall, {i % 5} of them flew.\n" for i in range(400))


@pytest.fixture
def own_text(tmp_path: Path) -> Path:
    path = tmp_path / "birds.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A trained cell of two arms, by model."""
    folder = tmp_path_factory.mktemp("language")
    path = folder / "birds.txt"
    path.write_text(TEXT, encoding="utf-8")
    folders = {}
    for model in ("transformer_stack", "lstm_stack"):
        words = [
            f"task=language model={model} budget=quick task.context=32 budget.parameters=20000 budget.epochs=1",
            f"match.tolerance=0.2 seed=1 out={folder}",
        ]
        cell = compose([*" ".join(words).split(), f"task.text={path}"])
        assert run_cell(cell, folder) == "done"
        folders[model] = folder / cell.name
    return folders


def test_windows_predict_every_token_but_the_first_once() -> None:
    ids = np.arange(100, 111, dtype=np.int32)
    split = windows("train", ids, 4, "the text")
    assert [split.src[i].tolist() for i in range(3)] == [[100, 101, 102, 103], [104, 105, 106, 107], [108, 109]]
    assert np.concatenate([split.tgt[i] for i in range(3)]).tolist() == ids[1:].tolist()
    assert [split.answered_at[i].tolist() for i in range(3)] == [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1]]
    with pytest.raises(DataError, match=r"the text has 11 tokens, and one context of task.context=11 needs 12"):
        windows("train", ids, 11, "the text")


def test_parts_keep_the_order_of_the_text_and_share_nothing() -> None:
    parts = in_parts(TEXT, 0.1, {})
    assert parts.train + parts.valid + parts.test == TEXT
    assert len(parts.valid) == pytest.approx(0.05 * len(TEXT), abs=1) == len(parts.test)


def test_characters_come_back_and_unknown_ones_are_counted(own_text: Path) -> None:
    units = Characters.of_text("hello\n")
    assert units.decode(units.encode("hello\n").tolist()) == "hello\n" and units.encode("x").tolist() == [UNK]
    own_text.write_text(TEXT + "\u00e4" * 40, encoding="utf-8")
    data = LanguageModel(text=str(own_text), context=16).load()
    assert data.counts["test_unknown"] == 40 and "train_unknown" not in data.counts
    assert data.counts["train_characters"] == data.counts["train_tokens"]


def test_subwords_end_each_line_with_the_end_token(own_text: Path) -> None:
    task = LanguageModel(text=str(own_text), units="subwords", vocabulary=60, context=16)
    data = task.load()
    split = data.tests["test"]
    stream = np.append(split.src.tokens, split.tgt.tokens[-1])
    assert task.running_text(stream.tolist()) == in_parts(TEXT, 0.1, {}).test
    assert (stream == EOS).sum() == in_parts(TEXT, 0.1, {}).test.count("\n")
    assert task.prompt_ids("a wall\n") == [*task.prompt_ids("a wall"), EOS]


def test_only_a_line_break_ends_a_line_of_subwords(tmp_path: Path) -> None:
    """A form feed and a line separator (U+2028) are characters of a line, in the text as in a prompt."""
    path = tmp_path / "marks.txt"
    text = TEXT.replace("birds", "birds\u2028and\x0cbees")
    path.write_text(text, encoding="utf-8")
    task = LanguageModel(text=str(path), units="subwords", vocabulary=90, context=16, held_out=0.103)
    train = task.load().train
    ids = [*train.src.tokens.tolist(), int(train.tgt.tokens[-1])]
    written = in_parts(text, task.held_out, {}).train
    assert ids.count(EOS) == written.count("\n") and not written.endswith("\n")
    assert task.running_text(ids) == written.rstrip() == task.running_text(task.prompt_ids(written)).rstrip()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["task.corpus=poems"], "task.corpus must be one of grammar, shakespeare, news; got 'poems'"),
        (["task.context=0"], "task.context must be 1 to 8,192, got 0"),
        (["task.units=bytes"], "task.units must be one of characters, subwords; got 'bytes'"),
        (["task.held_out=1.0"], "task.held_out must be above 0 and below 1, got 1.0"),
        (["task.held_out=0.5"], "task.held_out=0.5 has no effect without task.text; leave it out"),
        (["task.vocabulary=300"], "task.vocabulary=300 has no effect with task.units=characters; leave it out"),
        (["task.text=mine.txt", "task.corpus=news"], "task.corpus=news has no effect with task.text; leave it out"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        compose(["task=language", "model=lstm_stack", *settings])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"too short", "one context of task.context=128 needs 129"),
        (b"\xff\xfeh\0", "UTF-16"),
        (b"caf\xe9 " * 200, "not UTF-8"),
    ],
)
def test_a_text_that_cannot_be_used_ends_with_one_line(tmp_path: Path, capfd, content: bytes, message: str) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes(content)
    words = f"task=language model=lstm_stack budget=quick task.text={path} out={tmp_path / 'out'}".split()
    assert main(["run", *words]) == 2
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("bench: ")]
    assert len(lines) == 1 and message in lines[0]


def test_a_context_beyond_learned_positions_ends_with_one_line(own_text: Path, tmp_path: Path, capfd) -> None:
    words = f"task=language model=transformer_stack model.positions=learned model.max_len=16 task.text={own_text}"
    assert main(["run", *words.split(), "budget=quick", f"out={tmp_path / 'out'}"]) == 2
    assert "model.positions=learned reads at most 16 tokens" in capfd.readouterr().err


def test_one_learned_position_is_refused(tmp_path: Path, capfd) -> None:
    words = "task=language task.context=1 model=transformer_stack model.positions=learned model.max_len=1 budget=quick"
    assert main(["run", *words.split(), f"out={tmp_path / 'out'}"]) == 2
    assert "model.max_len=1 leaves nothing to attend to; use at least 2" in capfd.readouterr().err


@pytest.mark.parametrize("pinned", [True, False])
def test_a_text_that_has_changed_is_not_read_for_a_trained_model(
    cells: dict[str, Path], pinned: bool, tmp_path: Path, monkeypatch, capfd
) -> None:
    """Its vocabulary would be another one. pinned: whether the record has the checksum, as since this was noticed."""
    path = tmp_path / "mine.txt"
    path.write_text(TEXT, encoding="utf-8")
    folder = shutil.copytree(cells["lstm_stack"], tmp_path / "runs" / cells["lstm_stack"].name)
    record = json.loads((folder / store.RECORD).read_text(encoding="utf-8"))
    task = record["config"]["task"]
    task["text"], checksum = str(path), task.pop("files")[task["text"]]
    if pinned:
        task["files"] = {str(path): checksum}
    (folder / store.RECORD).write_text(store.record_text(record), encoding="utf-8")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    assert main(["generate", "--run", str(folder), "--prompt", "3", "--tokens", "3"]) == 0
    path.write_text(TEXT.replace("birds", "words"), encoding="utf-8")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "other cache"))
    capfd.readouterr()
    assert main(["generate", "--run", str(folder), "--prompt", "3", "--tokens", "3"]) == 2
    assert ("changed since this cell was configured" if pinned else "its text has changed") in capfd.readouterr().err


def test_a_prompt_with_unknown_characters_is_refused_in_subwords_too(own_text: Path) -> None:
    task = LanguageModel(text=str(own_text), units="subwords", vocabulary=90, context=16)
    task.load()
    with pytest.raises(UserError, match="do not occur in the training text: '\u00e4'$"):
        task.prompt_ids("3 little \u00e4")


@pytest.mark.parametrize(("task", "model"), [("language", "lstm_dot"), ("reverse", "lstm_stack")])
def test_a_model_of_the_other_contract_is_refused(task: str, model: str, tmp_path: Path, capfd) -> None:
    assert main(["run", f"task={task}", f"model={model}", "budget=quick", f"out={tmp_path}"]) == 2
    line = capfd.readouterr().err.strip().splitlines()[-1]
    right = "lstm_stack" if task == "language" else "lstm_dot"
    assert line.startswith(f"bench: model {model} reads") and right in line


def test_scores_are_the_loss_of_every_token_by_position_and_by_context() -> None:
    task = LanguageModel(train_size=60, valid_size=10, test_size=40, context=20)
    data = task.load()
    model = build("lstm_stack", inputs="tokens")
    model = type(model).of_width(16, data.src_size, data.tgt_size, shared=True).eval()
    split = data.tests["test"]
    by_token = context_use.token_losses(model, split, 300, "cpu")
    with torch.no_grad():
        for i in (0, 5, len(split) - 1):
            logits = model(torch.from_numpy(split.src[i].astype(np.int64))[None])[0]
            expected = torch.nn.functional.cross_entropy(
                logits, torch.from_numpy(split.tgt[i].astype(np.int64)), reduction="none"
            )
            own = by_token[split.tgt.offsets[i] : split.tgt.offsets[i + 1]]
            np.testing.assert_allclose(own, expected.numpy(), rtol=1e-5)
    rows = context_use.rows(model, task, data, split, 300, "cpu", Silent())
    whole = {row["metric"]: row["value"] for row in rows if row["axis"] is None}
    assert whole["loss"] == pytest.approx(by_token.mean())
    assert whole["perplexity"] == pytest.approx(math.exp(by_token.mean()))
    assert whole["bits_per_character"] == pytest.approx(by_token.sum() / math.log(2) / data.counts["test_characters"])
    positions = {row["at"]: row for row in rows if row["axis"] == context_use.POSITION}
    assert list(positions) == [1, 2, 4, 8, 16] and sum(row["n"] for row in positions.values()) == len(by_token)
    assert positions[1]["value"] == pytest.approx(by_token[split.tgt.offsets[:-1]].mean())
    cut = {row["at"]: row["value"] for row in rows if row["axis"] == context_use.CONTEXT}
    assert list(cut) == [1, 2, 4, 8, 16, 20]


def test_a_cut_context_hides_what_lies_before_it() -> None:
    """A model that copies the token eight back knows the next one only if it may read that far."""
    task = LanguageModel(train_size=60, valid_size=10, test_size=200, context=16)
    split = task.load().tests["test"]
    period = np.resize(np.arange(4, 12, dtype=np.int32), len(split.src.tokens) + 1)
    periodic = windows("test", period, 16, "a text")

    class Copies(torch.nn.Module):
        def features(self, inputs, mask=None):
            back = torch.zeros(*inputs.shape, 16)
            back[:, 7:] = 20.0 * torch.nn.functional.one_hot(inputs[:, : inputs.shape[1] - 7], 16)
            return back

        def project(self, features):
            return features

    copies = Copies()
    copies.__class__ = type("Copying", (Copies, context_use.SequenceModel), {"__abstractmethods__": frozenset()})
    cut = {row["at"]: row["value"] for row in context_use._cut_rows(copies, periodic, 16, 200, "cpu")}
    assert cut[4] == pytest.approx(math.log(16)) and cut[8] < 0.01 and cut[16] < 0.01


def test_probabilities_follow_temperature_top_k_and_top_p() -> None:
    logits = torch.log(torch.tensor([9.0, 9.0, 1e-9, 9.0, 0.5, 0.3, 0.15, 0.05]))
    plain = Sampling().probabilities(logits, NEVER)
    assert plain[list(NEVER)].sum() == 0 and plain[4:].tolist() == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=1e-6)
    assert Sampling(temperature=0).probabilities(logits, NEVER)[4] == 1
    assert Sampling(temperature=1e-310).probabilities(logits, NEVER)[4] == 1, "no overflow"
    assert Sampling(top_k=2).probabilities(logits, NEVER)[4:].tolist() == pytest.approx([0.625, 0.375, 0, 0], abs=1e-6)
    assert Sampling(top_p=0.8).probabilities(logits, NEVER)[4:].tolist() == pytest.approx(
        [0.625, 0.375, 0, 0], abs=1e-6
    )
    assert Sampling(top_p=0.81).probabilities(logits, NEVER)[6] > 0
    assert Sampling(top_p=1e-9).probabilities(logits, NEVER)[4] == 1, "one token always stays"
    warm = Sampling(temperature=2).probabilities(logits, NEVER)[4:]
    assert warm[0] < 0.5 and warm.sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", ["transformer_stack", "lstm_stack"])
def test_samples_are_those_of_the_parallel_pass_within_the_limit(name: str) -> None:
    model, prompt, limit = build(name, shared=True), [5, 9, 7], 8
    generator = torch.Generator().manual_seed(3)
    drawn = sample(model, prompt, Sampling(temperature=0), generator, limit, NEVER)
    read = list(prompt)
    window = list(prompt)
    for _ in range(20):
        with torch.no_grad():
            logits = model(torch.tensor([window]))[0, -1]
        logits[[PAD, BOS, UNK]] = -torch.inf
        token = next(drawn)
        assert token == int(logits.argmax())
        read.append(token)
        window = read[-limit // 2 :] if len(window) == limit else [*window, token]
    assert max(read) < SOURCE_SIZE


@pytest.mark.parametrize("model", ["transformer_stack", "lstm_stack"])
def test_generate_repeats_with_its_seed_and_goes_on_with_the_prompt(cells: dict[str, Path], model: str, capfd) -> None:
    arguments = ["generate", "--run", str(cells[model]), "--prompt", "3 little", "--tokens", "60"]
    texts = []
    for more in (["--seed", "5"], ["--seed", "5"], ["--seed", "6"], ["--temperature", "0"], ["--top-k", "1"]):
        assert main([*arguments, *more]) == 0
        texts.append(capfd.readouterr().out)
    assert texts[0] == texts[1] != texts[2] and texts[3] == texts[4]
    assert all(text.startswith("3 little") and len(text) == len("3 little") + 61 for text in texts)


def test_a_model_whose_state_grows_says_what_it_reads(cells: dict[str, Path]) -> None:
    for model, expected in (("transformer_stack", 1), ("lstm_stack", 0)):
        lines: list[str] = []
        text = "".join(generate(cells[model], "a", tokens=40, sampling=Sampling(), seed=1, say=lines.append))
        assert len(text) == 41 and len(lines) == expected
    assert trained.load(cells["lstm_stack"]).task.context == 32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prompt", "3 \u00e4"], "the prompt has characters that do not occur in the training text: '\u00e4'"),
        (["--prompt", ""], "the prompt has no token to go on from"),
        (["--prompt", "a", "--temperature", "-1"], "the temperature must be 0 or more"),
        (["--prompt", "a", "--temperature", "nan"], "the temperature must be 0 or more"),
        (["--prompt", "a", "--top-p", "0"], "top-p must be above 0"),
        (["--prompt", "a", "--top-k", "-3"], "top-k must be 0"),
    ],
)
def test_bad_input_of_generate_is_one_line(cells: dict[str, Path], arguments: list[str], message: str, capfd) -> None:
    assert main(["generate", "--run", str(cells["lstm_stack"]), *arguments]) == 2
    captured = capfd.readouterr()
    assert captured.out == "" and len(captured.err.strip().splitlines()) == 1 and message in captured.err


def test_translate_refuses_one_stack(cells: dict[str, Path], capfd) -> None:
    assert main(["translate", "--run", str(cells["lstm_stack"])]) == 2
    assert "one stack that writes no target" in capfd.readouterr().err

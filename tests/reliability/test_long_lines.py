"""Lines of ten thousand tokens, wherever one can come in: refused or cut in one line that says so, and no process
killed for memory. What runs does so under a limit of its address space."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import __main__
from bench.conf import files, schema
from bench.conf.compose import compose
from bench.data.examples import MAX_LENGTH, Split
from bench.data.ragged import Ragged
from bench.errors import DataError, UserError
from bench.evaluation.decoding import decode_split
from bench.evaluation.search_config import Search
from bench.runs import translate
from bench.runs.cell import run_cell
from bench.runs.trained import Trained
from bench.tasks.kinds import generated
from bench.tasks.kinds.generated import Generated, generate
from bench.training.batches import Batcher
from bench.training.teacher_forcing import losses
from tests.contract.arms import CASES, IDS, SOURCE_SIZE, TARGET_SIZE, build
from tests.reliability.watched import limited
from tests.thorough import THOROUGH

LIMIT = 6 << 30
"""Bytes of address space for a process that reads the longest sequence there may be, torch's own libraries
included."""

ROOT = Path(__file__).resolve().parents[2]

ARMS = ("transformer", "transformer [alibi positions]", "gru_dot", "lstm_additive")
"""One of each kind of attention whose memory grows with the square, or with the square times the width."""


def under_a_limit(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python code in a process of its own that may have LIMIT bytes."""
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({LIMIT}, {LIMIT}))\n{code}"
    variables = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, "-P", "-c", limited, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=variables, cwd=ROOT, timeout=600)


READS = """
import sys
from tests.reliability.test_long_lines import read
for name in sys.argv[1:]:
    read(name)
    print(name, flush=True)
"""


def read(name: str) -> None:
    """One source of MAX_LENGTH tokens through an arm: decoded by a beam; of additive attention also scored."""
    model = build(*CASES[IDS.index(name)])
    generator = np.random.default_rng(0)
    src = Ragged.of([generator.integers(4, SOURCE_SIZE, MAX_LENGTH - 1)])
    found = decode_split(model, Split("test", src, Ragged.of([[5, 6]])), np.array([4]), Search(beam=5), 16_000)
    assert len(found.hypotheses.tokens[0]) <= 4
    if name == "lstm_additive":  # of all scores at once, 8,191 by 1,024 by 16 and more
        target = Ragged.of([generator.integers(4, TARGET_SIZE, 1024)])
        assert losses(model, Batcher(Split("test", src, target), 2500))[0] > 0


@pytest.mark.skipif(not THOROUGH, reason="a minute: in make reliability")
def test_every_kind_of_arm_reads_the_longest_sequence_within_a_limit() -> None:
    ran = under_a_limit(READS, *ARMS)
    assert ran.returncode == 0 and ran.stdout.splitlines() == list(ARMS), ran.stdout + ran.stderr[-3000:]


def test_additive_attention_in_blocks_is_the_same_attention() -> None:
    model = build("lstm_additive")
    src, tgt = torch.randint(4, SOURCE_SIZE, (3, 9)), torch.randint(4, TARGET_SIZE, (3, 7))
    found = []
    for values in (2**28, 2 * 3 * 9 * 16, 1):  # all at once; two queries, or one, at a time
        model.attention.block_values = values
        with torch.inference_mode():
            found.append(model.features(src, tgt))
    for other in found[1:]:
        torch.testing.assert_close(found[0], other, rtol=1e-5, atol=1e-6)


class Words:
    """A task that reads words as they are counted: what a line of `translate` goes through, without a corpus."""

    def source_ids(self, text: str) -> list[int]:
        return [4 + len(word) % (SOURCE_SIZE - 4) for word in text.split()]

    def target_limit(self, lengths: np.ndarray) -> np.ndarray:
        return np.full(len(lengths), 6)

    def target_text(self, ids: list[int]) -> str:
        return " ".join(map(str, ids))


@pytest.mark.parametrize("name", ["gru_dot", "transformer [learned positions]"])
def test_translate_cuts_a_line_of_ten_thousand_tokens_and_says_so(name, monkeypatch) -> None:
    model = build(*CASES[IDS.index(name)])
    monkeypatch.setattr(translate.trained, "load", lambda folder: Trained(None, Words(), None, model, 1.0))
    most = MAX_LENGTH - 1 if model.max_length is None else model.max_length - 1
    messages: list[str] = []
    whole = "a bb " * most
    lines = ["a bb ccc", "a bb " * 5000, "", " ".join(whole.split()[:most])]
    answers = list(translate.translate(Path(), lines, beam=2, say=messages.append))
    assert len(answers) == 4 and answers[2] == ""
    messages = [line for line in messages if "reached its limit" not in line]  # as outputs of an untrained model do
    assert messages == [f"line 2: 10,000 tokens, of which the first {most:,} are translated"]
    assert answers[1] == answers[3], "the beginning is what is translated"


def test_learned_positions_bound_the_answer_too(monkeypatch) -> None:
    """An answer that does not end has as many tokens as there are positions: the first reads the start token."""
    model = build(*CASES[IDS.index("transformer [learned positions]")], max_len=8)
    task = Words()
    monkeypatch.setattr(task, "target_limit", lambda lengths: 1000 + lengths)
    monkeypatch.setattr(translate.trained, "load", lambda folder: Trained(None, task, None, model, 1.0))
    messages: list[str] = []
    answers = list(translate.translate(Path(), ["a", "a bb ccc dddd e f g h i j"], beam=1, say=messages.append))
    assert max(len(answer.split()) for answer in answers) == 8
    assert any("the translation reached its limit, 8 tokens" in message for message in messages)


def bitext(folder: Path, *changes: str) -> schema.Cell:
    return compose(
        ["task=bitext", "model=gru_dot", "budget=smoke", "task.vocabulary=40", f"out={folder / 'out'}",
         f"task.source={folder / 'train.en'}", f"task.target={folder / 'train.de'}", *changes]
    )  # fmt: skip


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    for side in ("en", "de"):
        lines = [f"{side} {['a', 'b', 'c'][i % 3]} {i}" for i in range(200)]
        (tmp_path / f"train.{side}").write_text("\n".join(lines) + "\n")
        (tmp_path / f"test.{side}").write_text("\n".join([*lines[:3], "x " * 10_000, *lines[3:9]]) + "\n")
    return tmp_path


def test_a_held_out_line_of_ten_thousand_tokens_is_refused(corpus: Path) -> None:
    cell = bitext(corpus, f"task.test=[{corpus / 'test.en'},{corpus / 'test.de'}]")
    with pytest.raises(DataError, match=r"test, source, line 4: [12]\d,\d+ subwords, and the limit is 8,192;"):
        schema.build_task(cell.config["task"]).load()


def test_a_training_line_of_ten_thousand_tokens_is_left_out_and_counted(corpus: Path) -> None:
    with open(corpus / "train.en", "a") as source, open(corpus / "train.de", "a") as target:
        source.write("x " * 10_000 + "\n")
        target.write("a\n")
    cell = bitext(corpus, f"task.max_length={MAX_LENGTH}")
    data = schema.build_task(cell.config["task"]).load()
    assert data.counts["train_dropped_long"] == 1 and data.train.src.lengths.max() < 100


ENORMOUS = {
    "task=reverse task.train_longest=1000000 task.test_longest=1000001": "1,000,0",
    "task=reverse task.test_longest=9000": "sequences of 9,000 tokens and an end token, and the limit is 8,192;",
    "task=reverse task.train_size=1000000000": "task.train_size=1000000000: split train would have about",
    "task=reverse task.train_size=10000000000": "task.train_size must be at most 1,000,000,000",
    "task=recall task.slots=100000 task.train_farthest=2": "tokens and an end token, and the limit is 8,192;",
    "task=copy_memory task.train_longest=100000 task.test_longest=null": "the limit is 8,192;",
    "task=adding task.train_longest=1000000 task.test_longest=null": "1,000,000",
    "task=mqar task.length=100000": "the limit is 8,192;",
    "task=dyck task.length=100000": "the limit is 8,192;",
    "task=grammar task.train_size=1000000000": "task.train_size=1000000000",
    "task=bitext task.max_length=1000000": "max_length=1000000: at most 8192 subwords",
}


@pytest.mark.parametrize("line", ENORMOUS)
def test_enormous_generated_data_are_refused_before_they_are_made(line, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    with limited(10), pytest.raises(UserError) as caught:
        generate(schema.build_task(compose([*line.split(), "budget=smoke"]).config["task"]))
    assert ENORMOUS[line] in str(caught.value) and "\n" not in str(caught.value)


def test_a_cell_with_enormous_data_writes_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UserError, match="task.train_size=1000000000"):
        run_cell(compose(["task=reverse", "budget=smoke", "task.train_size=1000000000"]), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) == 0


@pytest.mark.parametrize("lengths", ["1000000", "16,70000", "99999999999999999999", "1e9", "٣٣"])
def test_a_profile_of_enormous_lengths_is_refused(lengths, tmp_path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    assert __main__.main(["profile", "--lengths", lengths, "--out", "new"]) == 2
    assert "--lengths takes whole numbers from 2" in capfd.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.skipif(not THOROUGH, reason="half a minute: in make reliability")
def test_every_preset_is_small_enough() -> None:
    for name in files.choices("task"):
        for budget in files.choices("budget"):
            task = schema.build_task(compose([f"task={name}", f"budget={budget}"]).config["task"])
            for spec in task.split_specs() if isinstance(task, Generated) else ():
                generated.check_size(task, spec)

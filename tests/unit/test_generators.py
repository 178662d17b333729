"""`bench data generators`: the table's numbers against the data, and invalid input."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.__main__ import main
from bench.conf import files
from bench.conf.compose import compose
from bench.data.examples import Split
from bench.data.ragged import Ragged
from bench.diagnostics import generators
from bench.diagnostics.generators import Preset, Row, count_sources, measure_all, render_table, select_presets
from bench.errors import UserError
from bench.tasks.adding import Adding
from bench.tasks.kinds.generated import Generated
from bench.tasks.parity import Parity
from bench.tasks.recall import Recall

PARITY = Parity(train_longest=9, test_longest=14, train_size=700, valid_size=20, test_size=30)
ADDING = Adding(train_shortest=2, train_longest=5, test_longest=None, train_size=60, valid_size=20, test_size=30)


class RecordedBoard:
    """Records the messages of progress."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def count(self, cells: int, line: str) -> None:
        self.lines.append(f"{cells}: {line}")

    def say(self, line: str) -> None:
        self.lines.append(line)


class Clock:
    """A clock that advances by the next of `steps` at each reading."""

    def __init__(self, steps: list[float]) -> None:
        self.now, self.steps = 0.0, iter(steps)

    def __call__(self) -> float:
        self.now += next(self.steps)
        return self.now


def measure(task: Generated, seconds: list[float], elapsed: list[float]) -> tuple[Row, RecordedBoard]:
    """The row of a task whose runs take these seconds of processor time and of wall-clock time."""
    clocks = (Clock([step for run in runs for step in (0.0, run)]) for runs in (seconds, elapsed))
    board = RecordedBoard()
    (row,) = measure_all([Preset("some", "small", task)], board, *clocks)
    return row, board


def cells(text: str) -> list[list[str]]:
    """The cells of a Markdown table, heads and rows, without the line between."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]
    assert len({len(each) for each in rows}) == 1, "every row has a cell for each column"
    assert set("".join(rows[1])) <= set("-: ")
    return [rows[0], *rows[2:]]


@pytest.mark.slow
@pytest.mark.parametrize("task", [PARITY, ADDING], ids=["parity", "adding"])
def test_the_numbers_are_those_of_the_data(task: Generated) -> None:
    row, board = measure(task, seconds=[2.0, 5.0, 4.0], elapsed=[3.0, 6.0, 5.0])
    data = task.load()
    splits = {"train": data.train, "valid": data.valid, **data.tests}
    assert list(row.examples.items()) == [(name, len(split)) for name, split in splits.items()]
    sources = {name: [split.src[i].tolist() for i in range(len(split))] for name, split in splits.items()}
    targets = [split.tgt[i].tolist() for split in splits.values() for i in range(len(split))]
    assert row.tokens == sum(len(each) for own in sources.values() for each in own) + sum(map(len, targets))
    assert row.distinct == {name: len(set(map(str, own))) for name, own in sources.items()}
    assert row.overlap == {name: 0 for name in splits if name != "train"}
    assert row.notes == data.notes and row.reason is None
    assert (row.seconds, row.elapsed) == ((2.0, 5.0, 4.0), (3.0, 6.0, 5.0))
    assert row.rates == [row.tokens / 5, row.tokens / 4, row.tokens / 2]
    total = sum(row.examples.values())
    rate = f"{row.tokens / 4e6:.2f}"
    assert board.lines == [
        f"some small: generating {total:,} examples",
        f"1: some small: {rate} million tokens a second",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("elapsed", "runs"), [([1.0, 2.0, 3.0], 3), ([19.0, 19.5, 3.0], 3), ([21.0], 1), ([19.0, 21.0, 22.0], 3)], ids=str
)
def test_slow_data_are_generated_once(elapsed: list[float], runs: int) -> None:
    row, _ = measure(PARITY, seconds=[1.0] * len(elapsed), elapsed=elapsed)
    assert len(row.seconds) == len(row.elapsed) == runs


def test_a_source_that_is_in_training_too_is_found() -> None:
    """Each example counts, also if two have the same source."""
    data = PARITY.load()
    train, valid = data.train, data.valid
    first = Ragged.joined([valid.src.take(np.array([0, 0])), train.src.take(np.array([3, 3, 5]))])
    leaking = replace(data, valid=Split("valid", first, valid.tgt.take(np.zeros(5, dtype=np.int64))))
    distinct, overlap = count_sources(leaking)
    sources = Counter(tuple(train.src[i].tolist()) for i in range(len(train)))
    same = train.src[3].tolist() == train.src[5].tolist()
    assert distinct["valid"] == (2 if same else 3) and distinct["train"] == len(sources) < len(train)
    assert overlap == {"valid": 3, "test": 0, "test_longer": 0}


@pytest.mark.slow
def test_the_table_shows_the_rows() -> None:
    row, _ = measure(PARITY, seconds=[2.0, 5.0, 4.0], elapsed=[4.0, 10.0, 8.0])
    row = replace(row, tokens=40_000_000)
    assert [rate / 1e6 for rate in row.rates] == [8, 10, 20]
    once = replace(
        row, name="other", seconds=(0.001,), elapsed=(0.002,), notes={}, overlap={"valid": 1, "test": 20_000}
    )
    none = Row("third", "large", reason="task.valid_size=5 asks for more | than there is")
    text = render_table([row, once, none])
    heads, first, second, third = cells(text.replace("\\|", "&#124;"))
    assert heads == list(generators.HEADINGS)
    distinct = " / ".join(f"{count:,}" for count in row.distinct.values())
    tokens, (slow, middle, fast) = f"{row.tokens:,}", (f"{rate / 1e6:.2f}" for rate in row.rates)
    assert first[:7] == [
        "some",
        "small",
        "700 / 20 / 30 / 30",
        tokens,
        f"{middle} ({slow}-{fast})",
        distinct,
        "0 / 0 / 0",
    ]
    assert first[7] == "; ".join(f"{name}: {note}" for name, note in row.notes.items())
    assert set(row.notes) >= {"train", "test"}
    assert second[4:] == [f"{row.tokens / 1e3:.2f} (1 run)", distinct, "1 / 20,000", ""]
    assert third == [
        "third",
        "large",
        *[""] * 5,
        "not generated: task.valid_size=5 asks for more &#124; than there is",
    ]
    description = text.split("\n\n")[0]
    assert generators.environment.cpu_name() in description and "this process had 50% of a core" in description
    assert (
        "processor time" in description
        and "comparing the sources themselves" in description
        and np.__version__ in description
    )


CORPORA = (
    *("bitext", "iwslt14", "iwslt15", "multi30k", "news", "tatoeba", "tatoeba+news", "wmt14"),
    *("language", "shakespeare", "news_text"),
)


@pytest.mark.slow
def test_every_generated_task_and_no_other_is_selected() -> None:
    presets = select_presets(budgets="smoke")
    assert [preset.name for preset in presets] == [name for name in files.choices("task") if name not in CORPORA]
    assert {preset.budget for preset in presets} == {"smoke"}
    there = [budget for budget in ("quick", "standard", "paper") if budget in files.choices("budget")]
    assert [(preset.name, preset.budget) for preset in select_presets(["recall", "parity", "recall"])] == [
        (name, budget) for name in ("recall", "parity") for budget in there
    ]


def test_a_row_has_the_sizes_of_its_preset() -> None:
    quick, standard = select_presets(["recall"], "quick,standard")
    assert (quick.budget, standard.budget) == ("quick", "standard") and quick.task.slots < standard.task.slots
    preset = standard
    section = compose(["task=recall", "budget=standard"]).config["task"]
    assert isinstance(preset.task, Recall)
    assert {key: getattr(preset.task, key) for key in section if key not in ("name", "_target_")} == {
        key: value for key, value in section.items() if key not in ("name", "_target_")
    }


@pytest.mark.slow
def test_a_preset_that_asks_for_too_much_is_a_row_with_its_reason(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    presets = [Preset("parity", "small", replace(PARITY, valid_size=9_000)), Preset("adding", "small", ADDING)]
    monkeypatch.setattr(generators, "select_presets", lambda names, budgets: presets)
    assert main(["data", "generators"]) == 1
    streams = capsys.readouterr()
    _, first, second = cells(streams.out)
    assert first[7].startswith("not generated: task.valid_size=9000 asks for more distinct sources")
    assert second[2] == "60 / 20 / 30"
    assert "[1/2] parity small: task.valid_size=9000" in streams.err


@pytest.mark.slow
def test_the_command_writes_a_table_and_tells_how_far_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new" / "table.md"
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr(generators, "select_presets", lambda names, budgets: [Preset("adding", "small", ADDING)])
        assert main(["data", "generators"]) == 0
        printed = capsys.readouterr()
        assert main(["data", "generators", "--out", str(file)]) == 0
    written = capsys.readouterr()
    assert (
        printed.err.splitlines()[0] == "adding small: generating 110 examples" and "[1/1] adding small" in printed.err
    )
    assert written.out == f"{file}\n"
    for text in (printed.out, file.read_text(encoding="utf-8")):
        (_, row) = cells(text)
        assert row[:3] == ["adding", "small", "60 / 20 / 30"] and text.endswith("|\n")


def test_a_command_that_is_stopped_leaves_no_empty_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stopped

    monkeypatch.setattr(generators, "measure_all", stop)
    kept = tmp_path / "kept.md"
    kept.write_text("earlier\n", encoding="utf-8")
    for file in (tmp_path / "table.md", kept):
        with pytest.raises(Stopped):
            main(["data", "generators", "parity", "--budgets", "smoke", "--out", str(file)])
    assert [file.read_text(encoding="utf-8") for file in tmp_path.iterdir()] == ["earlier\n"]


@pytest.mark.parametrize(
    ("words", "needle"),
    [
        (["nope"], "unknown task 'nope'; there are adding, "),
        (["recall", "multi30k"], "the task multi30k does not generate its data"),
        (["recall", "--budgets", "nope"], "unknown budget 'nope'; there are "),
        (["recall", "--budgets", "smoke,"], "unknown budget ''"),
        (["recall", "--budgets", "smoke", "--out", "FILE/below"], "FILE/below cannot be written: "),
        (["recall", "--budgets", "smoke", "--out", "."], ". cannot be written: "),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], needle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("FILE").touch()
    assert main(["data", "generators", *words]) == 2
    streams = capsys.readouterr()
    assert streams.out == "" and len(streams.err.splitlines()) == 1 and needle in streams.err


def test_what_is_not_there_is_refused_before_anything_is_made() -> None:
    with pytest.raises(UserError, match="unknown task"):
        select_presets(["recall", "nope"], "smoke")

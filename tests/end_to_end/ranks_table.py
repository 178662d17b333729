"""The table of loss curves of two processes beside those of one, for every arm.

    python -m tests.end_to_end.ranks_table results/reference/ranks.md

Takes about ten minutes on two idle cores. Every cell runs in a folder that is deleted afterwards.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.records import store
from bench.system.environment import cpu_name, usable_cores, versions
from tests.contract.arms import NAMES, STACKS
from tests.ranks import run

SIZES = ("task.train_size=300", "task.valid_size=50", "task.test_size=40")
SHORT = ("budget=smoke", *SIZES, "budget.epochs=4", "budget.validations=8", "evaluate=false")
LONG = ("budget=smoke", *SIZES, "budget.epochs=30", "budget.validations=10", "evaluate=false")
TASKS = {"one stack": "parity_stack", "pairs": "reverse", "values": "adding"}
ARMS = {"one stack": STACKS, "pairs": NAMES, "values": ("transformer", "lstm_dot", "gru_none")}
SECONDS = 3600.0
"""Time limit of each table."""

LONG_ARMS = (("reverse", "transformer"), ("reverse", "lstm_dot"), ("parity_stack", "transformer_stack"))


@dataclass(frozen=True)
class Case:
    """A cell to train. threads, processes: what it is trained with."""

    task: str
    arm: str
    settings: tuple[str, ...]
    processes: int = 1
    threads: int = 1

    def run_in(self, folder: Path) -> Path:
        words = "-".join(word.replace(".", "_").replace("=", "_") for word in self.settings[-1:])
        return folder / f"{self.task}-{self.arm}-{words}-{self.processes}-{self.threads}"

    def job(self, folder: Path) -> tuple[int, str, list[object]]:
        words = [f"task={self.task}", f"model={self.arm}", *self.settings, f"threads={self.threads}"]
        return self.processes, "tests.ranks:cell", [str(self.run_in(folder)), words]

    def read(self, folder: Path) -> tuple[dict, list[list[float]]]:
        """The record, and the losses of the curve: training and validation."""
        (cell,) = store.cell_folders(self.run_in(folder))
        with open(cell / store.CURVE, newline="") as lines:
            return store.read(cell), [
                [float(row["train_loss"]), float(row["valid_loss"])] for row in csv.DictReader(lines)
            ]


def difference(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> float:
    """The largest relative difference of two curves."""
    pairs = [(a, b) for x, y in zip(ours, theirs, strict=True) for a, b in zip(x, y, strict=True)]
    return max(abs(a - b) / abs(a) for a, b in pairs)


def rows(folder: Path) -> list[list[str]]:
    """task, arm, dropout, steps, largest difference, seconds of training of one process and of two."""
    cases = [(task, arm) for kind, task in TASKS.items() for arm in ARMS[kind]]
    pairs = [
        [Case(task, arm, (*SHORT, *dropout), processes) for processes in (1, 2)]
        for task, arm in cases
        for dropout in ((), ("model.dropout=0",))
    ]
    run([case.job(folder) for pair in pairs for case in pair], SECONDS)
    return [_row(pair, folder) for pair in pairs]


def _row(pair: Sequence[Case], folder: Path) -> list[str]:
    (ours, one), (theirs, two) = (case.read(folder) for case in pair)
    assert ours["budget"] == theirs["budget"] and theirs["environment"]["ranks"] == 2
    return [
        pair[0].task, pair[0].arm, f"{ours['config']['model']['dropout']:g}", str(ours["budget"]["steps"]),
        _written(difference(one, two)), f"{ours['times']['train']:.2f}", f"{theirs['times']['train']:.2f}",
    ]  # fmt: skip


def long_rows(folder: Path) -> list[list[str]]:
    """task, arm, steps, and the largest difference to one process of one thread: two processes, two threads."""
    groups = [
        [Case(task, arm, LONG, processes, threads) for processes, threads in ((1, 1), (2, 1), (1, 2))]
        for task, arm in LONG_ARMS
    ]
    run([case.job(folder) for group in groups for case in group], SECONDS)
    table = []
    for group in groups:
        (record, one), *others = (case.read(folder) for case in group)
        curves = [_written(difference(one, other)) for _, other in others]
        table.append([group[0].task, group[0].arm, str(record["budget"]["steps"]), *curves])
    return table


def _written(number: float) -> str:
    return f"{number:.0e}" if number else "0"


def text(short: Sequence[Sequence[str]], long: Sequence[Sequence[str]]) -> str:
    worst = max(float(row[4]) for row in short)
    return f"""# Two processes train a cell as one does

Written by `python -m tests.end_to_end.ranks_table results/reference/ranks.md` on {cpu_name()}, {usable_cores()} cores,
torch {versions()["torch"]}, gloo, one thread a process. Nothing here was run on a GPU.

The largest relative difference between the loss curves of one process and of two, over training and validation losses.
A curve has six decimals, so losses that differ less may be equal here. The largest of this table is {worst:.0e}; 1e-5
is allowed. Seconds are of training alone. Other programs ran on the cores meanwhile, and models this small do not gain
by a second process: every step waits for the other one.

| task | arm | dropout | steps | largest difference | s, one | s, two |
|---|---|---:|---:|---:|---:|---:|
{_lines(short)}

Gradients are added in another order, so float32 rounds differently, and long training of an unstable arm amplifies
that. Two threads in one process round differently too:

| task | arm | steps | two processes | one process, two threads |
|---|---|---:|---:|---:|
{_lines(long)}

In double precision, `tests/contract/test_ranks.py` finds all weights of all arms within 1e-9 of those of one process,
for two and for three processes, with dropout.
"""


def _lines(table: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in table)


def main() -> None:
    (target,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        content = text(rows(Path(folder)), long_rows(Path(folder)))
    Path(target).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()

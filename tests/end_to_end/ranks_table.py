"""The table of loss curves of two processes beside those of one, for every arm.

    python -m tests.end_to_end.ranks_table results/reference/ranks.md

Takes about ten minutes on two idle cores. Every cell runs in a folder that is deleted afterwards.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from bench.records import store
from bench.system.environment import cpu_name, usable_cores, versions
from bench.training.batches import Batch, Batcher
from tests.contract.arms import NAMES, STACKS
from tests.ranks import cell, run

SIZES = ("task.train_size=300", "task.valid_size=50", "task.test_size=40")
SHORT = ("budget=smoke", *SIZES, "budget.epochs=4", "budget.validations=8", "evaluate=false")
LONG = ("budget=smoke", *SIZES, "budget.epochs=30", "budget.validations=10", "evaluate=false")
TASKS = {"one stack": "parity_stack", "pairs": "reverse", "values": "adding"}
ARMS = {"one stack": STACKS, "pairs": NAMES, "values": ("transformer", "lstm_dot", "gru_none")}
TOLERANCE = 1e-5
SECONDS = 3600.0
"""Time limit of each table."""

LONG_ARMS = (("reverse", "transformer"), ("reverse", "lstm_dot"), ("parity_stack", "transformer_stack"))


@dataclass(frozen=True)
class Case:
    """A cell to train. double: in double precision, for which the configuration has no setting."""

    task: str
    arm: str
    settings: tuple[str, ...]
    processes: int = 1
    double: bool = False

    def run_in(self, folder: Path) -> Path:
        words = "-".join(word.replace(".", "_").replace("=", "_") for word in self.settings[-1:])
        return folder / f"{self.task}-{self.arm}-{words}-{self.processes}-{1 + self.double}"

    def job(self, folder: Path) -> tuple[int, str, list[object]]:
        words = [f"task={self.task}", f"model={self.arm}", *self.settings]
        function = "tests.end_to_end.ranks_table:in_double" if self.double else "tests.ranks:cell"
        return self.processes, function, [str(self.run_in(folder)), words]

    def read(self, folder: Path) -> tuple[dict, list[list[float]]]:
        """The record, and the losses of the curve: training and validation."""
        (path,) = store.cell_folders(self.run_in(folder))
        with open(path / store.CURVE, newline="") as lines:
            return store.read(path), [
                [float(row["train_loss"]), float(row["valid_loss"])] for row in csv.DictReader(lines)
            ]


def in_double(out: str, words: Sequence[str]) -> None:
    """Run one cell in this process, in double precision, inputs and losses of values too."""
    torch.set_default_dtype(torch.float64)
    make, torch.Tensor.float = Batcher.make, torch.Tensor.double

    def make_in_double(batcher: Batcher, rows: np.ndarray) -> Batch:
        batch = make(batcher, rows)
        sides = {name: getattr(batch, name) for name in ("src", "tgt_in", "tgt_out")}
        return replace(batch, **{name: side.double() for name, side in sides.items() if _is_of_values(side)})

    Batcher.make = make_in_double
    cell(out, words)


def _is_of_values(side: torch.Tensor | None) -> bool:
    return side is not None and side.is_floating_point()


def difference(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> float:
    """The largest relative difference of two curves."""
    pairs = [(a, b) for x, y in zip(ours, theirs, strict=True) for a, b in zip(x, y, strict=True)]
    return max(abs(a - b) / abs(a) for a, b in pairs)


def rows(folder: Path) -> list[list[str]]:
    """task, arm, dropout, steps, largest difference, the same in double precision where it is not within TOLERANCE,
    seconds of training of one process and of two."""
    cases = [(task, arm) for kind, task in TASKS.items() for arm in ARMS[kind]]
    pairs = [
        [Case(task, arm, (*SHORT, *dropout), processes) for processes in (1, 2)]
        for task, arm in cases
        for dropout in ((), ("model.dropout=0",))
    ]
    run([case.job(folder) for pair in pairs for case in pair], SECONDS)
    differences = [difference(*(case.read(folder)[1] for case in pair)) for pair in pairs]
    again = {
        number: [replace(case, double=True) for case in pairs[number]]
        for number, each in enumerate(differences)
        if each > TOLERANCE
    }
    run([case.job(folder) for pair in again.values() for case in pair], SECONDS)
    in_doubles = {number: difference(*(case.read(folder)[1] for case in pair)) for number, pair in again.items()}
    return [_row(pair, folder, in_doubles.get(number)) for number, pair in enumerate(pairs)]


def _row(pair: Sequence[Case], folder: Path, double: float | None) -> list[str]:
    (ours, one), (theirs, two) = (case.read(folder) for case in pair)
    assert ours["budget"] == theirs["budget"] and theirs["environment"]["ranks"] == 2
    dropout, steps = ours["config"]["model"]["dropout"], ours["budget"]["steps"]
    differences = [_written(difference(one, two)), "" if double is None else _written(double)]
    seconds = [f"{record['times']['train']:.2f}" for record in (ours, theirs)]
    return [pair[0].task, pair[0].arm, f"{dropout:g}", str(steps), *differences, *seconds]


def long_rows(folder: Path) -> list[list[str]]:
    """task, arm, steps, and the largest difference of two processes to one: in single and in double precision."""
    groups = [
        [Case(task, arm, LONG, processes, double) for double in (False, True) for processes in (1, 2)]
        for task, arm in LONG_ARMS
    ]
    run([case.job(folder) for group in groups for case in group], SECONDS)
    table = []
    for group in groups:
        (record, one), (_, two), (_, one_double), (_, two_double) = (case.read(folder) for case in group)
        differences = [_written(difference(one, two)), _written(difference(one_double, two_double))]
        table.append([group[0].task, group[0].arm, str(record["budget"]["steps"]), *differences])
    return table


def _written(number: float) -> str:
    return f"{number:.0e}" if number else "0"


def text(short: Sequence[Sequence[str]], long: Sequence[Sequence[str]]) -> str:
    beyond = [row for row in short if float(row[4]) > TOLERANCE]
    return f"""# Two processes train a cell as one does

Written by `python -m tests.end_to_end.ranks_table results/reference/ranks.md` on {cpu_name()}, {usable_cores()} cores,
torch {versions()["torch"]}, gloo, one thread a process. Nothing here was run on a GPU.

The largest relative difference between the loss curves of one process and of two, over training and validation losses.
A curve has six decimals, so losses that differ less are equal here.
{len(short) - len(beyond)} of {len(short)} cells are within {TOLERANCE:.0e}. The others are trained in double precision
too, for which `bench` has no setting; the column beside has what is left of their difference. Seconds are of training
alone. Other programs ran on the cores meanwhile, and models this small do not gain by a second process: every step
waits for the other one.

| task | arm | dropout | steps | largest difference | in double precision | s, one | s, two |
|---|---|---:|---:|---:|---:|---:|---:|
{_lines(short)}

Gradients are added in another order, so float32 rounds differently, and long training of an unstable arm amplifies
that. In double precision it does not:

| task | arm | steps | float32 | double precision |
|---|---|---:|---:|---:|
{_lines(long)}

`tests/contract/test_ranks.py` compares weights in double precision: those of every arm are within 1e-9 of those of one
process, for two and for three processes, with dropout.
"""


def _lines(table: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in table)


def main() -> None:
    (target,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as short, tempfile.TemporaryDirectory() as long:
        content = text(rows(Path(short)), long_rows(Path(long)))
    Path(target).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()

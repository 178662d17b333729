"""What generated tasks make and how fast, as a table: `bench data generators`. No torch here."""

from __future__ import annotations

import gc
import hashlib
import platform
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter, process_time
from typing import Protocol

import numpy as np

from bench.conf import schema
from bench.data.examples import Split, TaskData
from bench.data.ragged import Ragged
from bench.errors import UserError
from bench.system import environment
from bench.tasks.kinds.generated import Generated, generate

BUDGETS = ("quick", "standard", "paper")
"""The presets that are shown where nobody names any, as far as there are such."""

RUNS = 3
LONG = 20.0
"""What takes longer than so many seconds is made once."""


@dataclass(frozen=True)
class Order:
    """One row to be: a task as a budget has it."""

    name: str
    budget: str
    task: Generated


@dataclass(frozen=True)
class Row:
    """What was found. By split, in their order: examples, distinct sources, notes; trained: of held-out splits, how
    many examples have a source that is also in training. tokens: of sources and targets, without start and end; of
    values, vectors. seconds: of processor time, one a run; elapsed: the same by the clock. reason: why there is no
    data, if there is none."""

    name: str
    budget: str
    examples: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    seconds: tuple[float, ...] = ()
    elapsed: tuple[float, ...] = ()
    distinct: dict[str, int] = field(default_factory=dict)
    trained: dict[str, int] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    reason: str | None = None

    @property
    def rates(self) -> list[float]:
        """Tokens a second of processor time, from the slowest run to the fastest."""
        return sorted(self.tokens / seconds for seconds in self.seconds)


class Shown(Protocol):
    """Where the work says how far it is; see `bench.runs.display.Board`."""

    def count(self, cells: int, line: str) -> None: ...

    def say(self, line: str) -> None: ...


def ordered(names: Sequence[str] = (), budgets: str | None = None) -> list[Order]:
    """The rows that are asked for: of every task named (none: of every generated one), one for each budget.

    budgets: names with commas between; None: those of BUDGETS that there are. Raises UserError for what is not there.
    """
    known = schema.choices("budget")
    chosen = [budget for budget in BUDGETS if budget in known] if budgets is None else budgets.split(",")
    orders = []
    for name in dict.fromkeys(names or schema.choices("task")):
        for budget in dict.fromkeys(chosen):
            task = schema.build_task(schema.compose([f"task={name}", f"budget={budget}"]).config["task"])
            if isinstance(task, Generated):
                orders.append(Order(name, budget, task))
            elif names:
                raise UserError(f"the task {name} does not make its data; `bench data check` looks at corpora")
    return orders


def measured(orders: Sequence[Order], shown: Shown) -> Iterator[Row]:
    """The rows, one after the other, each made by this process alone."""
    for order in orders:
        shown.say(f"{order.name} {order.budget}: making {sum(spec.size for spec in order.task.split_specs()):,} examples")
        try:
            row = _measured(order)
        except UserError as error:
            row = Row(order.name, order.budget, reason=str(error))
        said = row.reason or f"{_millions(statistics.median(row.rates))} million tokens a second"
        shown.count(1, f"{row.name} {row.budget}: {said}")
        yield row


def _measured(order: Order) -> Row:
    # What is done but once in a process is done before the clock runs.
    generate(replace(order.task, train_size=1, valid_size=1, test_size=1))
    data = None
    seconds: list[float] = []
    elapsed: list[float] = []
    while not seconds or (len(seconds) < RUNS and elapsed[0] <= LONG):
        data = None
        gc.collect()
        used, begun = process_time(), perf_counter()
        data = generate(order.task)
        seconds.append(process_time() - used)
        elapsed.append(perf_counter() - begun)
    distinct, trained = compared(data)
    return Row(
        order.name,
        order.budget,
        {split.name: len(split) for split in _splits(data)},
        sum(int(side.lengths.sum()) for split in _splits(data) for side in (split.src, split.tgt)),
        tuple(seconds),
        tuple(elapsed),
        distinct,
        trained,
        data.notes,
    )


def compared(data: TaskData) -> tuple[dict[str, int], dict[str, int]]:
    """By split, how many different sources it has, and of held-out ones how many examples have a source that is in
    training too: found by comparing the sources, not the hashes by which the splits were made."""
    held = {split.name: list(_each(split.src)) for split in _splits(data)[1:]}
    all_held = {source for sources in held.values() for source in sources}
    # Of a million long sources only a digest is kept, in which two have never been found alike.
    different: set[bytes] = set()
    found: set[bytes] = set()
    for source in _each(data.train.src):
        different.add(hashlib.blake2b(source, digest_size=16).digest())
        if source in all_held:
            found.add(source)
    distinct = {data.train.name: len(different)} | {name: len(set(sources)) for name, sources in held.items()}
    return distinct, {name: sum(source in found for source in sources) for name, sources in held.items()}


def _each(side: Ragged) -> Iterator[bytes]:
    return (side[i].tobytes() for i in range(len(side)))


def _splits(data: TaskData) -> list[Split]:
    return [data.train, data.valid, *data.tests.values()]


HEADS = (
    *("task", "budget", "examples", "source + target tokens", "tokens a second, in millions"),
    *("distinct sources", "held out and in training", "notes"),
)
NUMBERS = range(2, 7)
"""Columns that stand to the right."""


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown, under how they were measured."""
    lines = [_line(HEADS), _line("---:" if place in NUMBERS else "---" for place in range(len(HEADS)))]
    return f"{_told(rows)}\n\n" + "".join(f"{line}\n" for line in [*lines, *(_line(_cells(row)) for row in rows)])


def _told(rows: Sequence[Row]) -> str:
    """How the rows were measured, and on what."""
    code = environment.code()
    commit = code["commit"][:12] + ("" if code["clean"] else ", changed since") if code["commit"] else code["version"]
    used, elapsed = (sum(sum(getattr(row, name)) for row in rows) for name in ("seconds", "elapsed"))
    share = f"; this process had {used / elapsed:.0%} of a core meanwhile" if elapsed else ""
    said = (
        f"Made by one process on one core of {environment.usable_cores()} of {environment.cpu_name()}, Python "
        f"{platform.python_version()}, NumPy {np.__version__}, code {commit}{share}.",
        "A row is a task as `bench run task=TASK budget=BUDGET` has it; all of it is made: examples drawn, splits "
        "taken apart, checksums. Nothing is read from a cache.",
        "Splits stand in the order train / valid / test / the test set beyond training, where there is one.",
        "Tokens are those of sources and targets, without start and end; of real values, vectors.",
        f"A second is one of processor time: the median of {RUNS} runs and, in brackets, the slowest and the fastest. "
        f"What takes longer than {LONG:.0f} seconds is made once.",
        "How many sources are distinct, and how many held-out examples have a source that is in training too, was "
        "found by comparing the sources themselves.",
    )
    return "\n".join(f"- {line}" for line in said)


def _cells(row: Row) -> list[str]:
    if row.reason is not None:
        return [row.name, row.budget, *[""] * len(NUMBERS), f"not made: {row.reason}"]
    rates = row.rates
    spread = f"{_millions(rates[0])}-{_millions(rates[-1])}" if len(rates) > 1 else "1 run"
    return [
        row.name,
        row.budget,
        _listed(row.examples),
        f"{row.tokens:,}",
        f"{_millions(statistics.median(rates))} ({spread})",
        _listed(row.distinct),
        _listed(row.trained),
        "; ".join(f"{name}: {note}" for name, note in row.notes.items()),
    ]


def _listed(counts: dict[str, int]) -> str:
    return " / ".join(f"{count:,}" for count in counts.values())


def _millions(number: float) -> str:
    return f"{number / 1e6:.2f}"


def _line(cells: Sequence[str] | Iterator[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

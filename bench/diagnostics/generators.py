"""`bench data generators`: a table of what synthetic tasks generate, how fast, and how far their splits overlap. No
torch here."""

from __future__ import annotations

import gc
import hashlib
import platform
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter, process_time
from typing import Protocol

import numpy as np

from bench.conf import files
from bench.conf.compose import compose
from bench.data.examples import Split, TaskData
from bench.data.ragged import Ragged
from bench.errors import UserError
from bench.system import environment
from bench.system.markdown import table as markdown_table
from bench.tasks.kinds.generated import Generated, generate

BUDGETS = ("quick", "standard", "paper")
"""Budgets measured by default, those of them that exist."""

RUNS = 3
MAX_REPEATED_SECONDS = 20.0
"""Runs for each row; data that take longer than this in the first run are generated once."""


@dataclass(frozen=True)
class Preset:
    """A task with the sizes of a budget: one row of the table."""

    name: str
    budget: str
    task: Generated


@dataclass(frozen=True)
class Row:
    """The measurements of one preset.

    examples, distinct, overlap, notes: by split, in the order of the splits. distinct: different sources; overlap:
    examples of a held-out split whose source is also in training. tokens: of sources and targets, start and end tokens
    excluded; for real values, vectors. seconds, elapsed: processor and wall-clock time of each run. reason: why the
    data could not be generated, else None.
    """

    name: str
    budget: str
    examples: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    seconds: tuple[float, ...] = ()
    elapsed: tuple[float, ...] = ()
    distinct: dict[str, int] = field(default_factory=dict)
    overlap: dict[str, int] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    reason: str | None = None

    @property
    def rates(self) -> list[float]:
        """Tokens a second of processor time for each run, ascending."""
        return sorted(self.tokens / seconds for seconds in self.seconds)


Clock = Callable[[], float]


class ProgressBoard(Protocol):
    """Display of progress; see `bench.runs.display.Board`."""

    def count(self, cells: int, line: str) -> None: ...

    def say(self, line: str) -> None: ...


def select_presets(names: Sequence[str] = (), budgets: str | None = None) -> list[Preset]:
    """A preset for each task named (none: every synthetic task) and each budget.

    budgets: comma-separated; None: BUDGETS, as far as they exist. Raises UserError for an unknown task or budget, and
    for a task that does not generate its data.
    """
    known = files.choices("budget")
    chosen = [budget for budget in BUDGETS if budget in known] if budgets is None else budgets.split(",")
    presets = []
    for name in dict.fromkeys(names or files.choices("task")):
        for budget in dict.fromkeys(chosen):
            task = compose([f"task={name}", f"budget={budget}"]).make_task()
            if isinstance(task, Generated):
                presets.append(Preset(name, budget, task))
            elif names:
                raise UserError(f"the task {name} does not generate its data; `bench data check` checks corpora")
    return presets


def measure_all(
    presets: Sequence[Preset], board: ProgressBoard, cpu_clock: Clock = process_time, wall_clock: Clock = perf_counter
) -> Iterator[Row]:
    """Measure the presets one after another in this process, and yield a row for each.

    cpu_clock, wall_clock: seconds of processor time and of wall-clock time.
    """
    for preset in presets:
        size = sum(spec.size for spec in preset.task.split_specs())
        board.say(f"{preset.name} {preset.budget}: generating {size:,} examples")
        try:
            row = _measure(preset, cpu_clock, wall_clock)
        except UserError as error:
            row = Row(preset.name, preset.budget, reason=str(error))
        outcome = row.reason or f"{_millions(statistics.median(row.rates))} million tokens a second"
        board.count(1, f"{row.name} {row.budget}: {outcome}")
        yield row


def _measure(preset: Preset, cpu_clock: Clock, wall_clock: Clock) -> Row:
    # Work that a process does only once is done before the clocks start.
    generate(replace(preset.task, train_size=1, valid_size=1, test_size=1))
    seconds: list[float] = []
    elapsed: list[float] = []
    while not seconds or (len(seconds) < RUNS and elapsed[0] <= MAX_REPEATED_SECONDS):
        data = None  # free the previous data before generating them again
        gc.collect()
        cpu_start, wall_start = cpu_clock(), wall_clock()
        data = generate(preset.task)
        seconds.append(cpu_clock() - cpu_start)
        elapsed.append(wall_clock() - wall_start)
    assert data is not None, "the loop runs at least once"
    distinct, overlap = count_sources(data)
    return Row(
        preset.name,
        preset.budget,
        examples={split.name: len(split) for split in _splits(data)},
        tokens=sum(int(side.lengths.sum()) for split in _splits(data) for side in (split.src, split.tgt)),
        seconds=tuple(seconds),
        elapsed=tuple(elapsed),
        distinct=distinct,
        overlap=overlap,
        notes=data.notes,
    )


def count_sources(data: TaskData) -> tuple[dict[str, int], dict[str, int]]:
    """Distinct sources of each split, and for each held-out split the examples whose source is also in training.

    Compares the sources themselves, not the hashes that assigned them to splits.
    """
    held_out = {split.name: list(_sources(split.src)) for split in _splits(data)[1:]}
    all_held_out = {source for sources in held_out.values() for source in sources}
    # Training may have a million long sources, so only 128-bit digests are stored; a collision is implausible.
    training_digests: set[bytes] = set()
    in_both: set[bytes] = set()
    for source in _sources(data.train.src):
        training_digests.add(hashlib.blake2b(source, digest_size=16).digest())
        if source in all_held_out:
            in_both.add(source)
    distinct = {data.train.name: len(training_digests)}
    distinct |= {name: len(set(sources)) for name, sources in held_out.items()}
    return distinct, {name: sum(source in in_both for source in sources) for name, sources in held_out.items()}


def _sources(side: Ragged) -> Iterator[bytes]:
    return (side[i].tobytes() for i in range(len(side)))


def _splits(data: TaskData) -> list[Split]:
    return [data.train, data.valid, *data.tests.values()]


HEADINGS = (
    *("task", "budget", "examples", "source + target tokens", "tokens a second, in millions"),
    *("distinct sources", "held out and in training", "notes"),
)
NUMERIC_COLUMNS = range(2, 7)
"""Columns that are aligned to the right."""


def render_table(rows: Sequence[Row]) -> str:
    """A description of the measurement, then the rows as a Markdown table."""
    return "\n".join([_description(rows), "", *markdown_table(HEADINGS, map(_cells, rows), NUMERIC_COLUMNS), ""])


def _description(rows: Sequence[Row]) -> str:
    """Method and machine of the measurement, as a Markdown list."""
    code = environment.code_version()
    commit = (
        f"{str(code['commit'])[:12]}{'' if code['clean'] else ', changed since'}"
        if code["commit"]
        else code["version"]
    )
    seconds, elapsed = (sum(sum(getattr(row, name)) for row in rows) for name in ("seconds", "elapsed"))
    share = f"; this process had {seconds / elapsed:.0%} of a core" if elapsed else ""
    lines = (
        f"Generated by one process on one of {environment.usable_cores()} usable cores of {environment.cpu_name()}, "
        f"Python {platform.python_version()}, NumPy {np.__version__}, code {commit}{share}.",
        "A row is a task as in `bench run task=TASK budget=BUDGET`. The time includes drawing the examples, "
        "separating the splits and computing the checksums; nothing is read from a cache.",
        "The splits are, in this order, train / valid / test / the test set beyond training lengths, if there is one.",
        "Tokens are those of sources and targets, start and end tokens excluded; for real values, vectors.",
        f"Speeds are per second of processor time: the median of {RUNS} runs and, in brackets, the slowest and the "
        f"fastest. Data that take longer than {MAX_REPEATED_SECONDS:.0f} seconds are generated once.",
        "Distinct sources, and held-out examples whose source is also in training, are counted by comparing the "
        "sources themselves.",
    )
    return "\n".join(f"- {line}" for line in lines)


def _cells(row: Row) -> list[str]:
    if row.reason is not None:
        return [row.name, row.budget, *[""] * len(NUMERIC_COLUMNS), f"not generated: {row.reason}"]
    rates = row.rates
    spread = f"{_millions(rates[0])}-{_millions(rates[-1])}" if len(rates) > 1 else "1 run"
    return [
        row.name,
        row.budget,
        _listed(row.examples),
        f"{row.tokens:,}",
        f"{_millions(statistics.median(rates))} ({spread})",
        _listed(row.distinct),
        _listed(row.overlap),
        "; ".join(f"{name}: {note}" for name, note in row.notes.items()),
    ]


def _listed(counts: dict[str, int]) -> str:
    return " / ".join(f"{count:,}" for count in counts.values())


def _millions(number: float) -> str:
    return f"{number / 1e6:.2f}"

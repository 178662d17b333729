"""What the workers of a folder have to do: which cells, in which classes of resources, by which code. No torch here.

`bench suite --on` writes the plan into the results folder before it starts workers; every worker reads it, and refuses
if its own code or configuration is another.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench.conf.suites import Suite
from bench.data import code_hash
from bench.errors import UserError
from bench.records import store
from bench.runs.runner import Job
from bench.system import environment
from bench.system.files import write_json, writing

FILE = "plan.json"
ROOT = Path(__file__).resolve().parents[2]

MEMORY, MINUTES = 4, 60
"""GiB and minutes of a cell of which nothing is known."""

MEMORY_MARGIN, MINUTES_MARGIN = 1.5, 2.0
"""How much more than the largest measured value of finished cells is requested."""

WORKER_MEMORY = 1
"""GiB of a worker itself, beside its cell: the processes that start the cell's."""

DAY = 24 * 60
"""Minutes. A worker's job is no longer by default: one that has not ended is requeued and goes on."""

STEPS = (10, 30, 60, 120, 240, 480, 720, DAY)
"""Minutes to which a cell's time is rounded up, so that there are few classes."""


@dataclass(frozen=True)
class Needs:
    """A class of resources: cores, GPUs, GiB of memory, and minutes of a cell."""

    cores: int
    gpus: int
    memory: int
    minutes: int

    def __str__(self) -> str:
        cores = f"{self.cores} core{'s' if self.cores > 1 else ''}"
        return ", ".join([cores, *(["1 GPU"] if self.gpus else []), f"{self.memory} GiB"])


@dataclass(frozen=True)
class PlannedCell:
    """earlier: hash of the cell's record when it was planned; empty for a folder without a record, None without a
    folder. The cell has been run once its record differs."""

    name: str
    task: str
    model: str
    overrides: tuple[str, ...]
    kind: int
    earlier: str | None


@dataclass(frozen=True)
class Plan:
    """kinds: classes of resources, which a cell's `kind` counts from 0. code: see `code_identity`. concurrent: workers
    that share a machine, for the records."""

    suite: str
    code: str
    adopted: bool
    timeout: float | None
    concurrent: int
    kinds: tuple[Needs, ...]
    cells: tuple[PlannedCell, ...]

    def of_kind(self, kind: int) -> list[PlannedCell]:
        return [cell for cell in self.cells if cell.kind == kind]

    def covers(self, other: Plan) -> bool:
        """Whether workers of this plan run all cells of the other in the same way, but for their classes."""
        own = {cell.name: (cell.overrides, cell.earlier) for cell in self.cells}
        same = self.code == other.code and self.joins(other)
        return same and all(own.get(cell.name) == (cell.overrides, cell.earlier) for cell in other.cells)

    def joins(self, other: Plan) -> bool:
        """Whether cells of both can stand in one plan."""
        return all(getattr(self, key) == getattr(other, key) for key in ("suite", "adopted", "timeout"))

    def joined(self, other: Plan) -> Plan:
        """The cells of both, by the code of the other, which also counts where both have a cell. Classes keep their
        numbers, since workers that wait for a node know theirs."""
        kinds = (*self.kinds, *(kind for kind in other.kinds if kind not in self.kinds))
        later = {cell.name: replace(cell, kind=kinds.index(other.kinds[cell.kind])) for cell in other.cells}
        cells = (*(cell for cell in self.cells if cell.name not in later), *later.values())
        return replace(other, kinds=kinds, cells=cells)

    def left(self, out: Path) -> list[PlannedCell]:
        """The cells that have not been run since they were planned."""
        return [cell for cell in self.cells if not has_run(out, cell)]


def code_identity() -> str:
    """Changes with the source code and with the versions of the libraries that can change a result."""
    parts = f"{code_hash.checksum(ROOT, ('bench', 'models'))} {environment.versions()} {platform.python_version()}"
    return hashlib.sha256(parts.encode()).hexdigest()


def make(
    suite: Suite,
    jobs: Sequence[Job],
    out: Path,
    *,
    adopted: bool = False,
    timeout: float | None = None,
    concurrent: int = 1,
) -> Plan:
    """The plan of these cells, in which each has a class of resources. Their needs are those of the suite's file, else
    learnt from the finished cells under `out`, else MEMORY and MINUTES."""
    measured = _measured(out)
    needs = [_needs(suite, job, measured) for job in jobs]
    kinds = tuple(sorted(set(needs), key=lambda each: (each.gpus, each.cores, each.memory, each.minutes)))
    cells = tuple(
        PlannedCell(
            job.cell.name,
            job.cell.task,
            job.cell.model,
            job.overrides,
            kinds.index(each),
            _earlier(out, job.cell.name),
        )
        for job, each in zip(jobs, needs)
    )
    return Plan(suite.name, code_identity(), adopted, timeout, concurrent, kinds, cells)


def record_hash(out: Path, cell: str) -> str | None:
    """SHA-256 of a cell's record; None if it has none."""
    try:
        return hashlib.sha256((out / cell / store.RECORD).read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None


def has_run(out: Path, cell: PlannedCell) -> bool:
    """Whether a cell has another record than when it was planned."""
    if cell.earlier is None:
        return (out / cell.name).is_dir()
    return record_hash(out, cell.name) not in (None, cell.earlier)


def _earlier(out: Path, cell: str) -> str | None:
    return record_hash(out, cell) or ("" if (out / cell).exists() else None)


def path_of(out: Path) -> Path:
    return out / store.WORK / FILE


def write(plan: Plan, out: Path) -> None:
    """Write the plan into the folder, in place of an earlier one. Raises StorageError."""
    path = path_of(out)
    with writing(path):
        write_json(path, asdict(plan))


def read(out: Path) -> Plan | None:
    """The plan of a folder; None if it has none. Raises UserError for one that is broken."""
    try:
        return parse(path_of(out).read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UserError(f"{path_of(out)} is broken; run `bench suite NAME --on` again, or delete it") from error


def parse(raw: bytes) -> Plan:
    """A plan from the bytes of its file. Raises ValueError, TypeError or KeyError for others."""
    content: dict[str, Any] = json.loads(raw)
    kinds = tuple(Needs(**each) for each in content.pop("kinds"))
    cells = tuple(PlannedCell(**{**each, "overrides": tuple(each["overrides"])}) for each in content.pop("cells"))
    return Plan(kinds=kinds, cells=cells, **content)


def job_minutes(kind: Needs, cells: int, workers: int) -> int:
    """Time limit of a worker's job: for its share of the cells, but at most a day, and at least one cell."""
    return max(kind.minutes, min(DAY, kind.minutes * math.ceil(cells / workers)))


def shares(kinds: Sequence[Needs], counts: Sequence[int], workers: int) -> list[int]:
    """How many workers each class gets, by the expected time of its cells: at least one, and at most one a cell.

    counts: cells of each class that are left.
    """
    work = [count * each.minutes for count, each in zip(counts, kinds)]
    return [min(count, max(1, round(workers * part / sum(work)))) if count else 0 for count, part in zip(counts, work)]


@dataclass(frozen=True)
class _Measured:
    """A finished cell: peak memory in GiB and time in minutes."""

    task: str
    model: str
    memory: float
    minutes: float


def _needs(suite: Suite, job: Job, measured: Sequence[_Measured]) -> Needs:
    cell, declared = job.cell, suite.needed(job.cell.task)
    of_task = [each for each in measured if each.task == cell.task]
    like = [each for each in of_task if each.model == cell.model] or of_task
    memory, minutes = declared.get("memory"), declared.get("minutes")
    if memory is None:
        memory = max(each.memory for each in like) * MEMORY_MARGIN + WORKER_MEMORY if like else MEMORY
    if minutes is None:
        minutes = max(each.minutes for each in like) * MINUTES_MARGIN if like else MINUTES
    rounded = next((step for step in STEPS if minutes <= step), math.ceil(minutes / DAY) * DAY)
    return Needs(cell.threads, int(cell.device == "cuda"), 2 ** math.ceil(math.log2(max(1.0, memory))), rounded)


def _measured(out: Path) -> list[_Measured]:
    """The finished cells under `out`."""
    every = []
    for path in sorted(out.glob(f"*/{store.RECORD}")) if out.is_dir() else ():
        try:
            record: Mapping[str, Any] = store.read(path.parent)
        except (OSError, ValueError):
            continue
        memory = (record.get("memory") or {}).get("peak_rss_bytes")
        seconds = (record.get("times") or {}).get("total")
        if record["status"] == "done" and memory and seconds:
            every.append(_Measured(record["task"], record["model"], memory / 2**30, seconds / 60))
    return every

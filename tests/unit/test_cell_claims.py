"""Processes that share a folder of cells: frozen, killed, on other machines, with and without locks."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.records import store
from bench.runs import cell_claims
from bench.runs.cell_claims import claimed
from bench.system import leases, locks
from bench.system.leases import Lost, Watch

ROOT = Path(__file__).resolve().parents[2]

SECONDS = 1.0
"""Of a lease here."""

WORKER = """
import json, os, pathlib, random, socket, sys, time

out, machine, lock, cells, work, skew = sys.argv[1:]
# Clocks that are wrong, each in its own way: of the day, and since the start of the machine.
time.time, monotonic = (lambda: float(skew) * 1e6), time.monotonic
time.monotonic = lambda: monotonic() + float(skew)

from bench.records import store
from bench.runs.cell_claims import claimed
from bench.system import leases, locks
from bench.system.leases import Lost, Watch

leases.machine = lambda: machine
if lock == "none":
    def unsupported(file):
        raise OSError(95, "Operation not supported")
    locks._lock = unsupported
elif lock == "blind":
    locks._lock = lambda file: True
    locks.WORK = False

out, watch = pathlib.Path(out), Watch()
names = [f"c{number}" for number in range(int(cells))]

def log(*words):
    with open(out / "log", "ab", buffering=0) as file:
        file.write((" ".join(map(str, words)) + "\\n").encode())

print("ready", flush=True)
while not all((out / name).exists() for name in names):
    random.shuffle(names)
    for name in names:
        if (out / name).exists():
            continue
        try:
            with claimed(out, name, watch, wait=False) as claim:
                if (out / name).exists():
                    continue
                log("start", name, os.getpid())
                time.sleep(float(work))
                record = {"cell": name, "schema": store.SCHEMA, "status": "done", "who": os.getpid()}
                store.write(out, record, lease=claim.lease)
                log("record", name, os.getpid())
        except Lost:
            log("lost", name, os.getpid())
        except locks.Busy:
            pass
    time.sleep(0.05)
"""


@pytest.fixture(autouse=True)
def short_leases(monkeypatch) -> None:
    monkeypatch.setenv(leases.VARIABLE, str(SECONDS))


class Processes:
    """Workers on one folder."""

    def __init__(self, folder: Path) -> None:
        self.out, self.script, self.running = folder / "out", folder / "worker.py", []
        self.out.mkdir()
        self.script.write_text(WORKER)

    def start(self, machine: str, lock: str = "own", cells: int = 1, work: float = 0.2, skew: float = 0.0):
        words = [str(self.out), machine, lock, str(cells), str(work), str(skew)]
        process = subprocess.Popen(
            [sys.executable, "-P", str(self.script), *words],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    def log(self) -> list[list[str]]:
        path = self.out / "log"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def count(self, event: str) -> Counter:
        return Counter(words[1] for words in self.log() if words[0] == event)

    def until(self, event: str, number: int = 1, seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while sum(self.count(event).values()) < number:
            assert time.monotonic() < end, f"no {event}: {self.log()}"
            time.sleep(0.02)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    every = Processes(tmp_path)
    yield every
    for process in every.running:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()


@pytest.mark.parametrize("lock", ["own", "none", "blind"])
def test_a_frozen_workers_cell_is_run_by_another_and_the_frozen_one_writes_nothing(processes, lock) -> None:
    """Also on one machine with locks: the frozen process still has the lock."""
    first = processes.start("one", lock, work=1.0)
    processes.until("start")
    first.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    second = processes.start("one" if lock == "own" else "two", lock, skew=-1e5)
    processes.until("record")
    assert SECONDS <= time.monotonic() - began < SECONDS + 10
    assert second.wait(20) == 0
    before = (processes.out / "c0" / store.RECORD).read_bytes()
    first.send_signal(signal.SIGCONT)
    assert first.wait(20) == 0
    assert processes.count("record") == {"c0": 1} and processes.count("lost") == {"c0": 1}
    assert (processes.out / "c0" / store.RECORD).read_bytes() == before
    assert [path.name for path in (processes.out / store.WORK).iterdir()] in ([], ["c0.lock"])


@pytest.mark.parametrize(("lock", "other"), [("own", "two"), ("none", "two"), ("none", "one"), ("blind", "one")])
def test_a_worker_that_wakes_up_in_time_keeps_its_cell(processes, lock, other) -> None:
    first = processes.start("one", lock, work=1.5)
    processes.until("start")
    processes.start(other, "none" if lock == "own" else lock)
    first.send_signal(signal.SIGSTOP)
    time.sleep(0.4 * SECONDS)
    first.send_signal(signal.SIGCONT)
    processes.until("record")
    assert processes.count("start") == {"c0": 1} and processes.count("lost") == {}


@pytest.mark.parametrize("skew", [0.0, 1e6, -1e6])
def test_a_dead_workers_cell_is_free_after_a_lease_on_another_machine(processes, skew) -> None:
    first = processes.start("one", "none", work=30, skew=skew)
    processes.until("start")
    first.kill()
    first.wait()
    began = time.monotonic()
    processes.start("two", "none")
    processes.until("record")
    assert SECONDS <= time.monotonic() - began < SECONDS + 10


def test_and_at_once_on_its_own(processes, monkeypatch) -> None:
    monkeypatch.setenv(leases.VARIABLE, "3600")
    first = processes.start("one", work=30)
    processes.until("start")
    first.kill()
    first.wait()
    processes.start("one")
    processes.until("record", seconds=10)


@pytest.mark.parametrize("lock", ["own", pytest.param("none", marks=pytest.mark.slow)])
def test_workers_frozen_and_killed_at_random_leave_each_cell_one_record(processes, lock) -> None:
    rng, cells = random.Random(lock), 40

    def start() -> subprocess.Popen:
        machine = rng.choice(["one", "two"]) if lock == "none" else "one"
        return processes.start(machine, lock, cells, 0.15, rng.uniform(-1e6, 1e6))

    workers, frozen = [start() for _ in range(4)], []
    for number in range(20):
        time.sleep(rng.uniform(0.0, 0.3))
        victim = workers.pop(rng.randrange(len(workers)))
        if number % 2:
            victim.kill()
        else:
            victim.send_signal(signal.SIGSTOP)
            frozen.append(victim)
        if len(frozen) > 2:
            awake = frozen.pop(0)
            awake.send_signal(signal.SIGCONT)
            workers.append(awake)
        else:
            workers.append(start())
    for process in frozen:
        process.send_signal(signal.SIGCONT)
    for process in (*workers, *frozen):
        process.wait(60)
    names = [f"c{number}" for number in range(cells)]
    assert all(store.finished(processes.out, name) for name in names) or all(
        (processes.out / name / store.RECORD).exists() for name in names
    )
    most = processes.count("record")
    assert not [name for name, number in most.items() if number > 1]
    assert len([name for name in names if most[name] == 0]) <= 10, "killed between its record and its line in the log"


def test_a_lease_is_renewed_while_the_cell_runs_and_not_while_its_process_is_suspended(tmp_path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with claimed(tmp_path, "a", Watch()) as claim:
            watch, path = Watch(), store.lease_file(tmp_path, "a")
            claim.note = lambda: "step 3"
            claim.follow(child.pid)
            watch.look(path)
            time.sleep(SECONDS / 2)
            assert watch.look(path).alive and watch.look(path).content.note == "step 3"
            child.send_signal(signal.SIGSTOP)
            time.sleep(SECONDS / 4)
            before = path.read_bytes()
            time.sleep(SECONDS / 2)
            assert path.read_bytes() == before
    finally:
        child.kill()
        child.communicate()
    assert not (tmp_path / store.WORK).exists() or list((tmp_path / store.WORK).iterdir()) == []


def test_the_process_of_a_cell_that_is_lost_is_ended(tmp_path) -> None:
    ended = []
    with claimed(tmp_path, "a", Watch()) as claim:
        claim.follow(None, lambda: ended.append(1))
        claim.check()
        store.lease_file(tmp_path, "a").write_bytes(leases.Lease(Path()).content().encode())
        time.sleep(SECONDS / 2)
        assert ended == [1]
        with pytest.raises(Lost):
            claim.check()


def test_what_an_earlier_holder_left_half_done_is_deleted_first(tmp_path) -> None:
    work = store.work_folder(tmp_path, "a")
    for name in ("finished.1/record.json", "finished/record.json", "weights.1.safetensors", "state-1.pt.1.new"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).touch()
    (work / "state-1.pt").touch()
    with claimed(tmp_path, "a", Watch()):
        assert [path.name for path in work.iterdir()] == ["state-1.pt"]


def test_who_waits_knows_soon_that_the_holder_is_alive(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(cell_claims, "LOCK_WAIT", 0.3)
    with claimed(tmp_path, "a", Watch()):
        began = time.monotonic()
        with pytest.raises(locks.Busy), claimed(tmp_path, "a", Watch()):
            pass
        assert time.monotonic() - began < 0.8 * SECONDS
        with pytest.raises(locks.Busy), claimed(tmp_path, "a", Watch(), wait=False):
            pass
    of_earlier_version = locks.exclusive(store.lock_file(tmp_path, "a"))
    with of_earlier_version, pytest.raises(locks.Busy), claimed(tmp_path, "a", Watch()):
        pass
    with claimed(tmp_path, "a", Watch(), wait=False) as claim:
        claim.check()

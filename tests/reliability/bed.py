"""Real commands on tiny cells, and the bits they leave: what faults are done to."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.conf.compose import compose
from bench.records import store

ROOT = Path(__file__).resolve().parents[2]
ARMS = ("transformer", "lstm_dot", "gru_none")

WORDS = (
    *("task=reverse", "task.train_size=2500", "task.valid_size=100", "task.test_size=60", "task.train_longest=12"),
    *(
        "task.test_longest=16",
        "budget=smoke",
        "match.tolerance=0.2",
        "budget.parameters=30000",
        "budget.epochs=3",
        "budget.validations=5",
    ),
    *("model.dropout=0.2", "optim.average=2", "seed=7"),
)
"""Dropout is on, so that its random numbers are part of what has to come back, and so is the mean of checkpoints."""

BROKEN = "task._target_=tests.reliability.broken.Broken"


def words(arm: str, *more: str) -> tuple[str, ...]:
    """The settings of an arm's cell."""
    return (*WORDS, f"model={arm}", *more)


def bits(folder: Path) -> dict[str, str]:
    """Of a finished cell all that has to be the same again, times left out."""
    record = store.read(folder)
    assert record["status"] == "done", record["reason"]
    with (folder / store.CURVE).open(encoding="utf-8") as file:
        curve = [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]
    kept = {key: record[key] for key in ("scores", "selection", "match", "parameters", "flops", "config_hash")}
    budget = {key: value for key, value in record["budget"].items() if key != "resumed"}
    said = json.dumps([kept, curve, budget, record["sanity"]["eos_share"]], sort_keys=True)
    files = {name: (folder / name).read_bytes() for name in (store.WEIGHTS, store.OUTPUTS)}
    return {name: hashlib.sha256(held).hexdigest() for name, held in files.items()} | {"record": said}


class Bed:
    """A folder to work in; the untouched run of each arm is made once for all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._whole: dict[str, tuple[dict[str, str], float]] = {}

    @contextlib.contextmanager
    def room(self) -> Iterator[Path]:
        """A results folder that is not there yet, and is gone afterwards."""
        above = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            yield above / "out"
        finally:
            shutil.rmtree(above, ignore_errors=True)

    def whole(self, arm: str) -> tuple[dict[str, str], float]:
        """The bits of an arm's cell that nothing happened to, and the seconds its run took."""
        with self._lock:
            if arm not in self._whole:
                with self.room() as out:
                    began = time.monotonic()
                    self.finish(arm, out)
                    self._whole[arm] = bits(out / self.name(arm)), time.monotonic() - began
            return self._whole[arm]

    def name(self, arm: str) -> str:
        """Of the arm's folder."""
        return compose(words(arm)).name

    def environment(self, save_every: float = 0.3) -> dict[str, str]:
        """Saves so often that faults fall between and into savings."""
        set_ = {"BENCH_SAVE_EVERY": str(save_every), "BENCH_CACHE": str(self.folder / "cache"), "OMP_NUM_THREADS": "1"}
        return os.environ | set_ | {"PYTHONPATH": str(ROOT)}

    def start(self, command: Sequence[str], **options) -> subprocess.Popen[str]:
        """`python -m ...` in a session of its own."""
        settings = {"env": self.environment(), "start_new_session": True, "text": True, "cwd": self.folder}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([sys.executable, "-P", "-m", *command], **settings | pipes | options)

    def run(self, arm: str, out: Path, *more: str, **options) -> subprocess.CompletedProcess[str]:
        """`bench run` of an arm's cell, to its end."""
        process = self.start(["bench", "run", *words(arm, *more), f"out={out}"], **options)
        said, errors = process.communicate(timeout=600)
        return subprocess.CompletedProcess(process.args, process.returncode, said, errors)

    def finish(self, arm: str, out: Path, **options) -> str:
        """Run to the end, whatever was before; returns what was said on the way."""
        done = self.run(arm, out, **options)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def same(self, arm: str, out: Path) -> None:
        """Whether the arm's cell came out as one that nothing happened to, with nothing left beside it."""
        expected, _ = self.whole(arm)
        found = bits(out / self.name(arm))
        different = [key for key in expected if expected[key] != found[key]]
        assert not different, f"{arm}: other {', '.join(different)} than without the fault"
        assert not (out / store.WORK / self.name(arm)).exists()

    def until(self, process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
        """Wait for the condition, or for the process to end."""
        while process.poll() is None and not condition():
            time.sleep(0.01)


def stop(process: subprocess.Popen[str], number: int, at: float) -> None:
    """Send the signal after so many seconds, if the process still runs."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(at)
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


def children(pid: int) -> list[int]:
    """The processes that one has started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return [int(each) for each in listed.read_text().split()]
    except FileNotFoundError:
        return []


def cut(path: Path, rng: random.Random) -> int:
    """Cut a file off at a random byte; returns how many it has then."""
    content = path.read_bytes()
    left = rng.randrange(len(content))
    path.write_bytes(content[:left])
    return left


def kill(pid: int) -> None:
    """SIGKILL, if it still runs."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)

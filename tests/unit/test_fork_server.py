"""Cells forked from a server: what a child shares with others, how server and suite end, and that nobody sees a
difference. That suites behave the same either way is tested in test_suite.py."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.records import store
from bench.runs import fork_server, suite, worker
from bench.runs.display import Board
from bench.runs.fork_server import ForkServer
from bench.system import locks
from bench.training.progress import Silent
from tests.unit.test_suite import BROKEN, FORKS, ROOT, Bed, _alive, _until, stub_cell

pytestmark = FORKS

SMALL = (
    *("budget=smoke", "budget.epochs=2", "budget.parameters=20000", "match.tolerance=0.3", "model.dropout=0.1"),
    *("task.train_size=300", "task.valid_size=30", "task.test_size=30"),
)


@pytest.fixture
def bed(tmp_path):
    """Stub cells that a fork server starts; only where a test says so, a fresh process can."""
    return Bed(tmp_path, forked=True)


class Background:
    """A suite of stub cells that runs while a test looks at its processes."""

    def __init__(self, bed: Bed, jobs: list[suite.Job], commands: tuple) -> None:
        self.outcomes: dict[str, str] = {}
        self.thread = threading.Thread(target=self._run, args=(bed, jobs, commands))
        self.thread.start()
        _until(lambda: len(bed.events()) == len(jobs))
        self.pids = [event[3] for event in bed.events()]
        self.server = _parent(self.pids[0])

    def _run(self, bed: Bed, jobs: list[suite.Job], commands: tuple) -> None:
        workers = worker.Workers(*commands)
        board = Board(bed.shown, len(jobs))
        self.outcomes = suite.run(jobs, bed.out, board, workers=workers, at_a_time=len(jobs), suite="stub")

    def ended(self) -> list[str]:
        self.thread.join(20)
        return list(self.outcomes.values())


def _parent(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("PPid:")[1].split()[0])


def _open_files(pid: int) -> set[str]:
    return {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()} - {"/dev/null"}


def _start(server: ForkServer) -> fork_server.ForkedProcess | None:
    with tempfile.TemporaryFile() as errors:
        return server.start(errors.fileno())


def test_a_child_has_its_own_files_and_the_server_has_none_of_them(bed):
    jobs = [bed.job(name, seconds=1.5) for name in "ab"]
    running = Background(bed, jobs, bed.commands)
    one, two = (_open_files(pid) for pid in running.pids)
    server = _open_files(running.server)
    assert running.ended() == ["done", "done"]
    assert one & two == {str(bed.log)}  # which the stub opens
    assert not server & (one | two)
    assert {sum(link.startswith("pipe:") for link in files) for files in (one, two)} == {2}
    assert {sum(".lock" in link for link in files) for files in (one, two)} == {1}
    assert not any(link.startswith(("socket:", "anon_inode:")) for link in one | two)
    assert not _alive(running.server)


def test_a_child_holds_the_lock_of_its_cell_until_it_ends(bed, tmp_path):
    server = ForkServer(worker.child_environment(1), bed.server)
    try:
        with locks.exclusive(tmp_path / "lock") as lock, tempfile.TemporaryFile() as errors:
            process = server.start(errors.fileno(), [lock.fileno()])
        (tmp_path / "lock").touch()  # `exclusive` has removed the name; the child has the file itself
        assert process is not None
        assert str(tmp_path / "lock") in " ".join(_open_files(process.pid))
        assert "lock" not in " ".join(_open_files(server.process.pid))
        process.stdin.close()
        assert process.wait(10) == 1  # the stub has no order
    finally:
        server.close()


def test_every_number_of_threads_has_its_server(bed):
    jobs = [bed.job("a", threads=1), bed.job("b", threads=2), bed.job("c", threads=1)]
    assert set(bed.run(*jobs).values()) == {"done"}
    starts = {name.split("-")[1]: environment for event, name, *_, environment in bed.events() if event == "start"}
    threads = {name: {starts[name][each] for each in worker.THREAD_VARIABLES} for name in starts}
    assert threads == {"a": {"1"}, "b": {"2"}, "c": {"1"}}


def test_a_cell_survives_its_server_and_the_next_cell_is_a_fresh_process(bed):
    jobs = [bed.job("a", seconds=1.0)]
    workers = worker.Workers(bed.fresh, bed.server)
    outcomes: dict[str, str] = {}

    def run() -> None:
        order = worker.Order(jobs[0].overrides, str(bed.out), "stub")
        outcomes["a"] = workers.run(order, jobs[0].cell, Silent())

    thread = threading.Thread(target=run)
    thread.start()
    _until(lambda: len(bed.events()) == 1)
    os.kill(_parent(bed.events()[0][3]), signal.SIGKILL)
    thread.join(20)
    after = bed.job("b")
    outcomes["b"] = workers.run(worker.Order(after.overrides, str(bed.out), "stub"), after.cell, Silent())
    workers.close()
    assert outcomes == {"a": "done", "b": "done"}


def test_a_cell_that_dies_after_its_server_is_a_failure(bed):
    job = bed.job("a", "sleep")
    running = Background(bed, [job], bed.commands)
    os.kill(running.server, signal.SIGKILL)
    os.kill(running.pids[0], signal.SIGKILL)
    assert running.ended() == ["failed"]
    assert "the process and its fork server ended after" in bed.record(job)["reason"]


def test_the_server_ends_with_a_killed_suite(bed, tmp_path):
    script = tmp_path / "driver.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import pathlib, sys
            sys.path.insert(0, {str(ROOT)!r})
            from bench.runs import suite, worker
            from bench.runs.display import Board
            from tests.unit.test_suite import stub_cell
            cell = stub_cell("a")
            jobs = [suite.Job(cell, (f"name={{cell.name}}", "act=sleep", "log={bed.log}"))]
            out = pathlib.Path({str(bed.out)!r})
            suite.run(jobs, out, Board(sys.stderr, 1), workers=worker.Workers(*{bed.commands!r}))
            """
        )
    )
    driver = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL)
    try:
        _until(lambda: len(bed.events()) == 1)
        child = bed.events()[0][3]
        server = _parent(child)
        assert _parent(server) == driver.pid
        driver.kill()
        driver.wait()
        _until(lambda: not _alive(server))
        os.kill(child, signal.SIGKILL)  # the stub does not watch its pipe
    finally:
        driver.kill()


def test_a_server_whose_code_has_changed_does_not_fork(bed, tmp_path):
    source = tmp_path / "source"
    (source / "bench").mkdir(parents=True)
    (source / "bench" / "cell.py").write_text("old")
    script = Path(bed.server[1])
    last = "fork_server.main()"
    script.write_text(script.read_text().replace(last, f"fork_server.SOURCE = pathlib.Path({str(source)!r})\n{last}"))
    server = ForkServer(worker.child_environment(1), bed.server)
    try:
        before = _start(server)
        assert before is not None
        (source / "bench" / "cell.py").write_text("changed")
        assert _start(server) is None
        before.stdin.close()
        assert before.wait(10) == 1
        assert server.process.poll() is None
    finally:
        server.close()


def test_stopping_does_not_wait_for_a_server_that_is_still_importing(bed):
    importing = (sys.executable, "-c", "import time; time.sleep(60)")
    workers = worker.Workers(bed.fresh, importing)
    job = bed.job("a")
    raised: list[BaseException] = []

    def run() -> None:
        try:
            workers.run(worker.Order(job.overrides, str(bed.out)), job.cell, Silent())
        except worker.Stopped as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.3)
    began = time.monotonic()
    workers.stop()
    thread.join(20)
    assert time.monotonic() - began < 10
    assert len(raised) == 1 and not bed.events()


def test_a_server_that_does_not_answer_is_ended_and_not_used(bed, monkeypatch):
    monkeypatch.setattr(fork_server, "START_SECONDS", 0.3)
    job = bed.job("a")
    stuck = (sys.executable, "-c", "import time; time.sleep(60)")
    began = time.monotonic()
    workers = worker.Workers(bed.fresh, stuck)
    try:
        assert workers.run(worker.Order(job.overrides, str(bed.out), "stub"), job.cell, Silent()) == "done"
    finally:
        workers.close()
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("end", ["import no_such_module", "import os; os.kill(os.getpid(), 9)"])
def test_without_a_server_every_cell_is_a_fresh_process(bed, end):
    bed.commands = (bed.fresh, (sys.executable, "-c", end))
    assert bed.run(bed.job("a"), bed.job("b")) == {"a": "done", "b": "done"}


def test_a_cell_on_a_gpu_is_a_fresh_process(bed):
    job = replace(bed.job("a"), cell=replace(stub_cell("a"), device="cuda"))
    assert bed.run(job) == {"a": "failed"}
    assert f"exit status {BROKEN[-1][-2]}" in bed.record(job)["reason"]


@pytest.mark.parametrize(("names", "server"), [("a", None), ("ab", fork_server.COMMAND)])
def test_a_single_cell_needs_no_server(bed, monkeypatch, names, server):
    used = []

    def workers(**commands: object) -> worker.Workers:
        used.append(commands)
        return worker.Workers(bed.fresh)

    monkeypatch.setattr(suite, "Workers", workers)
    suite.run([bed.job(name) for name in names], bed.out, Board(bed.shown, 2), suite="stub")
    assert used == [{"server": server}]


PROBE = """
import json, os, random, sys
import numpy, torch

def caches():
    for name, module in sorted(sys.modules.items()):
        if name.split(".")[0] in ("bench", "models"):
            for each, kept in vars(module).items():
                if hasattr(kept, "cache_info"):
                    yield f"{name}.{each}", kept.cache_info().currsize

def status(*names):
    lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return [lines[name].split()[0] for name in names]

files = []
for descriptor in range(64):
    try:
        os.fstat(descriptor)
        files.append(descriptor)
    except OSError:
        pass
about = {
    "generators": [torch.initial_seed(), int(numpy.random.get_state()[1][5]), random.getrandbits(64)],
    "cuda": [torch.cuda.is_initialized(), torch.cuda._is_in_bad_fork()],
    "threads": [torch.get_num_threads(), torch.get_num_interop_threads(), len(os.listdir("/proc/self/task"))],
    "files": len(files),
    "signals": status("SigBlk", "SigIgn", "SigCgt"),
    "session": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
    "caches": dict(caches()),
    "modules": sorted(name for name in sys.modules if name.split(".")[0] in ("bench", "models", "torch", "hydra")),
    "environment": dict(os.environ),
    "peak": int(status("VmHWM")[0]),
}
print(json.dumps(about), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_a_forked_child_equals_a_fresh_process(tmp_path, threads):
    variables = worker.child_environment(threads)
    probe = tmp_path / "probe.py"
    probe.write_text(PROBE)
    execute = f"exec(compile(open({str(probe)!r}).read(), 'probe', 'exec'), {{}})"
    script = tmp_path / "server.py"
    script.write_text(
        "import os\nfrom bench.runs import child, fork_server\n"
        f"def run():\n    {execute}\n    os._exit(0)\n"
        "child.run = run\nfork_server.main()\n"
    )
    imports = "import importlib; from bench.runs import fork_server; "
    imports += "[importlib.import_module(name) for name in fork_server.PRELOADED]; "
    fresh = subprocess.run(
        [sys.executable, "-P", "-c", imports + execute], env=variables, start_new_session=True, capture_output=True
    )
    server = ForkServer(variables, (sys.executable, "-P", str(script)))
    try:
        forked = [json.loads(process.stdout.readline()) for _ in range(2) if (process := _start(server)) is not None]
    finally:
        server.close()
    expected = json.loads(fresh.stdout)
    peak = expected.pop("peak")
    if threads > 1:
        expected["threads"][2] = 1  # OpenBLAS starts its idle threads again when they are needed
    assert len(forked) == 2
    generators = [one.pop("generators") for one in (expected, *forked)]
    assert all(len(set(seeds)) == 3 for seeds in zip(*generators, strict=True))  # unseeded, so never alike
    for one in forked:
        assert one.pop("peak") == pytest.approx(peak, rel=0.05)
        assert one == expected


def _cells(arms: tuple[str, ...], *more: str) -> list[suite.Job]:
    return [suite.Job.of((f"model={arm}", "task=reverse", *SMALL, *more)) for arm in arms]


def _bits(folder: Path) -> dict[str, object]:
    """All of a cell but its times, its memory, and the overfitting that lasts as long as the training did."""
    record = store.read(folder)
    for measured in ("times", "throughput", "memory", "files"):
        del record[measured]
    del record["sanity"]["overfit"]
    curve = [line.split(",") for line in (folder / "curve.csv").read_text().splitlines()]
    kept = [index for index, name in enumerate(curve[0]) if "second" not in name]
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".safetensors", ".tsv")}
    return {"record": record, "curve": [[row[index] for index in kept] for row in curve], **files}


@pytest.mark.slow
def test_forked_cells_have_the_bits_of_fresh_ones(tmp_path):
    jobs = _cells(("transformer", "lstm_dot"))
    folders = {}
    for name, commands in {"fresh": (worker.COMMAND, None), "forked": (BROKEN, fork_server.COMMAND)}.items():
        out = tmp_path / name
        outcomes = suite.run(jobs, out, Board(sys.stderr, 2), workers=worker.Workers(*commands), suite="s")
        assert set(outcomes.values()) == {"done"}
        folders[name] = out
    for job in jobs:
        fresh, forked = (folders[name] / job.cell.name for name in ("fresh", "forked"))
        assert _bits(forked) == _bits(fresh)
        peaks = [store.read(folder)["memory"]["peak_rss_bytes"] for folder in (fresh, forked)]
        # A fresh process inherits the peak of the process that started it, which may be larger than its own.
        assert peaks[1] <= 1.05 * peaks[0]


@pytest.mark.slow
def test_a_forked_cell_out_of_time_leaves_its_stack(tmp_path):
    (job,) = _cells(("gru_none",), "budget.epochs=4000")
    workers = worker.Workers(BROKEN, fork_server.COMMAND)
    outcomes = suite.run([job], tmp_path, Board(sys.stderr, 1), workers=workers, timeout=8.0, suite="s")
    assert outcomes == {job.cell.name: "timeout"}
    stack = store.read(tmp_path / job.cell.name)["traceback"]
    assert "most recent call first" in stack and "fork_server.py" in stack


@pytest.mark.slow
def test_a_stopped_forked_cell_saves_its_state_and_resumes_to_the_same_bits(tmp_path):
    (job,) = _cells(("gru_none",), "budget.epochs=20")
    stopping = worker.Workers(BROKEN, fork_server.COMMAND)

    class StopInTraining(Silent):
        def advance(self, done: int, note: str = "") -> None:
            threading.Thread(target=stopping.stop).start()

    def order(out: str) -> worker.Order:
        return worker.Order(job.overrides, str(tmp_path / out), "s")

    with pytest.raises(worker.Stopped):
        stopping.run(order("resumed"), job.cell, StopInTraining())
    assert list((tmp_path / "resumed" / ".work" / job.cell.name).glob("state*.pt"))
    assert not (tmp_path / "resumed" / job.cell.name).exists()
    workers = worker.Workers(BROKEN, fork_server.COMMAND)
    try:
        assert [workers.run(order(out), job.cell, Silent()) for out in ("resumed", "whole")] == ["done", "done"]
    finally:
        workers.close()
    resumed, whole = (_bits(tmp_path / out / job.cell.name) for out in ("resumed", "whole"))
    assert resumed["record"]["budget"].pop("resumed") and not whole["record"]["budget"].pop("resumed")
    assert resumed == whole


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_suite(tmp_path, number):
    command = [sys.executable, "-P", "-m", "bench", "suite", "smoke", "--out", str(tmp_path / "out")]
    variables = worker.child_environment(1) | {"BENCH_CACHE": str(tmp_path / "cache")}
    process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    descendants: set[int] = set()

    def cells_run() -> bool:
        servers = _children(process.pid)
        cells = [cell for server in servers for cell in _children(server)]
        descendants.update(servers, cells)
        return bool(cells) and bool(list((tmp_path / "out" / ".work").glob("*/state*.pt")))

    try:
        _until(cells_run, 200)
        process.send_signal(number)
        process.wait(60)
        _until(lambda: not any(map(_alive, descendants)), 60)
    finally:
        process.kill()


def _children(pid: int) -> list[int]:
    """Those that any of its threads has started."""
    children: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            children += map(int, thread.read_text().split())
    return children


def test_a_range_of_pages_is_resident_after_it_is_populated(tmp_path):
    import mmap

    from bench.system import resident_pages

    path = tmp_path / "pages"
    size = 64 * mmap.PAGESIZE
    path.write_bytes(bytes(size))
    count: Callable[[], int] = lambda: sum(length for _, length in resident_pages.resident_ranges())  # noqa: E731
    with path.open("rb") as file, mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ) as mapped:
        before = count()
        sum(mapped[::4096])
        touched = resident_pages.resident_ranges()
        assert sum(length for _, length in touched) - before >= size - 16 * mmap.PAGESIZE
        assert resident_pages.populate(touched)
    assert not resident_pages.populate([(mmap.PAGESIZE, mmap.PAGESIZE)])  # nothing is mapped there

"""Every fault that is injected on purpose: what is done, and what must hold afterwards.

A fault is a function of a Bed and a random generator that does one injection and raises AssertionError for a loss, or
Impossible where the system does not let it be done. Some are tests of their own, of which one run injects many: these
return how many.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from bench.conf.compose import compose
from bench.conf.suites import Suite
from bench.records import store
from bench.runs import engines, plan
from bench.runs.display import Board
from bench.runs.suite import Job, failed
from bench.runs.suite import run as run_suite
from bench.training import checkpoint
from tests.reliability import cluster, memory, ray_nodes
from tests.reliability.bed import ARMS, BROKEN, ROOT, Bed, bits, children, cut, kill, stop, words

Injection = Callable[[Bed, random.Random], int | None]


class Impossible(Exception):
    """The fault cannot be injected on this system. The message says why."""


@dataclass(frozen=True)
class Fault:
    """name: what is done; holds: what must be so afterwards; full and quick: how often it is injected by `make
    reliability` and in the tests."""

    name: str
    holds: str
    inject: Injection
    full: int
    quick: int


SAME = "started again, it ends with the same weights, scores and outputs, bit for bit"


def killed(arm: str, bed: Bed, rng: random.Random) -> None:
    """SIGKILL at a random moment of the run: to the command, which its worker then follows, or to the worker."""
    _, seconds = bed.whole(arm)
    with bed.room() as out:
        process = bed.start(["bench", "run", *words(arm), f"out={out}"])
        time.sleep(rng.uniform(0, seconds))
        workers = children(process.pid)
        for each in workers if workers and rng.random() < 0.5 else [process.pid]:
            kill(each)
        process.communicate(timeout=600)
        bed.finish(arm, out)
        bed.same(arm, out)


def asked(arm: str, bed: Bed, rng: random.Random) -> None:
    """SIGTERM or SIGINT (Ctrl-C) while a state is there: the run ends by itself, and says how to go on."""
    number = rng.choice([signal.SIGTERM, signal.SIGINT])
    with bed.room() as out:
        process = interrupted(bed, arm, out, number, rng.uniform(0, 2))
        said = process.stderr.read()
        process.communicate()
        if process.returncode != 0:  # 0: it was through before the signal came
            assert process.returncode == 128 + number, (process.returncode, said)
            assert said.splitlines()[-1] == "bench: stopped; run the same command again to continue"
        bed.finish(arm, out)
        bed.same(arm, out)


def interrupted(bed: Bed, arm: str, out: Path, number: int, after: float) -> subprocess.Popen[str]:
    """A run that has been sent a signal so many seconds after its first state was saved, and has ended."""
    process = bed.start(["bench", "run", *words(arm), f"out={out}"])
    bed.until(process, lambda: any((out / store.WORK).glob("*/state-*.pt")))
    stop(process, number, after)
    process.wait(timeout=600)
    return process


def cut_short(bed: Bed, arm: str, out: Path, after: float) -> None:
    """A run that was killed so many seconds after its first state was saved."""
    with interrupted(bed, arm, out, signal.SIGKILL, after) as process:
        process.communicate()


def state_cut(bed: Bed, rng: random.Random) -> None:
    """The last state is cut off at a random byte, or both are."""
    arm = rng.choice(ARMS)
    with bed.room() as out:
        cut_short(bed, arm, out, rng.uniform(0, 2))
        held = sorted((out / store.WORK).glob("*/state-*.pt"))
        chosen = held if rng.random() < 0.3 else [path for path in held if ".before." not in path.name]
        for path in chosen:
            cut(path, rng)
        said = bed.finish(arm, out)
        assert all(f"{path.name} is damaged" in said for path in chosen), said
        bed.same(arm, out)


def cell_cut(bed: Bed, rng: random.Random) -> None:
    """A file of a finished cell is cut off at a random byte."""
    arm = rng.choice(ARMS)
    with bed.room() as out:
        bed.finish(arm, out)
        path = out / bed.name(arm) / rng.choice([store.RECORD, store.CURVE, store.OUTPUTS, store.WEIGHTS])
        cut(path, rng)
        said = bed.finish(arm, out)
        assert path.name in said and "is run again" in said, said
        bed.same(arm, out)


def record_cut(bed: Bed, rng: random.Random) -> None:
    """A committed record is cut off at a random byte and read."""
    original = rng.choice(sorted((ROOT / "results/reference").glob("*/*/record.json")))
    with bed.room() as out:
        folder = out / original.parent.name
        folder.mkdir(parents=True)
        copy = Path(shutil.copy(original, folder))
        left = cut(copy, rng)
        if left == original.stat().st_size - 1:
            return  # the line's end alone
        assert not store.finished(out, folder.name)
        try:
            store.read(folder)
        except ValueError as error:
            assert str(copy) in str(error) and "\n" not in str(error)
        else:
            raise AssertionError(f"{left} bytes of {original} were read as a record")


def suite_killed(bed: Bed, rng: random.Random) -> None:
    """A suite of three cells, two at a time, is killed at a random moment and started again."""
    seconds = sum(bed.whole(arm)[1] for arm in ARMS) / 2
    with bed.room() as out:
        command = ["tests.reliability.drive", str(out), "2", *ARMS]
        process = bed.start(command)
        stop(process, signal.SIGKILL, rng.uniform(0.3, 1.0) * seconds)
        process.communicate(timeout=600)
        before = {arm: _written(bed, out, arm) for arm in ARMS if store.finished(out, bed.name(arm))}
        again = bed.start(command)
        _, errors = again.communicate(timeout=600)
        assert again.returncode == 0, errors
        assert sum(errors.count(f"{bed.name(arm)}: started") for arm in ARMS) == len(ARMS) - len(before), errors
        for arm in ARMS:
            bed.same(arm, out)
        assert all(_written(bed, out, arm) == when for arm, when in before.items())


def _written(bed: Bed, out: Path, arm: str) -> int:
    return (out / bed.name(arm) / store.RECORD).stat().st_mtime_ns


def two_suites(bed: Bed, rng: random.Random) -> None:
    """Two processes run the same suite into the same folder at the same time."""
    with bed.room() as out:
        command = ["tests.reliability.drive", str(out), "1", *ARMS]
        first = bed.start(command)
        time.sleep(rng.uniform(0, 3))
        said = [process.communicate(timeout=900) for process in (first, bed.start(command))]
        for arm in ARMS:
            bed.same(arm, out)
            started = sum(errors.count(f"{bed.name(arm)}: started") for _, errors in said)
            assert started == 1, f"{arm} was run {started} times: {said}"


LEASE = {"BENCH_LEASE": "2"}
"""Seconds after which a frozen or lost worker's cell is free; a minute by default."""


def frozen(bed: Bed, rng: random.Random) -> None:
    """The command, its worker or both are suspended (SIGSTOP). Another command takes the cell over, and then the first
    one wakes up."""
    arm, environment = rng.choice(ARMS), bed.environment() | LEASE
    with bed.room() as out:
        process = bed.start(["bench", "run", *words(arm), f"out={out}"], env=environment)
        bed.until(process, lambda: any((out / store.WORK).glob("*/state-*.pt")))
        every = [process.pid, *children(process.pid)]
        suspended = rng.choice([every, every[:1], every[1:]])
        for pid in suspended:
            _send(pid, signal.SIGSTOP)
        try:
            bed.finish(arm, out, env=environment)
            written = _written(bed, out, arm)
        finally:
            for pid in suspended:
                _send(pid, signal.SIGCONT)
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors
        assert _written(bed, out, arm) == written, "who was frozen wrote the record again"
        bed.same(arm, out)


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def lost_node(bed: Bed, rng: random.Random) -> None:
    """All processes of one machine die at once; another machine, whose clocks are wrong and whose file system has no
    locks, goes on."""
    arm, environment = rng.choice(ARMS), bed.environment() | LEASE
    _, seconds = bed.whole(arm)
    with bed.room() as out:
        first, second = (
            ["tests.reliability.elsewhere", machine, str(rng.uniform(-1e6, 1e6)), "run", *words(arm), f"out={out}"]
            for machine in ("one", "two")
        )
        process = bed.start(first, env=environment)
        time.sleep(rng.uniform(0, seconds))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=600)
        again = bed.start(second, env=environment)
        _, errors = again.communicate(timeout=600)
        assert again.returncode == 0, errors
        bed.same(arm, out)


def workers_killed(bed: Bed, rng: random.Random, cells: int = 40, workers: int = 4, kills: int = 20) -> int:
    """Workers of submitit's local executor, or the processes that hold them, are killed at random, and as many are
    submitted again."""
    with bed.room() as out:
        alone = out.with_name("alone")
        _cluster(bed, "alone", alone, cells)
        names = [job.cell.name for job in cluster.jobs(cells)]
        controllers = _cluster(bed, "submit", out, cells, workers)
        done, end = 0, time.monotonic() + 1500
        while not all(store.finished(out, name) for name in names):
            assert time.monotonic() < end, f"{sum(store.finished(out, name) for name in names)} of {cells} cells"
            time.sleep(rng.uniform(0, 1))
            # Not the processes of cells: a cell that is killed is recorded as failed.
            processes = [pid for each in controllers for pid in _workers_of(each)]
            for pid in rng.sample(processes, min(2, len(processes), kills - done)):
                kill(pid)
                done += 1
            controllers = [each for each in controllers if _workers_of(each)]
            if len(controllers) < workers:
                controllers += _cluster(bed, "submit", out, cells, workers - len(controllers))
        _each_once(names, out, alone)
        for each in controllers:
            _send(each, signal.SIGINT)
        return done


def _each_once(names: list[str], out: Path, alone: Path) -> None:
    different = [name for name in names if bits(out / name) != bits(alone / name)]
    assert not different, f"other bits than of a run alone: {different}"
    log = "".join(path.read_text() for path in (out / store.WORK / engines.JOBS).glob("*.err"))
    repeated = [name for name in names if log.count(f"{name}: done in") > 1]
    assert not repeated, f"run twice: {repeated}"


def ray_node_lost(bed: Bed, rng: random.Random, cells: int = 40, kills: int = 20) -> int:
    """Two nodes of a Ray cluster: every fourth time all processes of one die at once, and another one comes; else its
    actors, its tasks or their workers are killed at random. Nothing is submitted again."""
    with bed.room() as out, ExitStack() as stack:
        try:
            nodes = stack.enter_context(ray_nodes.RayNodes())
        except ImportError as error:
            raise Impossible("needs Ray: pip install -e '.[ray]'") from error
        alone = out.with_name("alone")
        _cluster(bed, "alone", alone, cells)
        names = [job.cell.name for job in cluster.jobs(cells)]
        _cluster(bed, "ray", out, cells, 2, nodes.address)
        done, finished, end = 0, 0, time.monotonic() + 1500
        while finished < cells:
            assert time.monotonic() < end, f"{finished} of {cells} cells"
            time.sleep(rng.uniform(0, 2))
            finished = sum(store.finished(out, name) for name in names)
            workers, claimed = nodes.workers(), any((out / store.WORK).glob("*.lease"))
            if done == kills or finished * kills < done * cells or not workers or not claimed:
                continue  # the kills are spread over the cells
            if done % 4 == 0:
                nodes.lose()
                nodes.add()
            else:
                kill(rng.choice([*nodes.jobs(), *workers]))
            done += 1
        _each_once(names, out, alone)
        return done


def requeued(bed: Bed, rng: random.Random) -> None:
    """The signal before a time limit: the worker saves its cell, and the job that is requeued goes on with it."""
    arm = rng.choice(ARMS)
    with bed.room() as out:
        code = (
            "from bench.conf.suites import Suite; from bench.runs import engines, plan, suite; "
            "from tests.reliability.bed import words; from pathlib import Path; import sys; "
            "jobs = [suite.Job.of(words(sys.argv[2]))]; out = Path(sys.argv[1]); "
            "made = plan.make(Suite('requeued', '', 1, None, ()), jobs, out); "
            "print(*engines.submit('local', made, out, workers=1)[0].jobs)"
        )
        command = [sys.executable, "-c", code, str(out), arm]
        printed = subprocess.run(command, env=bed.environment(), capture_output=True, text=True, check=True).stdout
        controller, end = int(printed), time.monotonic() + 300
        while not any((out / store.WORK).glob("*/state-*.pt")):
            assert time.monotonic() < end, "no state"
            time.sleep(0.01)
        for pid in children(controller):
            _send(pid, signal.SIGUSR2)
        while not store.finished(out, bed.name(arm)):
            assert time.monotonic() < end, "not finished"
            time.sleep(0.2)
        bed.same(arm, out)
        log = "".join(path.read_text() for path in (out / store.WORK / engines.JOBS).glob("*.err"))
        assert "stopped; the cell's state is saved" in log and "resuming at step" in log, log


def node_full(bed: Bed, rng: random.Random) -> None:
    """One of two workers cannot write files beyond a size; the other one runs what is left."""
    with bed.room() as out:
        names = [job.cell.name for job in cluster.jobs(3)]
        _cluster(bed, "alone", out.with_name("alone"), 3)
        made = plan.make(Suite("cluster", "", 1, None, ()), cluster.jobs(3), out)
        plan.write(made, out)
        limit = rng.randrange(5_000, 60_000)
        command = ["bench.runs.shared_worker", str(out), "0"]
        broken = bed.start(
            [*command, "0", "2"],
            stdin=subprocess.PIPE,
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)),
        )
        whole = bed.start([*command, "1", "2"], stdin=subprocess.PIPE)
        errors, others = broken.stderr.read(), whole.stderr.read()
        for process in (broken, whole):
            process.communicate(timeout=600)
        assert broken.returncode in (0, 2), errors
        if broken.returncode == 2:
            assert "File too large" in errors and "Traceback" not in errors, errors
        assert whole.returncode == 0, others
        assert all(bits(out / name) == bits(out.with_name("alone") / name) for name in names)


def _cluster(bed: Bed, *words: object) -> list[int]:
    """Run `tests.reliability.cluster`; returns the numbers that it prints."""
    command = [sys.executable, "-P", "-m", "tests.reliability.cluster", *map(str, words)]
    done = subprocess.run(command, env=bed.environment() | LEASE, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


def _workers_of(controller: int) -> list[int]:
    """The processes of submitit and of the worker below a controller that still runs."""
    jobs = children(controller)
    return [*jobs, *(pid for job in jobs for pid in children(job))]


def bad_cells(bed: Bed, rng: random.Random) -> None:
    """In one suite: a cell that raises, one killed as for memory, one that diverges, one out of time, one that is
    fine."""
    arm = rng.choice(ARMS)
    fates = {
        "exception": (words(arm, BROKEN, "+task.fault=exception"), "failed", "RuntimeError: broken on purpose"),
        "kill": (words(arm, BROKEN, "+task.fault=kill"), "failed", "killed by SIGKILL (out of memory?)"),
        "nan": (words(arm, "optim.lr=1e30"), "diverged", "lower optim.lr"),
        "fine": (words(arm), "done", None),
    }
    order = sorted(fates, key=lambda _: rng.random())
    with bed.room() as out, ExitStack() as stack:
        log = stack.enter_context((bed.folder / f"{out.parent.name}.log").open("w+"))
        jobs = {fate: Job.of(fates[fate][0]) for fate in order}

        def run(which: list[Job], **options) -> dict[str, str]:
            return run_suite(which, out, Board(log, len(which)), suite="reliability", **options)

        late = words(arm, BROKEN, "+task.fault=sleep")
        outcomes = run([Job.of(late)], timeout=12)
        assert set(outcomes.values()) == {"timeout"}
        record = store.read(out / compose(late).name)
        # Where it stood when its time was out depends on the machine: usually in the task's load, or still importing.
        assert "not finished after 12 seconds" in record["reason"], record["reason"]
        assert "most recent call first" in record["traceback"], record["traceback"]
        outcomes = run(list(jobs.values()))
        assert failed(outcomes)
        for fate, job in jobs.items():
            _, status, reason = fates[fate]
            record = store.read(out / job.cell.name)
            assert outcomes[job.cell.name] == record["status"] == status, (fate, record["reason"])
            assert reason is None or reason in record["reason"], record["reason"]
            assert fate in ("fine", "kill") or record["traceback"], fate
        bed.same(arm, out)
        again = run(list(jobs.values()), retry=False)
        assert again == {job.cell.name: fates[fate][1] for fate, job in jobs.items()} | {
            jobs["fine"].cell.name: "finished before"
        }
        only = [jobs["exception"]]
        assert list(run(only, retry=True).values()) == ["failed"]
        log.seek(0)
        assert log.read().count(f"{only[0].cell.name}: failed in") == 2


def refused(status: int, errors: str, reason: str) -> None:
    """Whether a command ended as where nothing can be written: in one line that says why."""
    lines = [line for line in errors.splitlines() if line.startswith("bench: ")]
    assert status == 2 and len(lines) == 1 and reason in lines[0], errors
    assert "Traceback" not in errors


def disk_full(bed: Bed, rng: random.Random) -> None:
    """The disk has room for a part of what a run saves; later it has more."""
    arm = rng.choice(ARMS)
    with bed.room() as room, ExitStack() as stack:
        disk = mounted(room.parent / "disk", f"{rng.randrange(100, 2400)}k", stack)
        out = disk / "out"
        done = bed.run(arm, out)
        if done.returncode != 0:
            refused(done.returncode, done.stderr, "No space left on device")
        _mount("-o", "remount,size=64m", str(disk))
        bed.finish(arm, out)
        bed.same(arm, out)


def read_only(bed: Bed, rng: random.Random) -> None:
    """The file system may not be written to from some moment of the run on; later it may."""
    arm = rng.choice(ARMS)
    with bed.room() as room, ExitStack() as stack:
        disk = mounted(room.parent / "disk", "64m", stack)
        out = disk / "out"
        process = bed.start(["bench", "run", *words(arm), f"out={out}"])
        bed.until(process, lambda: any((out / store.WORK).glob("*/state-*.pt")))
        while process.poll() is None and not _try_mount("-o", "remount,ro", str(disk)):
            time.sleep(0.001)  # refused as long as a file is open for writing
        _, errors = process.communicate(timeout=600)
        if process.returncode != 0:
            refused(process.returncode, errors, "Read-only file system")
        _mount("-o", "remount,rw", str(disk))
        bed.finish(arm, out)
        bed.same(arm, out)


def file_limit(bed: Bed, rng: random.Random) -> None:
    """No file may grow beyond a random size below that of a state; later it may."""
    arm = rng.choice(ARMS)
    limit = rng.randrange(2_000, 300_000)
    with bed.room() as out:
        done = bed.run(arm, out, preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)))
        refused(done.returncode, done.stderr, "File too large")
        bed.finish(arm, out)
        bed.same(arm, out)


def mounted(folder: Path, size: str, stack: ExitStack) -> Path:
    """A file system in memory, unmounted by the stack. Raises Impossible."""
    folder.mkdir(parents=True)
    if not _try_mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)):
        raise Impossible("needs leave to mount a tmpfs")
    stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=True)
    return folder


def _try_mount(*options: str) -> bool:
    try:
        return subprocess.run(["mount", *options], capture_output=True).returncode == 0
    except OSError:
        return False


def _mount(*options: str) -> None:
    subprocess.run(["mount", *options], check=True, capture_output=True)


def any_schedule(bed: Bed, rng: random.Random) -> None:
    """Three cells in another order, one or two at a time."""
    order = rng.sample(ARMS, len(ARMS))
    with bed.room() as out:
        process = bed.start(["tests.reliability.drive", str(out), str(rng.choice([1, 2])), *order])
        _, errors = process.communicate(timeout=900)
        assert process.returncode == 0, errors
        for arm in ARMS:
            bed.same(arm, out)


def other_code(bed: Bed, rng: random.Random) -> None:
    """The state was saved by other code: training begins anew, and the state stays until the cell is finished."""
    arm = rng.choice(ARMS)
    with bed.room() as out:
        cut_short(bed, arm, out, 0.5)
        for path in (out / store.WORK).glob("*/state-*.pt"):
            path.rename(path.with_name(path.name.replace(checkpoint.code_version(), "0badc0de")))
        said = bed.finish(arm, out)
        assert "was saved by a different version of the code" in said and "resuming at step" not in said
        bed.same(arm, out)


def other_settings(bed: Bed, rng: random.Random) -> None:
    """A setting is changed between the start and the next one: another cell, and the first one's state is
    untouched."""
    arm = rng.choice(ARMS)
    with bed.room() as out:
        cut_short(bed, arm, out, 0.5)
        done = bed.run(arm, out, "optim.lr=0.0017")
        assert done.returncode == 0 and "resuming at step" not in done.stderr, done.stderr
        assert not (out / bed.name(arm)).exists()
        assert "resuming at step" in bed.finish(arm, out)
        bed.same(arm, out)


def growth(arm: str, bed: Bed, rng: random.Random) -> None:
    """2,000 steps in one process. oneDNN keeps a kernel for each shape of batch, up to 1,024 of them, of which an
    LSTM's are 18 MiB after so many steps: here it keeps 8, so that what is seen is ours."""
    kept = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "8", "LRU_CACHE_CAPACITY": "8"}
    command = [sys.executable, "-P", memory.__file__, arm, str(rng.randrange(1000))]
    done = subprocess.run(
        command, env=bed.environment(save_every=1e9) | kept, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["grown"] <= memory.ALLOWED, f"{arm}: {found['grown'] / 2**20:.1f} MiB more after 2,000 steps"
    assert found["states"][-1] <= 1.02 * found["states"][0], f"{arm}: states of {found['states']} bytes"


def tested(files: tuple[str, ...], bed: Bed, rng: random.Random) -> int:
    """Tests that inject by themselves, with more of it than in `make test`."""
    with bed.room() as out:
        out.mkdir()
        report = out / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *files]
        more = {"BENCH_FUZZ": "400", "BENCH_THOROUGH": "1", "BENCH_CACHE": str(bed.folder / "cache")}
        done = subprocess.run(command, cwd=ROOT, env=os.environ | more, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout.strip().splitlines()[-1]
        cases = ElementTree.parse(report).getroot().iter("testcase")
        return sum(_injected(case) for case in cases if case.find("skipped") is None)


def _injected(case: ElementTree.Element) -> int:
    """What a test says itself; a test that says nothing is one injection."""
    said = [each.get("value") for each in case.iter("property") if each.get("name") == "cases"]
    return int(said[0]) if said else 1


LINE = "one line, exit status 2, no traceback, nothing changed"

FAULTS = (
    *(
        Fault(
            f"SIGKILL at a random moment, to the command or its worker: {arm}",
            SAME,
            partial(killed, arm),
            20,
            int(arm == "lstm_dot"),
        )
        for arm in ARMS
    ),
    *(
        Fault(
            f"SIGTERM or Ctrl-C: {arm}",
            f"exit status 143 or 130 and a line that says how to go on; {SAME}",
            partial(asked, arm),
            5,
            int(arm == "lstm_dot"),
        )
        for arm in ARMS
    ),
    Fault(
        "a state cut off at a random byte, or both states",
        f"it is said, the state before it is used; {SAME}",
        state_cut,
        8,
        0,
    ),
    Fault("a file of a finished cell cut off at a random byte", f"it is said; {SAME}", cell_cut, 6, 0),
    Fault("a record cut off at a random byte, and read", "one line says which", record_cut, 500, 50),
    Fault(
        "a suite of three cells killed with SIGKILL",
        "only what is missing is run; finished cells are not touched",
        suite_killed,
        6,
        0,
    ),
    Fault(
        "two processes run one suite into one folder", "each cell is run once, with the same bits", two_suites, 4, 0
    ),
    Fault(
        "a frozen worker: the command, its process of a cell, or both suspended (SIGSTOP), and woken up later",
        f"another one takes the cell over; who was frozen writes nothing; {SAME}",
        frozen,
        6,
        0,
    ),
    Fault(
        "a lost machine, and another with wrong clocks and without locks on the shared folder",
        SAME,
        lost_node,
        4,
        0,
    ),
    Fault(
        "four workers of submitit's local executor on forty cells, killed at random twenty times and submitted again",
        "all cells end, each once, with the bits of a run alone",
        workers_killed,
        1,
        0,
    ),
    Fault(
        "a Ray cluster of two nodes on forty cells: a node lost, or actors, tasks and workers killed, twenty times",
        "all cells end, each once, with the bits of a run alone, and nothing is submitted again",
        ray_node_lost,
        1,
        0,
    ),
    Fault("the signal before a time limit, and the job requeued", f"the cell goes on; {SAME}", requeued, 2, 0),
    Fault(
        "a full disk for one of two workers (a limit on the size of its files)",
        "one line, exit status 2; the other worker runs all cells, with the bits of a run alone",
        node_full,
        2,
        0,
    ),
    Fault(
        "five cells in a suite: exception, killed as for memory, NaN, out of time, none",
        "each has its record, reason and traceback; the others go on; run again only if asked to",
        bad_cells,
        3,
        0,
    ),
    Fault(
        "a full disk (tmpfs of 100 to 2,400 KiB)", f"one line, exit status 2; with more room: {SAME}", disk_full, 8, 1
    ),
    Fault(
        "a file system read-only from a random moment on",
        f"one line, exit status 2; writable again: {SAME}",
        read_only,
        4,
        0,
    ),
    Fault("a limit on the size of files", f"one line, exit status 2; without it: {SAME}", file_limit, 4, 1),
    Fault("three cells in any order, one or two at a time", "the same bits as alone", any_schedule, 4, 0),
    Fault("a state saved by other code", "it is left alone, and training begins anew", other_code, 3, 0),
    Fault(
        "a setting changed before going on", "another cell; neither touches the other's state", other_settings, 3, 0
    ),
    *(
        Fault(
            f"2,000 steps: {arm}",
            f"memory grows by at most {memory.ALLOWED >> 20} MiB (oneDNN keeping 8 kernels), the saved state by "
            f"at most 2 % (what it says of the validations so far)",
            partial(growth, arm),
            1,
            0,
        )
        for arm in ARMS
    ),
    Fault(
        "lines of 10,000 tokens, and tasks and profiles of enormous sizes",
        "cut or refused in one line; memory stays below a limit",
        partial(tested, ("tests/reliability/test_long_lines.py",)),
        1,
        0,
    ),
    Fault(
        "every bad value of every option and argument of every command",
        LINE,
        partial(tested, ("tests/reliability/test_bad_options.py",)),
        1,
        0,
    ),
    Fault(
        "every bad value of every setting of a cell, a task and an arm; words that are none",
        LINE,
        partial(tested, ("tests/reliability/test_bad_settings.py",)),
        1,
        0,
    ),
    Fault(
        "a corpus damaged at random: plain, gzip, table, zip, tar",
        "one line, or the two sides belong together still",
        partial(tested, ("tests/reliability/test_fuzzed_corpora.py",)),
        1,
        0,
    ),
    Fault(
        "records, curves, answers and attention maps damaged at random",
        "a report, or one line",
        partial(tested, ("tests/report/test_fuzzed_records.py",)),
        1,
        0,
    ),
    Fault(
        "hostile results folders: script, huge and deep JSON, links, pipes, names that lead out",
        "text is shown as text; nothing outside is read or written",
        partial(tested, ("tests/report/test_hostile_folder.py",)),
        1,
        0,
    ),
    Fault(
        "pickles and foreign classes in a results folder",
        "nothing of them is executed",
        partial(tested, ("tests/unit/test_no_code_from_data.py",)),
        1,
        0,
    ),
    Fault(
        "hostile archives and texts; downloads broken off, redirected, too large, with another checksum",
        "nothing is written outside, and nothing of it is used",
        partial(
            tested,
            (
                "tests/unit/test_text.py",
                "tests/unit/test_corpora.py",
            ),
        ),
        1,
        0,
    ),
    Fault(
        "records of schema versions 1 to 3, mixed; of a later one",
        "read; one line says to update",
        partial(tested, ("tests/report/test_old_records.py",)),
        1,
        0,
    ),
)

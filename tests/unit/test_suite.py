"""Cells in parallel processes, with a stub in the place of the worker: scheduling, crashes, limits, interruption."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench.conf.compose import compose
from bench.conf.schema import Cell
from bench.errors import UserError
from bench.records import store
from bench.runs import fork_server, suite, worker
from bench.runs.display import Board
from bench.runs.record import new_record
from bench.training.progress import Silent

ROOT = Path(__file__).resolve().parents[2]

STUB = textwrap.dedent(
    """
    import json, os, pathlib, signal, sys, time

    order = json.loads(sys.stdin.readline())
    words = dict(word.split("=", 1) for word in order["overrides"])
    out, act = pathlib.Path(order["out"]), words["act"]

    def log(event):
        line = json.dumps([event, words["name"], time.monotonic(), os.getpid(), order, dict(os.environ)])
        descriptor = os.open(words["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, (line + "\\n").encode())

    def tell(*event):
        print(json.dumps(event), flush=True)

    log("start")
    tell("stage", "train", 2, "steps")
    if act == "kill":
        print("last words", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    if act == "raise":
        raise RuntimeError("broken on purpose")
    if act == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    if act in ("sleep", "deaf"):
        time.sleep(60)
    if act == "refuse":
        tell("refused", "no such width")
        sys.exit(2)
    if act == "chatty":
        print("not an event", flush=True)
    if act != "lie":
        folder = out / words["name"]
        folder.mkdir(parents=True, exist_ok=True)
        status = act if act in ("failed", "diverged", "skipped") else "done"
        reason = None if status == "done" else "because"
        (folder / "record.json").write_text(json.dumps({"schema": 1, "status": status, "reason": reason}))
    time.sleep(float(words.get("seconds", 0)))
    log("end")
    tell("status", act if act in ("failed", "diverged", "skipped") else "done")
    """
)

SERVER = textwrap.dedent(
    """
    import os, pathlib, sys, traceback
    from bench.runs import child, fork_server

    stub = compile(pathlib.Path(__file__).with_name("stub.py").read_text(), "stub.py", "exec")

    def run():
        status = 0
        try:
            exec(stub, {"__name__": "__main__"})
        except SystemExit as end:
            status = end.code
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

    child.run = run
    fork_server.PRELOADED = ()
    fork_server.main()
    """
)
"""The real fork server, without its imports, and with the stub in the place of a cell."""

BROKEN = (sys.executable, "-c", "raise SystemExit(9)")
"""A command that runs no cell."""

FORKS = pytest.mark.skipif(not fork_server.SUPPORTED, reason="no fork server on this system")


@pytest.fixture(params=["fresh", pytest.param("forked", marks=FORKS)])
def bed(tmp_path, request):
    """Runs stub cells in tmp_path / "out", in fresh processes and in forked ones; see Bed."""
    return Bed(tmp_path, request.param == "forked")


def stub_cell(name: str, threads: int = 1) -> Cell:
    """A cell of a made-up arm; nothing but its name and its threads is looked at here."""
    return replace(compose(), task="t", model=name, budget="b", threads=threads, hash="0" * 64)


class Bed:
    """forked: whether a fork server starts the stubs, and no fresh process can."""

    def __init__(self, folder: Path, forked: bool = False) -> None:
        self.out, self.log, self.stub = folder / "out", folder / "log", folder / "stub.py"
        self.stub.write_text(STUB)
        server = folder / "server.py"
        server.write_text(SERVER)
        self.fresh, self.server = (sys.executable, str(self.stub)), (sys.executable, str(server))
        self.commands = (BROKEN, self.server) if forked else (self.fresh, None)
        self.shown = io.StringIO()

    def job(self, name: str, act: str = "done", threads: int = 1, **more: object) -> suite.Job:
        cell = stub_cell(name, threads)
        words = {"name": cell.name, "act": act, "log": str(self.log)} | more
        return suite.Job(cell, tuple(f"{key}={value}" for key, value in words.items()))

    def run(self, *jobs: suite.Job, command: tuple[str, ...] | None = None, **options) -> dict[str, str]:
        workers = worker.Workers(command) if command else worker.Workers(*self.commands)
        options = {"suite": "stub"} | options
        shown = Board(self.shown, len(jobs))
        outcomes = suite.run(list(jobs), self.out, shown, workers=workers, **options)
        return {name.split("-")[1]: status for name, status in outcomes.items()}

    def record(self, job: suite.Job) -> dict:
        return store.read(self.out / job.cell.name)

    def events(self) -> list[list]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []


def test_cells_run_in_the_order_given_and_never_more_at_a_time_than_allowed(bed):
    jobs = [bed.job(name, seconds=0.2) for name in "abcdef"]
    assert bed.run(*jobs, at_a_time=2) == dict.fromkeys("abcdef", "done")
    started = [name.split("-")[1] for event, name, *_ in bed.events() if event == "start"]
    assert sorted(started[:2]) == ["a", "b"] and sorted(started[-2:]) == ["e", "f"]
    running, most = 0, 0
    for event, *_ in sorted(bed.events(), key=lambda event: event[2]):
        running += 1 if event == "start" else -1
        most = max(most, running)
    assert most == 2


def test_a_worker_is_told_what_it_needs(bed):
    bed.run(bed.job("a", threads=3), at_a_time=2)
    _, _, _, pid, order, environment = bed.events()[0]
    assert pid != os.getpid()
    assert (order["out"], order["suite"]) == (str(bed.out), "stub")
    assert order["concurrent"] == 1  # one cell left to run, so nothing runs beside it
    assert {environment[name] for name in worker.THREAD_VARIABLES} == {"3"}


def test_a_killed_worker_leaves_a_failed_record_and_the_suite_goes_on(bed):
    jobs = [bed.job("a", "kill"), bed.job("b")]
    outcomes = bed.run(*jobs)
    assert outcomes == {"a": "failed", "b": "done"}
    assert suite.failed(outcomes)
    record = bed.record(jobs[0])
    assert "killed by SIGKILL" in record["reason"]
    assert record["traceback"] == "last words"
    assert (record["task"], record["model"], record["suite"], record["config"]) == (
        "t",
        "a",
        "stub",
        {key: value for key, value in jobs[0].cell.config.items() if key != "out"},
    )
    assert "a-b-s1" in bed.shown.getvalue() and "SIGKILL" in bed.shown.getvalue()


def test_a_worker_that_raises_leaves_its_traceback(bed):
    job = bed.job("a", "raise")
    assert bed.run(job) == {"a": "failed"}
    assert "exit status 1" in bed.record(job)["reason"]
    assert "broken on purpose" in bed.record(job)["traceback"]


def test_a_worker_that_cannot_start_leaves_a_failed_record(bed):
    job = bed.job("a")
    assert bed.run(job, command=(sys.executable, "-c", "import no_such_module")) == {"a": "failed"}
    assert "no_such_module" in bed.record(job)["traceback"]


def test_a_worker_that_only_says_it_is_done_is_not_believed(bed):
    job = bed.job("a", "lie")
    assert bed.run(job) == {"a": "failed"}
    assert "wrote no such record" in bed.record(job)["reason"]


def test_a_cell_over_its_time_is_ended_and_recorded(bed):
    jobs = [bed.job("a", "sleep"), bed.job("b")]
    began = time.monotonic()
    outcomes = bed.run(*jobs, timeout=1.0)
    assert time.monotonic() - began < 20
    assert outcomes == {"a": "timeout", "b": "done"}
    assert suite.failed(outcomes)
    assert bed.record(jobs[0])["status"] == "timeout"
    assert "1 seconds" in bed.record(jobs[0])["reason"]
    assert not _alive(bed.events()[0][3])


@pytest.mark.slow
def test_a_cell_that_does_not_listen_is_killed(bed, monkeypatch):
    monkeypatch.setattr(worker, "GRACE", 0.3)
    assert bed.run(bed.job("a", "deaf"), timeout=1.0) == {"a": "timeout"}
    assert not _alive(bed.events()[0][3])


def test_finished_cells_are_skipped_and_all_others_run_again(bed):
    jobs = [bed.job(name) for name in ("done", "failed", "diverged", "skipped", "timeout", "new")]
    for job in jobs[:-1]:
        store.write(bed.out, new_record(job.cell, None, job.cell.model, "because"))
    others = ["failed", "diverged", "skipped", "timeout", "new"]
    assert bed.run(*jobs) == {"done": suite.EARLIER} | dict.fromkeys(others, "done")
    assert [name.split("-")[1] for event, name, *_ in bed.events() if event == "start"] == others
    assert bed.run(*jobs) == dict.fromkeys(["done", *others], suite.EARLIER)
    assert len(bed.events()) == 2 * len(others)


def test_a_cell_named_twice_runs_once(bed):
    assert bed.run(bed.job("a"), bed.job("a")) == {"a": "done"}
    assert len(bed.events()) == 2


def test_a_skipped_cell_is_no_failure(bed):
    outcomes = bed.run(bed.job("a", "skipped"), bed.job("b"))
    assert outcomes == {"a": "skipped", "b": "done"}
    assert not suite.failed(outcomes)
    assert suite.summary(outcomes) == "2 cells: 1 done, 1 skipped"


@pytest.mark.parametrize("status", ["failed", "diverged"])
def test_a_status_the_worker_recorded_itself_is_kept(bed, status):
    outcomes = bed.run(bed.job("a", status))
    assert outcomes == {"a": status}
    assert suite.failed(outcomes)
    assert re.search(rf"{status} in \d s: because", bed.shown.getvalue())


def test_refused_input_is_recorded_in_a_suite_and_raised_outside(bed):
    job = bed.job("a", "refuse")
    assert bed.run(job) == {"a": "failed"}
    assert bed.record(job)["reason"] == "no such width"
    with pytest.raises(UserError, match="no such width"):
        bed.run(bed.job("b", "refuse"), suite=None)
    assert not (bed.out / bed.job("b").cell.name).exists()


def test_a_stray_line_is_shown_not_lost(bed):
    assert bed.run(bed.job("a", "chatty")) == {"a": "done"}
    assert "not an event" in bed.shown.getvalue()


def test_an_interrupt_ends_the_children_and_leaves_no_record(bed, tmp_path):
    """Ctrl-C for a process of its own, since it would end this one too."""
    script = tmp_path / "driver.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import pathlib, signal, sys
            signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
            sys.path.insert(0, {str(ROOT)!r})
            from bench.runs import suite, worker
            from bench.runs.display import Board
            from tests.unit.test_suite import stub_cell
            jobs = []
            for name in ("a", "b", "c"):
                cell = stub_cell(name)
                words = (f"name={{cell.name}}", "act=sleep", "log={bed.log}")
                jobs.append(suite.Job(cell, words))
            workers = worker.Workers(*{bed.commands!r})
            out = pathlib.Path({str(bed.out)!r})
            suite.run(jobs, out, Board(sys.stderr, 3), at_a_time=2, workers=workers)
            """
        )
    )
    driver = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, text=True)
    try:
        _until(lambda: len(bed.events()) == 2)
        driver.send_signal(signal.SIGINT)
        _, errors = driver.communicate(timeout=20)
    finally:
        driver.kill()
    assert "KeyboardInterrupt" in errors
    events = bed.events()
    assert len(events) == 2  # the third cell never started
    assert not any(_alive(event[3]) for event in events)
    assert not bed.out.exists()


def test_a_worker_whose_parent_has_gone_stops(tmp_path):
    """The real worker: it must not train on for nobody."""
    order = worker.Order(("task=reverse", "budget=smoke"), str(tmp_path / "out"))
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    child = subprocess.Popen(worker.COMMAND, env=os.environ | {"PYTHONPATH": str(ROOT)}, **pipes)
    child.stdin.write((json.dumps(vars(order)) + "\n").encode())
    child.stdin.close()
    try:
        assert child.wait(timeout=30) == 1
    finally:
        child.kill()
        said, errors = child.stdout.read(), child.stderr.read()
        child.stdout.close()
        child.stderr.close()
    assert (said, errors) == (b"", b"")
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").glob("*/record.json"))


@pytest.mark.slow
def test_the_real_worker_refuses_what_it_cannot_run(bed):
    order = worker.Order(("task=nope",), str(bed.out))
    with pytest.raises(UserError, match="unknown task 'nope'"):
        worker.Workers().run(order, bed.job("a").cell, Silent())
    assert not bed.out.exists()


@pytest.mark.parametrize(
    ("threads", "asked", "cores", "expected"),
    [(1, None, 2, 2), (1, None, 8, 8), (2, None, 8, 4), (3, None, 8, 2), (4, None, 2, 1), (1, 2, 4, 2), (4, 1, 2, 1)],
)
def test_cells_at_a_time(threads, asked, cores, expected):
    assert suite.concurrency(threads, asked, cores) == expected


@pytest.mark.parametrize(
    ("threads", "asked", "cores", "limit"), [(1, 3, 2, 2), (2, 3, 4, 2), (4, 2, 2, 1), (1, 0, 2, 1)]
)
def test_too_many_at_a_time_is_an_error_that_names_the_limit(threads, asked, cores, limit):
    with pytest.raises(UserError, match=rf"\b{limit}\b"):
        suite.concurrency(threads, asked, cores)


def test_folders_that_can_hold_results(tmp_path):
    suite.check_folder(tmp_path / "absent" / "below")
    (tmp_path / "empty").mkdir()
    suite.check_folder(tmp_path / "empty")
    for name in ("cell/record.json", ".work/cell/state.pt", "report.md", "report.html"):
        path = tmp_path / name.replace("/", "_") / name
        path.parent.mkdir(parents=True)
        path.touch()
        suite.check_folder(tmp_path / name.replace("/", "_"))


def test_folders_that_cannot_hold_results(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.tex").touch()
    for wrong, said in [("file", "is a file"), ("file/below", "is a file"), ("foreign", "is not empty")]:
        with pytest.raises(UserError, match=said):
            suite.check_folder(tmp_path / wrong)


def test_a_record_written_for_a_dead_cell_has_every_documented_key(bed):
    text = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    section = text.split("\n## record.json\n")[1].split("\n## ")[0]
    parts = dict(part.split("\n", 1) for part in section.split("\n### ")[1:])
    tables = (parts[title] for title in ("Identity and status", "Model and costs", "Scores and data"))
    rows = [line.split("|")[1] for table in tables for line in table.splitlines() if line.startswith("| `")]
    # `data.counts` documents a part of `data`; the objects `budget` and `selection` have a table each.
    documented = {key for row in rows for key in re.findall(r"`(\w+)[\w.]*`", row)} | parts.keys() & {
        "budget",
        "selection",
    }
    assert len(documented) > 20
    assert set(new_record(bed.job("a").cell, None, "failed", "x")) == documented


def _until(condition, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

"""Workers of a shared folder: what is submitted, what they run and refuse, and what `bench status` shows of them."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.conf import suites
from bench.errors import UserError
from bench.records import store
from bench.runs import engines, plan, shared_worker, status
from bench.runs.cell_claims import claimed
from bench.runs.display import Board
from bench.runs.plan import Needs
from bench.runs.record import new_record
from bench.runs.runner import Job, Runner
from bench.system import leases
from bench.system.leases import Watch
from tests.report.conftest import Folder

ROOT = Path(__file__).resolve().parents[2]

SBATCH = """#!/bin/sh
number=$(ls {folder} | wc -l)
cp "$1" {folder}/$number
echo "Submitted batch job $((4711 + number))"
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch) -> Path:
    """A folder in which programs named as Slurm's keep what is submitted."""
    programs, folder = tmp_path / "programs", tmp_path / "submitted"
    programs.mkdir()
    folder.mkdir()
    for name, text in (("sbatch", SBATCH.format(folder=folder)), ("srun", "#!/bin/sh\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return folder


def submitted(folder: Path) -> list[dict[str, str]]:
    """The options of each submitted file."""
    files = [path.read_text() for path in sorted(folder.iterdir())]
    lines = [[line for line in text.splitlines() if line.startswith("#SBATCH --")] for text in files]
    words = [[line.removeprefix("#SBATCH --").partition("=") for line in each] for each in lines]
    return [{key: value for key, _, value in each} for each in words]


def jobs_of(name: str = "smoke") -> list[Job]:
    return [Job.of(overrides) for overrides in suites.load(name).cells]


def finish(out: Path, job: Job, status: str = "done", seconds: float = 100.0, memory: int = 2**30) -> None:
    """Write a record of the cell."""
    record = new_record(job.cell, "smoke", status, None if status == "done" else "because")
    record["times"]["total"] = seconds
    record["memory"] = {"peak_rss_bytes": memory, "peak_gpu_bytes": None}
    store.write(out, record)


def test_an_array_of_workers_is_submitted_and_the_command_returns(tmp_path, slurm, capsys) -> None:
    out = tmp_path / "out"
    words = ["--on", "slurm", "--workers", "3", "--partition", "short", "--slurm", "account=physics"]
    assert main(["suite", "smoke", "--out", str(out), *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    (options,) = submitted(slurm)
    assert options["array"].startswith("0-2") and options["cpus-per-task"] == "1" and options["mem"] == "4GB"
    assert (options["partition"], options["account"], options["signal"]) == ("short", "physics", "USR2@120")
    assert "requeue" in options and int(options["time"]) == 60 * 3  # seven cells of an hour for three workers
    assert "3 workers for 7 cells" in lines[0] and lines[0].endswith(": 4711")
    assert f"watch:   bench status {out}" in lines and "cancel:  scancel 4711" in lines
    assert len(plan.read(out).cells) == 7


def test_finished_cells_are_not_submitted(tmp_path, slurm, capsys) -> None:
    out, jobs = tmp_path / "out", jobs_of()
    for job in jobs[1:]:
        finish(out, job)
    assert main(["suite", "smoke", "--out", str(out), "--on", "slurm"]) == 0
    assert [cell.name for cell in plan.read(out).cells] == [jobs[0].cell.name]
    assert [options for options in submitted(slurm) if "array" in options] == [], "one worker is no array"
    assert "1 worker for 1 cell" in capsys.readouterr().out
    finish(out, jobs[0], "failed")
    for words, count in (([], 1), (["--retry-failed"], 2)):
        assert main(["suite", "smoke", "--out", str(out), "--on", "slurm", *words]) == 0
        assert len(submitted(slurm)) == count
    assert "nothing is left to run" in capsys.readouterr().out


def test_there_is_one_array_for_each_class_of_resources(tmp_path, slurm) -> None:
    out, jobs = tmp_path / "out", jobs_of()
    suite = replace(suites.load("smoke"), needs={"minutes": 5, "tasks": {"recall": {"memory": 9, "minutes": 200}}})
    jobs[0] = replace(jobs[0], cell=replace(jobs[0].cell, device="cuda", threads=4))
    arrays = engines.submit("slurm", plan.make(suite, jobs, out), out, workers=7)
    expected = [Needs(1, 0, 4, 10), Needs(1, 0, 16, 240), Needs(4, 1, 4, 10)]
    assert [array.kind for array in arrays] == expected and [array.cells for array in arrays] == [4, 2, 1]
    files = submitted(slurm)
    assert [options["mem"] for options in files] == ["4GB", "16GB", "4GB"]
    assert [options.get("gpus-per-node", "0") for options in files] == ["0", "0", "1"]
    assert files[2]["cpus-per-task"] == "4"
    lines = engines.lines("slurm", arrays, out)
    assert "cancel:  scancel 4711 4712 4713" in lines


def test_needs_are_learnt_from_earlier_cells(tmp_path) -> None:
    out, jobs = tmp_path / "out", jobs_of()
    finish(out, jobs[0], seconds=900, memory=3 * 2**30)
    finish(out, jobs[1], "failed", seconds=9e6, memory=2**40)
    learnt = plan.make(suites.load("smoke"), jobs, out)
    by_cell = {cell.name: learnt.kinds[cell.kind] for cell in learnt.cells}
    assert by_cell[jobs[0].cell.name] == Needs(1, 0, 8, 30), (
        "half more memory and a worker, twice the time, rounded up"
    )
    assert by_cell[jobs[1].cell.name] == Needs(1, 0, 8, 30), "another arm of the task"
    assert by_cell[jobs[-1].cell.name] == Needs(1, 0, plan.MEMORY, plan.MINUTES), "another task"
    declared = replace(suites.load("smoke"), needs={"memory": 1, "minutes": 9})
    assert set(plan.make(declared, jobs, out).kinds) == {Needs(1, 0, 1, 10)}


def test_workers_are_shared_out_by_the_work_of_the_classes(tmp_path) -> None:
    suite = replace(suites.load("smoke"), needs={"minutes": 10, "tasks": {"recall": {"minutes": 100}}})
    made = plan.make(suite, jobs_of(), tmp_path)
    assert [len(made.of_kind(kind)) for kind in (0, 1)] == [5, 2]
    expected = {10: [2, 2], 1: [1, 1], 100: [5, 2]}
    assert {workers: plan.shares(made.kinds, [5, 2], workers) for workers in expected} == expected
    assert plan.shares(made.kinds, [0, 2], 10) == [0, 2]


def test_more_workers_of_a_folder_leave_the_plan_of_those_that_run(tmp_path, slurm) -> None:
    out, jobs, words = tmp_path / "out", jobs_of(), ["suite", "smoke", "--out", str(tmp_path / "out"), "--on", "slurm"]
    assert main(words) == 0
    first = plan.path_of(out).read_bytes()
    finish(out, jobs[0])
    assert main([*words, "--workers", "2"]) == 0
    assert plan.path_of(out).read_bytes() == first and submitted(slurm)[1]["array"].startswith("0-1")
    assert main([*words, "--cell-timeout", "9"]) == 0
    assert plan.read(out).timeout == 9 and len(plan.read(out).cells) == 6


def test_another_part_of_a_suite_joins_the_plan(tmp_path, slurm) -> None:
    out = tmp_path / "out"
    words = ["suite", "smoke", "--out", str(out), "--on", "slurm", "--only"]
    assert main([*words, "recall"]) == 0
    first = plan.read(out)
    assert main([*words, "reverse"]) == 0
    joined = plan.read(out)
    assert len(first.cells) == 2 and {cell.name for cell in joined.cells} == {job.cell.name for job in jobs_of()}
    assert joined.kinds[: len(first.kinds)] == first.kinds and joined.covers(first)
    assert submitted(slurm)[1]["array"].startswith("0-4"), "workers for the five that are new"


def test_cells_of_another_suite_are_not_forgotten(tmp_path, slurm, capsys) -> None:
    out = tmp_path / "out"
    assert main(["suite", "smoke", "--out", str(out), "--on", "slurm"]) == 0
    before = plan.path_of(out).read_bytes()
    words = ["suite", "quick", "--only", "parity", "--out", str(out), "--on", "slurm"]
    assert main(words) == 2 and plan.path_of(out).read_bytes() == before
    assert f"{out} has 7 cells left of suite smoke" in capsys.readouterr().err
    for job in jobs_of():
        finish(out, job)
    assert main(words) == 0 and plan.read(out).suite == "quick"


def test_a_plan_that_is_refused_leaves_the_earlier_one(tmp_path, slurm) -> None:
    out = tmp_path / "out"
    words = ["suite", "smoke", "--out", str(out), "--on", "slurm", "--only"]
    sbatch = slurm.parent / "programs" / "sbatch"
    working = sbatch.read_text()
    sbatch.write_text("#!/bin/sh\necho no >&2\nexit 1\n")
    assert main([*words, "recall"]) == 2 and not plan.path_of(out).exists()
    sbatch.write_text(working)
    assert main([*words, "recall"]) == 0
    before = plan.path_of(out).read_bytes()
    sbatch.write_text("#!/bin/sh\necho no >&2\nexit 1\n")
    assert main([*words, "reverse"]) == 2 and plan.path_of(out).read_bytes() == before


@pytest.mark.parametrize("minutes", ["1", "2"])
def test_a_time_limit_within_the_signal_is_refused(tmp_path, slurm, minutes, capsys) -> None:
    words = ["suite", "smoke", "--out", str(tmp_path / "out"), "--on", "slurm", "--minutes", minutes]
    assert main(words) == 2 and f"--minutes {minutes} is too short" in capsys.readouterr().err


def test_a_wrong_lease_is_refused_before_workers_are(tmp_path, slurm, monkeypatch, capsys) -> None:
    monkeypatch.setenv("BENCH_LEASE", "abc")
    assert main(["suite", "smoke", "--out", str(tmp_path / "out"), "--on", "slurm"]) == 2
    errors = capsys.readouterr().err
    assert "BENCH_LEASE" in errors and errors.count("\n") == 1 and submitted(slurm) == []


@pytest.mark.parametrize(
    ("needs", "reason"),
    [
        ("4", "needs must have"),
        ("{gpus: 1}", "has no 'gpus'"),
        ("{memory: -1}", "needs.memory must be a number above 0"),
        ("{minutes: x}", "needs.minutes"),
        ("{tasks: 1}", "needs.tasks"),
        ("{tasks: {copy: {tasks: {}}}}", "needs.tasks.copy has no 'tasks'"),
    ],
)
def test_bad_needs_are_one_line(tmp_path, needs, reason) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"# A\nneeds: {needs}\ncells:\n  - task: copy\n")
    with pytest.raises(UserError, match=reason):
        suites.read(path)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--on", "slurm"], "this machine has no Slurm"),
        (["--workers", "2"], "--workers does not apply"),
        (["--minutes", "2"], "--minutes does not apply"),
        (["--partition", "a"], "--partition or --slurm does not apply"),
        (["--on", "local", "--slurm", "account=a"], "--partition or --slurm does not apply"),
        (["--on", "slurm", "--slurm", "account"], "--slurm takes KEY=VALUE"),
        (["--on", "local", "--jobs", "1"], "--jobs does not apply"),
        (["--on", "cloud"], "is not one of"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path, words, reason, capsys, monkeypatch) -> None:
    monkeypatch.setattr("submitit.SlurmExecutor.affinity", lambda: -1)
    assert main(["suite", "smoke", "--out", str(tmp_path / "out"), *words]) == 2
    errors = capsys.readouterr().err
    assert reason in errors and errors.count("\n") == 1 and not (tmp_path / "out").exists()


def test_an_unknown_option_of_slurm_and_its_refusal_are_one_line(tmp_path, slurm, capsys) -> None:
    words = ["suite", "smoke", "--out", str(tmp_path / "out"), "--on", "slurm"]
    assert main([*words, "--slurm", "nice=much", "--slurm", "time_min=x"]) == 0
    assert submitted(slurm)[0]["nice"] == "much", "what submitit does not know goes to sbatch"
    capsys.readouterr()
    assert main([*words, "--slurm", "mem_per_gpu=1", "--slurm", "array_parallelism=some"]) == 2
    assert "array_parallelism" in (errors := capsys.readouterr().err) or "str" in errors
    assert errors.count("\n") == 1
    (slurm.parent / "programs" / "sbatch").write_text("#!/bin/sh\necho 'invalid partition' >&2\nexit 1\n")
    assert main(words) == 2
    errors = capsys.readouterr().err
    assert "slurm did not accept the workers" in errors and "invalid partition" in errors
    assert "Traceback" not in errors


@pytest.mark.slow
def test_workers_of_this_machine_run_a_suite_and_can_be_cancelled(tmp_path, monkeypatch) -> None:
    """The real command, twice: its workers are interrupted, and others finish what is left."""
    out, variables = tmp_path / "out", os.environ | {"PYTHONPATH": str(ROOT), "BENCH_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-P", "-m", "bench", "suite", "smoke", "--out", str(out), "--only", "recall"]
    submission = [*command, "--on", "local", "--workers", "2"]

    def submit() -> list[int]:
        done = subprocess.run(submission, env=variables, capture_output=True, text=True, timeout=60, check=True)
        (line,) = (line for line in done.stdout.splitlines() if line.startswith("cancel:"))
        return [int(word) for word in line.split()[3:]]

    def until(condition, seconds: float = 120.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, [path.read_text() for path in (out / ".work" / "jobs").glob("*.err")]
            time.sleep(0.1)

    controllers = submit()
    until(lambda: list(out.glob(".work/*.lease")))
    for pid in controllers:
        os.kill(pid, signal.SIGINT)
    until(lambda: not list(out.glob(".work/*.lease")))
    submit()
    until(lambda: len(list(out.glob("*/record.json"))) == 2 and not list(out.glob(".work/*.lease")))
    assert {store.read(path.parent)["status"] for path in out.glob("*/record.json")} == {"done"}
    done = subprocess.run(submission, env=variables, capture_output=True, text=True, timeout=60, check=True)
    assert "nothing is left to run" in done.stdout


@pytest.mark.parametrize("engine", [engines.SLURM, engines.LOCAL])
def test_without_submitit_it_is_one_line(tmp_path, engine, capsys, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    assert main(["suite", "smoke", "--out", str(tmp_path / "out"), "--on", engine]) == 2
    assert "pip install 'seq2seq-bench[slurm]'" in capsys.readouterr().err and not (tmp_path / "out").exists()


# Workers


class Stub:
    """In the place of `bench.runs.worker.Workers`: a cell is its record. before: called as a cell begins."""

    def __init__(self, before=lambda name: None) -> None:
        self.ran: list[str] = []
        self.before = before

    def run(self, order, cell, progress, timeout, inherited, claim) -> str:
        self.ran.append(cell.name)
        self.before(cell.name)
        progress.stage("train", 10, "steps")
        store.write(Path(order.out), new_record(cell, order.suite, "done"), lease=claim.lease)
        return "done"


class Shared:
    """A folder with a plan for the cells of `smoke`."""

    def __init__(self, out: Path) -> None:
        self.out, self.jobs = out, jobs_of()
        self.submit()

    def submit(self, retry: bool = False) -> None:
        plan.write(plan.make(suites.load("smoke"), self.jobs, self.out), self.out)

    def worker(self, workers, number: int = 0, count: int = 1) -> shared_worker.Worker:
        current = plan.read(self.out)
        runner = Runner(self.out, Board(io.StringIO(), 7), workers, suite="smoke")
        queue = shared_worker.Queue(self.out, current.of_kind(0), number, count)
        return shared_worker.Worker(current, self.out, queue, runner)


@pytest.fixture
def shared(tmp_path, monkeypatch) -> Shared:
    monkeypatch.setenv(leases.VARIABLE, "1")
    return Shared(tmp_path / "out")


def test_a_worker_runs_what_is_left_and_begins_at_its_own_place(shared) -> None:
    finish(shared.out, shared.jobs[3])
    stub = Stub()
    outcomes = shared.worker(stub, 1, 2).work()
    names = [job.cell.name for job in shared.jobs]
    assert stub.ran == [*names[4:], *names[:3]] and outcomes == dict.fromkeys(stub.ran, "done")
    assert shared.worker(Stub()).work() == {}
    assert sorted(path.name for path in (shared.out / store.WORK).iterdir()) == ["plan.json"]


def test_a_cell_that_another_worker_has_just_finished_is_not_run(shared) -> None:
    stub = Stub()
    worker = shared.worker(stub)
    cell = worker.queue.left()[0]
    finish(shared.out, shared.jobs[0])
    assert worker._run(cell) is None and stub.ran == []


def test_a_cell_that_failed_before_is_run_again_once(shared) -> None:
    for job in shared.jobs:
        finish(shared.out, job, "failed")
    shared.submit()
    first, second = Stub(), Stub()
    shared.worker(first).work()
    shared.worker(second).work()
    assert len(first.ran) == 7 and second.ran == []


def test_a_worker_leaves_cells_to_living_workers_and_takes_over_those_of_dead_ones(shared) -> None:
    alive, dead = (job.cell.name for job in shared.jobs[:2])
    write_lease(store.lease_file(shared.out, dead), machine="far-away 1")
    stub, began = Stub(), time.monotonic()
    with claimed(shared.out, alive, Watch()):
        shared.worker(stub).work()
    assert dead in stub.ran and alive not in stub.ran and len(stub.ran) == 6
    assert time.monotonic() - began < 15


def test_a_worker_of_other_configuration_or_of_an_old_plan_refuses(shared) -> None:
    path = plan.path_of(shared.out)
    text = path.read_text()
    path.write_text(text.replace("task.train_size=500", "task.train_size=501"))
    stub = Stub()
    with pytest.raises(UserError, match="configuration here differs"):
        shared.worker(stub).work()
    path.write_text(text)
    worker = shared.worker(Stub(lambda name: path.write_text(text.replace(plan.code_identity(), "0"))))
    with pytest.raises(UserError, match="submitted again"):
        worker.work()
    assert len(list(shared.out.glob("*/record.json"))) == 1, "the cell that was running is finished"
    path.write_text(text)
    more = json.loads(text)
    more["cells"] += [more["cells"][0] | {"name": "another"}]
    shared.worker(Stub(lambda name: path.write_text(json.dumps(more)))).work()
    assert len(list(shared.out.glob("*/record.json"))) == len(plan.parse(text.encode()).cells), "joined with more"
    assert list((shared.out / store.WORK).glob("*.lease")) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [(None, "has no plan"), ("{", "is broken"), ('"code": "0"', "the code here differs")],
)
def test_a_worker_that_refuses_says_so_in_one_line(shared, change, reason) -> None:
    path = plan.path_of(shared.out)
    if change is None:
        path.unlink()
    elif change == "{":
        path.write_text(change)
    else:
        path.write_text(path.read_text().replace(f'"code": "{plan.code_identity()}"', change))
    command = [
        sys.executable,
        "-P",
        "-X",
        "importtime",
        "-m",
        "bench.runs.shared_worker",
        str(shared.out),
        "0",
        "0",
        "1",
    ]
    with subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        errors = process.stderr.read()
        assert process.wait(30) == 2
    lines = [line for line in errors.splitlines() if not line.startswith("import time:")]
    assert len(lines) == 1 and reason in lines[0] and lines[0].startswith("bench: ")
    assert "| torch" not in errors, "a worker that runs nothing loads no torch"


def test_code_has_another_identity_when_a_file_changes(monkeypatch, tmp_path) -> None:
    for number in (1, 2):
        (tmp_path / str(number) / "bench").mkdir(parents=True)
        (tmp_path / str(number) / "models").mkdir()
        (tmp_path / str(number) / "bench" / "a.py").write_text(f"x = {number}")
    identities = []
    for number in (1, 2, 1):
        monkeypatch.setattr(plan, "ROOT", tmp_path / str(number))
        identities.append(plan.code_identity())
    assert identities[0] == identities[2] != identities[1]


# The status


def write_lease(path: Path, **changes: object) -> None:
    """The lease of a process that does not renew it."""
    path.write_bytes(replace(leases.Lease(path).content(), **changes).encode())


def test_the_status_says_who_runs_what_and_until_when(shared, capsys, monkeypatch) -> None:
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "4711")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    here, away, dead, silent = (job.cell.name for job in shared.jobs[:4])
    finish(shared.out, shared.jobs[6], seconds=1000)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    write_lease(store.lease_file(shared.out, dead), pid=ended.pid)
    write_lease(store.lease_file(shared.out, silent), machine="far-away 1")
    with claimed(shared.out, here, Watch()) as claim, claimed(shared.out, away, Watch()):
        claim.note = lambda: "train 12/40 steps, 3.1 steps/s"
        store.lock_file(shared.out, away).unlink()  # its lock is not seen from here
        time.sleep(0.3)
        assert main(["status", str(shared.out)]) == 0
        shown = capsys.readouterr().out
        assert main(["status", str(shared.out), "--json"]) == 0
    lines = {line.split()[1].rstrip(":"): line for line in shown.splitlines() if line.startswith("  ")}
    assert lines[here].startswith("  running") and lines[here].endswith(": train 12/40 steps, 3.1 steps/s")
    assert lines[away].startswith("  running") and f"job 4711_3, pid {os.getpid()}" in lines[away]
    for name in (dead, silent):
        assert lines[name].startswith("  stopped") and "no sign of life" in lines[name]
    assert "7 cells: 1 done, 2 running, 2 stopped, 2 missing" in shown
    assert "2 cells at a time" in shown and "(until 2" in shown
    workers = json.loads(capsys.readouterr().out)["workers"]
    assert {each["cell"] for each in workers} == {here, away} and {each["pid"] for each in workers} == {os.getpid()}
    assert {each["job"] for each in workers} == {"4711_3"}


def test_a_running_cells_elapsed_time_is_subtracted(tmp_path) -> None:
    cells = [
        status.CellState("a", "t", "m", "done", seconds=100.0),
        status.CellState("b", "t", "m", "running", lease=leases.Content(seconds=30.0)),
    ]
    assert status.Status(tmp_path, None, cells, 1).seconds_left == 70.0


def test_a_planned_folder_needs_no_record_for_its_status(shared, capsys) -> None:
    assert main(["status", str(shared.out)]) == 0
    assert "suite smoke, 7 cells: 7 missing" in capsys.readouterr().out
    plan.path_of(shared.out).write_text("{")
    assert main(["status", str(shared.out)]) == 2
    assert "is broken" in capsys.readouterr().err


def test_the_folder_of_other_tests_has_no_plan(tmp_path) -> None:
    folder = Folder(tmp_path)
    folder.cell()
    assert plan.read(folder.path) is None

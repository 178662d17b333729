"""`bench suite --on ray`: what a cluster is asked for, what is refused, and a suite of which a node dies."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.__main__ import main
from bench.conf import suites
from bench.records import store
from bench.runs import engines, plan, ray_arrays
from bench.runs.plan import Needs
from bench.runs.runner import Job
from bench.runs.worker_job import WorkerJob

ROOT = Path(__file__).resolve().parents[2]


def refusal(words: list[str], out: Path, capsys) -> str:
    """The one line of a command that does nothing."""
    assert main(["suite", "smoke", "--out", str(out), *words]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1 and not out.exists()
    return errors


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--on", "ray", "--minutes", "2"], "--minutes does not apply here; it needs --on slurm or --on local"),
        (["--on", "ray", "--partition", "a"], "--partition or --slurm does not apply here; it needs --on slurm"),
        (["--on", "ray", "--jobs", "2"], "--jobs does not apply here; --on takes --workers"),
        (["--address", "a:1"], "--address does not apply here; it needs --on ray"),
        (["--on", "local", "--address", "a:1"], "--address does not apply here; it needs --on ray"),
    ],
)
def test_options_of_other_engines_are_refused(tmp_path, words, reason, capsys) -> None:
    assert reason in refusal(words, tmp_path / "out", capsys)


def test_without_ray_it_is_one_line(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    errors = refusal(["--on", "ray"], tmp_path / "out", capsys)
    assert "--on ray needs Ray: pip install 'seq2seq-bench[ray]'" in errors


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("here", "--address takes HOST:PORT or ray://HOST:PORT"),
        ("127.0.0.1:", "--address takes HOST:PORT"),
        ("127.0.0.1:99999999", "no Ray cluster answers at 127.0.0.1:99999999"),
        ("nowhere.invalid:6379", "no Ray cluster answers at nowhere.invalid:6379"),
    ],
)
def test_a_bad_address_is_one_line(tmp_path, address, reason, capsys, monkeypatch) -> None:
    pytest.importorskip("ray")
    assert reason in refusal(["--on", "ray", "--address", address], tmp_path / "out", capsys)
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert reason in refusal(["--on", "ray"], tmp_path / "out", capsys)


def test_a_port_where_nobody_listens_is_refused_at_once(tmp_path, capsys) -> None:
    pytest.importorskip("ray")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        began = time.monotonic()
        assert f"no Ray cluster answers at {address}" in refusal(
            ["--on", "ray", "--address", address], tmp_path / "out", capsys
        )
    assert time.monotonic() - began < 30, "Ray itself tries for minutes"


def test_without_a_cluster_it_says_how_to_start_one(tmp_path, capsys, monkeypatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("ray.init", refuse(ConnectionError("Could not find any running Ray instance.")))
    errors = refusal(["--on", "ray"], tmp_path / "out", capsys)
    assert "no Ray cluster runs on this machine; start one with `ray start --head`" in errors


def test_a_cluster_of_another_version_is_one_line(tmp_path, capsys, monkeypatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("ray.init", refuse(RuntimeError("Version mismatch:\n  The cluster was started with Ray 1")))
    assert "Ray at auto: The cluster was started with Ray 1" in refusal(["--on", "ray"], tmp_path / "out", capsys)


def refuse(error: BaseException):
    def init(*_, **__):
        raise error

    return init


# What a cluster is asked for


class Cluster:
    """In the place of `ray`: notes the options of actors and tasks, and starts no task."""

    class exceptions:
        RayError = RayActorError = OSError

    def __init__(self, *nodes: dict[str, float]) -> None:
        self.actors: list[dict] = []
        self.tasks: list[dict] = []
        self._nodes = nodes

    def remote(self, what):
        def start(options, *args):
            if what is ray_arrays.WorkerArray:
                self.actors.append(options)
                what(*args)
                return SimpleNamespace(begun=SimpleNamespace(remote=lambda: None))
            self.tasks.append({**options, "args": args})
            return len(self.tasks)

        def options(**chosen):
            return SimpleNamespace(remote=lambda *args: start(chosen, *args))

        return SimpleNamespace(options=options)

    def get_runtime_context(self):
        return SimpleNamespace(current_actor=None)

    def get(self, *_, **__) -> None: ...

    def wait(self, refs):
        return refs[:1], refs[1:]

    def kill(self, *_) -> None: ...

    def nodes(self):
        return [{"Alive": True, "Resources": each} for each in self._nodes]


@pytest.fixture
def cluster(monkeypatch) -> Cluster:
    stub = Cluster({"CPU": 8, "memory": 64 << 30})

    @contextmanager
    def connected(address):
        yield stub

    monkeypatch.setitem(sys.modules, "ray", stub)
    monkeypatch.setattr(ray_arrays, "connected", connected)
    return stub


def test_cells_with_and_without_gpu_are_asked_for_in_one_suite(tmp_path, cluster, monkeypatch) -> None:
    monkeypatch.setenv("BENCH_LEASE", "9")
    suite = replace(suites.load("smoke"), needs={"memory": 3})
    jobs = [Job.of(overrides) for overrides in suite.cells]
    jobs[0] = replace(jobs[0], cell=replace(jobs[0].cell, device="cuda", threads=4))
    arrays = engines.submit("ray", plan.make(suite, jobs, tmp_path), tmp_path, workers=7)
    assert [(array.kind, array.cells, array.minutes) for array in arrays] == [
        (Needs(1, 0, 4, 60), 6, None),
        (Needs(4, 1, 4, 60), 1, None),
    ]
    assert [len(array.jobs) for array in arrays] == [6, 1]
    assert all(each["lifetime"] == "detached" and each["num_cpus"] == 0 for each in cluster.actors)
    assert all(each["max_restarts"] == -1 for each in cluster.actors) and len(cluster.actors) == 2
    small, large = cluster.tasks[0], cluster.tasks[-1]
    assert (small["num_cpus"], small["num_gpus"], small["memory"]) == (1, 0, 4 << 30)
    assert (large["num_cpus"], large["num_gpus"], large["memory"]) == (4, 1, 4 << 30)
    assert all(each["max_retries"] == ray_arrays.RETRIES for each in cluster.tasks)
    assert all(each["args"][3]["BENCH_LEASE"] == "9" for each in cluster.tasks)
    assert [array.waits for array in arrays] == [False, True], "no node has a GPU"


def test_the_command_says_how_to_watch_and_to_cancel(tmp_path, cluster, capsys, monkeypatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    out = tmp_path / "out"
    words = ["suite", "smoke", "--out", str(out), "--on", "ray", "--workers", "2"]
    assert main([*words, "--address", "head:6379"]) == 0
    lines = capsys.readouterr().out.splitlines()
    name = lines[0].rpartition(" ")[2]
    assert lines[0] == f"ray: 2 workers for 7 cells (1 core, 4 GiB): {name}" and name.startswith("smoke-")
    assert f"watch:   bench status {out}" in lines
    assert f"cancel:  python -m bench.runs.ray_arrays head:6379 {name}" in lines
    assert not any(line.startswith("waiting") for line in lines)
    cluster._nodes = ({"CPU": 8, "memory": 2 << 30},)
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "waiting: no node of the cluster has 1 core, 4 GiB now" in lines
    assert any(line.startswith("cancel:  python -m bench.runs.ray_arrays auto smoke-") for line in lines)


# Tasks, run here


def test_a_task_keeps_the_line_of_a_worker_that_refuses(tmp_path) -> None:
    status = ray_arrays.run_worker(WorkerJob(tmp_path, 0, 0, 1), "a_0", tmp_path, {}, tmp_path / "not here")
    assert status == 2
    (line,) = (tmp_path / "a_0.err").read_text().splitlines()
    assert line.startswith("bench: ") and "has no plan" in line


def test_a_worker_that_is_killed_is_started_again(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(WorkerJob, "run", lambda *_: -9)
    with pytest.raises(ray_arrays.WorkerKilled, match="signal 9"):
        ray_arrays.run_worker(WorkerJob(tmp_path, 0, 0, 1), "a_0", tmp_path, {}, tmp_path)


def test_a_task_that_cannot_be_run_leaves_its_reason(tmp_path, cluster) -> None:
    def get(*_):
        raise FileNotFoundError("no such interpreter")

    cluster.get = get
    array = ray_arrays.WorkerArray(["a_0"], [WorkerJob(tmp_path, 0, 0, 1)], Needs(1, 0, 1, 1), tmp_path, {}, tmp_path)
    for thread in threading.enumerate():
        if thread.name == ray_arrays.THREAD:
            thread.join(10)
    assert "could not be run: no such interpreter" in (tmp_path / "a_0.err").read_text()
    del array


# A real cluster


@pytest.mark.slow
def test_a_suite_survives_the_loss_of_a_node(tmp_path) -> None:
    """Two nodes of Ray on this machine. First its node, then a worker is killed while cells run."""
    pytest.importorskip("ray")
    from tests.reliability.bed import Bed
    from tests.reliability.faults import ray_node_lost

    assert ray_node_lost(Bed(tmp_path), random.Random(1), cells=6, kills=2) == 2


@pytest.mark.slow
def test_workers_of_a_cluster_outlive_the_command_and_can_be_cancelled(tmp_path) -> None:
    """The real commands: submitted, cancelled, submitted again, and finished."""
    pytest.importorskip("ray")
    from tests.reliability.ray_nodes import RayNodes

    out = tmp_path / "out"
    variables = os.environ | {"PYTHONPATH": str(ROOT), "BENCH_CACHE": str(tmp_path / "cache")}

    def run(*words: str) -> list[str]:
        command = [sys.executable, "-P", "-m", *words]
        return subprocess.run(
            command, env=variables, capture_output=True, text=True, timeout=100, check=True
        ).stdout.splitlines()

    def until(condition) -> None:
        end = time.monotonic() + 100
        while not condition():
            assert time.monotonic() < end, [path.read_text() for path in (out / ".work" / "jobs").glob("*.err")]
            time.sleep(0.2)

    with RayNodes() as nodes:
        words = ("bench", "suite", "smoke", "--out", str(out), "--only", "recall", "--on", "ray", "--workers", "2")
        submission = (*words, "--address", nodes.address)
        (line,) = (line for line in run(*submission) if line.startswith("cancel:  python -m "))
        cancel = line.removeprefix("cancel:  python -m ").split()
        until(lambda: list(out.glob(".work/*.lease")))
        assert run(*cancel) == [f"{cancel[-1]}: cancelled"]
        until(lambda: not nodes.jobs())
        assert not list(out.glob(".work/*.lease"))
        assert run(*cancel) == [f"{cancel[-1]}: has ended"]
        run(*submission)
        until(lambda: len(list(out.glob("*/record.json"))) == 2 and not nodes.jobs())
        assert {store.read(path.parent)["status"] for path in out.glob("*/record.json")} == {"done"}
        assert any("nothing is left to run" in line for line in run(*submission))
